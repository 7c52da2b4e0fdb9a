// Checks and describes a finished training step: compares the machine's gradients and new weights with the double
// reference's backward pass and optimiser step, and fills in the phases of the result.
#pragma once

#include <vector>

#include "config/hardware_config.h"
#include "reference/model.h"
#include "report/result.h"
#include "schedule/schedule.h"
#include "sim/values/value_executor.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality {

// The class of each image of a batch: seeded, below the model's number of logits.
std::vector<int> training_labels(const VitModel& model, std::uint64_t seed);

// Largest accepted error of gradients, relative to the largest value of the tensor in the reference.
double gradient_tolerance(Precision precision);

struct TrainingInputs {
  const VitModel& model;  // the forward pass
  const HardwareConfig& config;
  const ParameterSource& parameters;
  const reference::ForwardOptions& options;
  const reference::ForwardResult& forward;
  const std::vector<int>& labels;
};
// Fills training.errors and loss, the layers' errors and numerics.passed.
void compare_training(const TrainingInputs& inputs, const Schedule& schedule, const ValueExecutor& values,
                      SimulationResult& result);

// Phases and totals of the step; after account().
void describe_training(const VitModel& step, const HardwareConfig& config, const Schedule& schedule,
                       SimulationResult& result);

}  // namespace vitality
