// The divider array (paper: Section IV). It has two modes, and the kind of a job says which one it uses: with a single
// divisor register that all lanes share, for the mean of K (step 1); with many divisors, which move along a chain of
// registers, one lane per cycle, as the array delivers its rows, for dividing Z by T_D (step 6). Pipelined: the next
// job enters behind the last row, and the result is there after the divider's latency. Parameters: LaneConfig dividers
// (lanes, latency_cycles, initiation_interval). Ports, counters: ComputeUnit. Cycles: lane_timing and
// divider_chain_timing (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class DividerArray : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
