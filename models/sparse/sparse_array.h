// The reconfigurable rows of PEs in the training unit (Sanger's structure): SDDMM over the kept entries of Q K^T, SpMM
// of P and V. Rows of the mask are packed together and split, so that sub-rows fill the PEs. Parameters:
// SparseUnitConfig (pe_rows, pes_per_row). Ports, counters: ComputeUnit. Cycles: pack and split of
// cost/sparse_machine.h.
#pragma once

#include "models/sparse/mask_passes.h"

namespace vitality {

class SparseArray : public MaskPasses {
 public:
  using MaskPasses::MaskPasses;
};

}  // namespace vitality
