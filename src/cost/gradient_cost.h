// Cost of the jobs that only a training step has: derivatives, the loss, the optimiser's step, and the backward pass of
// attention on a mask. Pure, as job_cost.h.
//
// A lane of the special functions does one multiplication per element and sweep (with the additions, the exp and the
// division that belong to it), so a job takes as many sweeps as it has multiplications per element. A square root
// counts as a division, because the divider computes it.
#pragma once

#include "cost/job_cost.h"

namespace vitality {

JobCost clear_cost(const Job& job, const HardwareConfig& config);
JobCost loss_gradient_cost(const Job& job, const HardwareConfig& config);
JobCost norm_gradient_cost(const Job& job, const HardwareConfig& config);
JobCost activation_gradient_cost(const Job& job, const HardwareConfig& config);
JobCost softmax_gradient_cost(const Job& job, const HardwareConfig& config);
JobCost row_products_cost(const Job& job, const HardwareConfig& config);
JobCost add_outer_cost(const Job& job, const HardwareConfig& config);
JobCost update_cost(const Job& job, const ScheduledUpdate& update, const HardwareConfig& config);

// A gradient of the softmax on a mask, on the exp lanes of the sparse unit.
JobCost sparse_softmax_gradient_cost(const MaskTile& tile, const HardwareConfig& config);
JobCost row_terms_cost(const Job& job, const MaskTile& tile, const HardwareConfig& config);
JobCost unified_gradient_cost(const Job& job, const MaskTile& tile, const HardwareConfig& config);

// Multiplications, additions and divisions per element of one optimiser step.
OperationCounts update_operations(const TrainingConfig& training);

}  // namespace vitality
