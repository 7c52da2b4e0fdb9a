// Maps a model onto a machine: layers -> tile jobs. One Mapper a machine; what machines share (GEMMs, element-wise
// layers, data movement) lives in the *_mapper files that they call.
//
// Throws InfeasibleError, with the layer, the operand and the bytes, when a tile cannot fit the scratchpad.
#pragma once

#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "mapping/schedule.h"
#include "workload/model.h"

namespace vitality {

// Masks of sparse and unified attention, decided before time starts. of_layer[layer][instance * heads + head], n_q x
// n_kv; empty for layers without.
struct AttentionMasks {
  std::vector<std::vector<Mask>> of_layer;
  // Likewise the entries that meet their value, a part of the mask; empty where all do (or for all layers).
  std::vector<std::vector<Mask>> values_of_layer;
};

// Whether attention of this kind works on a mask.
bool uses_mask(AttentionKind kind);

struct MappingOptions {
  // Layers to execute; empty = all. The others' outputs are taken as given (inputs of the part).
  std::vector<bool> selected;
  // Attention kind per layer (AttentionKind::kAuto resolved by the caller); empty = the machine's.
  std::vector<AttentionKind> attention;
  const AttentionMasks* masks = nullptr;  // needed by sparse and unified attention
  // A training step: the model is one of training_step.h, its whole forward pass is followed by backward and update.
  bool training = false;
  std::vector<int> labels;  // of the images' classes
};

// What this version has a mapper for; map_model refuses the rest with an InfeasibleError.
bool is_mapped(MachineKind machine);
bool is_mapped(AttentionKind attention);

Schedule map_model(const VitModel& model, const HardwareConfig& config, const MappingOptions& options = {});

// Layers that the machine's description does not charge: they take no time and no energy, and every report names them.
bool is_charged(const Layer& layer, const HardwareConfig& config);
// Bytes of one element as the scratchpad stores it: an operand, a partial sum, a wide intermediate (T_N, scores).
Bytes wide_bytes(Precision precision);

}  // namespace vitality
