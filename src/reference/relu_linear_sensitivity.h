// How errors of its operands reach each row of ReLU-linear attention: what the error model asks of the reference.
//
// Z = T_N / t_D magnifies errors where t_D is small, so no mean over rows can say how large they are. For one row, with
// independent errors of mean 0, the variance of Z (mean over its elements) is the sum of a factor times a variance for
// each of Q, K, V and the stored G; what Q, K and G contribute is at most `limit`. docs/algorithm.md (Tolerances)
// derives the factors.
#pragma once

#include <vector>

#include "reference/attention.h"

namespace vitality {

struct RowSensitivity {
  double query = 0, key = 0, value = 0, context = 0;  // factors of the variances of an element of Q, K, V, G
  double limit = 0;                                   // mean square over the elements
};

// Elements of Q and K that the ReLU takes away count by the chance that an error brings them back. The factors hold for
// errors whose deviation is at most this part of the operand's largest magnitude.
constexpr double kLargestDeviation = 1.0 / 28;

// `steps` are those of q, k, v. One entry a row of Q.
std::vector<RowSensitivity> relu_linear_sensitivity(const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                                    const ReluLinearSteps& steps);

}  // namespace vitality
