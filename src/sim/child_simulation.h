// Timing-only simulations in child processes, for questions that need several simulations: SystemC allows only one per
// process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "mapping/mapper.h"
#include "report/result.h"
#include "workload/model.h"

namespace vitality {

// What a child simulation says: cycles and energy of the run; cycles are -1 if it is infeasible.
struct ChildTotals {
  Cycles cycles = -1;
  double energy_mj = 0;
};
// Calls `simulate_one` with 0 to count - 1, each in a child process, as many at a time as there are cores. Throws
// std::runtime_error when a child dies. To be called before this process simulates.
std::vector<ChildTotals> simulate_in_children(int count, const std::function<ChildTotals(int)>& simulate_one);

// Cycles of the run, or -1 if it is infeasible. Throws std::runtime_error when the child dies. To be called before this
// process simulates.
Cycles cycles_in_child(const HardwareConfig& config, const VitModel& model, const std::vector<bool>& selected);

// attention: auto. Chooses for each layer Taylor or softmax, whichever takes fewer simulated cycles for the layer
// alone; Taylor if they are equal. Layers of the same shape are decided once, layers with a kind of their own keep it.
// Other layers have the entry Taylor.
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
