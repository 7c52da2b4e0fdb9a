// Backward of attention on a mask. Internal to the mapping room.
#pragma once

#include "mapping/training/backward_attention.h"

namespace vitality {

void map_mask_backward(BackwardContext& b, int layer, AttentionKind kind);

}  // namespace vitality
