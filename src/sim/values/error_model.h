// How large the errors of a layer's values may be: derived from the number format, not chosen.
//
// A variance is carried through the model, layer by layer: the expected mean squared difference between the machine's
// output and the double reference. It grows from four sources, taken as independent and without a mean:
//
//   storage       a value of a fixed format: LSB^2 / 12, the LSB being the tensor's scale (ValuePlan). A floating value
//   x:
//                 0.18 (x u)^2, u half a unit in the last place of 1 (the mean over values whose logarithm is uniform).
//   weights       K products with weights that carry their own storage error: K mean(x^2) var(w)
//   inputs        K products with inputs that carry the error of the layers before: K var(x) mean(w^2)
//   accumulation  K sums, each rounded to fp32 (fp16, fp32) or fp64 (fp64), relative to the result; exact in fixed
//   formats
//
// Norms and activations multiply a variance by the mean square of their derivative, additions add variances. Attention
// goes through its steps: the scores or G, the stored map P, the sum over keys. Errors of values that tokens have in
// common do not vanish in a mean over tokens: the variance falls by as much as the values' own mean square does.
// Lengths, scales and mean squares come from the model and from the reference (LayerRanges).
//
// A run passes where in every layer
//   the root of the mean squared error is at most kErrorFactor times the root of the expected variance,
//   the largest error at most z times that, z = sqrt(2 ln N) + 2: what the largest of N normal numbers hardly exceeds,
//   the mean error at most that over sqrt(the smaller of rows and columns): errors may be common to a row or to a
//   column, not to all.
// A wrong direction of rounding shows in the mean, a lost bias or tile in the mean square, a wrong row in the largest.
// The factor covers what the model leaves out: correlation between errors, rows and channels of different size.
#pragma once

#include <functional>
#include <vector>

#include "config/hardware_config.h"
#include "reference/model.h"
#include "sim/values/value_plan.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality {

constexpr double kErrorFactor = 2.5;

struct ErrorTolerance {
  double largest = 0, rms = 0, mean = 0;  // relative to the layer's largest value
};

// computed(layer): the machine has computed the layer; others are given to it, and carry their storage error alone.
// Complete ranges: the reference has run.
std::vector<ErrorTolerance> error_tolerances(const VitModel& model, const HardwareConfig& config,
                                             const reference::ForwardOptions& options,
                                             const std::vector<reference::LayerRanges>& ranges, const ValuePlan& plan,
                                             const ParameterSource& parameters,
                                             const std::function<bool(int layer)>& computed);

}  // namespace vitality
