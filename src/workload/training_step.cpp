#include "workload/training_step.h"

namespace vitality {

const char* phase_name(StepPhase phase) {
  static const char* const names[kStepPhases] = {"forward", "backward", "update"};
  return names[static_cast<int>(phase)];
}

VitModel training_step_model(const VitModel& forward) {
  VitModel step = forward;
  step.layers.reserve(forward.layers.size() * kStepPhases);
  for (const StepPhase phase : {StepPhase::kBackward, StepPhase::kUpdate}) {
    for (Layer layer : forward.layers) {
      if (layer.shared_parameters.empty()) layer.shared_parameters = layer.name;
      layer.name += std::string(".") + phase_name(phase);
      layer.inputs.clear();
      step.layers.push_back(std::move(layer));
    }
  }
  return step;
}

}  // namespace vitality
