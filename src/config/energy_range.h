// How far a run's energy may be off: each class of prices by its factor (energy.factor_*, dram.device.energy_factor)
// either way, and registers between those that a gated clock reaches and all of them in every cycle.
#pragma once

#include <array>

#include "base/units.h"
#include "config/hardware_config.h"

namespace vitality {

// Energies of a run by class; no class contains another one.
struct EnergyClasses {
  Picojoules compute = 0, sram = 0, noc = 0, dram = 0, leakage = 0;
  Picojoules gated_registers = 0, ungated_registers = 0;  // clocking of registers, either way; gated is the smaller
};

struct EnergyFactors {
  double compute, registers, sram, noc, dram, leakage;
};
EnergyFactors energy_factors(const HardwareConfig& config);

using EnergyRange = std::array<double, 2>;  // low, high
EnergyRange energy_range(const EnergyClasses& energy, const EnergyFactors& factors, bool with_dram);

// A machine's energies with how far their prices may be off.
struct UncertainEnergy {
  EnergyClasses energy;
  EnergyFactors factors;
};
// The range of energy(a) / energy(b). Both machines' prices of a class are off in the same direction, and both gate
// their registers or neither does; DRAM only if it is the same device.
enum class RatioOf { kChip, kWithSameDram, kWithOtherDram };
EnergyRange energy_ratio_range(const UncertainEnergy& a, const UncertainEnergy& b, RatioOf what);

}  // namespace vitality
