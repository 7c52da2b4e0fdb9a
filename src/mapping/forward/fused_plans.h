// Two layers that work in turn ("results": "scratchpad_in_parts"): what one iteration of the first one's outermost loop
// has made lies in the scratchpad until the second one has worked on it. Rows of a GEMM for a GEMM (fc1, GELU, fc2), or
// Q, K and V of a head for attention. Both layers' buffers lie beside each other. docs/mapping.md explains the choice.
// Internal to the mapping room.
#pragma once

#include "mapping/forward/residency.h"

namespace vitality {

// Buffers of one part of the results: `rows` rows of each column tile.
std::vector<Bytes> row_part(const GemmProblem& first, int rows);

// What a mapping from a file says of one or both; null: to be searched for.
struct GivenGemms {
  const InputStationaryMapping *first = nullptr, *second = nullptr;
};
// first: its results stay in the scratchpad. second: its rows are there. Returns nothing if the
// buffers do not fit; without a given plan, also if fetching weights again costs more than the scratchpad saves.
std::optional<FusedGemms> plan_row_parts(MappingContext& context, const GemmProblem& first, const GemmProblem& second,
                                         Bytes room, const GivenGemms& given);

struct GivenHeads {
  const InputStationaryMapping* first = nullptr;
  const AttentionMapping* second = nullptr;
};
// part: buffers of Q, K and V of a head.
std::optional<FusedHeads> plan_head_parts(MappingContext& context, const GemmProblem& first,
                                          const std::vector<Bytes>& part, int attention_layer, Bytes room,
                                          const GivenHeads& given);

}  // namespace vitality
