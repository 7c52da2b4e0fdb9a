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

UnitRow matrix_engine(const HardwareConfig& config) {
  const FormatCosts& format = config.energy.format[config.precision];
  const MatrixEngineConfig& engine = config.matrix_engine;
  const double pes = matrix_engine_pes(config);
  double um2 = pes * format.pe_um2 + engine.cols * format.accumulate_um2;  // with the adders below the columns
  if (traits(config.machine).sparse_baseline && sparse_machine(config).softmax == UnitKind::kMatrixEngine)
    um2 += pes * (format.exp_um2 + format.add_um2) + engine.rows * format.divide_um2;  // softmax in the PEs
  // G-stationary needs both accumulation styles in a PE: an accumulator and its multiplexer beside the passing
  // partial sum.
  if (engine.accumulation == Accumulation::kGStationary)
    um2 += static_cast<double>(engine.rows) * engine.cols * format.accumulate_um2;
  return {engine.count, {}, um2, macs, pes};
}

UnitRow dividers(const HardwareConfig& config) {
  const LaneConfig& lanes = config.dividers;
  const double um2 = lanes.lanes * config.energy.format[config.precision].divide_um2 *
                     (lanes.initiation_interval > 1 ? config.energy.iterative_divider_um2_fraction : 1);
  return {lanes.count, lanes, um2, [](const ActionCounts& a) { return a[Action::kDivide]; },
          static_cast<double>(lanes.lanes) / lanes.initiation_interval};
}

UnitRow special_functions(const HardwareConfig& config) {
  const FormatCosts& format = config.energy.format[config.precision];
  const SpecialFunctionConfig& unit = config.special_functions;
  // Softmax and charged functions need this unit; the published machine runs neither.
  const bool needed = unit.charge == Charge::kCharged || config.attention == AttentionKind::kSoftmax ||
                      config.attention == AttentionKind::kAuto;
  const double lane = format.exp_um2 + format.multiply_um2 + format.add_um2 + format.compare_um2;
  return {unit.count,
          {unit.lanes, unit.latency_cycles, unit.initiation_interval, unit.count},
          needed ? unit.lanes * lane : 0,
          [](const ActionCounts& a) { return a[Action::kExp] + a[Action::kMultiply]; },
          2.0 * unit.lanes};
}

// Each lane multiplies and adds; one divider computes the mean and the reciprocal deviation of the row.
UnitRow layer_norm(const HardwareConfig& config) {
  const FormatCosts& format = config.energy.format[config.precision];
  const LaneConfig& unit = config.layer_norm;
  if (unit.lanes == 0) return {};
  return {unit.count, unit, unit.lanes * (format.multiply_um2 + format.add_um2) + format.divide_um2,
          [](const ActionCounts& a) { return a[Action::kMultiply]; }, static_cast<double>(unit.lanes)};
}

UnitRow predictor(const HardwareConfig& config) {
  if (!works_on_masks(config) || !sparse_machine(config).predicts) return {};
  const SparseUnitConfig& unit = config.sparse_unit;
  return {unit.count,
          {},
          predictor_pes(config) * config.energy.format[Precision::kInt8].pe_um2,
          [](const ActionCounts& a) { return a[Action::kLowPrecisionMac]; },
          static_cast<double>(unit.predictor_rows) * unit.predictor_cols};
}

UnitRow sparse_engine(const HardwareConfig& config) {
  if (!works_on_masks(config) || sparse_machine(config).engine != UnitKind::kSparseEngine) return {};
  const FormatCosts& format = config.energy.format[config.precision];
  const ArrayShape array = sparse_array(config);
  return {config.sparse_unit.count,
          {},
          array.rows * (array.cols * format.pe_um2 + format.accumulate_um2),
          macs,
          static_cast<double>(array.pes())};
}

UnitRow exp_unit(const HardwareConfig& config) {
  if (!works_on_masks(config) || sparse_machine(config).softmax != UnitKind::kExpUnit) return {};
  const FormatCosts& format = config.energy.format[config.precision];
  const SparseUnitConfig& unit = config.sparse_unit;
  const double lane = format.exp_um2 + format.divide_um2 + format.multiply_um2 + format.add_um2 + format.compare_um2;
  return {unit.count,
          {unit.exp_lanes, unit.exp_latency_cycles, 1, unit.count},
          unit.exp_lanes * lane,
          [](const ActionCounts& a) { return a[Action::kExp]; },
          static_cast<double>(unit.exp_lanes)};
}

}  // namespace

UnitRow unit_row(const HardwareConfig& config, UnitKind kind) {
  const FormatCosts& format = config.energy.format[config.precision];
  switch (kind) {
    case UnitKind::kMatrixEngine:
      return matrix_engine(config);
    case UnitKind::kDiagonalEngine:
      if (!config.diagonal_engine.enabled) return {};
      return {config.matrix_engine.count,
              {},
              config.diagonal_engine.rows * format.pe_um2,
              macs,
              static_cast<double>(config.diagonal_engine.rows)};
    case UnitKind::kAccumulators:
      return {config.accumulators.count, config.accumulators, config.accumulators.lanes * format.accumulate_um2,
              [](const ActionCounts& a) { return a[Action::kAccumulate]; },
              static_cast<double>(config.accumulators.lanes)};
    case UnitKind::kDividers:
      return dividers(config);
    case UnitKind::kAdders:
      return {config.adders.count, config.adders, config.adders.lanes * format.add_um2,
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
              0,
              [](const ActionCounts& a) { return a[Action::kScratchpadRead] + a[Action::kScratchpadWrite]; },
              config.dram.device.peak_gb_s_per_channel() * config.dram.channels * 1e3 / config.clock_mhz};
    case UnitKind::kUncharged:
      return {};
  }
  return {};
}

int unit_count(const HardwareConfig& config, UnitKind kind) {
  return unit_row(config, kind).count;
}

double predictor_pes(const HardwareConfig& config) {
  const double bits = config.sparsity.predictor_bits / 8.0;
  return static_cast<double>(config.sparse_unit.predictor_rows) * config.sparse_unit.predictor_cols * bits * bits;
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
