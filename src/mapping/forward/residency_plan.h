// Which outputs stay in the scratchpad, where and how long, chosen for the whole model by mapping.objective: the search
// goes through the layers with every set of outputs that can be there, prices each layer's best plan in the room that
// is left, and takes the cheapest way. docs/mapping.md has the rules. Internal to the mapping room.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

struct ResidencyPlan {
  std::vector<Residence> residences;  // of every layer's output; empty: everything goes to memory
  BatchOrder batch_order = BatchOrder::kImageByImage;
  std::optional<ModelEstimate> estimate = {};  // of one image; none: not known
};
ResidencyPlan plan_residences(MappingContext& context);
// Of one image, with all results in memory. None: not known, or something does not fit.
std::optional<ModelEstimate> estimate_in_memory(MappingContext& context);

}  // namespace vitality
