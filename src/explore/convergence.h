// How far a sweep had come after each design: the hypervolume of the front so far, as a share of the box between the
// best and the worst value of each objective of the whole table.
#pragma once

#include <cstdint>
#include <vector>

#include "explore/pareto.h"

namespace vitality {

struct ConvergenceStep {
  std::int64_t designs = 0;  // the first ones in the spec's order
  double hypervolume = 0;    // 0 to 1
};

// objectives: by design, in the spec's order; empty where a design has none. The steps where the hypervolume grows, and
// the last design; none where there are no or more than kMostVolumeObjectives objectives, or where no two values of one
// differ.
std::vector<ConvergenceStep> convergence(const std::vector<ObjectiveVector>& objectives);

}  // namespace vitality
