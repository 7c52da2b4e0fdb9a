// The kinds of units that jobs run on, one row each. A job names a kind; the machine's config decides how many units of
// each kind there are (cost/machine_units.h).
#pragma once

#include <cstdint>

#include "base/enum_table.h"
#include "base/units.h"

namespace vitality {

// One unit of a machine: its index in MachineUnits. Uncharged jobs run on no unit.
using UnitId = Id<struct UnitTag>;

enum class UnitKind : std::uint8_t {
  kMatrixEngine,    // SA-General
  kDiagonalEngine,  // SA-Diag
  kAccumulators,
  kDividers,
  kAdders,
  kSpecialFunctions,
  kLayerNorm,     // layer norm, if it has a unit of its own apart from the special functions
  kPredictor,     // mask prediction of sparse attention
  kSparseEngine,  // SDDMM and SpMM rows
  kExpUnit,       // of the sparse unit: exp and normalise
  kDmaLoad,
  kDmaStore,
  kUncharged  // work that the machine's description does not charge: no time, no counted byte, named in the result
};

struct UnitTraits {
  const char* name;   // in results and traces; nullptr: no enumerator
  const char* array;  // units[].kind of a result
};
constexpr UnitTraits traits(UnitKind unit) {
  switch (unit) {
    case UnitKind::kMatrixEngine:
      return {"sa_general", "systolic_array"};
    case UnitKind::kDiagonalEngine:
      return {"sa_diag", "systolic_array"};
    case UnitKind::kAccumulators:
      return {"accumulators", "lane_array"};
    case UnitKind::kDividers:
      return {"dividers", "lane_array"};
    case UnitKind::kAdders:
      return {"adders", "lane_array"};
    case UnitKind::kSpecialFunctions:
      return {"special_functions", "lane_array"};
    case UnitKind::kLayerNorm:
      return {"layer_norm", "lane_array"};
    case UnitKind::kPredictor:
      return {"predictor", "systolic_array"};
    case UnitKind::kSparseEngine:
      return {"sparse_engine", "sparse_array"};
    case UnitKind::kExpUnit:
      return {"exp_unit", "lane_array"};
    case UnitKind::kDmaLoad:
      return {"dma_load", "dma"};
    case UnitKind::kDmaStore:
      return {"dma_store", "dma"};
    case UnitKind::kUncharged:
      return {"uncharged", "uncharged"};
  }
  return {nullptr, nullptr};
}
constexpr const char* to_string(UnitKind unit) {
  return traits(unit).name;
}
constexpr int kUnitKinds = static_cast<int>(enum_count<UnitKind>());
constexpr bool is_dma(UnitKind unit) {
  return unit == UnitKind::kDmaLoad || unit == UnitKind::kDmaStore;
}

}  // namespace vitality
