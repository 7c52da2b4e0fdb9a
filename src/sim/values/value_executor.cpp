#include "sim/values/value_executor.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "reference/layers.h"
#include "tensor/matrix_ops.h"
#include "workload/training_step.h"

namespace vitality {

ValueExecutor::ValueExecutor(const Schedule& schedule, const VitModel& model, const HardwareConfig& config,
                             const ValuePlan& plan, const ParameterSource& parameters,
                             const std::vector<MatrixD>& given)
    : schedule_(schedule),
      model_(model),
      config_(config),
      plan_(plan),
      parameters_(parameters),
      given_(given),
      arithmetic_(config.precision),
      loaded_(arithmetic_),
      forward_layers_(schedule.gradients.empty() ? static_cast<int>(model.layers.size()) : forward_layers(model)),
      tensors_(schedule.tensors.size()),
      reads_left_(schedule.tensors.size()),
      writes_left_(schedule.tensors.size()),
      load_factor_(schedule.tensors.size()),
      has_scores_(model.layers.size()),
      has_denominator_(model.layers.size()) {
  for (const ScheduledOperator& op : schedule.operators) {
    if (op.role == OperatorRole::kScores || op.role == OperatorRole::kSparseScores)
      has_scores_[static_cast<std::size_t>(op.layer)] = true;
    if (op.role == OperatorRole::kDenominator) has_denominator_[static_cast<std::size_t>(op.layer)] = true;
  }
  for (const Job& job : schedule.jobs) {
    if (const auto* between = std::get_if<TensorPair>(&job.detail)) {
      ++reads_left_[between->source];
      if (between->second != kNone) ++reads_left_[between->second];
      ++writes_left_[between->target];
    } else if (job.kind == JobKind::kLoad || job.kind == JobKind::kStore) {
      IdVector<TensorId, std::int32_t>& left = job.kind == JobKind::kLoad ? reads_left_ : writes_left_;
      for (const Transfer& t : schedule.transfers_of(job)) ++left[t.tensor];
    }
  }
}

void ValueExecutor::count_saturated() {
  saturated_.assign(model_.layers.size(), 0);
}

MatrixD ValueExecutor::quantised(const MatrixD& real, double scale) const {
  MatrixD codes = MatrixD::unset(real.rows(), real.cols());
  arithmetic_.store(real.data(), real.size(), 1 / scale, codes.data());
  return codes;
}

double ValueExecutor::weight_scale(int layer_index) const {
  auto found = weight_scales_.find(layer_index);
  // Images of a batch may share the tiles that the first of them has loaded.
  if (found == weight_scales_.end() && model_.images > 1)
    found = weight_scales_.find(layer_index % (static_cast<int>(model_.layers.size()) / model_.images));
  if (found == weight_scales_.end()) throw std::logic_error("weights used before they were loaded");
  return found->second;
}

MatrixD ValueExecutor::materialise(TensorId index) {
  const ScheduledTensor& t = schedule_.tensors[index];
  if (is_model_input(t.layer))
    return quantised(parameters_.tensor(parameters_of(model_)[static_cast<std::size_t>(image_of(t.layer))]),
                     plan_.scale(t.layer));
  if (t.role == TensorRole::kInput) return quantised(given_[static_cast<std::size_t>(t.layer)], plan_.scale(t.layer));
  if (t.role == TensorRole::kActivation) return MatrixD::unset(t.rows, t.cols);  // stored before it is loaded
  if (t.role == TensorRole::kGradient) return MatrixD(t.rows, t.cols);
  if (t.role == TensorRole::kState) return materialise_state(t);
  const Layer& owner = layer(t.layer);
  if (std::holds_alternative<Attention>(owner.parameters)) {
    const auto& a = std::get<Attention>(owner.parameters);
    MatrixD bias = expanded_score_bias(a, parameters_.tensor(parameters_of(owner)[0]));
    if (!has_scores_[static_cast<std::size_t>(t.layer)]) {
      for (int r = 0; r < bias.rows(); ++r) {  // B - rowmean(B): a constant of the model
        double mean = 0;
        for (int c = 0; c < bias.cols(); ++c) mean += bias(r, c);
        mean /= bias.cols();
        for (int c = 0; c < bias.cols(); ++c) bias(r, c) -= mean;
      }
    }
    weight_scales_[t.layer] = plan_.weight_scale(max_abs(bias));
    return quantised(bias, weight_scales_[t.layer]);
  }
  if (std::holds_alternative<ConcatToken>(owner.parameters))
    return quantised(parameters_.tensor(parameters_of(owner)[0]), plan_.scale(t.layer));
  if (std::holds_alternative<PositionEmbedding>(owner.parameters)) {
    const MatrixD real = parameters_.tensor(parameters_of(owner)[0]);
    weight_scales_[t.layer] = plan_.weight_scale(max_abs(real));
    return quantised(real, weight_scales_[t.layer]);
  }
  const bool is_bias = t.name.size() > 5 && t.name.compare(t.name.size() - 5, 5, ".bias") == 0;
  if (!is_bias) {  // kept as real numbers until they are loaded, because most are loaded once
    EffectiveWeights weights = weights_ ? weights_(t.layer) : effective_weights(model_, t.layer, parameters_, false);
    if (config_.batch_norm_folded) absorb_batch_norms(model_, t.layer, parameters_, weights);
    weight_scales_[t.layer] = is_scaled(config_.precision) ? plan_.weight_scale(max_abs(weights.weight)) : 1;
    load_factor_[index] = 1 / weight_scales_[t.layer];
    biases_[t.layer] = std::move(weights.bias);
    return std::move(weights.weight);
  }
  // The bias is added to the sums, so it is wide and in units of the products. Its weights were loaded before it.
  MatrixD bias(1, t.cols);
  const double unit = plan_.input_scale(t.layer, 0) * weight_scale(t.layer);
  for (int c = 0; c < t.cols; ++c)
    bias(0, c) = arithmetic_.wide(biases_.at(t.layer)[static_cast<std::size_t>(c)] / unit);
  return bias;
}

const MatrixD& ValueExecutor::tensor(TensorId index) {
  MatrixD& values = tensors_[index];
  if (values.empty()) values = materialise(index);
  return values;
}

MatrixD ValueExecutor::real_values(TensorId index) const {
  MatrixD real = tensors_[index];
  const double scale = real_scale(index);
  for (std::size_t i = 0; i < real.size(); ++i) real.data()[i] *= scale;
  return real;
}

double ValueExecutor::real_scale(TensorId index) const {
  return plan_.scale(schedule_.tensors[index].layer);
}

const AttentionScales& ValueExecutor::attention(int layer_index) {
  const auto found = attention_.find(layer_index);
  if (found != attention_.end()) return found->second;
  return attention_.emplace(layer_index, plan_.attention(layer_index)).first->second;
}

const ValueExecutor::LayerConstants& ValueExecutor::constants(int layer_index) {
  const auto found = constants_.find(layer_index);
  if (found != constants_.end()) return found->second;
  LayerConstants c;
  const std::vector<ParameterInfo> infos = parameters_of(layer(layer_index));
  MatrixD* const fields[] = {&c.scale, &c.shift, &c.mean, &c.variance};
  for (std::size_t i = 0; i < infos.size() && i < 4; ++i) *fields[i] = parameters_.tensor(infos[i]);
  const auto* activation = std::get_if<Activation>(&layer(layer_index).parameters);
  // Not if saturated results are counted: a table would hide them.
  if (activation != nullptr && config_.precision == Precision::kInt8 && saturated_.empty()) {
    c.results = MatrixD::unset(1, 2 * max_code(Precision::kInt8) + 1);
    std::iota(c.results.data(), c.results.data() + c.results.size(), -max_code(Precision::kInt8));
    activate(layer_index, activation->function, c.results.data(), c.results.size(), c.results.data());
  }
  return constants_.emplace(layer_index, std::move(c)).first->second;
}

double* ValueExecutor::at(BufferId buffer, std::int32_t offset) {
  loaded_.read(address(buffer), schedule_.buffers[buffer].bytes);  // a value takes at least one byte
  return address(buffer, offset);
}

void ValueExecutor::about_to_write(BufferId buffer) {
  if (buffer != kNone) loaded_.write(address(buffer), schedule_.buffers[buffer].bytes);
}

void ValueExecutor::execute(const Job& job, UnitId unit) {
  if (!saturated_.empty()) arithmetic_.count_saturated(&saturated_[static_cast<std::size_t>(job.layer)]);
  const bool moves = job.kind == JobKind::kLoad || job.kind == JobKind::kStore;
  if (!moves) {
    if (!in_forward(job)) loaded_.leave();
    about_to_write(job.partial);
    about_to_write(job.result);
  }
  if (!moves && !in_forward(job)) {
    if (job.kind == JobKind::kFold) {
      fold(job, unit);
    } else {
      gradient(job);
    }
    return record_results(job);
  }
  switch (traits(job.kind).forward) {
    case ForwardValues::kTransfer:
      if (job.kind == JobKind::kLoad) {
        load(job);
      } else {
        store(job);
      }
      break;
    case ForwardValues::kFold:
      fold(job, unit);
      break;
    case ForwardValues::kLane:
      lanes(job);
      break;
    case ForwardValues::kAddMatrix:
      add_matrix(job);
      break;
    case ForwardValues::kMultiplyMatrix:
      multiply_matrix(job);
      break;
    case ForwardValues::kElementwise:
      elementwise(job);
      break;
    case ForwardValues::kMask:
      sparse(job);
      break;
    case ForwardValues::kTimeOnly:
      break;
    case ForwardValues::kNone:
      throw std::logic_error(std::string("no values in a forward pass for job ") + to_string(job.kind));
  }
}

void ValueExecutor::load(const Job& job) {
  for (const Transfer& t : schedule_.transfers_of(job)) {
    if (schedule_.tensors[t.tensor].role == TensorRole::kMask) continue;  // a mask's bits are in the schedule
    const MatrixD& source = tensor(t.tensor);
    double* const target = address(t.buffer, t.buffer_offset);
    const double factor = load_factor_[t.tensor];
    if (t.geometry == kNone && t.row_map == kNone && arithmetic_.integer() && in_forward(job)) {
      loaded_.load({t.tensor, {source.row(t.row) + t.col, source.cols()}, t.rows, t.cols, factor},
                   {target, t.buffer_stride});
      --reads_left_[t.tensor];
      drop_if_done(t.tensor);
      continue;
    }
    about_to_write(t.buffer);
    if (t.geometry != kNone) {
      gather_patches(schedule_.geometries[static_cast<std::size_t>(t.geometry)], t.row, t.rows, 0, t.col, t.cols, 0, 1,
                     source.data(), {target, t.buffer_stride});
    } else {
      for (int r = 0; r < t.rows; ++r) {
        const int row =
            t.row_map == kNone
                ? t.row + r
                : schedule_.row_maps[static_cast<std::size_t>(t.row_map)][static_cast<std::size_t>(t.row + r)];
        const double* from = source.row(row) + t.col;
        double* const to = target + static_cast<std::ptrdiff_t>(r) * t.buffer_stride;
        if (factor > 0) {
          arithmetic_.store(from, static_cast<std::size_t>(t.cols), factor, to);
        } else {
          std::copy(from, from + t.cols, to);
        }
      }
    }
    if (arithmetic_.integer() && !in_forward(job)) {  // codes of the forward pass
      for (int c = 0; c < t.cols; ++c) {
        const double scale = saved_scale(schedule_.tensors[t.tensor], c);
        for (int r = 0; r < t.rows; ++r) target[static_cast<std::ptrdiff_t>(r) * t.buffer_stride + c] *= scale;
      }
    }
    --reads_left_[t.tensor];
    drop_if_done(t.tensor);
  }
}

void ValueExecutor::drop_if_done(TensorId index) {
  const TensorRole role = schedule_.tensors[index].role;
  const bool kept = !written_ && role != TensorRole::kWeight && role != TensorRole::kState;
  if (kept || reads_left_[index] > 0 || writes_left_[index] > 0) return;
  loaded_.leave(index);
  tensors_[index] = MatrixD();
}

void ValueExecutor::note_write(TensorId index) {
  if (--writes_left_[index] > 0 || !written_) return;
  written_(index);
  drop_if_done(index);
}

void ValueExecutor::store(const Job& job) {
  for (const Transfer& t : schedule_.transfers_of(job)) {
    if (schedule_.tensors[t.tensor].role == TensorRole::kMask) continue;
    tensor(t.tensor);
    MatrixD& target = tensors_[t.tensor];
    load_factor_[t.tensor] = 0;  // these are new weights, written by a training step
    loaded_.leave(t.tensor);
    const double* from = at(t.buffer, t.buffer_offset);
    for (int r = 0; r < t.rows; ++r) {
      const double* row = from + static_cast<std::ptrdiff_t>(r) * t.buffer_stride;
      std::copy(row, row + t.cols, target.row(t.row + r) + t.col);
    }
    note_write(t.tensor);
  }
}

}  // namespace vitality
