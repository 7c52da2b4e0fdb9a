// Decides the masks of sparse and unified attention before the simulation starts (config.sparsity.source).
//
// predicted: by the machine's own predictor from the Q and K of the double reference. The reference therefore also runs
// in timing-only runs, so that a machine sees the same masks with and without values. density: seeded masks with
// exactly round(density * n_q * n_kv) entries. pattern: fixed by the design of the machine, polarised for vitcod,
// otherwise a sliding window with global tokens. file: a uint8 .npy array of zeros and ones, (layers, heads, n_q,
// n_kv), (heads, n_q, n_kv) or (n_q, n_kv). Masks are shared along a dimension that is missing, by the images of a
// batch, and by the instances of a layer.
#pragma once

#include <cstdint>

#include "config/hardware_config.h"
#include "mapping/forward/mapping_options.h"
#include "reference/model.h"
#include "sim/mask_predictors.h"

namespace vitality {

class MaskSource {
 public:
  // Throws InputError if a file or a pattern does not fit the model.
  MaskSource(const VitModel& model, const HardwareConfig& config, std::uint64_t seed);
  // Whether the reference must run first, because the masks are predicted from it.
  bool predicted() const { return predicted_; }
  // For the forward pass of the reference: chooses the masks and stores the predicted ones here. Each source serves one
  // pass.
  reference::MaskChooser chooser();
  // For the same pass: chooses the values that are used; may be empty.
  reference::ValueChooser values();
  reference::AttentionObserver observer() const { return predictor_.observe; }
  const AttentionMasks& masks() const { return masks_; }

 private:
  const VitModel& model_;
  bool predicted_;
  MaskPredictor predictor_;
  AttentionMasks masks_;
};

// The options of the reference that match this machine, except for the masks.
reference::ForwardOptions reference_options(const VitModel& model, const HardwareConfig& config);

}  // namespace vitality
