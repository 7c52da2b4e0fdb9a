// Values of a training step's backward and update jobs. Floating formats only: every scale is 1.
#include <cmath>
#include <stdexcept>

#include "kernels/gradient.h"
#include "kernels/sparse_gradient.h"
#include "sim/value_executor.h"
#include "workload/training_step.h"

namespace vitality {

double loss_scale(const HardwareConfig& config) {
  return config.precision == Precision::kFp16 ? config.training.loss_scale : 1;
}

MatrixD ValueExecutor::materialise_state(const ScheduledTensor& t) const {
  constexpr const char* kMaster = ".master";
  const std::size_t at = t.name.size() - std::string(kMaster).size();
  if (t.name.size() <= 7 || t.name.compare(at, std::string::npos, kMaster) != 0) return MatrixD(t.rows, t.cols);
  for (const ParameterInfo& info : parameters_of(layer(t.layer))) {
    if (info.name != t.name.substr(0, at)) continue;
    MatrixD weights = parameters_.tensor(info);
    for (std::size_t i = 0; i < weights.size(); ++i) weights.data()[i] = arithmetic_.wide(weights.data()[i]);
    return weights;
  }
  throw std::logic_error("no parameter " + t.name);
}

// Jobs of the backward pass and the update that the forward pass has no kind for, or another meaning.
bool ValueExecutor::gradient(const Job& job) {
  if (role(job) < OperatorRole::kLoss) return false;
  const auto* a = std::get_if<Attention>(&layer(job.layer).parameters);
  const double root_d = a != nullptr ? std::sqrt(static_cast<double>(a->d_qk)) : 1;
  const ConstTile second{job.stationary == kNone ? nullptr : at(job.stationary, job.stationary_offset),
                         job.stationary_stride};
  switch (job.kind) {
    case JobKind::kClear:
      for (int r = 0; r < job.m; ++r) std::fill(result(job).row(r), result(job).row(r) + job.n, 0.0);
      return true;
    case JobKind::kLossGradient:
      loss_gradient(arithmetic_, job.n, at(job.streamed), job.aux, loss_scale(config_) / model_.images,
                    at(job.result));
      return true;
    case JobKind::kNormGradient:
      norm_gradient(arithmetic_, job.m, job.n, streamed(job), second, constants(job.layer).scale.data(), result(job),
                    {at(job.partial), job.n});
      return true;
    case JobKind::kActivationGradient:
      activation_gradient(arithmetic_, std::get<Activation>(layer(job.layer).parameters).function, job.m, job.n,
                          streamed(job), second, result(job));
      return true;
    case JobKind::kSoftmaxGradient:
      softmax_gradient(arithmetic_, job.m, job.n, streamed(job), second, 1 / root_d, result(job));
      return true;
    case JobKind::kRowProducts:
      row_products(arithmetic_, job.m, job.n, streamed(job), second, at(job.result));
      return true;
    case JobKind::kAddOuter:
      add_outer(arithmetic_, job.m, job.n, streamed(job), at(job.partial), second.data, result(job));
      return true;
    case JobKind::kUpdate:
      update(job);
      return true;
    case JobKind::kSddmm:
    case JobKind::kSparseSoftmaxGradient:
    case JobKind::kRowTerms:
    case JobKind::kUnifiedGradient:
    case JobKind::kSpmmTransposed:
      mask_gradient(job, second, root_d);
      return true;
    case JobKind::kAddMatrix:
      if ((job.flags & kWide) != 0) {  // vectors of row sums
        for (int r = 0; r < job.m; ++r)
          at(job.result)[r] = arithmetic_.wide(at(job.streamed)[r] + at(job.stationary)[r]);
        return true;
      }
      add_scaled(arithmetic_, job.m, job.n, streamed(job), 1, second, 1, result(job));
      return true;
    case JobKind::kAddRow:
      add_row(arithmetic_, job.m, job.n, streamed(job), second.data, (job.flags & kLast) != 0, 1, result(job));
      return true;
    case JobKind::kRowDivide: {
      const double sign = role(job) == OperatorRole::kDenominatorGradient ? -1 : 1;
      divide_rows(arithmetic_, job.m, job.n, streamed(job), second.data, sign, (job.flags & kWide) != 0, result(job));
      return true;
    }
    case JobKind::kMeanDivide:  // minus the mean of dK_hat
      divide_by_constant(arithmetic_, job.n, at(job.streamed), job.aux, -1, true, at(job.result));
      return true;
    case JobKind::kScaleVector:
      for (int i = 0; i < job.m * job.n; ++i)
        at(job.result)[i] = arithmetic_.wide(at(job.streamed)[i] * root_d);
      return true;
    case JobKind::kDotProduct:  // the streamed operand lies k x m
      pack_a_.resize(static_cast<std::size_t>(job.m) * static_cast<std::size_t>(job.k));
      transpose(job.k, job.m, streamed(job), {pack_a_.data(), job.k});
      dot_products(arithmetic_, job.m, job.k, {pack_a_.data(), job.k}, second.data, at(job.result));
      return true;
    default:
      return false;
  }
}

void ValueExecutor::mask_gradient(const Job& job, const ConstTile& second, double root_d) {
  const MaskTile& tile = schedule_.mask_tiles[static_cast<std::size_t>(job.aux)];
  const Mask& mask = schedule_.masks[static_cast<std::size_t>(tile.mask)].mask;
  const MaskBlock block = tile.transposed ? MaskBlock{mask, tile.col, tile.row, tile.cols, tile.rows}
                                          : MaskBlock{mask, tile.row, tile.col, tile.rows, tile.cols};
  const bool variant = (job.flags & kLast) != 0;
  double* const out = at(job.result);
  if (job.kind == JobKind::kSddmm) {  // dA = dZ V^T
    masked_scores(arithmetic_, block, job.k, streamed(job), second, 1, {nullptr, 0}, 0, out);
  } else if (job.kind == JobKind::kSparseSoftmaxGradient) {
    masked_softmax_gradient(arithmetic_, block, at(job.streamed), second.data, 1 / root_d, out);
  } else if (job.kind == JobKind::kRowTerms && !variant) {
    probability_terms(arithmetic_, block, at(job.streamed), second.data, {out, kRowNumbers});
  } else if (job.kind == JobKind::kRowTerms) {
    taylor_terms(arithmetic_, block, at(job.streamed), second.data, {at(job.partial), kRowNumbers}, root_d, out);
  } else if (job.kind == JobKind::kUnifiedGradient) {
    unified_gradient(arithmetic_, block, streamed(job), second.data, {at(job.partial), kRowNumbers}, root_d, variant,
                     result(job));
  } else {
    masked_transposed_times(arithmetic_, block, job.n, at(job.streamed), second, (job.flags & kFirst) != 0,
                            result(job));
    if (variant) requantise(arithmetic_, job.m, job.n, {out, job.result_stride}, 1, false, result(job));
  }
}

void ValueExecutor::update(const Job& job) {
  const TrainingConfig& t = config_.training;
  const ScheduledUpdate& buffers = schedule_.updates[static_cast<std::size_t>(job.aux)];
  const UpdateRule rule{t.optimizer == OptimizerChoice::kAdamW,
                        t.learning_rate,
                        t.momentum,
                        t.beta1,
                        t.beta2,
                        t.epsilon,
                        buffers.decay ? t.weight_decay : 0,
                        loss_scale(config_)};
  update_weights(arithmetic_, rule, job.m * job.n, at(buffers.master), at(buffers.gradient), at(buffers.first),
                 buffers.second == kNone ? nullptr : at(buffers.second),
                 job.result == kNone ? nullptr : at(job.result));
}

}  // namespace vitality
