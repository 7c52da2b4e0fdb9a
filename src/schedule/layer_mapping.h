// A mapping as data: how one layer runs on its machine. The mapper's search chooses one, or it comes from a file
// (mapping/mapping_json.h); then the mapper of the layer's kind turns it into jobs. docs/mapping.md explains each form.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

namespace vitality {

enum class GemmLoop : std::uint8_t { kRows, kColumns, kContraction };
using GemmOrder = std::array<GemmLoop, 3>;  // outermost first

constexpr const char* to_string(GemmLoop loop) {
  switch (loop) {
    case GemmLoop::kRows:
      return "rows";
    case GemmLoop::kColumns:
      return "columns";
    case GemmLoop::kContraction:
      return "contraction";
  }
  return nullptr;
}

// Where the tiles of one operand lie. A loop that does not move the operand needs the same tiles again in each of its
// sweeps. The first `kept` tiles of a sweep have a buffer each and stay there; the others share `sets` buffers in turn
// and are fetched in every sweep. With two sets the next tile is fetched while the array works on the current one. With
// no buffers at all, the operand is already in the scratchpad.
struct OperandBuffers {
  int kept = 0, sets = 2;
};

// Where the results of a layer lie until others take them. Both: in memory, and in the scratchpad for some of those
// that take them. Parts: in the scratchpad, what one iteration of the layer's outermost loop makes at a time; the next
// layer works on it before its place is taken again.
enum class ResultPlace : std::uint8_t { kMemory, kScratchpad, kBoth, kParts };

constexpr bool in_memory(ResultPlace place) {
  return place == ResultPlace::kMemory || place == ResultPlace::kBoth;
}

constexpr const char* to_string(ResultPlace place) {
  switch (place) {
    case ResultPlace::kMemory:
      return "memory";
    case ResultPlace::kScratchpad:
      return "scratchpad";
    case ResultPlace::kBoth:
      return "both";
    case ResultPlace::kParts:
      return "scratchpad_in_parts";
  }
  return nullptr;
}

// How a batch is mapped: all layers of an image before the next image, or a layer of all images before the next layer,
// so that their rows stream through the same tiles of weights.
enum class BatchOrder : std::uint8_t { kImageByImage, kLayerByLayer };

constexpr const char* to_string(BatchOrder order) {
  switch (order) {
    case BatchOrder::kImageByImage:
      return "image_by_image";
    case BatchOrder::kLayerByLayer:
      return "layer_by_layer";
  }
  return nullptr;
}

// A GEMM on an input stationary array: rows M x K are streamed, tiles of K x N are stationary.
struct InputStationaryMapping {
  static constexpr const char* kForm = "input_stationary";
  int tile_rows = 0, tile_cols = 0;  // of a stationary tile, at most the array's
  int m_tile = 0;                    // rows that a pass streams
  int n_group = 1, k_group = 1;      // tiles of a step
  GemmOrder order{GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction};
  OperandBuffers streamed, stationary;
  // Result tiles (and second operands of an epilogue's additions) in flight. 0: results have no buffers of their own.
  // They take the place of the partial sums that they are made from, and an addition leaves its sum in the place of its
  // second operand. Of results in parts: the parts in flight.
  int out_sets = 2;
  ResultPlace results = ResultPlace::kMemory;
  // Results in the scratchpad, in places of their own: at its end, not at its beginning.
  bool high_end = false;
};

// A GEMM on an output stationary array: a tile of results stays in the array while both operands stream through it.
struct OutputStationaryMapping {
  static constexpr const char* kForm = "output_stationary";
  int tile_rows = 0, tile_cols = 0;  // of a result tile, at most the array's
  int segment = 0;                   // contraction indices of one step
  bool columns_outer = false;        // the outer loop runs over column tiles, not over row tiles
  bool outer_resident = false;       // the outer loop's operand is fetched once, with its whole contraction
  int out_sets = 2;                  // result tiles (and second operands of an epilogue's additions) in flight
  bool rows_on_chip = false;         // the rows lie in the scratchpad already
  ResultPlace results = ResultPlace::kMemory;
  bool high_end = false;  // as above
};

// Attention, head by head, every head alike.
struct AttentionMapping {
  static constexpr const char* kForm = "attention";
  int token_chunk = 0, query_chunk = 0;  // keys, and queries, that are worked on at a time
  std::array<int, 4> sets{};             // buffers of K, V, Q (none: they lie in the scratchpad already), and of T
  ResultPlace results = ResultPlace::kMemory;
  bool high_end = false;  // as above
  // Softmax attention alone: tile of keys after tile of keys, with a running maximum and sum a row, in place of whole
  // rows of scores in the scratchpad. Then `sets` counts buffers of scores as T, and result_sets those of Z.
  bool online_softmax = false;
  int result_sets = 1;
};

// The layer's rows go through a buffer, this many at a time.
struct RowTileMapping {
  static constexpr const char* kForm = "row_tiles";
  int rows = 0;
};

// Layers without a choice.
struct EpilogueMapping {  // done on the result tiles of the layer before
  static constexpr const char* kForm = "epilogue";
  bool in_place = false;  // an addition to what lies in the scratchpad, where its result then lies
};
struct UnchargedMapping {  // the machine's description does not charge it: one job without time
  static constexpr const char* kForm = "uncharged";
  bool results_stay = false;  // in the scratchpad, as its operand does
  bool high_end = false;      // as above
};
struct FoldedMapping {  // in the parameters of a neighbour
  static constexpr const char* kForm = "folded";
};

struct NoMapping {  // the layer does not run
  static constexpr const char* kForm = "none";
};

using LayerMapping = std::variant<NoMapping, InputStationaryMapping, OutputStationaryMapping, AttentionMapping,
                                  RowTileMapping, EpilogueMapping, UnchargedMapping, FoldedMapping>;

inline const char* form_name(const LayerMapping& mapping) {
  return std::visit([](const auto& form) { return form.kForm; }, mapping);
}

}  // namespace vitality
