// What a design of a spec sets: keys of the machine and of the model, and the run's batch and mode.
#pragma once

#include <string>
#include <vector>

#include "explore/sweep_spec.h"

namespace vitality {

// Axes that are options of a run, not keys of a file.
constexpr const char* kBatchAxis = "batch";  // images
constexpr const char* kModeAxis = "mode";    // inference or training

struct PointSettings {
  std::vector<AxisValue> columns;                       // in the order of SweepSpec::columns()
  std::vector<std::string> machine, workload, mapping;  // as Settings (workload/settings.h)
  int batch = 1;
  bool training = false;
  std::string refusal;  // why a tied key has no value; "" otherwise
};
PointSettings point_settings(const SweepSpec& spec, const Design& design);

}  // namespace vitality
