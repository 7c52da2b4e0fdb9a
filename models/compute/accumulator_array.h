// The accumulator array: column sums of K, V and K_hat (paper: Section IV, steps 1 and 3 of Algorithm 1), one column a
// lane. A sum needs its predecessor, so that a lane takes an element every max(latency, initiation interval); a job has
// its own sums, and the next one starts when they are there. Parameters: LaneConfig accumulators. Cycles:
// accumulator_timing (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class AccumulatorArray : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
