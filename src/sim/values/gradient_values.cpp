// Values of the backward and update jobs of a training step. In fixed formats they are real numbers on grids: values
// from the forward pass are scaled when they are loaded, and results are rounded to their grid.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "kernels/gradient.h"
#include "kernels/sparse_gradient.h"
#include "sim/values/value_executor.h"
#include "workload/training_step.h"

namespace vitality {

double loss_scale(const HardwareConfig& config) {
  return config.precision == Precision::kFp16 ? config.training.loss_scale : 1;
}

// Master weights and moments are floating in every format.
Arithmetic ValueExecutor::state_arithmetic() const {
  return arithmetic_.integer() ? Arithmetic(Precision::kFp32) : arithmetic_;
}

MatrixD ValueExecutor::materialise_state(const ScheduledTensor& t) const {
  constexpr const char* kMaster = ".master";
  const std::size_t at = t.name.size() - std::string(kMaster).size();
  if (t.name.size() <= 7 || t.name.compare(at, std::string::npos, kMaster) != 0) return MatrixD(t.rows, t.cols);
  for (const ParameterInfo& info : parameters_of(layer(t.layer))) {
    if (info.name != t.name.substr(0, at)) continue;
    MatrixD weights = parameters_.tensor(info);
    const Arithmetic state = state_arithmetic();
    for (std::size_t i = 0; i < weights.size(); ++i) weights.data()[i] = state.wide(weights.data()[i]);
    return weights;
  }
  throw std::logic_error("no parameter " + t.name);
}

// The images of a batch share their grids, and so do dQ, dK and dV, which are one tensor for the layer before them.
std::tuple<int, OperatorRole, JobKind> ValueExecutor::grid_key(const Job& job) const {
  const int layer = job.layer % (forward_layers_ / model_.images);
  const OperatorRole what = role(job);
  const bool operand = what == OperatorRole::kQueryGradient || what == OperatorRole::kKeyGradient ||
                       what == OperatorRole::kValueGradient;
  if (operand) return {layer, OperatorRole::kQueryGradient, JobKind::kStore};
  return {layer, what, job.kind};
}

Arithmetic ValueExecutor::gradient_arithmetic(const Job& job) const {
  if (!arithmetic_.integer()) return arithmetic_;
  if (grids_ == nullptr) throw std::logic_error("gradients in a fixed format need grids");
  const auto found = grids_->find(grid_key(job));
  const double largest = found == grids_->end() ? 0 : found->second;
  return Arithmetic::grid(arithmetic_.precision(), largest > 0 ? largest / max_code(arithmetic_.precision()) : 1);
}

// Whether a job stores its results, m x n of them, in the storage format.
static bool stores_tile(const Job& job) {
  switch (job.kind) {
    case JobKind::kLossGradient:
    case JobKind::kNormGradient:
    case JobKind::kActivationGradient:
    case JobKind::kSoftmaxGradient:
    case JobKind::kAddOuter:
    case JobKind::kUnifiedGradient:
    case JobKind::kSparseSoftmaxGradient:
      return true;
    case JobKind::kUpdate:
      return job.result != kNone;
    case JobKind::kAddMatrix:
    case JobKind::kRowDivide:
      return (job.flags & kWide) == 0;
    case JobKind::kFold:
    case JobKind::kAddRow:
    case JobKind::kMeanDivide:
    case JobKind::kSpmm:
    case JobKind::kSpmmTransposed:
      return (job.flags & kLast) != 0 && (job.flags & kWide) == 0;
    case JobKind::kLoad:
    case JobKind::kStore:
    case JobKind::kDotProduct:
    case JobKind::kScaleVector:
    case JobKind::kColumnSum:
    case JobKind::kSubtractRow:
    case JobKind::kAddConstant:
    case JobKind::kRectify:
    case JobKind::kSoftmaxRows:
    case JobKind::kOnlineSoftmax:
    case JobKind::kRescaleRows:
    case JobKind::kElementwise:
    case JobKind::kScaleColumns:
    case JobKind::kMultiplyMatrix:
    case JobKind::kPredict:
    case JobKind::kSddmm:
    case JobKind::kRowSums:
    case JobKind::kSparseSoftmax:
    case JobKind::kMerge:
    case JobKind::kCode:
    case JobKind::kClear:
    case JobKind::kRowProducts:
    case JobKind::kRowTerms:
      return false;
  }
  return false;
}

void ValueExecutor::record_results(const Job& job) {
  if (largest_ == nullptr || !stores_tile(job)) return;
  double& largest = (*largest_)[grid_key(job)];
  const auto note = [&](ConstTile tile) {
    for (int r = 0; r < job.m; ++r)
      for (int c = 0; c < job.n; ++c) largest = std::max(largest, std::fabs(tile.row(r)[c]));
  };
  if (job.kind == JobKind::kSparseSoftmaxGradient) {  // entries are stored one after the other
    const MaskTile& tile = schedule_.mask_tiles[job.mask_tile()];
    for (Count i = 0; i < tile.kept; ++i) largest = std::max(largest, std::fabs(at(job.result)[i]));
    return;
  }
  note({at(job.result, job.result_offset), job.result_stride});
  if (job.kind == JobKind::kNormGradient) note({at(job.partial), job.n});
}

// The real value of one code of a tensor of the forward pass.
double ValueExecutor::saved_scale(const ScheduledTensor& t, int col) {
  if (t.role == TensorRole::kWeight) return weight_scale(t.layer);
  if (t.role == TensorRole::kInput) return plan_.scale(t.layer);
  if (t.role != TensorRole::kActivation) return 1;
  const std::string& name = layer(t.layer).name;
  if (t.name == name) return plan_.scale(t.layer);
  const AttentionScales& s = attention(t.layer);
  const std::string what = t.name.substr(name.size());
  if (what == ".saved.context") return s.context;
  if (what == ".saved.key_mean" || what == ".saved.key_sum") return s.k;
  if (what == ".saved.denominator") return s.q * s.k;
  if (what == ".saved.probabilities" || what == ".saved.entries") return s.probability;
  if (what == ".saved.low_rank") return s.wide_result;
  if (what == ".saved.row_sums") return col == 0 ? s.scores : 1;
  throw std::logic_error("no scale for " + t.name);
}

// Over 60 lines: a branch for each kind of job of the backward pass.
void ValueExecutor::gradient(const Job& job) {
  const Arithmetic arithmetic = gradient_arithmetic(job);
  const auto* a = std::get_if<Attention>(&layer(job.layer).parameters);
  const double root_d = a != nullptr ? std::sqrt(static_cast<double>(a->d_qk)) : 1;
  const ConstTile second{job.stationary == kNone ? nullptr : at(job.stationary, job.stationary_offset),
                         job.stationary_stride};
  switch (job.kind) {
    case JobKind::kClear:
      for (int r = 0; r < job.m; ++r) std::fill(result(job).row(r), result(job).row(r) + job.n, 0.0);
      break;
    case JobKind::kLossGradient:
      loss_gradient(arithmetic, job.n, at(job.streamed), std::get<LossLabel>(job.detail).label,
                    loss_scale(config_) / model_.images, at(job.result));
      break;
    case JobKind::kNormGradient:
      norm_gradient(arithmetic, job.m, job.n, streamed(job), second,
                    {constants(job.layer).scale.data(), std::get<LayerNorm>(layer(job.layer).parameters).epsilon},
                    result(job), {at(job.partial), job.n});
      break;
    case JobKind::kActivationGradient:
      activation_gradient(arithmetic, std::get<Activation>(layer(job.layer).parameters).function, job.m, job.n,
                          streamed(job), second, result(job));
      break;
    case JobKind::kSoftmaxGradient:
      softmax_gradient(arithmetic, job.m, job.n, streamed(job), second, 1 / root_d, result(job));
      break;
    case JobKind::kRowProducts:
      row_products(arithmetic, job.m, job.n, streamed(job), second, at(job.result));
      break;
    case JobKind::kAddOuter:
      add_outer(arithmetic, job.m, job.n, streamed(job), at(job.partial), second.data, result(job));
      break;
    case JobKind::kUpdate:
      update(job);
      break;
    case JobKind::kSddmm:
    case JobKind::kSpmm:
    case JobKind::kSparseSoftmaxGradient:
    case JobKind::kRowTerms:
    case JobKind::kUnifiedGradient:
    case JobKind::kSpmmTransposed:
      mask_gradient(job, second, root_d);
      break;
    case JobKind::kAddMatrix: {
      if ((job.flags & kWide) != 0) {  // vectors of row sums
        for (int r = 0; r < job.m; ++r)
          at(job.result)[r] = arithmetic.wide(at(job.streamed)[r] + at(job.stationary)[r]);
        break;
      }
      const double factor = role(job) == OperatorRole::kMeanGradient ? 0.5 : 1;
      add_scaled(arithmetic, job.m, job.n, streamed(job), factor, second, factor, result(job));
      break;
    }
    case JobKind::kAddRow:
      add_row(arithmetic, job.m, job.n, streamed(job), second.data, (job.flags & kLast) != 0, 1, result(job));
      break;
    case JobKind::kRowDivide: {
      const double sign = role(job) == OperatorRole::kDenominatorGradient ? -1 : 1;
      divide_rows(arithmetic, job.m, job.n, streamed(job), second.data, sign, (job.flags & kWide) != 0, result(job));
      break;
    }
    case JobKind::kMeanDivide: {  // minus the mean of dK_hat, or (kLast) the gradient of a row of a mean
      const bool row = (job.flags & kLast) != 0;
      divide_by_constant(arithmetic, job.n, at(job.streamed), std::get<MeanOver>(job.detail).rows, row ? 1 : -1, !row,
                         at(job.result));
      break;
    }
    case JobKind::kScaleVector:
      for (int i = 0; i < job.m * job.n; ++i) at(job.result)[i] = arithmetic.wide(at(job.streamed)[i] * root_d);
      break;
    case JobKind::kDotProduct:  // the streamed operand lies k x m
      pack_a_.resize(static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.k));
      transpose(job.k, job.m, streamed(job), {pack_a_.data(), job.k});
      dot_products(arithmetic, job.m, job.k, {pack_a_.data(), job.k}, second.data, at(job.result));
      break;
    case JobKind::kColumnSum:
      column_sums(arithmetic, job.m, job.n, streamed(job), (job.flags & kFirst) != 0, at(job.result));
      break;
    case JobKind::kSubtractRow:
      subtract_row(arithmetic, job.m, job.n, streamed(job), second.data, result(job));
      break;
    case JobKind::kLoad:
    case JobKind::kStore:
    case JobKind::kFold:
    case JobKind::kAddConstant:
    case JobKind::kRectify:
    case JobKind::kSoftmaxRows:
    case JobKind::kOnlineSoftmax:
    case JobKind::kRescaleRows:
    case JobKind::kElementwise:
    case JobKind::kScaleColumns:
    case JobKind::kMultiplyMatrix:
    case JobKind::kPredict:
    case JobKind::kRowSums:
    case JobKind::kSparseSoftmax:
    case JobKind::kMerge:
    case JobKind::kCode:
      throw std::logic_error(std::string("no values for job ") + to_string(job.kind));
  }
}

void ValueExecutor::mask_gradient(const Job& job, const ConstTile& second, double root_d) {
  const Arithmetic arithmetic = gradient_arithmetic(job);
  const MaskTile& tile = schedule_.mask_tiles[job.mask_tile()];
  const Mask& mask = schedule_.masks[static_cast<std::size_t>(tile.mask)].mask;
  const MaskBlock block = tile.transposed ? MaskBlock{mask, tile.col, tile.row, tile.cols, tile.rows}
                                          : MaskBlock{mask, tile.row, tile.col, tile.rows, tile.cols};
  const bool variant = (job.flags & kLast) != 0;
  double* const out = at(job.result);
  if (job.kind == JobKind::kSddmm) {  // dA = dZ V^T, or the scores once more
    const double factor = role(job) == OperatorRole::kSparseScores ? 1 / root_d : 1;
    masked_scores(arithmetic, block, job.k, streamed(job), second, factor, {nullptr, 0}, 0, out);
  } else if (job.kind == JobKind::kSparseSoftmaxGradient) {
    masked_softmax_gradient(arithmetic, block, at(job.streamed), second.data, 1 / root_d, out);
  } else if (job.kind == JobKind::kRowTerms && !variant) {
    probability_terms(arithmetic, block, at(job.streamed), second.data, {out, kRowNumbers});
  } else if (job.kind == JobKind::kRowTerms) {
    taylor_terms(arithmetic, block, at(job.streamed), second.data, {at(job.partial), kRowNumbers}, root_d, out);
  } else if (job.kind == JobKind::kUnifiedGradient) {
    unified_gradient(arithmetic, block, streamed(job), second.data, {at(job.partial), kRowNumbers}, root_d, variant,
                     result(job));
  } else {
    const bool first = (job.flags & kFirst) != 0;
    if (job.kind == JobKind::kSpmm) {
      masked_times(arithmetic, block, Mask(), job.n, at(job.streamed), second, first, result(job));
    } else {
      masked_transposed_times(arithmetic, block, job.n, at(job.streamed), second, first, result(job));
    }
    if (variant) requantise(arithmetic, job.m, job.n, {out, job.result_stride}, 1, false, result(job));
  }
}

void ValueExecutor::update(const Job& job) {
  const TrainingConfig& t = config_.training;
  const ScheduledUpdate& buffers = schedule_.updates[std::get<UpdateId>(job.detail)];
  const UpdateRule rule{
      t.optimizer == OptimizerChoice::kAdamW, t.learning_rate,    t.momentum, t.beta1, t.beta2, t.epsilon,
      buffers.decay ? t.weight_decay : 0,     loss_scale(config_)};
  update_weights(state_arithmetic(), gradient_arithmetic(job), rule, job.m * job.n, at(buffers.master),
                 at(buffers.gradient), at(buffers.first), buffers.second == kNone ? nullptr : at(buffers.second),
                 job.result == kNone ? nullptr : at(job.result));
}

}  // namespace vitality
