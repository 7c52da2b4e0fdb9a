#include "cost/machine_units.h"

#include "cost/sparse_machine.h"

namespace vitality {
namespace {

bool works_on_masks(const HardwareConfig& config) {
  return traits(config.machine).sparse_baseline || config.sparse_unit.enabled;
}

}  // namespace

int unit_count(const HardwareConfig& config, UnitKind kind) {
  switch (kind) {
    case UnitKind::kMatrixEngine:
      return config.matrix_engine.count;
    case UnitKind::kDiagonalEngine:
      return config.diagonal_engine.enabled ? config.matrix_engine.count : 0;
    case UnitKind::kAccumulators:
      return config.accumulators.count;
    case UnitKind::kDividers:
      return config.dividers.count;
    case UnitKind::kAdders:
      return config.adders.count;
    case UnitKind::kSpecialFunctions:
      return config.special_functions.count;
    case UnitKind::kPredictor:
      return works_on_masks(config) && sparse_machine(config).predicts ? config.sparse_unit.count : 0;
    case UnitKind::kSparseEngine:
      return works_on_masks(config) && sparse_machine(config).engine == kind ? config.sparse_unit.count : 0;
    case UnitKind::kExpUnit:
      return works_on_masks(config) && sparse_machine(config).softmax == kind ? config.sparse_unit.count : 0;
    case UnitKind::kDmaLoad:
    case UnitKind::kDmaStore:
      return 1;
    case UnitKind::kUncharged:
      return 0;
  }
  return 0;
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
