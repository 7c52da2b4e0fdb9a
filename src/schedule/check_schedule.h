// Is a schedule one that a machine can run, and run right, whatever the time that its jobs take?
//
// - Every index is one of its kind: buffers, tensors, operators, transfers, mask tiles, jobs. A job depends on jobs
//   before it alone, so none waits for itself.
// - Every buffer lies in the scratchpad; what a pass or a transfer takes lies in its buffer and its tensor.
// - What a job reads, another one has written, and the job waits until that one is done, directly or through others.
//   By buffers: a buffer that another buffer's bytes have overwritten has nothing left to read.
// - What a job overwrites, nobody reads or writes any more: the job waits for the release of those who read it and the
//   end of the one that wrote it. Passes of one sum may be in flight together: their array keeps them in order.
// - A load waits for the stores that overlap its part of a tensor; activations and gradients are stored before they
//   are loaded.
//
// The time is about that of making the schedule.
#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace vitality {

struct ScheduleLimits {
  Bytes scratchpad;
  Bytes element;  // the smallest that the scratchpad stores
};

// One sentence a finding, the first ones of many; empty: the schedule is right.
std::vector<std::string> check_schedule(const Schedule& schedule, const ScheduleLimits& limits);

}  // namespace vitality
