// Units that work on masks in passes that follow each other without a gap: passes over the next job's sub-rows enter
// behind the last pass of this one; the skew of rows and columns delays the result, not the next job.
//
// What a job costs depends on its block of the mask (cost/sparse_machine.h), which is fixed before time starts.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class MaskPasses : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;

 protected:
  void schedule_job(const Job&, const JobCost& cost, Cycles now, JobTimes& times) override {
    times.stream = now;
    times.released = times.free = now + stream(cost, now, times);
    times.done = times.free + cost.drain + cost.latency;
  }
};

}  // namespace vitality
