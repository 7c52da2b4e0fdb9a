// Resizes a machine to another one's budget, for like-for-like comparisons: the same multiply-accumulate rate, the same
// area or the same power.
//
// Only compute is resized: the PEs of the arrays by the factor; the edges of arrays, lanes, and ports of scratchpad and
// NoC by the square root of it (they feed edges). Capacities do not change. For rooflines the peak rates are multiplied
// (and for power the TDP).
#pragma once

#include <string>

#include "config/hardware_config.h"

namespace vitality {

enum class Normalization { kNone, kMacs, kArea, kPower };
const char* to_string(Normalization normalization);

// Multiply-accumulates per second with every PE busy: arrays and sparse engines; for a roofline, the peak of its number
// format.
// format.
double peak_macs_per_second(const HardwareConfig& config);

// The machine with `factor` times the PEs, as close as whole PEs come.
HardwareConfig scaled_machine(const HardwareConfig& config, double factor);

// Watts on chip with every PE and lane busy and both edges of the arrays streaming from the scratchpad, including
// leakage; for a roofline its TDP. A property of the design, the same for every model.
double peak_power_w(const HardwareConfig& config);

struct NormalizedMachine {
  HardwareConfig config;
  std::string how;  // what was changed, with the value reached; "" if nothing was
};
// The largest machine within the budget of the reference. Throws InfeasibleError if there is none (a roofline has no
// area; the memories alone exceed the budget).
NormalizedMachine normalized_machine(const HardwareConfig& config, Normalization normalization,
                                     const HardwareConfig& reference);

// One line: "64 x 64 -> 33 x 32 PEs".
std::string describe_scaling(const HardwareConfig& before, const HardwareConfig& after);

}  // namespace vitality
