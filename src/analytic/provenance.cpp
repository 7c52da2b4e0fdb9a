#include "analytic/provenance.h"

namespace vitality {

std::string provenance(const HardwareConfig& config) {
  if (config.machine == MachineKind::kHost) return "measured";
  if (config.machine == MachineKind::kRoofline) return "analytic";
  switch (config.cost_model) {
    case CostModel::kAsPublished:
      return "published";
    case CostModel::kCorrected:
      return "corrected";
    default:
      return "simulated";
  }
}

namespace {

// Of simulated machines whose own predictor chose the masks.
std::vector<std::string> prediction_notes(const HardwareConfig& config) {
  if (config.attention != AttentionKind::kSparse || config.sparsity.source != SparsitySource::kPredicted) return {};
  std::vector<std::string> notes = {"masks predicted from seeded weights: their density is not a trained model's"};
  if (config.machine == MachineKind::kSpatten)
    notes.emplace_back(
        "pruned tokens keep their queries and every other layer, and their keys and values are still loaded: the paper "
        "drops them; kept shares are assumptions");
  if (config.machine == MachineKind::kElsa)
    notes.emplace_back(
        "the filter's threshold is learned on the run's own inputs; layers other than attention, which the paper "
        "leaves to the host, run on the attention modules");
  if (config.machine == MachineKind::kDota)
    notes.emplace_back("the detector projects Q and K at random, the paper trains it; the kept share is an assumption");
  return notes;
}

}  // namespace

std::vector<std::string> provenance_notes(const HardwareConfig& config) {
  std::vector<std::string> notes;
  if (config.machine == MachineKind::kHost)
    notes = {
        "wall clock of this computer, one thread of this project's fp32 kernels: changes from run to run and from "
        "computer to computer; no energy"};
  if (config.machine == MachineKind::kRoofline)
    notes = {"data-sheet peaks, no launch overhead: a lower bound on latency that no library reaches at batch 1",
             "energy is TDP x time"};
  if (config.machine == MachineKind::kVitcod && config.cost_model == CostModel::kSimulated &&
      config.sparse_unit.encoded_share < 1)
    notes = {"what the trained encoder of Q and K loses is not modelled: they are decoded unchanged"};
  if (config.machine == MachineKind::kHost || config.machine == MachineKind::kRoofline ||
      config.cost_model == CostModel::kSimulated)
    return notes.empty() ? prediction_notes(config) : notes;
  const bool corrected = config.cost_model == CostModel::kCorrected;
  notes.emplace_back(
      "formula of the authors' released cost model, not a simulation; no energy but published power x time where there "
      "is one");
  if (config.machine == MachineKind::kSanger) {
    notes.emplace_back(corrected ? "the output projection is dense, prediction and every other layer are charged"
                                 : "the dense output projection is sped up by the mask's density, prediction is free, "
                                   "MLP and other layers are left out");
  } else if (config.machine == MachineKind::kVitcod) {
    notes.emplace_back(
        corrected ? "every head's own mask, 64 x 8 MACs in attention too, weights of the MLP loaded once a layer"
                  : "head 0's mask stands for all heads, the log's 64 x 64 lines compute attention, weights of the MLP "
                    "load in no time");
  } else if (config.machine == MachineKind::kSalo) {
    notes.emplace_back(corrected
                           ? "projections at their own MAC count on the array"
                           : "projections are multiplied by an unexplained 0.14, MLP and other layers are left out");
  }
  return notes;
}

}  // namespace vitality
