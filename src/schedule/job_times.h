// When a job ran, in cycles: written by the machine's modules, read by everything that accounts for or draws a run.
#pragma once

#include "base/units.h"
#include "schedule/schedule.h"

namespace vitality {

struct JobTimes {
  UnitId unit;                // which unit took it
  Cycles ready = -1;          // its dependencies were satisfied
  Cycles start = -1;          // its unit took it (a DMA channel: requested its first transfer)
  Cycles stream = -1;         // its first operand row entered (arrays: after the stationary load)
  Cycles released = -1;       // its operands may be overwritten
  Cycles free = -1;           // its unit may take the next job
  Cycles done = -1;           // its result is there
  Cycles contention = 0;      // the part of the stream's time caused by other units' use of the scratchpad's ports
  Cycles noc_contention = 0;  // the same for the links of the NoC
  Cycles load_contention = 0, load_noc_contention = 0;  // the same parts of the stationary load's time
  Cycles noc_latency = 0;  // the time of its stream over the NoC's hops, by which the result comes later
  Cycles fifo_wait = 0;    // for a FIFO of rows that is full behind the job or empty in front of it
  JobId limiter;           // the dependency that was satisfied last
  DependencyKind limiter_kind = DependencyKind::kDone;
};

// With controller.descriptor_bytes: when the descriptor of a job was requested from memory, and when it came.
struct DescriptorFetch {
  Cycles begin = -1, end = -1;
};

}  // namespace vitality
