// Encoder blocks that repeat: equal layers with equal shapes, each reading what its predecessor reads one block before.
#pragma once

#include <optional>

#include "workload/model.h"

namespace vitality {

struct RepeatedBlocks {
  int first;   // layer of the first block
  int layers;  // of a block
  int count;
  int begin(int block) const { return first + block * layers; }
};

// The repetition that covers most layers, of at least `least` blocks, all of which outside layers read the last one
// only. None in batches.
std::optional<RepeatedBlocks> find_repeated_blocks(const VitModel& model, int least);

// The same model with the first kept - 1 of the blocks and the last one.
VitModel with_fewer_blocks(const VitModel& model, const RepeatedBlocks& blocks, int kept);

}  // namespace vitality
