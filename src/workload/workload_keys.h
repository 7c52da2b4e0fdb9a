// The keys of a workload file around those of its layers (layer_kinds()): for its reader and its JSON Schema.
#pragma once

#include "base/json_keys.h"

namespace vitality {

constexpr int kMaxDim = 1 << 24, kMaxRepeat = 1000, kMaxInputs = 8, kMaxNameLength = 200;

struct WorkloadKeys {
  JsonKeys top, image;
  JsonKeys layer;  // beside the keys of its kind
  JsonKeys block;  // a use of a named block, or layers in place of one
};
const WorkloadKeys& workload_keys();

}  // namespace vitality
