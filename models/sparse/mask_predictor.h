// The low-precision array that predicts masks (Sanger's structure: Lu et al., MICRO 2021, Section 4): Q K^T of a few
// bits, binarised against the threshold. Parameters: SparseUnitConfig (predictor_rows, predictor_cols) and sparsity.*.
// Ports, counters: ComputeUnit. Cycles: cost/sanger_cost.cpp.
#pragma once

#include "models/sparse/mask_passes.h"

namespace vitality {

class PredictorArray : public MaskPasses {
 public:
  using MaskPasses::MaskPasses;
};

}  // namespace vitality
