// The kinds of units that jobs run on: one row each. A job names a kind. Which units of each kind a machine has, its
// config says (cost/machine_units.h).
#pragma once

#include <cstdint>

#include "base/enum_table.h"
#include "base/units.h"

namespace vitality {

// One unit of a machine: its place in MachineUnits. Uncharged jobs run on none.
using UnitId = Id<struct UnitTag>;

enum class UnitKind : std::uint8_t {
  kMatrixEngine,    // SA-General
  kDiagonalEngine,  // SA-Diag
  kAccumulators,
  kDividers,
  kAdders,
  kSpecialFunctions,
  kPredictor,     // mask prediction of sparse attention
  kSparseEngine,  // SDDMM and SpMM rows
  kExpUnit,       // of the sparse unit: exp and normalise
  kDmaLoad,
  kDmaStore,
  kUncharged  // what the machine's description does not charge: no time, no counted byte, named in the result
};

constexpr const char* to_string(UnitKind unit) {
  switch (unit) {
    case UnitKind::kMatrixEngine:
      return "sa_general";
    case UnitKind::kDiagonalEngine:
      return "sa_diag";
    case UnitKind::kAccumulators:
      return "accumulators";
    case UnitKind::kDividers:
      return "dividers";
    case UnitKind::kAdders:
      return "adders";
    case UnitKind::kSpecialFunctions:
      return "special_functions";
    case UnitKind::kPredictor:
      return "predictor";
    case UnitKind::kSparseEngine:
      return "sparse_engine";
    case UnitKind::kExpUnit:
      return "exp_unit";
    case UnitKind::kDmaLoad:
      return "dma_load";
    case UnitKind::kDmaStore:
      return "dma_store";
    case UnitKind::kUncharged:
      return "uncharged";
  }
  return nullptr;
}
constexpr int kUnitKinds = static_cast<int>(enum_count<UnitKind>());
constexpr bool is_dma(UnitKind unit) {
  return unit == UnitKind::kDmaLoad || unit == UnitKind::kDmaStore;
}

}  // namespace vitality
