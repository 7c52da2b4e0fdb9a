#include "cost/machine_units.h"

#include "cost/sparse_machine.h"

namespace vitality {
namespace {

bool works_on_masks(const HardwareConfig& config) {
  return traits(config.machine).sparse_baseline || config.sparse_unit.enabled;
}

Count macs(const ActionCounts& actions) {
  return actions[Action::kMac];
}

UnitRow dividers(const HardwareConfig& config) {
  const LaneConfig& lanes = config.dividers;
  return {lanes.count, lanes, [](const ActionCounts& a) { return a[Action::kDivide]; },
          static_cast<double>(lanes.lanes) / lanes.initiation_interval};
}

UnitRow special_functions(const HardwareConfig& config) {
  const SpecialFunctionConfig& unit = config.special_functions;
  return {unit.count,
          {unit.lanes, unit.latency_cycles, unit.initiation_interval, unit.count},
          [](const ActionCounts& a) { return a[Action::kExp] + a[Action::kMultiply]; },
          2.0 * unit.lanes};
}

// Each lane multiplies and adds; one divider computes the mean and the reciprocal deviation of the row.
UnitRow layer_norm(const HardwareConfig& config) {
  const LaneConfig& unit = config.layer_norm;
  if (unit.lanes == 0) return {};
  return {unit.count, unit, [](const ActionCounts& a) { return a[Action::kMultiply]; },
          static_cast<double>(unit.lanes)};
}

UnitRow predictor(const HardwareConfig& config) {
  if (!works_on_masks(config) || !sparse_machine(config).predicts) return {};
  const SparseUnitConfig& unit = config.sparse_unit;
  return {unit.count,
          {},
          [](const ActionCounts& a) { return a[Action::kLowPrecisionMac]; },
          static_cast<double>(unit.predictor_rows) * unit.predictor_cols};
}

UnitRow sparse_engine(const HardwareConfig& config) {
  if (!works_on_masks(config) || sparse_machine(config).engine != UnitKind::kSparseEngine) return {};
  return {config.sparse_unit.count, {}, macs, static_cast<double>(sparse_array(config).pes())};
}

UnitRow exp_unit(const HardwareConfig& config) {
  if (!works_on_masks(config) || sparse_machine(config).softmax != UnitKind::kExpUnit) return {};
  const SparseUnitConfig& unit = config.sparse_unit;
  return {unit.count,
          {unit.exp_lanes, unit.exp_latency_cycles, 1, unit.count},
          [](const ActionCounts& a) { return a[Action::kExp]; },
          static_cast<double>(unit.exp_lanes)};
}

}  // namespace

UnitRow unit_row(const HardwareConfig& config, UnitKind kind) {
  switch (kind) {
    case UnitKind::kMatrixEngine:
      return {config.matrix_engine.count, {}, macs, matrix_engine_pes(config)};
    case UnitKind::kDiagonalEngine:
      if (!config.diagonal_engine.enabled) return {};
      return {config.matrix_engine.count, {}, macs, static_cast<double>(config.diagonal_engine.rows)};
    case UnitKind::kAccumulators:
      return {config.accumulators.count, config.accumulators,
              [](const ActionCounts& a) { return a[Action::kAccumulate]; },
              static_cast<double>(config.accumulators.lanes)};
    case UnitKind::kDividers:
      return dividers(config);
    case UnitKind::kAdders:
      return {config.adders.count, config.adders,
              [](const ActionCounts& a) { return a[Action::kAdd] + a[Action::kCompare]; },
              static_cast<double>(config.adders.lanes)};
    case UnitKind::kSpecialFunctions:
      return special_functions(config);
    case UnitKind::kLayerNorm:
      return layer_norm(config);
    case UnitKind::kPredictor:
      return predictor(config);
    case UnitKind::kSparseEngine:
      return sparse_engine(config);
    case UnitKind::kExpUnit:
      return exp_unit(config);
    case UnitKind::kDmaLoad:
    case UnitKind::kDmaStore:
      return {1,
              {},
              [](const ActionCounts& a) { return a[Action::kScratchpadRead] + a[Action::kScratchpadWrite]; },
              peak_dram_bytes_per_cycle(config)};
    case UnitKind::kUncharged:
      return {};
  }
  return {};
}

int unit_count(const HardwareConfig& config, UnitKind kind) {
  return unit_row(config, kind).count;
}

MachineUnits::MachineUnits(const HardwareConfig& config) {
  for (const UnitKind kind : all_of_enum<UnitKind>()) {
    first_[kind] = static_cast<std::int32_t>(units_.size());
    count_[kind] = unit_count(config, kind);
    for (int number = 0; number < count_[kind]; ++number)
      units_.push_back({kind, number == 0 ? to_string(kind) : to_string(kind) + std::to_string(number)});
  }
}

ArrayShape sparse_array(const HardwareConfig& config) {
  if (sparse_machine(config).engine == UnitKind::kSparseEngine)
    return {config.sparse_unit.pe_rows, config.sparse_unit.pes_per_row};
  return {config.matrix_engine.rows, config.matrix_engine.cols};
}

double matrix_engine_pes(const HardwareConfig& config) {
  double pes = static_cast<double>(config.matrix_engine.rows) * config.matrix_engine.cols;
  if (traits(config.machine).border_pes) pes += config.matrix_engine.rows + config.matrix_engine.cols;
  return pes;
}

double processing_elements(const HardwareConfig& config) {
  const Count sparse = unit_count(config, UnitKind::kSparseEngine) * sparse_array(config).pes();
  return unit_count(config, UnitKind::kMatrixEngine) * matrix_engine_pes(config) +
         unit_count(config, UnitKind::kDiagonalEngine) * config.diagonal_engine.rows + static_cast<double>(sparse);
}

}  // namespace vitality
