// Checks that a machine can run a schedule, and runs it right, however long its jobs take.
//
// - Every index (buffer, tensor, operator, transfer, mask tile, job) exists. A job depends only on earlier jobs, so no
//   job waits for itself.
// - Every buffer lies inside the scratchpad; every tile and transfer lies inside its buffer and its tensor.
// - What a job reads, another job has written, and the reader waits until the writer is done, directly or through other
//   jobs. This goes by buffers: a buffer loses its content when the bytes of another buffer overwrite it.
// - What a job overwrites is no longer in use: the job waits until its readers have released it and its writer is done.
//   Passes of one sum may be in flight together, because their array keeps them in order.
// - A load waits for the stores that overlap its part of a tensor; activations and gradients are stored before they
//   are loaded.
//
// The check takes about as long as making the schedule.
#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace vitality {

struct ScheduleLimits {
  Bytes scratchpad;
  Bytes element;  // the smallest that the scratchpad stores
};

// One sentence per finding; if there are many, only the first ones. Empty: the schedule is right.
std::vector<std::string> check_schedule(const Schedule& schedule, const ScheduleLimits& limits);

}  // namespace vitality
