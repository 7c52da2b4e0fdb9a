// What no mapping goes below: DRAM bytes and cycles of each layer, from its sizes and the machine alone.
// docs/mapping.md has the proofs.
#pragma once

#include <vector>

#include "config/hardware_config.h"
#include "workload/model.h"

namespace vitality {

struct LowerBound {
  Bytes dram_bytes = 0;
  Cycles compute_cycles = 0;  // of the arrays, for linear layers and convolutions; 0 for others
};

// executed: of each layer, whether the run has it; the outputs of the others are in memory.
std::vector<LowerBound> lower_bounds(const VitModel& model, const HardwareConfig& config,
                                     const std::vector<bool>& executed);

}  // namespace vitality
