// Searches with the simulator in the loop.
//
// mapping.search estimate: with the objective latency, the estimate's choice is simulated, and what else it chooses
// that may be faster (mapping/smaller_scratchpads.h).
//
// mapping.search simulate: these are simulated for every objective, and the same with other objectives for the estimate
// and with results through memory. From the best of these, one problem after the other (a layer and those with the same
// shapes and room) takes each of its alternative plans in turn, and keeps the one that makes the whole run best by
// mapping.objective; neighbours are so judged together. This goes on until a round over all problems improves nothing,
// or the budget is used up. The result does not depend on the number of cores.
#pragma once

#include <functional>
#include <vector>

#include "base/checkpoint.h"
#include "config/hardware_config.h"
#include "mapping/mapper.h"
#include "mapping/smaller_scratchpads.h"
#include "report/result.h"
#include "sim/child_simulation.h"

namespace vitality {

// One way to map the whole model.
struct MappingVariant : MappingChoice {
  PlanAlternatives plans = {};  // `taken` says which
};

struct MappingSearchTask {
  std::vector<MappingChoice> others = {};  // what the estimate chooses otherwise
  // Of mapping.search simulate: fills in what a variant's plans do not have yet.
  std::function<void(MappingVariant&)> map;
  // Simulates a variant. The first one must be feasible.
  std::function<ChildTotals(MappingVariant)> simulate;
  Checkpoint* checkpoint = nullptr;               // keeps what simulations said; may be null
  std::function<void(double fraction)> progress;  // of the budget
  int budget = 0;                                 // simulations
};

struct FoundMapping {
  MappingVariant variant;
  ChildTotals totals;
  MappingSearchResult result;
};
FoundMapping search_mapping(const MappingConfig& config, const MappingSearchTask& task);

}  // namespace vitality
