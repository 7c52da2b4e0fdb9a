// What the mappers of single layers share: the machine, the builder, and the tensors made so far. Internal to the
// mapping room.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "mapping/forward/gemm_plans.h"
#include "mapping/forward/mapping_options.h"
#include "mapping/forward/output_stationary_plans.h"
#include "mapping/forward/schedule_builder.h"
#include "mapping/forward/softmax_plans.h"

namespace vitality {

// An element-wise layer applied to a producer's tiles while they are on chip.
struct EpilogueStage {
  int layer;
  OperatorId op;
  bool charged;
  bool folded;  // batch norm folded into the producer's weights: no job
  bool is_add;  // Add or PositionEmbedding: needs the second operand
  TensorId second;
  bool swapped = false;   // the tile on chip is the layer's second input
  bool in_place = false;  // the second operand lies where the results will stay
  bool is_token = false;  // ConcatToken: no job; the rows move down by one
  bool scales = false;    // LayerScale
  // Training. saved: the tensor that keeps the tile as it is before this stage (the argument of an activation).
  // activation_gradient: a stage of the backward pass, the tile times the activation's derivative at the second
  // operand.
  TensorId saved = kNone;
  bool activation_gradient = false;
};

// What the forward pass of a training step keeps of one attention layer for the backward pass. Heads follow each other:
// a head begins at row (instance * heads + head) * rows of one head. kNone: not kept.
struct SavedAttention {
  TensorId context, key_mean, key_sum, denominator;  // G, K_bar, k_hat_sum, t_D
  TensorId probabilities = kNone;                    // of softmax
  TensorId row_sums = kNone, low_rank = kNone;       // of unified
  TensorId mask, entries;                            // bits, values on the mask
  std::int32_t first_mask = kNone;                   // index
};
struct SavedForward {  // by layer of the forward model
  std::vector<SavedAttention> attention;
  std::vector<TensorId> weight;  // tensor of a linear layer's or convolution's weights
};

// How the columns of a layer's output are stored in memory (codec.h): the marked columns as `coded_heads` heads instead
// of `heads`.
struct HeadCode {
  int heads = 0, coded_heads = 0;
  std::vector<bool> columns;  // empty: none
};

// Columns [col, col + cols) of an output that stays in the scratchpad (residency.h): all its rows, in a buffer. band:
// the columns that its readers take at a time.
struct ResidentTile {
  int col, cols, band;
  BufferId buffer = {};
  bool holds(int column) const { return col <= column && column < col + cols; }
};
// Whether and how long the output of a layer stays there (residency_plan.h).
struct Residence {
  ResultPlace place = ResultPlace::kMemory;
  int last_reader = kNone;  // the last layer that takes it from the scratchpad
  int heir_of = kNone;      // the layer whose output's places it takes over; kNone: it has places of its own
  ScratchpadEnd end = ScratchpadEnd::kLow;
  bool in_turn = false;  // its tiles are finished one after the other
  // Its tiles, without buffers, and their bytes. An heir that goes to memory has tiles too: it is made there.
  std::vector<ResidentTile> tiles = {};
  std::vector<Bytes> bytes = {};
  bool stays() const { return place != ResultPlace::kMemory; }
  bool at_high_end() const { return stays() && heir_of == kNone && end == ScratchpadEnd::kHigh; }
  // kNone has the number of the image, whose places nothing takes over.
  bool takes_place_of(int input) const { return heir_of != kNone && heir_of == input; }
  // The same of a layer that comes `layers` later, as those that it names do.
  Residence moved(int layers) const {
    Residence later = *this;
    for (int* const other : {&later.last_reader, &later.heir_of})
      if (*other != kNone) *other += layers;
    return later;
  }
  // As planned, before the tiles have buffers.
  bool operator==(const Residence& other) const {
    const auto same_columns = [](const ResidentTile& a, const ResidentTile& b) {
      return a.col == b.col && a.cols == b.cols;
    };
    return place == other.place && last_reader == other.last_reader && heir_of == other.heir_of && end == other.end &&
           in_turn == other.in_turn &&
           std::equal(tiles.begin(), tiles.end(), other.tiles.begin(), other.tiles.end(), same_columns) &&
           bytes == other.bytes;
  }
};

// The best plans by GemmProblem::key().
struct GemmPlans {
  std::map<std::vector<std::int64_t>, GemmChoice> input_stationary;
  std::map<std::vector<std::int64_t>, OutputStationaryChoice> output_stationary;
};

// Of two layers in turn (fused_plans.h); first.out_sets: parts in flight.
struct FusedGemms {
  GemmPlan first, second;
};
struct FusedHeads {
  GemmPlan first;
  AttentionMapping second;
  double cycles, energy_pj;  // of the second
};

struct MappingContext {
  const VitModel& model;
  const HardwareConfig& config;
  ScheduleBuilder& builder;
  std::vector<TensorId> output;       // tensor of every layer's output, kNone: not made, or consumed on chip
  std::vector<int> users = {};        // of every layer's output: number of layers that read it
  std::vector<bool> takes_norm = {};  // of every layer: whether a batch norm is folded into it
  std::vector<TensorId> images = {};
  std::map<std::string, Bytes> shared_weights = {};  // DRAM addresses of weights that the images of a batch share
  EnergyModel prices{config};
  GemmPlans gemm_plans = {};  // blocks repeat
  std::map<std::vector<std::int64_t>, std::optional<FusedGemms>> fused_gemms = {};
  std::map<std::vector<std::int64_t>, std::optional<FusedHeads>> fused_heads = {};
  std::map<std::vector<std::int64_t>, std::optional<AttentionMapping>> softmax_plans = {};
  SavedForward* saved = nullptr;            // training steps only
  std::map<int, HeadCode> head_codes = {};  // by layer, if asked for
  const MappingOptions* options = nullptr;
  std::vector<Residence> residences = {};                  // of every layer's output; empty: all go to memory
  std::map<int, std::vector<ResidentTile>> resident = {};  // what is there now, by layer
  bool may_go_layer_by_layer = false;                      // a batch whose images are to be mapped alike
  BatchOrder batch_order = BatchOrder::kImageByImage;
  bool plan_only = false;  // attention allocates its buffers, but emits no jobs and
                           // needs no masks

  int layers_of_image() const { return static_cast<int>(model.layers.size()) / model.images; }
  const Layer& layer(int index) const { return model.layers[static_cast<std::size_t>(index)]; }
  TensorId tensor_of(int layer_index) const {
    return is_model_input(layer_index) ? images[static_cast<std::size_t>(image_of(layer_index))]
                                       : output[static_cast<std::size_t>(layer_index)];
  }
  TensorId input_tensor(int layer_index, int input) const {
    return tensor_of(layer(layer_index).inputs[static_cast<std::size_t>(input)]);
  }
  AttentionKind attention_kind(int layer_index) const {
    return vitality::attention_kind(
        layer(layer_index),
        options->attention.empty() ? config.attention : options->attention[static_cast<std::size_t>(layer_index)]);
  }
  // What tells plans of attention layers apart, but for the room that they have and what they find there. Blocks
  // repeat, and so do their heads.
  std::vector<std::int64_t> attention_key(int layer_index) const;
  // The best plan within `capacity` bytes of scratchpad.
  const GemmChoice& plan_gemm(const GemmProblem& problem, Bytes capacity);
  // The same, output stationary. On an array that can hold weights or results: none if it is not better by
  // mapping.objective than plan_gemm()'s.
  const OutputStationaryChoice& plan_output_stationary(const GemmProblem& problem, Bytes capacity);
  // Whether such an array takes it.
  bool holds_results(const GemmProblem& problem, Bytes capacity) {
    const bool packs = problem.groups > 1 && (problem.streamed_on_chip || problem.results_on_chip);
    return holds_results_too(config.matrix_engine) && !options->training && problem.images == 1 && !packs &&
           plan_output_stationary(problem, capacity).plan;
  }
  // options->alternatives' plan for the problem with this key, of which this is a layer; null: there is none.
  const LayerMapping* alternative(int layer_index, const std::vector<std::int64_t>& key,
                                  const std::function<std::vector<LayerMapping>()>& plans);
  Bytes element_bytes() const { return storage_bytes(config.precision); }
  Bytes partial_bytes() const { return accumulator_bytes(config.precision); }
  const Residence& residence(int layer_index) const {
    static const Residence memory;
    return residences.empty() ? memory : residences[static_cast<std::size_t>(layer_index)];
  }
  bool selected(int layer_index) const {
    return options->selected.empty() || options->selected[static_cast<std::size_t>(layer_index)];
  }
  TensorId add_activation(int layer_index);
  TensorId add_weight(const std::string& name, int layer_index, int rows, int cols, Bytes bytes_each);
  // DRAM bytes that one machine cycle can move.
  double dram_bytes_per_cycle() const;
  PlanScore score() const { return {config, prices, dram_bytes_per_cycle()}; }
  // Records how the layer is mapped, as data and as text for people.
  void record(int layer_index, const LayerMapping& mapping) {
    builder.schedule().mappings[static_cast<std::size_t>(layer_index)] = mapping;
  }
  void note(int layer_index, std::string text) {
    builder.schedule().layer_mapping[static_cast<std::size_t>(layer_index)] = std::move(text);
  }
};

// Layers that compute each value of their output from values at the same place, so that an epilogue can do them.
bool is_elementwise(const Layer& layer);
// The layers that are the epilogue of `producer` (consume only its output, one after the other).
std::vector<int> epilogue_layers(const MappingContext& context, int producer);
std::vector<EpilogueStage> take_epilogue(MappingContext& context, int producer);
// A tile of results, and where it lies in the output of the producer. Second operands are fetched after `after`.
// resident: its place in what stays in the scratchpad, for a stage that works there.
struct EpilogueTile {
  TilePlace place;
  int row, col, m, n;
  Dependency after = {kNone, DependencyKind::kDone};
  TilePlace resident = {};
  bool sum_in_second = false;  // a sum takes the place of the second operand, not of the tile
};
// Applies the stages to a tile, and says where it then lies; `second_buffers` rotate per stage.
TilePlace emit_epilogue(MappingContext& context, const std::vector<EpilogueStage>& stages, const EpilogueTile& tile,
                        const std::vector<BufferId>& second_buffers);
// Rows by which token stages move a tile down.
int rows_moved(const std::vector<EpilogueStage>& stages);

struct GemmLayer {
  int layer;
  std::vector<EpilogueStage> epilogue;
  TensorId output;
};
// The layer of one image, or the same layer of all images of a batch, whose rows share the weights' tiles.
void map_gemm_layer(MappingContext& context, const std::vector<GemmLayer>& images);
// Two layers in turn, the second of which is a GEMM too, or attention (fused_plans.h).
void map_gemm_in_parts(MappingContext& context, const GemmLayer& first, const GemmLayer& second);
void map_gemm_in_parts(MappingContext& context, const GemmLayer& first, int attention_layer, TensorId output);
void map_attention_layer(MappingContext& context, int layer, AttentionKind kind, const AttentionMasks* masks,
                         TensorId output);
void map_elementwise_layer(MappingContext& context, int layer, TensorId output);
void map_average_pool_layer(MappingContext& context, int layer, TensorId output);
void map_pool_layer(MappingContext& context, int layer, TensorId output);
void map_rearrange_layer(MappingContext& context, int layer, TensorId output);
// Of a layer that moves whole rows (subsample, unfold, fold): the input's row for each row of the output.
std::vector<std::int32_t> source_rows(const Layer& layer);

}  // namespace vitality
