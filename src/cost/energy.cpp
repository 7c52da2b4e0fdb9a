#include "cost/energy.h"

#include <algorithm>
#include <cmath>

#include "config/technology.h"
#include "cost/machine_units.h"
#include "cost/noc_route.h"
#include "cost/sparse_machine.h"

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
      area_scale_(technology_area_factor(config.energy.technology_nm, config.technology_nm)) {
  const EnergyTable& table = config.energy;
  const FormatCosts& format = table.format[config.precision];
  const auto set = [this](Action action, Picojoules pj) {
    action_pj_[static_cast<std::size_t>(action)] = pj * energy_scale_;
  };
  // A PE that can also keep its sums (G-stationary) clocks a second register beside the partial sum that passes through
  // it.
  const double dual =
      config.matrix_engine.accumulation == Accumulation::kGStationary ? table.dual_accumulation_pj_per_mac : 0;
  set(Action::kMac, (format.pe_pj + dual) * table.knob_compute);
  set(Action::kAccumulate, format.accumulate_pj * table.knob_compute);
  set(Action::kAdd, format.add_pj * table.knob_compute);
  set(Action::kMultiply, format.multiply_pj * table.knob_compute);
  set(Action::kDivide, format.divide_pj * table.knob_compute);
  set(Action::kExp, format.exp_pj * table.knob_compute);
  set(Action::kCompare, format.compare_pj * table.knob_compute);
  // A multiplication of the predictor costs an int8 PE scaled by the square of the operand width.
  const double bits = config.sparsity.predictor_bits / 8.0;
  set(Action::kLowPrecisionMac, table.format[Precision::kInt8].pe_pj * bits * bits * table.knob_compute);
  const double bank_kib = static_cast<double>(config.scratchpad.capacity_kib) / config.scratchpad.banks;
  const double read =
      sram_read_pj_per_byte(table, bank_kib, config.scratchpad.port_bytes) * table.sram_margin * table.knob_sram;
  set(Action::kScratchpadRead, read);
  set(Action::kScratchpadWrite, read * table.sram_write_fraction);
  set(Action::kNocByteHop, table.noc_pj_per_byte_hop * table.knob_noc);
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

Picojoules EnergyModel::clock_per_cycle() const {
  return processing_elements(config_) * config_.energy.clock_pj_per_pe_cycle * config_.energy.knob_compute *
         energy_scale_;
}

Picojoules EnergyModel::leakage_per_cycle() const {
  const FormatCosts& format = config_.energy.format[config_.precision];
  const double predictor = unit_count(config_, UnitKind::kPredictor) * predictor_pes(config_) *
                           config_.energy.format[Precision::kInt8].pe_leakage_uw;
  const double watts = (processing_elements(config_) * format.pe_leakage_uw + predictor) * 1e-6 +
                       config_.scratchpad.capacity_kib * config_.energy.sram_leakage_mw_per_kib * 1e-3;
  return watts / (config_.clock_mhz * 1e6) * 1e12 * energy_scale_ + clock_per_cycle();
}

SquareMicrons EnergyModel::unit_area(UnitKind unit) const {
  return unit_row(config_, unit).um2 * config_.energy.knob_area * area_scale_;
}

SquareMicrons EnergyModel::scratchpad_area() const {
  return config_.scratchpad.capacity_kib * config_.energy.sram_um2_per_kib * config_.energy.knob_area * area_scale_;
}

SquareMicrons EnergyModel::noc_area() const {
  SquareMicrons core = scratchpad_area();
  for (const UnitKind kind : all_of_enum<UnitKind>()) core += unit_count(config_, kind) * unit_area(kind);
  return core * config_.energy.noc_area_fraction * noc_links(config_) * config_.noc.link_bytes /
         config_.energy.noc_area_link_bytes;
}

SquareMicrons EnergyModel::total_area() const {
  SquareMicrons area = scratchpad_area() + noc_area();
  for (const UnitKind kind : all_of_enum<UnitKind>()) area += unit_count(config_, kind) * unit_area(kind);
  return area;
}

}  // namespace vitality
