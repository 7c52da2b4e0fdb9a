// Encoder blocks that repeat: equal layers of equal shapes, where each block reads from the block before it in the same
// way.
#pragma once

#include <optional>

#include "workload/model.h"

namespace vitality {

struct RepeatedBlocks {
  int first;   // index of the first block's first layer
  int layers;  // in one block
  int count;
  int begin(int block) const { return first + block * layers; }
};

// The repetition of at least `least` blocks that covers the most layers. Layers behind the blocks may read only the
// last block. Returns nothing for a batch (images > 1).
std::optional<RepeatedBlocks> find_repeated_blocks(const VitModel& model, int least);

// The same model with the first kept - 1 of the blocks and the last one.
VitModel with_fewer_blocks(const VitModel& model, const RepeatedBlocks& blocks, int kept);

}  // namespace vitality
