// The adder array (paper: Section IV): K_hat = K - mean (step 1), the additions of T_N and T_D (step 5), residual
// additions of layers. Pipelined; a row of up to `lanes` elements per cycle. Parameters: LaneConfig adders. Ports,
// counters: ComputeUnit. Cycles: lane_timing (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class AdderArray : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
