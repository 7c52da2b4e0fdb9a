// Machines that are not simulated: rooflines, this computer, and the released cost models of sanger, vitcod and salo.
// Their results have the same tree; simulate() calls this for them.
#pragma once

#include "sim/simulate.h"

namespace vitality {

bool is_simulated(const HardwareConfig& config);
// With numerics it measures the approximation error of the attention kind on the seeded inputs. It checks no machine's
// arithmetic, because none is computed.
SimulationResult evaluate_analytic(const HardwareConfig& config, const VitModel& model,
                                   const SimulationOptions& options);

}  // namespace vitality
