// mapping.residency chip: outputs that stay in the scratchpad for the layers that read them. residency_plan.h decides
// which; here they get their places. Internal to the mapping room.
//
// A resident output is a row of tiles with all rows of the output, each in a buffer of its own, as its producer makes
// them: as wide as the array, of whole heads where attention makes or reads them. Readers use the tiles in place: a
// linear layer streams them, attention works on a head's columns of a tile and an instance's rows as on the tiles that
// it would otherwise load, an addition puts its results there, and an uncharged layer has its results there or in tiles
// beside them.
#pragma once

#include "mapping/forward/gemm_mapper.h"

namespace vitality {

// Whether this run may keep outputs in the scratchpad.
bool keeps_outputs(const MappingContext& context);

// The heads of attention as tiles of one of its inputs, head by head: those of Q, K and V that lie in it.
constexpr int kTilesOfHead = 3;  // where all of them do
std::vector<ResidentTile> head_tiles(const Attention& attention, int input);
// The same in tiles of at most `widest` columns, each with what lies side by side of the heads of a group: of all sizes
// of groups that make the fewest tiles the smallest. Group by group, so that attention can begin with one while the
// layer before makes the next.
std::vector<ResidentTile> grouped_head_tiles(const Attention& attention, int input, int widest);
// Pieces of at most `widest` columns, but of whole bands; 0: the columns have none.
std::vector<ResidentTile> column_tiles(int columns, int widest, int band = 0);

// Whether a convolution can gather its rows from these tiles of its input: each holds whole groups of channels.
bool can_gather(const Conv2d& conv, const std::vector<ResidentTile>& tiles);

// See GemmTiles.
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

// What the room for a layer of attention decides: DRAM bytes of Q, K and V; cycles: those in which the array waits for
// an operand that has one buffer, or begins with another chunk, of softmax attention all of them; and the energy of
// both. Without what its results take to go to memory.
struct AttentionEstimate {
  Bytes operand_bytes = 0;
  double waits = 0, energy_pj = 0;
  Bytes buffers = 0;  // bytes of all of them
  // Cycles in which the array waits for other units if all heads are there at once: for what comes before the first
  // pass of the first head, and for units that take longer for a head than the array.
  double at_once = 0;
};
// None: the layer does not fit.
std::optional<AttentionEstimate> estimate_attention(MappingContext& context, int layer, Bytes capacity,
                                                    const OperandsInPlace& in_place);

// The plan of attention whose Q, K and V lie in the scratchpad a head at a time, or the given one, the bytes of its
// buffers, and what it takes. None: the layer does not fit.
struct AttentionInPlace {
  AttentionMapping plan;
  Bytes bytes;
  AttentionEstimate estimate;
};
std::optional<AttentionInPlace> attention_in_place(MappingContext& context, int layer, Bytes capacity,
                                                   const AttentionMapping* given);

}  // namespace vitality
