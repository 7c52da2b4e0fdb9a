// A training step as a model: the layers of the forward pass, then for each of them one layer for its backward pass,
// then one for the update of its parameters (named NAME.backward and NAME.update, without inputs of their own). So the
// jobs, times, energy and bytes of a step belong to a layer and a phase. Work that the images of a batch share (the
// gradients of parameters, the update) belongs to the layers of the first image.
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
// Index of the layer that does the work of a forward layer in this phase.
inline int step_layer(const VitModel& step, StepPhase phase, int layer) {
  return static_cast<int>(phase) * forward_layers(step) + layer;
}

}  // namespace vitality
