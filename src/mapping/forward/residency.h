// mapping.residency chip: outputs that stay in the scratchpad until the layer that reads them has finished. Internal to
// the mapping room.
//
// A resident output is a row of tiles with all rows of the output, each in a buffer of its own, as its producer makes
// them: the column tiles of a linear layer, or the heads of attention. Its consumer is the next layer, which uses the
// tiles in place: a linear layer streams them, attention works on them as on the tiles that it would otherwise load.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

// The layer that may read this layer's output from the scratchpad: a linear layer, or an attention layer whose heads
// are whole tiles. kNone if the output goes to memory.
int resident_consumer(const MappingContext& context, int layer);

// The columns of an output, cut into tiles so that the consumer finds what it needs: the heads of attention, or pieces
// of at most `widest` columns.
std::vector<ResidentTile> resident_tiles(const MappingContext& context, int consumer, int columns, int widest);
// Bytes of the buffers of these tiles. Attention centres its keys in place, so each key element has an extra bit.
std::vector<Bytes> resident_bytes(const MappingContext& context, int consumer, int rows,
                                  const std::vector<ResidentTile>& tiles);

// The layer's GEMM for the planner, with rows streamed from tiles in the scratchpad (empty: from memory).
GemmProblem linear_problem(const MappingContext& context, int layer, const std::vector<ResidentTile>& streamed);

// Keeps the output of `layer` in buffers. It can still be compared with the reference, without moving a byte.
void make_resident(MappingContext& context, int layer, std::vector<ResidentTile> tiles,
                   const std::vector<Bytes>& bytes);
void show_resident(MappingContext& context, int layer, OperatorId op, Transfer store);
// To be called when the consumer has read it.
void release_resident(MappingContext& context, int layer);

// Whether the attention of the layer fits beside `resident` bytes, with heads used in place.
bool attention_fits(MappingContext& context, int layer, AttentionKind kind, Bytes resident);

}  // namespace vitality
