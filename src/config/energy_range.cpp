#include "config/energy_range.h"

#include <algorithm>

namespace vitality {

EnergyFactors energy_factors(const HardwareConfig& config) {
  const EnergyTable& table = config.energy;
  return {table.factor_compute, table.factor_registers,           table.factor_sram,
          table.factor_noc,     config.dram.device.energy_factor, table.factor_leakage};
}

EnergyRange energy_range(const EnergyClasses& energy, const EnergyFactors& factors, bool with_dram) {
  EnergyRange range{energy.gated_registers / factors.registers, energy.ungated_registers * factors.registers};
  const auto add = [&](Picojoules part, double factor) {
    range[0] += part / factor;
    range[1] += part * factor;
  };
  add(energy.compute, factors.compute);
  add(energy.sram, factors.sram);
  add(energy.noc, factors.noc);
  add(energy.leakage, factors.leakage);
  if (with_dram) add(energy.dram, factors.dram);
  return range;
}

namespace {

// One bit a class: its prices are dear or cheap. Registers have two: their price, and whether they are ungated.
constexpr int kCompute = 1, kRegisters = 2, kUngated = 4, kSram = 8, kNoc = 16, kLeakage = 32, kDram = 64,
              kDramOfB = 128, kCases = 256;

Picojoules energy_in(const UncertainEnergy& machine, int dear, int dram_bit, bool with_dram) {
  const EnergyClasses& e = machine.energy;
  const EnergyFactors& f = machine.factors;
  const auto priced = [dear](Picojoules part, double factor, int bit) {
    return (dear & bit) != 0 ? part * factor : part / factor;
  };
  const Picojoules registers = (dear & kUngated) != 0 ? e.ungated_registers : e.gated_registers;
  return priced(e.compute, f.compute, kCompute) + priced(registers, f.registers, kRegisters) +
         priced(e.sram, f.sram, kSram) + priced(e.noc, f.noc, kNoc) + priced(e.leakage, f.leakage, kLeakage) +
         (with_dram ? priced(e.dram, f.dram, dram_bit) : 0);
}

}  // namespace

EnergyRange energy_ratio_range(const UncertainEnergy& a, const UncertainEnergy& b, RatioOf what) {
  // The ratio of two sums of positive terms is largest and smallest where every price is at one of its ends.
  const bool with_dram = what != RatioOf::kChip;
  EnergyRange range{};
  for (int dear = 0; dear < kCases; ++dear) {
    const double ratio = energy_in(a, dear, kDram, with_dram) /
                         energy_in(b, dear, what == RatioOf::kWithOtherDram ? kDramOfB : kDram, with_dram);
    if (dear == 0) range = {ratio, ratio};
    range = {std::min(range[0], ratio), std::max(range[1], ratio)};
  }
  return range;
}

}  // namespace vitality
