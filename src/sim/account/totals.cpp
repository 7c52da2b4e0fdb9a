#include "sim/account/totals.h"

#include "sim/account/timeline_bins.h"

namespace vitality {
namespace {

std::vector<double> scaled(const EnergyRange& range, double factor) {
  return {range[0] * factor, range[1] * factor};
}

// The ranges around the totals. Registers are apart from the classes that contain them.
void find_ranges(const RunRecord& run, const EnergyModel& prices, const EnergyBreakdown& energy, Picojoules registers,
                 double seconds, Totals& totals) {
  EnergyClasses& classes = totals.classes;
  const double cycles = static_cast<double>(totals.cycles);
  classes = {energy.compute - (prices.gated() ? registers : 0), energy.sram, energy.noc, energy.dram,
             prices.leakage_per_cycle() * cycles};
  classes.gated_registers = registers, classes.ungated_registers = prices.all_registers() * cycles;
  const EnergyFactors factors = energy_factors(run.config);
  const EnergyRange whole = energy_range(classes, factors, true), chip = energy_range(classes, factors, false);
  totals.energy_mj_range = scaled(whole, 1e-9);
  totals.power_w_range = scaled(whole, 1e-12 / seconds);
  totals.on_chip_power_w_range = scaled(chip, 1e-12 / seconds);
}

void finish(const RunRecord& run, const EnergyModel& prices, const EnergyBreakdown& energy, Picojoules registers,
            Totals& totals) {
  totals.latency_ms = static_cast<double>(totals.cycles) / (run.config.clock_mhz * 1e3);
  totals.energy_mj = energy.total() * 1e-9;
  const double seconds = totals.latency_ms * 1e-3;
  totals.area_mm2 = prices.total_area() * 1e-6;
  if (seconds <= 0) return;
  find_ranges(run, prices, energy, registers, seconds, totals);
  totals.average_power_w = energy.total() * 1e-12 / seconds;
  totals.on_chip_power_w = energy.on_chip() * 1e-12 / seconds;
  totals.gops = 2e-9 * static_cast<double>(totals.macs) / seconds;
  totals.gops_per_w = totals.average_power_w > 0 ? totals.gops / totals.average_power_w : 0;
  totals.utilization = static_cast<double>(totals.macs) / (run.peak_macs() * static_cast<double>(totals.cycles));
}

void add(Totals& totals, const LayerResult& layer) {
  totals.macs += layer.macs;
  totals.operations += layer.operations;
  totals.dram_read_bytes += layer.dram_read_bytes, totals.dram_write_bytes += layer.dram_write_bytes;
  totals.sram_read_bytes += layer.sram_read_bytes, totals.sram_write_bytes += layer.sram_write_bytes;
  totals.noc_byte_hops += layer.noc_byte_hops;
}

void add(EnergyBreakdown& sum, const EnergyBreakdown& part) {
  sum.compute += part.compute, sum.sram += part.sram, sum.noc += part.noc, sum.dram += part.dram;
}

}  // namespace

void count_totals(const RunRecord& run, const EnergyModel& prices, Cycles attention_cycles, SimulationResult& result) {
  EnergyBreakdown attention_energy;
  Picojoules registers = 0, attention_registers = 0;
  for (const LayerResult& layer : result.layers) {
    add(result.totals, layer);
    add(result.energy, layer.energy);
    registers += layer.registers;
    if (layer.kind != "attention" || !layer.executed) continue;
    add(result.attention_totals, layer);
    add(attention_energy, layer.energy);
    attention_registers += layer.registers;
  }
  result.totals.cycles = run.cycles;
  result.attention_totals.cycles = attention_cycles;
  result.energy.leakage = prices.idle_per_cycle() * static_cast<double>(run.cycles);
  attention_energy.leakage = prices.idle_per_cycle() * static_cast<double>(result.attention_totals.cycles);
  result.clock_energy = prices.gated() ? 0 : prices.all_registers() * static_cast<double>(run.cycles);
  finish(run, prices, result.energy, registers, result.totals);
  finish(run, prices, attention_energy, attention_registers, result.attention_totals);
  result.bin_cycles = timeline_bin_cycles(run.cycles);
  for (int a = 0; a < kActions; ++a) {
    const auto action = static_cast<Action>(a);
    if (prices.per_action(action) > 0)
      result.action_prices.emplace_back(action_name(action), prices.per_action(action));
  }
}

}  // namespace vitality
