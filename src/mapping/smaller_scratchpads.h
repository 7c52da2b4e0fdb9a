// What a smaller scratchpad can do must not be lost to a larger one: neither its speed, where estimates are not exact,
// nor its DRAM bytes, where a mapping that moves more takes less energy.
#pragma once

#include <vector>

#include "config/hardware_config.h"
#include "mapping/forward/mapping_options.h"
#include "workload/model.h"

namespace vitality {

// One way in which the estimate may map the whole model.
struct MappingChoice {
  MappingConfig config = {};
  int scratchpad_kib = 0;      // MappingOptions
  bool heads_in_turn = false;  // MappingOptions
};
// For the objective `latency`: others than the estimate's own that may be faster. Those for parts of the scratchpad,
// the largest first, those for the objective `edp`, and on machines with masks those with heads in turn.
std::vector<MappingChoice> choices_that_may_be_faster(const VitModel& model, const HardwareConfig& config,
                                                      const MappingOptions& options);

// For the objective `energy`: MappingConfig::byte_share with which the estimate's mapping moves at most 2 % more DRAM
// bytes than those that are so chosen for smaller scratchpads, if that takes at most 3 % more energy.
double choose_byte_share(const VitModel& model, const HardwareConfig& config, const MappingOptions& options);

}  // namespace vitality
