// Cost of the jobs that only a training step has: derivatives, the loss, the optimiser's step, and the backward pass of
// attention on a mask. Pure, as job_cost.h.
//
// A lane of the special functions does one multiplication an element and sweep (with the additions, the exp and the
// division that go with it): a job takes as many sweeps as it has multiplications an element. A square root counts as a
// division, which is what computes it.
#pragma once

#include "cost/job_cost.h"

namespace vitality {

bool is_gradient_job(JobKind kind);
JobCost gradient_cost(const Job& job, const Schedule& schedule, const HardwareConfig& config);

// Multiplications, additions and divisions an element of one optimiser step.
OperationCounts update_operations(const TrainingConfig& training);

}  // namespace vitality
