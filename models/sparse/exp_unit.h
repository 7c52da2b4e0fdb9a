// The exp lanes of the sparse unit: exp of the kept scores, their sum, and the normalisation. Parameters:
// sparse_unit.exp_lanes, .exp_latency_cycles. Cycles: cost/job_cost.h.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class ExpUnit : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
