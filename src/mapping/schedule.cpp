#include "mapping/schedule.h"

namespace vitality {

const char* unit_name(UnitKind unit) {
  static const char* const names[kUnitKinds] = {"sa_general", "sa_diag",           "accumulators", "dividers",
                                                "adders",     "special_functions", "predictor",    "sparse_engine",
                                                "exp_unit",   "dma_load",          "dma_store",    "uncharged"};
  return names[static_cast<int>(unit)];
}

const char* job_name(JobKind kind) {
  static const char* const names[] = {"load",         "store",       "fold",         "dot_product",    "scale_vector",
                                      "column_sum",   "mean_divide", "row_divide",   "subtract_row",   "add_row",
                                      "add_constant", "add_matrix",  "scale_matrix", "softmax_rows",   "elementwise",
                                      "predict",      "sddmm",       "row_sums",     "sparse_softmax", "spmm",
                                      "merge",        "code"};
  return names[static_cast<int>(kind)];
}

const char* role_name(OperatorRole role) {
  static const char* const names[] = {"gemm",     "key_mean",       "centre_keys",     "key_sum",    "value_sum",
                                      "context",  "denominator",    "numerator",       "quotient",   "scores",
                                      "scale",    "softmax",        "weighted_values", "prediction", "sparse_scores",
                                      "row_sums", "sparse_softmax", "sparse_values",   "merge",      "elementwise",
                                      "pool",     "rearrange"};
  return names[static_cast<int>(role)];
}

}  // namespace vitality
