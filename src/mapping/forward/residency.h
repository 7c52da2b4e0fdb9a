// mapping.residency chip: outputs that stay in the scratchpad until the layer that takes them has had them. Internal to
// the mapping room.
//
// A resident output is a row of tiles of all its rows, each a buffer of its own, as its producer leaves them: a linear
// layer's column tiles, or a head of attention. Its consumer is the next layer and takes them in place: a linear layer
// streams them, attention works on them as on the tiles that it would have loaded.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

// The layer that may take this layer's output from the scratchpad: a linear layer, or an attention layer whose heads
// are whole tiles; kNone where the output goes to memory.
int resident_consumer(const MappingContext& context, int layer);

// Columns of an output that each become one tile, so that its consumer finds what it needs: the heads of attention, or
// pieces of at most `widest` columns.
std::vector<ResidentTile> resident_tiles(const MappingContext& context, int consumer, int columns, int widest);
// Bytes of the buffers of these tiles. Attention centres its keys in place, with a bit more for each.
std::vector<Bytes> resident_bytes(const MappingContext& context, int consumer, int rows,
                                  const std::vector<ResidentTile>& tiles);

// The layer's GEMM as the planner sees it, its rows streamed from tiles in the scratchpad (empty: from memory).
GemmProblem linear_problem(const MappingContext& context, int layer, const std::vector<ResidentTile>& streamed);

// Keeps the output of `layer` in buffers; the comparison with the reference sees it all the same, without a byte moved.
void make_resident(MappingContext& context, int layer, std::vector<ResidentTile> tiles,
                   const std::vector<Bytes>& bytes);
void show_resident(MappingContext& context, int layer, OperatorId op, Transfer store);
// Its consumer has had it.
void release_resident(MappingContext& context, int layer);

// Whether the layer has room for its attention beside so many resident bytes, heads taken in place.
bool attention_fits(MappingContext& context, int layer, AttentionKind kind, Bytes resident);

}  // namespace vitality
