// The kinds of machines and what distinguishes them, one row each: no other part of the program compares the name of a
// machine. How the engine of a sparse machine turns a mask into passes is its row in cost/sparse_machine.cpp.
#pragma once

#include "base/enum_table.h"

namespace vitality {

enum class MachineKind { kVitality, kDense, kSanger, kVitcod, kSalo, kSpatten, kElsa, kDota, kRoofline, kHost };

// Where the numbers of its results come from.
enum class MachineEvaluation { kSimulated, kRoofline, kMeasured };
// How it predicts a mask from Q and K (sim/mask_predictors.cpp).
enum class MaskPrediction {
  kScores,   // low-precision scores, softmax, threshold: Sanger's, and the training unit's
  kCascade,  // SpAtten's cascade of token and head pruning
  kHash,     // ELSA's sign random projection
  kDetector  // DOTA's low-rank detector
};
// The masks of SparsitySource::kPattern.
enum class MaskPattern { kWindow, kPolarised };

// A cost model that the authors of the machine published as code; what it does, and what our corrected form changes.
struct ReleasedCostModel {
  double power_w = 0, area_mm2 = 0;  // the paper's values of the design (docs/baselines.md); 0: none
  const char *as_published = nullptr, *corrected = nullptr;
};

struct MachineTraits {
  MachineEvaluation evaluation = MachineEvaluation::kSimulated;
  bool sparse_baseline = false;  // its own attention is sparse, and it runs no other kind
  bool trains = false;           // a training step can be mapped to it
  MaskPrediction prediction = MaskPrediction::kScores;
  MaskPattern pattern = MaskPattern::kWindow;
  bool encodes_heads = false;             // ViTCoD's encoder and decoder of Q and K
  bool border_pes = false;                // SALO's global row and column of PEs beside the array
  bool adder_trees = false;               // dot products by adder trees, not by a systolic array
  bool packs_short_vectors = true;        // adder trees: several short dot products share one tree
  bool queries_share_keys = false;        // adder trees: the lanes work on one key for several queries
  const char* prediction_note = nullptr;  // what its predictor leaves out, for reports
  ReleasedCostModel released = {};
  bool has_released_model() const { return released.as_published != nullptr; }
};

MachineTraits traits(MachineKind machine);

constexpr const char* to_string(MachineKind machine) {
  switch (machine) {
    case MachineKind::kVitality:
      return "vitality";
    case MachineKind::kDense:
      return "dense";
    case MachineKind::kSanger:
      return "sanger";
    case MachineKind::kVitcod:
      return "vitcod";
    case MachineKind::kSalo:
      return "salo";
    case MachineKind::kSpatten:
      return "spatten";
    case MachineKind::kElsa:
      return "elsa";
    case MachineKind::kDota:
      return "dota";
    case MachineKind::kRoofline:
      return "roofline";
    case MachineKind::kHost:
      return "host";
  }
  return nullptr;
}

}  // namespace vitality
