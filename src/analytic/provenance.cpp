#include "analytic/provenance.h"

namespace vitality {

std::string provenance(const HardwareConfig& config) {
  switch (traits(config.machine).evaluation) {
    case MachineEvaluation::kMeasured:
      return "measured";
    case MachineEvaluation::kRoofline:
      return "analytic";
    case MachineEvaluation::kSimulated:
      break;
  }
  switch (config.cost_model) {
    case CostModel::kSimulated:
      return "simulated";
    case CostModel::kAsPublished:
      return "published";
    case CostModel::kCorrected:
      return "corrected";
  }
  return "";
}

bool is_fixed(const HardwareConfig& config) {
  return is_measured(config) || config.cost_model != CostModel::kSimulated;
}

std::vector<std::string> provenance_notes(const HardwareConfig& config, bool seeded) {
  const MachineTraits machine = traits(config.machine);
  switch (machine.evaluation) {
    case MachineEvaluation::kMeasured:
      return {
          "wall clock of this computer, one thread of this project's fp32 kernels: changes from run to run and from "
          "computer to computer; no energy"};
    case MachineEvaluation::kRoofline:
      return {"data-sheet peaks, no launch overhead: a lower bound on latency that no library reaches at batch 1",
              "energy is TDP x time"};
    case MachineEvaluation::kSimulated:
      break;
  }
  if (config.cost_model != CostModel::kSimulated)
    return {
        "formula of the authors' released cost model, not a simulation; no energy but published power x time where "
        "there is one",
        config.cost_model == CostModel::kCorrected ? machine.released.corrected : machine.released.as_published};
  if (machine.encodes_heads && config.sparse_unit.encoded_share < 1)
    return {"what the trained encoder of Q and K loses is not modelled: they are decoded unchanged"};
  if (config.attention != AttentionKind::kSparse || config.sparsity.source != SparsitySource::kPredicted) return {};
  std::vector<std::string> notes;
  if (seeded) notes.emplace_back("masks predicted from seeded weights: their density is not a trained model's");
  if (machine.prediction_note != nullptr) notes.emplace_back(machine.prediction_note);
  return notes;
}

}  // namespace vitality
