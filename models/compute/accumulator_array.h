// The accumulator array: column sums of K, V and K_hat (paper: Section IV, steps 1 and 3 of Algorithm 1), one column
// per lane. Each addition needs the sum before it, so a lane takes an element every max(latency, initiation interval).
// The sums of one job are finished before the next job starts. Parameters: LaneConfig accumulators. Ports, counters:
// ComputeUnit. Cycles: accumulator_timing (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class AccumulatorArray : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
