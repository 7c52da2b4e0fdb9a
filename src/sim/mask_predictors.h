// The machines' own predictors: which entries of a head's attention map they keep, decided from the reference's Q and K
// (and, for SpAtten, from what earlier layers attended to).
#pragma once

#include "config/hardware_config.h"
#include "reference/model.h"

namespace vitality {

struct MaskPredictor {
  reference::MaskChooser choose;
  reference::ValueChooser values;        // empty if every probability is multiplied by its value
  reference::AttentionObserver observe;  // empty if a prediction needs only Q and K
};

// Serves one forward pass. The model must outlive it.
MaskPredictor mask_predictor(const VitModel& model, const HardwareConfig& config);

}  // namespace vitality
