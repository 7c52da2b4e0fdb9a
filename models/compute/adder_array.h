// The adder array (paper: Section IV): K_hat = K - mean (step 1), T_N and T_D's additions (step 5), residual additions
// of layers. A row of up to `lanes` elements a cycle; pipelined. Parameters: LaneConfig adders. Cycles: lane_timing
// (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class AdderArray : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
