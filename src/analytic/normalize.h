// Resizes a machine to another one's budget, for like-for-like comparisons: the same multiply-accumulate rate, the same
// area or the same power.
//
// Only compute is resized: PEs of the arrays by the factor, array edges, lanes and ports of scratchpad and NoC with the
// square root of it (they feed edges). Capacities stay. Rooflines have their peak rates (and for power the TDP)
// multiplied.
#pragma once

#include <string>

#include "config/hardware_config.h"

namespace vitality {

enum class Normalization { kNone, kMacs, kArea, kPower };
const char* to_string(Normalization normalization);

// Multiply-accumulates a second with every PE busy: arrays and sparse engines; for a roofline, the peak of its number
// format.
double peak_macs_per_second(const HardwareConfig& config);

// The machine with `factor` times the PEs, as close as whole PEs come.
HardwareConfig scaled_machine(const HardwareConfig& config, double factor);

struct NormalizedMachine {
  HardwareConfig config;
  std::string how;  // what was changed and what it came to; "" when nothing was
};
// Throws InfeasibleError where the budget cannot be met (a roofline has no area; memories alone exceed it). kPower is
// not met from the config alone: the caller finds the factor from runs.
NormalizedMachine normalized_machine(const HardwareConfig& config, Normalization normalization,
                                     const HardwareConfig& reference);

// One line: "64 x 64 -> 33 x 32 PEs".
std::string describe_scaling(const HardwareConfig& before, const HardwareConfig& after);

}  // namespace vitality
