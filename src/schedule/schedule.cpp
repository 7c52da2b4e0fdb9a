#include "schedule/schedule.h"

namespace vitality {

const char* unit_name(UnitKind unit) {
  static const char* const names[kUnitKinds] = {"sa_general", "sa_diag",           "accumulators", "dividers",
                                                "adders",     "special_functions", "predictor",    "sparse_engine",
                                                "exp_unit",   "dma_load",          "dma_store",    "uncharged"};
  return names[static_cast<int>(unit)];
}

const char* operand_name(int operand) {
  static const char* const names[kTrafficOperands] = {"input",     "weights",         "activations", "masks",
                                                      "gradients", "optimizer_state", "results"};
  return names[operand];
}

const char* job_name(JobKind kind) {
  static const char* const names[] = {"load",
                                      "store",
                                      "fold",
                                      "dot_product",
                                      "scale_vector",
                                      "column_sum",
                                      "mean_divide",
                                      "row_divide",
                                      "subtract_row",
                                      "add_row",
                                      "add_constant",
                                      "add_matrix",
                                      "scale_matrix",
                                      "softmax_rows",
                                      "elementwise",
                                      "predict",
                                      "sddmm",
                                      "row_sums",
                                      "sparse_softmax",
                                      "spmm",
                                      "merge",
                                      "code",
                                      "clear",
                                      "loss_gradient",
                                      "norm_gradient",
                                      "activation_gradient",
                                      "softmax_gradient",
                                      "row_products",
                                      "add_outer",
                                      "update",
                                      "sparse_softmax_gradient",
                                      "row_terms",
                                      "unified_gradient",
                                      "spmm_transposed"};
  return names[static_cast<int>(kind)];
}

const char* role_name(OperatorRole role) {
  static const char* const names[] = {"gemm",
                                      "key_mean",
                                      "centre_keys",
                                      "key_sum",
                                      "value_sum",
                                      "context",
                                      "denominator",
                                      "numerator",
                                      "quotient",
                                      "scores",
                                      "scale",
                                      "softmax",
                                      "weighted_values",
                                      "prediction",
                                      "sparse_scores",
                                      "row_sums",
                                      "sparse_softmax",
                                      "sparse_values",
                                      "merge",
                                      "elementwise",
                                      "pool",
                                      "rearrange",
                                      "loss",
                                      "input_gradient",
                                      "weight_gradient",
                                      "norm_gradient",
                                      "activation_gradient",
                                      "gradient_sum",
                                      "numerator_gradient",
                                      "denominator_gradient",
                                      "query_gradient",
                                      "context_gradient",
                                      "value_sum_gradient",
                                      "key_sum_gradient",
                                      "value_gradient",
                                      "key_gradient",
                                      "probability_gradient",
                                      "score_gradient",
                                      "update"};
  return names[static_cast<int>(role)];
}

}  // namespace vitality
