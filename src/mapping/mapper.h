// Maps a model onto a machine: layers -> tile jobs. One Mapper a machine; what machines share (GEMMs, element-wise
// layers, data movement) lives in the *_mapper files that they call.
//
// Throws InfeasibleError, with the layer, the operand and the bytes, when a tile cannot fit the scratchpad.
#pragma once

#include "config/hardware_config.h"
#include "mapping/forward/mapping_options.h"
#include "schedule/schedule.h"
#include "workload/model.h"

namespace vitality {

// What this version has a mapper for; map_model refuses the rest with an InfeasibleError. A machine of a kind that is
// mapped runs only some of the kinds of attention that are.
bool is_mapped(MachineKind machine);
bool is_mapped(MachineKind machine, AttentionKind attention);

// Refuses what map_model would refuse whatever the masks are, with the same words, before masks and tensors are made.
// options.masks need not be there.
void check_fits(const VitModel& model, const HardwareConfig& config, const MappingOptions& options);

Schedule map_model(const VitModel& model, const HardwareConfig& config, const MappingOptions& options = {});

}  // namespace vitality
