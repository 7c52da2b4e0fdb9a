// The special function lanes: exp and division of softmax, GELU and its like, normalisation. The paper's figure has
// none: Taylor attention needs no exp, and what the host or a shared unit does between layers is charged here. A row of
// up to `lanes` elements a cycle and sweep; pipelined. Parameters: SpecialFunctionConfig. Cycles: cost/job_cost.h.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class SpecialFunctionUnit : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
