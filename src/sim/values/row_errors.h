// Errors of ReLU-linear attention row by row: a few rows with a small divisor may have errors a thousand times as large
// as the others', and then nothing is known of them before the run but a limit. docs/algorithm.md (Tolerances) has the
// reasons.
#pragma once

#include <vector>

#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality {

// Mean squared error of one row of one head, as it is expected.
struct RowError {
  double shift = 0;  // of errors in Q, K and G, if small
  double limit = 0;  // of `shift`
  double rest = 0;   // of values and of rounding, in addition
};

// A row whose expected error is more than this number of times that of the median row is taken as the machine has it,
// up to its limit.
constexpr double kUnusual = 25;

struct RowErrors {
  double mean = 0, largest = 0;
};
// seen: mean squared errors of the same rows in the machine.
RowErrors expected_row_errors(const std::vector<RowError>& rows, const std::vector<double>& seen);

// In the order of reference::LayerRanges::sensitivities: by instance, head and row. got * scale is compared with want.
std::vector<double> seen_row_errors(const Attention& attention, const MatrixD& got, double scale, const MatrixD& want);

}  // namespace vitality
