#include "cost/energy.h"

#include "config/technology.h"
#include "cost/machine_units.h"
#include "cost/noc_route.h"
#include "cost/sram.h"

namespace vitality {

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
  const Picojoules read = sram_read_pj_per_byte(table, sram_macros(config_.scratchpad));
  set(Action::kScratchpadRead, read);
  set(Action::kScratchpadWrite, read * table.sram_write_fraction);
}

void EnergyModel::price_parts() {
  const EnergyTable& table = config_.energy;
  const Picojoules clocked_bit = table.flip_flop_fj * (1 + table.clock_tree_share) * 1e-3 * energy_scale_;
  flip_flop_pj_ = clocked_bit * table.knob_registers;
  multiplexer_pj_ = table.multiplexer_fj * 1e-3 * table.knob_compute * energy_scale_;
  EnumArray<PartUnit, double> clocked{}, multiplexers{};
  for (const PricedPart& part : parts_) {
    area_[part.unit] += part.um2;
    clocked[part.unit] += part.clocked_flip_flops;
    multiplexers[part.unit] += part.multiplexer_bits;
    all_registers_pj_ += part.flip_flops * flip_flop_pj_;
    leakage_pj_ += leakage_of(part);
  }
  for (const UnitKind kind : all_of_enum<UnitKind>())
    if (has_parts(kind) && has_unit(config_, kind)) {
      const int units = unit_count(config_, kind);
      working_pj_[kind] = clocked[part_unit(kind)] / units * flip_flop_pj_;
      multiplexers_pj_[kind] = multiplexers[part_unit(kind)] / units * multiplexer_pj_;
    }
  // A hop crosses the wires of a link and is kept in registers for as many cycles as it takes. Wires do not scale.
  const double link_mm = noc_link_mm(config_, total_area() - noc_area());
  action_pj_[static_cast<std::size_t>(Action::kNocByteHop)] =
      8 * (table.noc_wire_fj_per_bit_mm * 1e-3 * link_mm + config_.noc.hop_latency_cycles * clocked_bit) *
      table.knob_noc;
}

Picojoules EnergyModel::leakage_of(const PricedPart& part) const {
  const EnergyTable& table = config_.energy;
  double watts = 0;
  if (part.kind == PartKind::kSram)
    watts = part.number * table.sram_leakage_mw_per_kib * 1e-3;
  else
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
  return idle_per_cycle() + working_cycle(UnitKind::kMatrixEngine) + working_cycle(UnitKind::kDiagonalEngine);
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
