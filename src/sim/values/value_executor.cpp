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
      has_scores_(model.layers.size()) {
  for (const ScheduledOperator& op : schedule.operators)
    if (op.role == OperatorRole::kScores || op.role == OperatorRole::kSparseScores)
      has_scores_[static_cast<std::size_t>(op.layer)] = true;
  for (const Job& job : schedule.jobs) {
    if (const auto* between = std::get_if<TensorPair>(&job.detail)) {
      ++reads_left_[between->source];
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

// The factor that turns the sums of a pass into the units of its result.
// Over 60 lines: a row for each role of an operator.
double ValueExecutor::fold_factor(const Job& job) const {
  if (!in_forward(job)) {  // real numbers; dense scores are formed once more
    const auto* a = std::get_if<Attention>(&layer(job.layer).parameters);
    return role(job) == OperatorRole::kRowSums ? 1 / std::sqrt(static_cast<double>(a->d_qk)) : 1;
  }
  auto& self = const_cast<ValueExecutor&>(*this);
  switch (role(job)) {
    case OperatorRole::kGemm:
      return plan_.input_scale(job.layer, 0) * weight_scale(job.layer) / plan_.scale(job.layer);
    case OperatorRole::kContext: {
      const AttentionScales& s = self.attention(job.layer);
      return s.k * s.v / s.context;
    }
    case OperatorRole::kNumerator: {
      const AttentionScales& s = self.attention(job.layer);
      return s.q * s.context / s.numerator;
    }
    case OperatorRole::kScores:
    case OperatorRole::kRowSums: {
      const AttentionScales& s = self.attention(job.layer);
      const auto& a = std::get<Attention>(layer(job.layer).parameters);
      return s.q * s.k / std::sqrt(static_cast<double>(a.d_qk)) / s.scores;
    }
    case OperatorRole::kWeightedValues: {
      const AttentionScales& s = self.attention(job.layer);
      return s.probability * s.v / s.result;
    }
    case OperatorRole::kKeyMean:
    case OperatorRole::kCentreKeys:
    case OperatorRole::kKeySum:
    case OperatorRole::kValueSum:
    case OperatorRole::kDenominator:
    case OperatorRole::kQuotient:
    case OperatorRole::kSoftmax:
    case OperatorRole::kPrediction:
    case OperatorRole::kSparseScores:
    case OperatorRole::kSparseSoftmax:
    case OperatorRole::kSparseValues:
    case OperatorRole::kMerge:
    case OperatorRole::kElementwise:
    case OperatorRole::kPool:
    case OperatorRole::kRearrange:
    case OperatorRole::kLoss:
    case OperatorRole::kInputGradient:
    case OperatorRole::kWeightGradient:
    case OperatorRole::kNormGradient:
    case OperatorRole::kActivationGradient:
    case OperatorRole::kGradientSum:
    case OperatorRole::kNumeratorGradient:
    case OperatorRole::kDenominatorGradient:
    case OperatorRole::kQueryGradient:
    case OperatorRole::kContextGradient:
    case OperatorRole::kValueSumGradient:
    case OperatorRole::kKeySumGradient:
    case OperatorRole::kValueGradient:
    case OperatorRole::kKeyGradient:
    case OperatorRole::kProbabilityGradient:
    case OperatorRole::kScoreGradient:
    case OperatorRole::kUpdate:
      break;
  }
  throw std::logic_error(std::string("no pass of a forward pass computes ") + to_string(role(job)));
}

// Computes a pass whose streamed and stationary tiles are unchanged since they were loaded; returns false for other
// passes.
bool ValueExecutor::loaded_pass(const Job& job, Tile sums, PassStart start) {
  if ((job.flags & (kTransposed | kIm2col | kStationaryTransposed)) != 0 ||
      !takes_codes(arithmetic_, job.m, job.k, job.n))
    return false;
  const CodeTile* const a =
      loaded_.streamed_codes(address(job.streamed, job.streamed_offset), job.streamed_stride, job.m, job.k);
  if (a == nullptr) return false;
  const std::int16_t* const b =
      loaded_.stationary_codes(address(job.stationary, job.stationary_offset), job.stationary_stride, job.k, job.n);
  if (b == nullptr) return false;
  code_sums(job.m, job.k, job.n, *a, b, sums, start);
  return true;
}

void ValueExecutor::pass(const Job& job, Tile sums, PassStart start) {
  ConstTile a = streamed(job), b{at(job.stationary, job.stationary_offset), job.stationary_stride};
  int groups = 1;
  if ((job.flags & kTransposed) != 0) {
    pack_a_.resize(static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.k));
    transpose(job.k, job.m, a, {pack_a_.data(), job.k});
    a = {pack_a_.data(), job.k};
  } else if ((job.flags & kIm2col) != 0) {
    const Im2colTile& tile = schedule_.im2col_tiles[job.im2col_tile()];
    groups = tile.groups;
    pack_a_.resize(static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.k));
    gather_patches(schedule_.geometries[static_cast<std::size_t>(tile.geometry)], tile.first_output, job.m,
                   tile.first_input_row, tile.first_k, job.k / groups, tile.first_group, groups, a.data,
                   {pack_a_.data(), job.k});
    a = {pack_a_.data(), job.k};
  }
  if ((job.flags & kStationaryTransposed) != 0) {
    pack_b_.resize(static_cast<std::size_t>(job.k) * static_cast<std::size_t>(job.n));
    transpose(job.n, job.k, b, {pack_b_.data(), job.n});
    b = {pack_b_.data(), job.n};
  }
  if (groups > 1) {
    grouped_pass_sums(arithmetic_, job.m, job.k, job.n, groups, a, b, sums, start);
  } else {
    pass_sums(arithmetic_, job.m, job.k, job.n, a, b, sums, start);
  }
}

void ValueExecutor::fold(const Job& job, UnitId unit) {
  const bool first = (job.flags & kFirst) != 0, last = (job.flags & kLast) != 0;
  Tile sums{nullptr, job.result_stride};
  if (job.partial != kNone) {
    sums.data = at(job.partial, job.partial_offset);
  } else {
    std::vector<double>& pes = sums_[unit];
    pes.resize(std::max(pes.size(), static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.n)));
    sums = {pes.data(), job.n};
  }
  const bool in_array =
      (job.flags & kOutputStationary) != 0 && (job.partial == kNone || (job.flags & kResultHeld) != 0);
  const PassStart start = first ? PassStart::kFirst : in_array ? PassStart::kContinue : PassStart::kAddOutside;
  if (!loaded_pass(job, sums, start)) pass(job, sums, start);
  if ((job.flags & kOntoResult) != 0) {  // first-order score bias: added to T_N
    if (!last) return;
    const AttentionScales& s = attention(job.layer);
    const auto& attention_layer = std::get<Attention>(layer(job.layer).parameters);
    const double factor =
        std::sqrt(static_cast<double>(attention_layer.d_qk)) * weight_scale(job.layer) * s.v / s.numerator;
    const Tile out = result(job);
    for (int r = 0; r < job.m; ++r)
      for (int c = 0; c < job.n; ++c)
        out.row(r)[c] = arithmetic_.wide(out.row(r)[c] + arithmetic_.wide(sums.row(r)[c] * factor));
    return;
  }
  if ((job.flags & kHasBias) != 0) {  // the row behind the stationary tile
    const bool grouped = (job.flags & kIm2col) != 0;
    const int rows = grouped ? job.k / schedule_.im2col_tiles[job.im2col_tile()].groups : job.k;
    const double* const bias = address(job.stationary, job.stationary_offset + rows * job.n);
    loaded_.read(bias, job.n);
    add_bias(arithmetic_, job.m, job.n, bias, sums);
  }
  if (last)
    requantise(in_forward(job) ? arithmetic_ : gradient_arithmetic(job), job.m, job.n, {sums.data, sums.stride},
               fold_factor(job), (job.flags & kWide) != 0, result(job));
}

// Over 60 lines: a branch for each kind of job on lanes.
void ValueExecutor::lanes(const Job& job) {
  const OperatorRole op_role = role(job);
  const bool scaled = is_scaled(config_.precision);
  const auto* a = std::get_if<Attention>(&layer(job.layer).parameters);
  const AttentionScales* s = a != nullptr ? &attention(job.layer) : nullptr;
  const double root_d = a != nullptr ? std::sqrt(static_cast<double>(a->d_qk)) : 1;
  // Elided Taylor has 1 / (n sqrt d) in G already; formats with scales have it in G's scale.
  const double elided_numerator = a == nullptr || !scaled ? 1 : s->numerator / (a->n_kv * root_d);
  switch (job.kind) {
    case JobKind::kColumnSum:
      column_sums(arithmetic_, job.m, job.n, streamed(job), (job.flags & kFirst) != 0, at(job.result));
      break;
    case JobKind::kMeanDivide:
      if (op_role == OperatorRole::kValueSum) {  // elided: V_bar in units of the numerator
        divide_by_constant(arithmetic_, job.n, at(job.streamed), std::get<MeanOver>(job.detail).rows,
                           s->v / elided_numerator, true, at(job.result));
      } else {
        const double factor =
            op_role == OperatorRole::kPool ? plan_.input_scale(job.layer, 0) / plan_.scale(job.layer) : 1;
        divide_by_constant(arithmetic_, job.n, at(job.streamed), std::get<MeanOver>(job.detail).rows, factor, false,
                           at(job.result));
      }
      break;
    case JobKind::kSubtractRow:
      subtract_row(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), result(job));
      break;
    case JobKind::kScaleVector: {
      double* out = at(job.result);
      const double* in = at(job.streamed);
      const int count = job.m * job.n;
      if (op_role == OperatorRole::kContext) {
        // Formats with scales choose G's scale so that the stored numbers do not change (ValuePlan); the others
        // multiply.
        const double factor = scaled ? 1 : 1 / (a->n_kv * root_d);
        for (int i = 0; i < count; ++i) out[i] = arithmetic_.store(in[i] * factor);
      } else {
        const double factor = root_d * (scaled ? s->v / s->numerator : 1);
        for (int i = 0; i < count; ++i) out[i] = arithmetic_.wide(in[i] * factor);
      }
      break;
    }
    case JobKind::kDotProduct:
      dot_products(arithmetic_, job.m, job.k, streamed(job), at(job.stationary), at(job.result));
      break;
    case JobKind::kAddConstant: {
      const double constant = arithmetic_.wide(a->n_kv * root_d / (s->q * s->k));
      double* out = at(job.result);
      for (int i = 0; i < job.m; ++i) out[i] = arithmetic_.wide(at(job.streamed)[i] + constant);
      break;
    }
    case JobKind::kAddRow:
      add_row(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), (job.flags & kLast) != 0,
              elided_numerator / s->result, result(job));
      break;
    case JobKind::kRowDivide:
      divide_rows(arithmetic_, job.m, job.n, streamed(job), at(job.stationary),
                  s->numerator / (s->q * s->k * ((job.flags & kWide) != 0 ? s->wide_result : s->result)),
                  (job.flags & kWide) != 0, result(job));
      break;
    case JobKind::kSoftmaxRows:
      softmax_rows(arithmetic_, job.m, job.n, streamed(job), s->scores, 1 / s->probability, result(job));
      break;
    case JobKind::kOnlineSoftmax:
      online_softmax(arithmetic_, job.m, job.n, streamed(job), s->scores, 1 / s->exponential, (job.flags & kFirst) != 0,
                     at(job.partial), result(job));
      break;
    case JobKind::kRescaleRows:
      if ((job.flags & kLast) != 0) {
        divide_by_sums(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), s->exponential * s->v / s->result,
                       result(job));
      } else {
        rescale_rows(arithmetic_, job.m, job.n, streamed(job), at(job.stationary), result(job));
      }
      break;
    case JobKind::kLoad:
    case JobKind::kStore:
    case JobKind::kFold:
    case JobKind::kAddMatrix:
    case JobKind::kElementwise:
    case JobKind::kPredict:
    case JobKind::kSddmm:
    case JobKind::kRowSums:
    case JobKind::kSparseSoftmax:
    case JobKind::kSpmm:
    case JobKind::kMerge:
    case JobKind::kCode:
    case JobKind::kClear:
    case JobKind::kLossGradient:
    case JobKind::kNormGradient:
    case JobKind::kActivationGradient:
    case JobKind::kSoftmaxGradient:
    case JobKind::kRowProducts:
    case JobKind::kAddOuter:
    case JobKind::kUpdate:
    case JobKind::kSparseSoftmaxGradient:
    case JobKind::kRowTerms:
    case JobKind::kUnifiedGradient:
    case JobKind::kSpmmTransposed:
      throw std::logic_error(std::string("no lane computes job ") + to_string(job.kind));
  }
}

void ValueExecutor::add_matrix(const Job& job) {
  const ConstTile second{at(job.stationary, job.stationary_offset), job.stationary_stride};
  if (role(job) == OperatorRole::kScores) {  // the score bias
    const AttentionScales& s = attention(job.layer);
    const double factor = weight_scale(job.layer) / s.scores;
    const ConstTile x = streamed(job);
    const Tile y = result(job);
    for (int r = 0; r < job.m; ++r)
      for (int c = 0; c < job.n; ++c)
        y.row(r)[c] = arithmetic_.wide(x.row(r)[c] + arithmetic_.wide(second.row(r)[c] * factor));
    return;
  }
  const double out = plan_.scale(job.layer);
  double first_scale = plan_.input_scale(job.layer, 0), second_scale = 1;
  if (std::holds_alternative<PositionEmbedding>(layer(job.layer).parameters)) {
    second_scale = weight_scale(job.layer);
  } else {
    second_scale = plan_.input_scale(job.layer, 1);
    if ((job.flags & kSwapped) != 0) std::swap(first_scale, second_scale);
  }
  add_scaled(arithmetic_, job.m, job.n, streamed(job), first_scale / out, second, second_scale / out, result(job));
}

void ValueExecutor::activate(int layer_index, ActivationKind function, const double* x, std::size_t count, double* y) {
  const double in = plan_.input_scale(layer_index, 0);
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] * in;
  reference::activate(function, y, count, y);
  arithmetic_.store(y, count, 1 / plan_.scale(layer_index), y);
}

void ValueExecutor::elementwise_tile(int layer_index, int m, int n, int first_column, ConstTile x, Tile y) {
  const Layer& l = layer(layer_index);
  const double in = plan_.input_scale(layer_index, 0), out = 1 / plan_.scale(layer_index);
  if (const auto* activation = std::get_if<Activation>(&l.parameters)) {
    const MatrixD& results = constants(layer_index).results;
    for (int r = 0; r < m; ++r) {
      if (results.empty()) {
        activate(layer_index, activation->function, x.row(r), static_cast<std::size_t>(n), y.row(r));
      } else {
        look_up(n, x.row(r), results.data() + results.size() / 2, y.row(r));
      }
    }
  } else if (const auto* batch = std::get_if<BatchNorm>(&l.parameters)) {
    const LayerConstants& k = constants(layer_index);
    for (int c = 0; c < n; ++c) {
      const int channel = first_column + c;
      const double factor = k.scale(0, channel) / std::sqrt(k.variance(0, channel) + batch->epsilon);
      const double shift = k.shift(0, channel) - k.mean(0, channel) * factor;
      for (int r = 0; r < m; ++r) y.row(r)[c] = arithmetic_.store((x.row(r)[c] * in * factor + shift) * out);
    }
  } else if (const auto* norm = std::get_if<LayerNorm>(&l.parameters)) {
    const LayerConstants& k = constants(layer_index);
    const auto count = static_cast<std::size_t>(n);
    for (int r = 0; r < m; ++r) {
      const double* const from = x.row(r);
      double* const to = y.row(r);
      for (int c = 0; c < n; ++c) to[c] = from[c] * in;
      reference::layer_norm(to, count, k.scale.data(), k.shift.data(), norm->epsilon, to);
      arithmetic_.store(to, count, out, to);
    }
  } else {
    throw std::logic_error(std::string("no tile arithmetic of layer ") + kind_name(l));
  }
}

void ValueExecutor::elementwise(const Job& job) {
  if (const auto* step = std::get_if<ElementwiseStep>(&job.detail)) {
    elementwise_tile(job.layer, job.m, job.n, step->first_channel, streamed(job), result(job));
    return;
  }
  // An uncharged layer works between two tensors.
  const auto [source, target] = std::get<TensorPair>(job.detail);
  tensor(target);
  loaded_.leave(target);
  const MatrixD& x = tensor(source);
  MatrixD& y = tensors_[target];
  elementwise_tile(job.layer, job.m, job.n, 0, {x.data(), x.cols()}, {y.data(), y.cols()});
  --reads_left_[source];
  drop_if_done(source);
  note_write(target);
}

}  // namespace vitality
