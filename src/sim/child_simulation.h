// Timing-only simulations in child processes (SystemC allows one simulation a process), for questions that need
// several.
#pragma once

#include <string>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "mapping/mapper.h"
#include "report/result.h"
#include "workload/model.h"

namespace vitality {

// Cycles of the run, or -1 where it is infeasible. Throws std::runtime_error when the child dies. Call before this
// process simulates.
Cycles cycles_in_child(const HardwareConfig& config, const VitModel& model, const std::vector<bool>& selected);

// attention: auto: per layer the cheaper of Taylor and softmax by simulated cycles of the layer alone; ties go to
// Taylor. Layers of one shape are decided once. The other entries are Taylor.
struct AutoAttention {
  std::vector<AttentionKind> kinds;  // per layer
  struct Decision {
    int layer;                             // first layer of the shape
    Cycles taylor_cycles, softmax_cycles;  // -1: infeasible
  };
  std::vector<Decision> decisions;
};
AutoAttention choose_attention(const HardwareConfig& config, const VitModel& model);

// What doubling each resource would buy, by simulation.
std::vector<WhatIf> what_if(const HardwareConfig& config, const VitModel& model, const std::vector<bool>& selected);

}  // namespace vitality
