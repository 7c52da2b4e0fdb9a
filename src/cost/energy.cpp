#include "cost/energy.h"

#include <algorithm>
#include <cmath>

#include "config/technology.h"
#include "cost/machine_units.h"

namespace vitality {

double sram_read_pj_per_byte(const EnergyTable& table, double kib) {
  const auto& points = table.sram_read_pj_per_byte;
  if (kib <= points.front()[0]) return points.front()[1] * std::sqrt(kib / points.front()[0]);
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (kib <= points[i][0]) {
      const double t = (kib - points[i - 1][0]) / (points[i][0] - points[i - 1][0]);
      return points[i - 1][1] + t * (points[i][1] - points[i - 1][1]);
    }
  }
  return points.back()[1] * std::sqrt(kib / points.back()[0]);
}

double sram_read_pj_per_byte(const EnergyTable& table, double kib, int port_bytes) {
  const double lanes = 8.0 / std::min(8, port_bytes), fixed = table.sram_narrow_port_fixed_fraction;
  return sram_read_pj_per_byte(table, kib) * (fixed * lanes + 1 - fixed);
}

EnergyModel::EnergyModel(const HardwareConfig& config)
    : config_(config),
      energy_scale_(technology_energy_factor(config.energy.technology_nm, config.technology_nm)),
      parts_(parts_of(config)) {
  price_actions();
  price_parts();
}

void EnergyModel::price_actions() {
  const EnergyTable& table = config_.energy;
  const FormatCosts &format = table.format[config_.precision], &int8 = table.format[Precision::kInt8];
  const auto set = [this](Action action, Picojoules pj) {
    action_pj_[static_cast<std::size_t>(action)] = pj * energy_scale_;
  };
  set(Action::kMac, (format.multiply_pj + format.sum_pj) * table.knob_compute);
  set(Action::kAccumulate, format.accumulate_pj * table.knob_compute);
  set(Action::kAdd, format.add_pj * table.knob_compute);
  set(Action::kMultiply, format.multiply_pj * table.knob_compute);
  set(Action::kDivide, format.divide_pj * table.knob_compute);
  set(Action::kExp, format.exp_pj * table.knob_compute);
  set(Action::kCompare, format.compare_pj * table.knob_compute);
  // A multiplication of the predictor costs an int8 one scaled by the square of the operand width.
  const double bits = config_.sparsity.predictor_bits / 8.0;
  set(Action::kLowPrecisionMac, (int8.multiply_pj + int8.sum_pj) * bits * bits * table.knob_compute);
  const ScratchpadConfig& scratchpad = config_.scratchpad;
  const double bank_kib = static_cast<double>(scratchpad.capacity_kib) / scratchpad.banks;
  const double read =
      sram_read_pj_per_byte(table, bank_kib, scratchpad.port_bytes) * table.sram_margin * table.knob_sram;
  set(Action::kScratchpadRead, read);
  set(Action::kScratchpadWrite, read * table.sram_write_fraction);
  set(Action::kNocByteHop, table.noc_pj_per_byte_hop * table.knob_noc);
}

void EnergyModel::price_parts() {
  flip_flop_pj_ = config_.energy.flip_flop_fj * 1e-3 * config_.energy.knob_registers * energy_scale_;
  EnumArray<PartUnit, double> clocked{};
  for (const PricedPart& part : parts_) {
    area_[part.unit] += part.um2;
    clocked[part.unit] += part.clocked_flip_flops;
    all_registers_pj_ += part.flip_flops * flip_flop_pj_;
    leakage_pj_ += leakage_of(part);
  }
  for (const UnitKind kind : all_of_enum<UnitKind>())
    if (has_parts(kind) && has_unit(config_, kind))
      working_pj_[kind] = clocked[part_unit(kind)] / unit_count(config_, kind) * flip_flop_pj_;
}

Picojoules EnergyModel::leakage_of(const PricedPart& part) const {
  const EnergyTable& table = config_.energy;
  double watts = 0;
  if (part.kind == PartKind::kSram)
    watts = part.number * table.sram_leakage_mw_per_kib * 1e-3;
  else if (part.kind != PartKind::kWiring)
    watts = part.table_um2 * table.leakage_nw_per_um2 * 1e-9;
  return watts / (config_.clock_mhz * 1e6) * 1e12 * energy_scale_;
}

Picojoules EnergyModel::compute(const ActionCounts& actions) const {
  Picojoules sum = 0;
  for (const Action action : {Action::kMac, Action::kAccumulate, Action::kAdd, Action::kMultiply, Action::kDivide,
                              Action::kExp, Action::kCompare, Action::kLowPrecisionMac})
    sum += static_cast<double>(actions[action]) * per_action(action);
  return sum;
}

Picojoules EnergyModel::sram(const ActionCounts& actions) const {
  return static_cast<double>(actions[Action::kScratchpadRead]) * per_action(Action::kScratchpadRead) +
         static_cast<double>(actions[Action::kScratchpadWrite]) * per_action(Action::kScratchpadWrite);
}

Picojoules EnergyModel::noc(const ActionCounts& actions) const {
  return static_cast<double>(actions[Action::kNocByteHop]) * per_action(Action::kNocByteHop);
}

Picojoules EnergyModel::dram_per_byte() const {
  return config_.dram.device.all_in_pj_per_bit * 8 * config_.energy.knob_dram;
}

Picojoules EnergyModel::array_cycle() const {
  return idle_per_cycle() +
         (gated() ? working_pj_[UnitKind::kMatrixEngine] + working_pj_[UnitKind::kDiagonalEngine] : 0);
}

SquareMicrons EnergyModel::unit_area(UnitKind unit) const {
  return has_parts(unit) && has_unit(config_, unit) ? area_[part_unit(unit)] / unit_count(config_, unit) : 0;
}

SquareMicrons EnergyModel::total_area() const {
  SquareMicrons sum = 0;
  for (const PricedPart& part : parts_) sum += part.um2;
  return sum;
}

Cycles clocked_cycles(const JobCost& cost, const HardwareConfig& config) {
  const Cycles stalls = cost.scratchpad_stall + cost.noc_stall;
  const Cycles load = cost.load - cost.load_scratchpad_stall - cost.load_noc_stall;
  return cost.stream - stalls + (config.matrix_engine.stationary_prefetch ? 0 : load + cost.drain);
}

}  // namespace vitality
