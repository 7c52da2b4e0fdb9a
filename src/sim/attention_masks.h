// Decides the masks of sparse and unified attention before time starts (config.sparsity.source).
//
// predicted: by the machine's own predictor, on the Q and K of the double reference, which therefore runs in
// timing-only runs too: with and without values the machine sees the same masks. density: seeded masks with exactly
// round(density * n_q * n_kv) entries. pattern: fixed by the machine's design, polarised for vitcod, else a sliding
// window with global tokens. file: a uint8 .npy array of zeros and ones, (layers, heads, n_q, n_kv), (heads, n_q, n_kv)
// or (n_q, n_kv): what is missing is shared; the images of a batch and the instances of a layer share theirs.
#pragma once

#include <cstdint>

#include "config/hardware_config.h"
#include "mapping/forward/mapping_options.h"
#include "reference/model.h"
#include "sim/mask_predictors.h"

namespace vitality {

class MaskSource {
 public:
  // Throws InputError where a file or a pattern does not fit the model.
  MaskSource(const VitModel& model, const HardwareConfig& config, std::uint64_t seed);
  // Whether the reference has to run before the masks are there.
  bool predicted() const { return predicted_; }
  // What a forward pass of the reference uses; it leaves the predicted masks here. One pass a source.
  reference::MaskChooser chooser();
  // What else the same pass uses; may be empty.
  reference::ValueChooser values();
  reference::AttentionObserver observer() const { return predictor_.observe; }
  const AttentionMasks& masks() const { return masks_; }

 private:
  const VitModel& model_;
  bool predicted_;
  MaskPredictor predictor_;
  AttentionMasks masks_;
};

// What the reference is asked for on this machine, the masks apart.
reference::ForwardOptions reference_options(const VitModel& model, const HardwareConfig& config);

}  // namespace vitality
