#include "cost/machine_units.h"

#include "cost/sparse_machine.h"

namespace vitality {
namespace {

bool works_on_masks(const HardwareConfig& config) {
  return is_sparse_machine(config.machine) || config.sparse_unit.enabled;
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
    default:
      return unit != UnitKind::kUncharged;
  }
}

ArrayShape sparse_array(const HardwareConfig& config) {
  if (sparse_machine(config).engine == UnitKind::kSparseEngine)
    return {config.sparse_unit.pe_rows, config.sparse_unit.pes_per_row};
  return {config.matrix_engine.rows, config.matrix_engine.cols};
}

double matrix_engine_pes(const HardwareConfig& config) {
  double pes = static_cast<double>(config.matrix_engine.rows) * config.matrix_engine.cols;
  if (config.machine == MachineKind::kSalo) pes += config.matrix_engine.rows + config.matrix_engine.cols;
  return pes;
}

double processing_elements(const HardwareConfig& config) {
  double pes = matrix_engine_pes(config);
  if (has_unit(config, UnitKind::kDiagonalEngine)) pes += config.diagonal_engine.rows;
  if (has_unit(config, UnitKind::kSparseEngine)) pes += static_cast<double>(sparse_array(config).pes());
  return pes;
}

}  // namespace vitality
