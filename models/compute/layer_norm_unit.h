// Lanes for layer norms, apart from the special functions (layer_norm.lanes; no shipped machine has them): three sweeps
// over a row, for its mean, its variance and the scaling. Pipelined. Parameters: LaneConfig layer_norm. Cycles:
// cost/job_cost.h.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class LayerNormUnit : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
