// The kinds of tile jobs, one row each: what each kind computes from which fields of a Job, and what distinguishes it.
// cost/job_cost.cpp says what a kind costs, sim/values computes its values.
#pragma once

#include <cstdint>

#include "base/enum_table.h"

namespace vitality {

enum class JobKind : std::uint8_t {
  kLoad,         // DRAM -> buffers; its TransferRange
  kStore,        // buffer -> DRAM; its TransferRange
  kFold,         // matrix engine: partial(m x n) += streamed(m x k) * stationary(k x n)
  kDotProduct,   // diagonal engine: result(m) = streamed(m x k) . stationary(k)
  kScaleVector,  // diagonal engine: result(n) = sqrt(d) * streamed(n)
  kColumnSum,    // accumulators: result(n) (+)= sum of the m rows of streamed(m x n)
  kMeanDivide,   // dividers, single divisor: result(n) = streamed(n) / rows of MeanOver
  kRowDivide,    // dividers, multiple divisors: result(m x n) = streamed(m x n) / stationary(m), row by row
  kSubtractRow,  // adders: result = streamed(m x n) - 1 stationary(n)
  kAddRow,       // adders: result = streamed(m x n) + 1 stationary(n)
  kAddConstant,  // adders: result(m) = streamed(m) + constant
  kRectify,      // adders: result(m x n) = max(0, streamed)
  kAddMatrix,    // adders: result = streamed + stationary, both m x n
  kSoftmaxRows,  // special functions: maximum, exp, sum, divide over m rows of n
  // Online softmax, tile of keys after tile of keys. There are three numbers a row: the running maximum, the running
  // sum, and the factor exp(old maximum - new maximum) by which everything that was summed before the tile shrinks.
  kOnlineSoftmax,   // special functions: result(m x n) = exp(streamed - running maximum); partial = the row numbers
  kRescaleRows,     // special functions: result(m x n) = streamed * factor of the row, or (kLast) streamed / its sum;
                    // stationary = the row numbers
  kElementwise,     // special functions: activation, batch norm or layer norm over m x n, as ElementwiseStep says
  kScaleColumns,    // special functions: result(m x n) = streamed times a learned number a channel, as ElementwiseStep
                    // says
  kMultiplyMatrix,  // special functions: result = streamed .* stationary, both m x n
  // Jobs on a mask have a MaskTileId; values on the mask are stored row by row, the kept entries one after the other.
  kPredict,        // predictor: m x n scores of depth k in few bits, softmax, threshold -> mask
  kSddmm,          // sparse engine: scores on the mask, streamed(m x k) . stationary(n x k); partial: the score bias
  kRowSums,        // exp unit: maximum and sum of exponentials of the rows of streamed(m x n) -> result(m x 2)
  kSparseSoftmax,  // exp unit: probabilities on the mask; stationary: row sums of all scores (kNone: of the kept),
                   // partial: t_D
  kSpmm,           // sparse engine: result(m x n) = streamed (on the mask, m x k) * stationary(k x n)
  kMerge,          // adders: low-rank + sparse output
  kCode,  // matrix engine: m x n elements encoded (kFirst) or decoded, each a sum over k of CodedHeads; in place
  // Training (docs/training.md).
  kClear,               // adders: result(m x n) = 0
  kLossGradient,        // special functions: result(1 x n) = (softmax(streamed) - onehot(LossLabel)) * scale
  kNormGradient,        // special functions: from dY = streamed and x = stationary, both m x n: result = dX,
                        // partial = dY .* x_hat
  kActivationGradient,  // special functions: result = streamed .* f'(stationary), m x n
  kSoftmaxGradient,     // special functions: result = P .* (dP - rowsum(dP .* P)) / sqrt(d), dP = streamed, P =
                        // stationary
  kRowProducts,         // special functions: result(m) = rows of streamed(m x n) . rows of stationary
  kAddOuter,            // special functions: result = streamed(m x n) + partial(m) stationary(n)
  kUpdate,              // special functions: optimiser step on m x n weights; buffers in its ScheduledUpdate
  // On the mask, with a MaskTileId.
  kSparseSoftmaxGradient,  // exp unit: P = streamed, dP = stationary -> dS / sqrt(d), in place of dP
  kRowTerms,         // exp unit: scores = streamed, dA = stationary, row numbers = partial -> sums of dA P into the
                     // row numbers, or (kLast) of -dA T into result(m)
  kUnifiedGradient,  // exp unit: dense scores streamed(m x n), dA = stationary, row numbers = partial -> gradient of
                     // Q K_hat^T; kLast: with the part of the residual
  kSpmmTransposed    // sparse engine: result(m x n) (+)= streamed (on the mask, k x m)^T * stationary(k x n)
};

// Which part of the value executor computes a kind's values in a forward pass (sim/values/value_executor.cpp).
enum class ForwardValues : std::uint8_t {
  kTransfer,  // moves values between tensors and the scratchpad
  kFold,
  kLane,  // one operation of a lane array or of SA-Diag
  kAddMatrix,
  kMultiplyMatrix,
  kElementwise,
  kMask,      // attention on a mask
  kTimeOnly,  // takes time and moves bytes only: its values are decided before the simulation starts, or do not
              // change
  kNone       // no job of a forward pass
};

struct JobTraits {
  const char* name;  // in traces; nullptr: no enumerator
  ForwardValues forward;
  bool reads_mask_tile;  // its cost depends on its mask tile
  bool training_only;    // of the backward pass and the update
};
// Over 60 lines: a row for each kind.
constexpr JobTraits traits(JobKind kind) {
  switch (kind) {
    case JobKind::kLoad:
      return {"load", ForwardValues::kTransfer, false, false};
    case JobKind::kStore:
      return {"store", ForwardValues::kTransfer, false, false};
    case JobKind::kFold:
      return {"fold", ForwardValues::kFold, false, false};
    case JobKind::kDotProduct:
      return {"dot_product", ForwardValues::kLane, false, false};
    case JobKind::kScaleVector:
      return {"scale_vector", ForwardValues::kLane, false, false};
    case JobKind::kColumnSum:
      return {"column_sum", ForwardValues::kLane, false, false};
    case JobKind::kMeanDivide:
      return {"mean_divide", ForwardValues::kLane, false, false};
    case JobKind::kRowDivide:
      return {"row_divide", ForwardValues::kLane, false, false};
    case JobKind::kSubtractRow:
      return {"subtract_row", ForwardValues::kLane, false, false};
    case JobKind::kAddRow:
      return {"add_row", ForwardValues::kLane, false, false};
    case JobKind::kAddConstant:
      return {"add_constant", ForwardValues::kLane, false, false};
    case JobKind::kRectify:
      return {"rectify", ForwardValues::kLane, false, false};
    case JobKind::kAddMatrix:
      return {"add_matrix", ForwardValues::kAddMatrix, false, false};
    case JobKind::kSoftmaxRows:
      return {"softmax_rows", ForwardValues::kLane, false, false};
    case JobKind::kOnlineSoftmax:
      return {"online_softmax", ForwardValues::kLane, false, false};
    case JobKind::kRescaleRows:
      return {"rescale_rows", ForwardValues::kLane, false, false};
    case JobKind::kElementwise:
      return {"elementwise", ForwardValues::kElementwise, false, false};
    case JobKind::kScaleColumns:
      return {"scale_columns", ForwardValues::kElementwise, false, false};
    case JobKind::kMultiplyMatrix:
      return {"multiply_matrix", ForwardValues::kMultiplyMatrix, false, false};
    case JobKind::kPredict:
      return {"predict", ForwardValues::kTimeOnly, false, false};
    case JobKind::kSddmm:
      return {"sddmm", ForwardValues::kMask, true, false};
    case JobKind::kRowSums:
      return {"row_sums", ForwardValues::kMask, false, false};
    case JobKind::kSparseSoftmax:
      return {"sparse_softmax", ForwardValues::kMask, true, false};
    case JobKind::kSpmm:
      return {"spmm", ForwardValues::kMask, true, false};
    case JobKind::kMerge:
      return {"merge", ForwardValues::kMask, false, false};
    case JobKind::kCode:
      return {"code", ForwardValues::kTimeOnly, false, false};
    case JobKind::kClear:
      return {"clear", ForwardValues::kNone, false, true};
    case JobKind::kLossGradient:
      return {"loss_gradient", ForwardValues::kNone, false, true};
    case JobKind::kNormGradient:
      return {"norm_gradient", ForwardValues::kNone, false, true};
    case JobKind::kActivationGradient:
      return {"activation_gradient", ForwardValues::kNone, false, true};
    case JobKind::kSoftmaxGradient:
      return {"softmax_gradient", ForwardValues::kNone, false, true};
    case JobKind::kRowProducts:
      return {"row_products", ForwardValues::kNone, false, true};
    case JobKind::kAddOuter:
      return {"add_outer", ForwardValues::kNone, false, true};
    case JobKind::kUpdate:
      return {"update", ForwardValues::kNone, false, true};
    case JobKind::kSparseSoftmaxGradient:
      return {"sparse_softmax_gradient", ForwardValues::kNone, true, true};
    case JobKind::kRowTerms:
      return {"row_terms", ForwardValues::kNone, true, true};
    case JobKind::kUnifiedGradient:
      return {"unified_gradient", ForwardValues::kNone, true, true};
    case JobKind::kSpmmTransposed:
      return {"spmm_transposed", ForwardValues::kNone, true, true};
  }
  return {};
}
constexpr const char* to_string(JobKind kind) {
  return traits(kind).name;
}

// Job::partial is a result: partial sums, a second result, or numbers that a later job of the kind goes on with.
constexpr bool writes_partial(JobKind kind) {
  return kind == JobKind::kFold || kind == JobKind::kNormGradient || kind == JobKind::kOnlineSoftmax;
}

}  // namespace vitality
