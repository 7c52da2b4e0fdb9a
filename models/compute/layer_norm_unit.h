// Lanes for layer norms, apart from the special functions (layer_norm.lanes; no shipped machine has them, and the
// paper's figure has no such unit): three sweeps over a row, for its mean, its variance and the scaling. Pipelined.
// Parameters: LaneConfig layer_norm. Ports, counters: ComputeUnit. Cycles: cost/job_cost.h.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class LayerNormUnit : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
