// Machines that are not simulated: rooflines, this computer, and the released cost models of sanger, vitcod and salo.
// They answer in the same result tree; simulate() sends them here.
#pragma once

#include "sim/simulate.h"

namespace vitality {

bool is_simulated(const HardwareConfig& config);
// With numerics: the approximation error of the attention kind on the seeded inputs (no machine's arithmetic is
// computed, so none is checked).
SimulationResult evaluate_analytic(const HardwareConfig& config, const VitModel& model,
                                   const SimulationOptions& options);

}  // namespace vitality
