// The divider array (paper: Section IV): with the single divisor register that all lanes share, K's mean (step 1); or
// with many divisors, which move along a chain of registers a lane a cycle, as the array delivers its rows, Z's
// division by T_D (step 6). A job names its mode by its kind. Pipelined: the next job enters behind the last row, the
// result is there after the divider's latency. Parameters: LaneConfig dividers (lanes, latency_cycles,
// initiation_interval). Cycles: lane_timing and divider_chain_timing (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class DividerArray : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
