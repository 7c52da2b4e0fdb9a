// What a machine's units are made of (docs/hardware.md section 3): number and size of each part, with the source. Area,
// register clocking and leakage are sums over parts.
#pragma once

#include <string>
#include <vector>

#include "base/enum_table.h"

namespace vitality {

// Units that have parts, by their names in results.
enum class PartUnit {
  kMatrixEngine,
  kDiagonalEngine,
  kAccumulators,
  kDividers,
  kAdders,
  kSpecialFunctions,
  kLayerNorm,
  kPredictor,
  kSparseEngine,
  kExpUnit,
  kScratchpad,
  kNoc
};
constexpr const char* to_string(PartUnit unit) {
  switch (unit) {
    case PartUnit::kMatrixEngine:
      return "sa_general";
    case PartUnit::kDiagonalEngine:
      return "sa_diag";
    case PartUnit::kAccumulators:
      return "accumulators";
    case PartUnit::kDividers:
      return "dividers";
    case PartUnit::kAdders:
      return "adders";
    case PartUnit::kSpecialFunctions:
      return "special_functions";
    case PartUnit::kLayerNorm:
      return "layer_norm";
    case PartUnit::kPredictor:
      return "predictor";
    case PartUnit::kSparseEngine:
      return "sparse_engine";
    case PartUnit::kExpUnit:
      return "exp_unit";
    case PartUnit::kScratchpad:
      return "scratchpad";
    case PartUnit::kNoc:
      return "noc";
  }
  return nullptr;
}

// Kinds whose size and registers the energy table knows, for the machine's number format. Registers and multiplexers
// are as wide as an operand, sum registers as a sum.
enum class PartKind {
  kMultiplier,
  kSumAdder,         // adds a product to a sum
  kOperandRegister,  // clocked in every cycle in which its unit works
  kSumRegister,      // the same
  kHeldRegister,     // clocked only to be loaded, with its enable
  kMultiplexer,      // of two inputs; n inputs: n - 1 of them
  kAdder,            // elementwise, with its registers; as those below
  kAccumulator,
  kDivider,
  kExp,
  kComparator,
  kPredictorPe,  // a low-precision multiply-accumulate with its registers
  kSram,         // KiB
  kWiring,       // a share of everything else, for links as wide as the energy table's
  kLogic         // anything else; its size is given
};
constexpr const char* to_string(PartKind kind) {
  switch (kind) {
    case PartKind::kMultiplier:
      return "multiplier";
    case PartKind::kSumAdder:
      return "sum_adder";
    case PartKind::kOperandRegister:
      return "operand_register";
    case PartKind::kSumRegister:
      return "sum_register";
    case PartKind::kHeldRegister:
      return "held_register";
    case PartKind::kMultiplexer:
      return "multiplexer";
    case PartKind::kAdder:
      return "adder";
    case PartKind::kAccumulator:
      return "accumulator";
    case PartKind::kDivider:
      return "divider";
    case PartKind::kExp:
      return "exp";
    case PartKind::kComparator:
      return "comparator";
    case PartKind::kPredictorPe:
      return "predictor_pe";
    case PartKind::kSram:
      return "sram";
    case PartKind::kWiring:
      return "wiring";
    case PartKind::kLogic:
      return "logic";
  }
  return nullptr;
}

// What `number` is counted per.
enum class PartPer { kUnit, kPe, kRow, kColumn, kLane, kKib, kLink };
constexpr const char* to_string(PartPer per) {
  switch (per) {
    case PartPer::kUnit:
      return "unit";
    case PartPer::kPe:
      return "pe";
    case PartPer::kRow:
      return "row";
    case PartPer::kColumn:
      return "column";
    case PartPer::kLane:
      return "lane";
    case PartPer::kKib:
      return "kib";
    case PartPer::kLink:
      return "link";
  }
  return nullptr;
}

struct MachinePart {
  PartUnit unit = PartUnit::kMatrixEngine;
  PartPer per = PartPer::kUnit;
  PartKind kind = PartKind::kLogic;
  double number = 1;
  double um2 = 0;         // of one, at the energy table's node; 0: the table's size of the kind
  std::string name = {};  // for people; "": the kind's
  std::string source = {};
};

}  // namespace vitality
