#include "cost/machine_units.h"

#include "cost/sparse_machine.h"

namespace vitality {
namespace {

bool works_on_masks(const HardwareConfig& config) {
  return traits(config.machine).sparse_baseline || config.sparse_unit.enabled;
}

}  // namespace

bool has_unit(const HardwareConfig& config, UnitKind unit) {
  switch (unit) {
    case UnitKind::kDiagonalEngine:
      return config.diagonal_engine.enabled;
    case UnitKind::kPredictor:
      return works_on_masks(config) && sparse_machine(config).predicts;
    case UnitKind::kSparseEngine:
      return works_on_masks(config) && sparse_machine(config).engine == unit;
    case UnitKind::kExpUnit:
      return works_on_masks(config) && sparse_machine(config).softmax == unit;
    case UnitKind::kMatrixEngine:
    case UnitKind::kAccumulators:
    case UnitKind::kDividers:
    case UnitKind::kAdders:
    case UnitKind::kSpecialFunctions:
    case UnitKind::kDmaLoad:
    case UnitKind::kDmaStore:
      return true;
    case UnitKind::kUncharged:
      return false;
  }
  return false;
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
  double pes = matrix_engine_pes(config);
  if (has_unit(config, UnitKind::kDiagonalEngine)) pes += config.diagonal_engine.rows;
  if (has_unit(config, UnitKind::kSparseEngine)) pes += static_cast<double>(sparse_array(config).pes());
  return pes;
}

}  // namespace vitality
