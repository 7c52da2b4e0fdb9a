// What a mapping depends on besides the model and the machine, and questions about both that the mapping folders share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "schedule/layer_mapping.h"
#include "tensor/mask.h"
#include "workload/model.h"

namespace vitality {

// Masks of sparse and unified attention, decided before the simulation starts: of_layer[layer][instance * heads + head]
// is n_q x n_kv; empty for layers without masks.
struct AttentionMasks {
  std::vector<std::vector<Mask>> of_layer;
  // In the same order: the entries that are multiplied by their value, a part of the mask; empty if all are.
  std::vector<std::vector<Mask>> values_of_layer;
};

// Mappings from a file, by layer; the search maps the layers that are not in it. For an image of a batch, the name may
// be the layer's in the model (mapping_json.h).
struct GivenMapping {
  std::string file;
  std::map<std::string, LayerMapping> layers;
  std::optional<BatchOrder> batch_order = {};  // none: the search decides
  int scratchpad_kib = 0;                      // the part of the scratchpad that is used; 0: all of it
};

// What else than the estimate's best the layers could do (sim/mapping_search.h). Layers with the same problem, as those
// of equal blocks, are decided together.
struct PlanAlternatives {
  struct Problem {
    std::vector<std::int64_t> key;
    std::string layer;                // the first one
    std::vector<LayerMapping> plans;  // that fit; the estimate's best first
    std::size_t taken = 0;
  };
  std::vector<Problem> problems;  // in the order of the model
};

// What the estimate says of a mapping of a whole model, to compare it with others on the same machine. Attention on
// masks and layers that move rows are not in it.
struct ModelEstimate {
  double cycles = 0, energy_pj = 0, dram_bytes = 0;
  bool operator==(const ModelEstimate& other) const {
    return cycles == other.cycles && energy_pj == other.energy_pj && dram_bytes == other.dram_bytes;
  }
};

struct MappingOptions {
  // Layers to execute; empty = all. The others' outputs are taken as given (inputs of the part).
  std::vector<bool> selected;
  // Attention kind per layer, of those to which the model gives none (AttentionKind::kAuto resolved by the caller);
  // empty = the machine's.
  std::vector<AttentionKind> attention;
  const AttentionMasks* masks = nullptr;  // needed by sparse and unified attention
  const GivenMapping* given = nullptr;    // null: the search maps all layers
  int scratchpad_kib = 0;                 // the part of the scratchpad that may be used; 0: all of it, or as given says
  // Not null: layers take the plans that it says; problems that it does not have yet are added.
  PlanAlternatives* alternatives = nullptr;
  // Layers whose results attention takes finish columns after columns, so that it begins with the first heads while the
  // others are made.
  bool heads_in_turn = false;
  // A training step: the model is one of training_step.h, its whole forward pass is followed by backward and update.
  bool training = false;
  std::vector<int> labels;  // of the images' classes
};

// Whether the machine charges the layer. Uncharged layers take no time and no energy, and every report names them.
bool is_charged(const Layer& layer, const HardwareConfig& config);
// Bytes of one element as the scratchpad stores it: an operand, a partial sum, a wide intermediate (T_N, scores).
Bytes wide_bytes(Precision precision);

// Whether the layer before absorbs the parameters of this one, which then does nothing on the machine.
bool is_folded(const Layer& layer, const HardwareConfig& config);

// Whether a machine of this kind needs a sparse unit beside its other units (sparse_unit.enabled) for this attention.
bool needs_sparse_unit(MachineKind machine, AttentionKind attention);
// Whether a training step with this attention can be simulated, if traits(machine).trains and is_mapped. map_model
// refuses others with an InfeasibleError. Convolutions must be patch embeddings of the image, and attention must have
// no score bias.
bool is_trainable(AttentionKind attention);
bool is_trainable(const LayerParameters& layer);

}  // namespace vitality
