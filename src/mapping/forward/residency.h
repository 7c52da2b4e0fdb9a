// mapping.residency chip: outputs that stay in the scratchpad for the layers that read them. residency_plan.h decides
// which; here they get their places. Internal to the mapping room.
//
// A resident output is a row of tiles with all rows of the output, each in a buffer of its own, as its producer makes
// them: the column tiles of a linear layer, or the heads of attention. Readers use the tiles in place: a linear layer
// streams them, attention works on them as on the tiles that it would otherwise load, an addition puts its results
// there, and an uncharged layer has its results there or in tiles beside them.
#pragma once

#include "mapping/forward/gemm_mapper.h"

namespace vitality {

// Whether this run may keep outputs in the scratchpad.
bool keeps_outputs(const MappingContext& context);

// The heads of attention as tiles of its input, head by head, so that attention can begin with one while the layer
// before makes the next: Q, K and V of each.
constexpr int kTilesOfHead = 3;
std::vector<ResidentTile> head_tiles(const Attention& attention);
// Pieces of at most `widest` columns.
std::vector<ResidentTile> column_tiles(int columns, int widest);

// Whether a convolution can gather its rows from these tiles of its input: each holds whole groups of channels.
bool can_gather(const Conv2d& conv, const std::vector<ResidentTile>& tiles);

// The tiles of a GEMM, as large as the array, of which none reaches across a border of what lies in the scratchpad: of
// the tiles that its rows are streamed from (null: they come from memory), and of those that its results stay in
// (empty: they do not). A convolution that is not grouped goes through all kernel positions of one tile of its input,
// then through those of the next: `first` counts in this order, `part` is the tile.
struct GemmTiles {
  std::vector<ContractionTile> contraction;
  std::vector<ColumnTile> columns;
};
GemmTiles tiles_in_place(const Gemm& gemm, const MatrixEngineConfig& engine, const std::vector<ResidentTile>* streamed,
                         const std::vector<ResidentTile>& results);
// The GEMM for the planner, cut into these tiles, with streamed rows that are in the scratchpad or not, and with
// results in their residence.
GemmProblem with_residence(GemmProblem problem, const GemmTiles& tiles, bool streamed_on_chip,
                           const Residence& results);

// Gives the output of `layer` the places that its residence says. It can still be compared with the reference, without
// moving a byte (ScheduleBuilder::show).
void make_resident(MappingContext& context, int layer);
// Gives back the places of outputs of the layer's image that no layer behind `layer` takes from the scratchpad.
void release_resident(MappingContext& context, int layer);

// What the room for a layer of attention decides: DRAM bytes of Q, K and V, and cycles: those in which the array waits
// for an operand that has one buffer, or begins with another chunk; of softmax attention all of them.
struct AttentionEstimate {
  Bytes operand_bytes = 0;
  double waits = 0;
  Bytes buffers = 0;  // bytes of all of them
  double lead = 0;    // cycles of what comes before the first pass of a head
};
// in_place: Q, K and V lie in the scratchpad and need no buffers. None: the layer does not fit.
std::optional<AttentionEstimate> estimate_attention(MappingContext& context, int layer, Bytes capacity, bool in_place);

// The plan with the most buffers of attention whose Q, K and V lie in the scratchpad, or the given one, and the bytes
// of its buffers. None: the layer does not fit.
struct AttentionInPlace {
  AttentionMapping plan;
  Bytes bytes;
};
std::optional<AttentionInPlace> attention_in_place(MappingContext& context, int layer, Bytes capacity,
                                                   const AttentionMapping* given);

}  // namespace vitality
