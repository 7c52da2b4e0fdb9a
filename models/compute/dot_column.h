// SA-Diag: one column of R PEs beside SA-General (paper: Section IV). It multiplies the rows that pass through
// SA-General by one vector, k_hat_sum, so that T_D needs no pass of the large array. It is a systolic array of one
// column, with load, stream and drain. Parameters: DiagonalEngineConfig; there are as many of them as matrix engines.
// Ports, counters: ComputeUnit. Cycles: input_stationary_fold with cols = 1 (cost/array_cost.h).
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class DotColumn : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;
};

}  // namespace vitality
