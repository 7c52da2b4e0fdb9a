// The exp lanes of the sparse unit, which the paper uses in training: exp of the kept scores, their sum,
// and the normalisation. Parameters: SparseUnitConfig (exp_lanes, exp_latency_cycles). Ports, counters: ComputeUnit.
// Cycles: cost/job_cost.h.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class ExpUnit : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
