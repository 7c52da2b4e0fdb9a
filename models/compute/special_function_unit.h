// The lanes for special functions: exp and division of softmax, GELU and similar functions, normalisation. The paper's
// figure has no such unit: Taylor attention needs no exp. Here it charges the work that the host or a shared unit would
// do between layers. Pipelined; a row of up to `lanes` elements per cycle and sweep. Parameters: SpecialFunctionConfig.
// Ports, counters: ComputeUnit. Cycles: cost/job_cost.h.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class SpecialFunctionUnit : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
