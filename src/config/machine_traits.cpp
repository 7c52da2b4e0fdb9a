#include "config/machine_traits.h"

namespace vitality {
namespace {

MachineTraits sparse_baseline() {
  MachineTraits t;
  t.sparse_baseline = true;
  return t;
}

MachineTraits sanger() {
  MachineTraits t = sparse_baseline();
  t.released = {
      2.76, 16.9,
      "the dense output projection is sped up by the mask's density, prediction is free, MLP and other layers "
      "are left out",
      "the output projection is dense, prediction and every other layer are charged"};
  return t;
}

MachineTraits vitcod() {
  MachineTraits t = sparse_baseline();
  t.pattern = MaskPattern::kPolarised;
  t.encodes_heads = true;
  t.released = {
      0.324, 3,
      "head 0's mask stands for all heads, the log's 64 x 64 lines compute attention, weights of the MLP load "
      "in no time",
      "every head's own mask, 64 x 8 MACs in attention too, weights of the MLP loaded once a layer"};
  return t;
}

MachineTraits salo() {
  MachineTraits t = sparse_baseline();
  t.border_pes = true;
  t.released = {0, 0, "projections are multiplied by an unexplained 0.14, MLP and other layers are left out",
                "projections at their own MAC count on the array"};
  return t;
}

MachineTraits spatten() {
  MachineTraits t = sparse_baseline();
  t.prediction = MaskPrediction::kCascade;
  t.adder_trees = true;
  t.prediction_note =
      "pruned tokens keep their queries and every other layer, and their keys and values are still loaded: the paper "
      "drops them; kept shares are assumptions";
  return t;
}

MachineTraits elsa() {
  MachineTraits t = sparse_baseline();
  t.prediction = MaskPrediction::kHash;
  t.adder_trees = true, t.packs_short_vectors = false;
  t.prediction_note =
      "the filter's threshold is learned on the run's own inputs; layers other than attention, which the paper leaves "
      "to the host, run on the attention modules";
  return t;
}

MachineTraits dota() {
  MachineTraits t = sparse_baseline();
  t.prediction = MaskPrediction::kDetector;
  t.adder_trees = true, t.queries_share_keys = true;
  t.prediction_note = "the detector projects Q and K at random, the paper trains it; the kept share is an assumption";
  return t;
}

}  // namespace

MachineTraits traits(MachineKind machine) {
  MachineTraits t;
  switch (machine) {
    case MachineKind::kVitality:
    case MachineKind::kDense:
      t.trains = true;
      return t;
    case MachineKind::kSanger:
      return sanger();
    case MachineKind::kVitcod:
      return vitcod();
    case MachineKind::kSalo:
      return salo();
    case MachineKind::kSpatten:
      return spatten();
    case MachineKind::kElsa:
      return elsa();
    case MachineKind::kDota:
      return dota();
    case MachineKind::kRoofline:
      t.evaluation = MachineEvaluation::kRoofline;
      return t;
    case MachineKind::kHost:
      t.evaluation = MachineEvaluation::kMeasured;
      return t;
  }
  return t;
}

}  // namespace vitality
