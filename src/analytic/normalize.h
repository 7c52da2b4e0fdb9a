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

// Watts on chip with every PE and lane busy, both edges of the arrays streaming from the scratchpad, and leakage; for a
// roofline its TDP. A design figure, the same for every model.
double peak_power_w(const HardwareConfig& config);

struct NormalizedMachine {
  HardwareConfig config;
  std::string how;  // what was changed and what it came to; "" when nothing was
};
// The largest machine within the reference's budget. Throws InfeasibleError where there is none (a roofline has no
// area; memories alone exceed the budget).
NormalizedMachine normalized_machine(const HardwareConfig& config, Normalization normalization,
                                     const HardwareConfig& reference);

// One line: "64 x 64 -> 33 x 32 PEs".
std::string describe_scaling(const HardwareConfig& before, const HardwareConfig& after);

}  // namespace vitality
