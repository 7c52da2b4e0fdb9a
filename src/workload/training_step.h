// A training step as a model: the layers of the forward pass, then one layer for the backward pass of each, then one
// for the update of its parameters (named NAME.backward, NAME.update; without inputs of their own). Jobs, times, energy
// and bytes of a step thus belong to a layer and a phase. What a batch's images share, the gradients of parameters and
// the update, belongs to the first image's layers.
#pragma once

#include "workload/model.h"

namespace vitality {

enum class StepPhase { kForward, kBackward, kUpdate };
constexpr int kStepPhases = 3;
const char* phase_name(StepPhase phase);

VitModel training_step_model(const VitModel& forward);  // forward: one image or a batch (batch.h)

inline int forward_layers(const VitModel& step) {
  return static_cast<int>(step.layers.size()) / kStepPhases;
}
// Index of the layer that does a forward layer's work in this phase.
inline int step_layer(const VitModel& step, StepPhase phase, int layer) {
  return static_cast<int>(phase) * forward_layers(step) + layer;
}

}  // namespace vitality
