// What a module counts while it runs. The accounting (src/sim/account) computes the same figures from the times and
// costs of the jobs: both must be equal (sim/account/counter_check.h).
#pragma once

#include "base/units.h"

namespace vitality {

struct UnitCounters {
  Count jobs = 0;
  Cycles occupied = 0;                 // cycles in which at least one job is in the unit
  Cycles port_wait = 0, noc_wait = 0;  // of streams: cycles waited because others use the scratchpad's ports, or the
                                       // NoC's links
  Cycles fifo_wait = 0;                // of jobs, for FIFOs of rows
  Bytes read = 0, written = 0;         // of the scratchpad

  // Adds a job that is in the unit in [begin, end); jobs must come in the order of their ends.
  void occupy(Cycles begin, Cycles end) {
    if (end <= until_) return;
    occupied += end - (begin > until_ ? begin : until_);
    until_ = end;
  }

 private:
  Cycles until_ = 0;
};

}  // namespace vitality
