// How large the errors of a layer's values may be. The limits are derived from the number format, not chosen.
//
// A variance is carried through the model, layer by layer: the expected mean squared difference between the machine's
// output and the double reference. It grows from four sources, which are assumed to be independent and to have mean
// zero:
//
// - Storage. A value of a fixed format: LSB^2 / 12, the LSB being the tensor's scale (ValuePlan). A floating value x:
//   0.18 (x u)^2, u half a unit in the last place of 1 (the mean over values whose logarithm is uniform).
// - Weights. K products with weights that carry their own storage error: K mean(x^2) var(w).
// - Inputs. K products with inputs that carry the error of the layers before: K var(x) mean(w^2).
// - Accumulation. K sums, each rounded to fp32 (fp16, fp32) or fp64 (fp64), relative to the result; exact in fixed
//   formats.
//
// Norms and activations multiply a variance by the mean square of their derivative; additions add variances. Attention
// is followed step by step: the scores or G, the stored map P, the sum over keys (for online
// softmax: the rescaled sums). Errors that tokens have in common do
// not vanish in a mean over tokens: the variance falls by the same factor as the mean square of the values. Equal
// entries of P round alike, so the errors of a flat row add up. Lengths, scales and mean squares come from the model
// and from the reference (LayerRanges). Besides the mean over all elements, the variance of the worst row is carried:
// the row with the least variance before a layer norm, the row with the most peaked P.
//
// A run passes where in every layer, with F = kErrorFactor, z = kDeviations and N elements,
//   the root of the mean squared error is at most F s (1 + z / sqrt(2 N')), s^2 the expected variance: z standard
//   deviations above F s when N' = N s^2 / (variance of the worst row) of the errors are independent;
//   the largest error is at most F t sqrt(2 ln N + z^2), t that of the worst row: where N normal numbers have all
//   stayed but in one of e^(z^2 / 2) = 270,000 cases (floating formats: plus F s / rms of the largest value's own);
//   the mean error is at most 2 F s / sqrt(the smaller of rows and columns): errors may be common to a row or to a
//   column, not to all (activations of fixed formats: plus 1/8 LSB, of inputs that lie where the function is flat).
// If operands have equal neighbours (LayerRanges::repeats), errors are not independent but the same. In such a layer
// and all layers after it, K in the sums above becomes K^2, N' is 1, and the mean may be as large as the root of the
// mean square. A wrong direction of rounding shows in the mean, a lost bias or tile in the mean square, a wrong row in
// the largest error. F covers what the variances leave out. docs/algorithm.md has the measurements.
#pragma once

#include <functional>
#include <vector>

#include "config/hardware_config.h"
#include "reference/model.h"
#include "sim/values/value_plan.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality {

constexpr double kErrorFactor = 2;
constexpr double kDeviations = 5;

struct ErrorTolerance {
  double largest = 0, rms = 0, mean = 0;  // relative to the layer's largest value
};

// computed(layer): whether the machine computes the layer; other layers are given to it, and carry only their storage
// error. row_errors: by layer, of ReLU-linear attention what seen_row_errors() has found; empty for others. The ranges
// must be complete: the reference has run.
std::vector<ErrorTolerance> error_tolerances(const VitModel& model, const HardwareConfig& config,
                                             const reference::ForwardOptions& options,
                                             const reference::ForwardResult& reference, const ValuePlan& plan,
                                             const ParameterSource& parameters,
                                             const std::vector<std::vector<double>>& row_errors,
                                             const std::function<bool(int layer)>& computed);

}  // namespace vitality
