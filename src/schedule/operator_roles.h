// What an operator of the lowered model computes: one row each.
#pragma once

#include <cstdint>

#include "base/enum_table.h"

namespace vitality {

// What an operator of the lowered graph computes; the role decides its value parameters (scales, constants).
enum class OperatorRole : std::uint8_t {
  kGemm,         // linear or convolution, with bias
  kKeyMean,      // 1^T K and K_bar
  kCentreKeys,   // K_hat
  kRectify,      // ReLU(K), ReLU(Q)
  kKeySum,       // k_hat_sum, or the sum of ReLU(K)
  kValueSum,     // v_sum
  kContext,      // G
  kDenominator,  // t_D
  kNumerator,    // Q G (+ sqrt(d) v_sum)
  kQuotient,     // Z
  kScores,       // Q K^T
  kSoftmax,
  kWeightedValues,  // P V
  kPrediction,
  kSparseScores,
  kRowSums,
  kSparseSoftmax,
  kSparseValues,
  kMerge,
  kElementwise,  // activation, batch norm, layer norm, add, position embedding
  kPool,
  kRearrange,  // concat, subsample, unfold, fold: DMA addressing
  // Backward pass; dX is the gradient of X.
  kLoss,
  kInputGradient,   // linear, convolution: dX = dY W^T
  kWeightGradient,  // dW = X^T dY, db
  kNormGradient,
  kActivationGradient,
  kGradientSum,          // of a layer with several users
  kMeanGradient,         // half a gradient: of either input of a mean of two
  kNumeratorGradient,    // dN = dZ / t_D
  kDenominatorGradient,  // dt
  kQueryGradient,
  kContextGradient,   // dG
  kValueSumGradient,  // dv_sum
  kKeySumGradient,    // dk_hat_sum
  kValueGradient,
  kKeyGradient,
  kProbabilityGradient,
  kScoreGradient,
  kUpdate
};
// Over 60 lines: a row for each role.
constexpr const char* to_string(OperatorRole role) {
  switch (role) {
    case OperatorRole::kGemm:
      return "gemm";
    case OperatorRole::kKeyMean:
      return "key_mean";
    case OperatorRole::kCentreKeys:
      return "centre_keys";
    case OperatorRole::kRectify:
      return "rectify";
    case OperatorRole::kKeySum:
      return "key_sum";
    case OperatorRole::kValueSum:
      return "value_sum";
    case OperatorRole::kContext:
      return "context";
    case OperatorRole::kDenominator:
      return "denominator";
    case OperatorRole::kNumerator:
      return "numerator";
    case OperatorRole::kQuotient:
      return "quotient";
    case OperatorRole::kScores:
      return "scores";
    case OperatorRole::kSoftmax:
      return "softmax";
    case OperatorRole::kWeightedValues:
      return "weighted_values";
    case OperatorRole::kPrediction:
      return "prediction";
    case OperatorRole::kSparseScores:
      return "sparse_scores";
    case OperatorRole::kRowSums:
      return "row_sums";
    case OperatorRole::kSparseSoftmax:
      return "sparse_softmax";
    case OperatorRole::kSparseValues:
      return "sparse_values";
    case OperatorRole::kMerge:
      return "merge";
    case OperatorRole::kElementwise:
      return "elementwise";
    case OperatorRole::kPool:
      return "pool";
    case OperatorRole::kRearrange:
      return "rearrange";
    case OperatorRole::kLoss:
      return "loss";
    case OperatorRole::kInputGradient:
      return "input_gradient";
    case OperatorRole::kWeightGradient:
      return "weight_gradient";
    case OperatorRole::kNormGradient:
      return "norm_gradient";
    case OperatorRole::kActivationGradient:
      return "activation_gradient";
    case OperatorRole::kGradientSum:
      return "gradient_sum";
    case OperatorRole::kMeanGradient:
      return "mean_gradient";
    case OperatorRole::kNumeratorGradient:
      return "numerator_gradient";
    case OperatorRole::kDenominatorGradient:
      return "denominator_gradient";
    case OperatorRole::kQueryGradient:
      return "query_gradient";
    case OperatorRole::kContextGradient:
      return "context_gradient";
    case OperatorRole::kValueSumGradient:
      return "value_sum_gradient";
    case OperatorRole::kKeySumGradient:
      return "key_sum_gradient";
    case OperatorRole::kValueGradient:
      return "value_gradient";
    case OperatorRole::kKeyGradient:
      return "key_gradient";
    case OperatorRole::kProbabilityGradient:
      return "probability_gradient";
    case OperatorRole::kScoreGradient:
      return "score_gradient";
    case OperatorRole::kUpdate:
      return "update";
  }
  return nullptr;
}

}  // namespace vitality
