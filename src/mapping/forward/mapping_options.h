// What a mapping depends on beside the model and the machine, and what the folders of the mapping ask about both.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "schedule/layer_mapping.h"
#include "tensor/mask.h"
#include "workload/model.h"

namespace vitality {

// Masks of sparse and unified attention, decided before time starts. of_layer[layer][instance * heads + head], n_q x
// n_kv; empty for layers without.
struct AttentionMasks {
  std::vector<std::vector<Mask>> of_layer;
  // Likewise the entries that meet their value, a part of the mask; empty where all do (or for all layers).
  std::vector<std::vector<Mask>> values_of_layer;
};

// Mappings from a file, by layer; the search maps the layers that are not in it. For an image of a batch, the name may
// be the layer's in the model (mapping_json.h).
struct GivenMapping {
  std::string file;
  std::map<std::string, LayerMapping> layers;
};

struct MappingOptions {
  // Layers to execute; empty = all. The others' outputs are taken as given (inputs of the part).
  std::vector<bool> selected;
  // Attention kind per layer (AttentionKind::kAuto resolved by the caller); empty = the machine's.
  std::vector<AttentionKind> attention;
  const AttentionMasks* masks = nullptr;  // needed by sparse and unified attention
  const GivenMapping* given = nullptr;    // null: the search maps all layers
  // A training step: the model is one of training_step.h, its whole forward pass is followed by backward and update.
  bool training = false;
  std::vector<int> labels;  // of the images' classes
};

// Layers that the machine's description does not charge: they take no time and no energy, and every report names them.
bool is_charged(const Layer& layer, const HardwareConfig& config);
// Bytes of one element as the scratchpad stores it: an operand, a partial sum, a wide intermediate (T_N, scores).
Bytes wide_bytes(Precision precision);

// Layers whose parameters the layer before them absorbs: they do nothing on the machine.
bool is_folded(const Layer& layer, const HardwareConfig& config);

// Kinds of attention that a machine of this kind runs on a sparse unit beside its other units (sparse_unit.enabled).
bool needs_sparse_unit(MachineKind machine, AttentionKind attention);
// What a training step is simulated of, besides traits(machine).trains and is_mapped; map_model refuses the rest with
// an InfeasibleError. Convolutions are patch embeddings of the image only, attention has no score bias.
bool is_trainable(AttentionKind attention);
bool is_trainable(const LayerParameters& layer);

}  // namespace vitality
