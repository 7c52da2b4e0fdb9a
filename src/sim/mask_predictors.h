// The machines' own predictors: which entries of a head's attention map they keep, decided from the reference's Q and K
// (and, for SpAtten, from what earlier layers attended to).
#pragma once

#include "config/hardware_config.h"
#include "reference/model.h"

namespace vitality {

struct MaskPredictor {
  reference::MaskChooser choose;
  reference::ValueChooser values;        // empty where every probability meets its value
  reference::AttentionObserver observe;  // empty where a prediction needs Q and K alone
};

// The model must outlive the predictor, which serves one forward pass.
MaskPredictor mask_predictor(const VitModel& model, const HardwareConfig& config);

}  // namespace vitality
