// Units that work on masks in passes that follow each other without a gap: the passes of the next job enter directly
// behind the last pass of this job. The skew of rows and columns delays the result, but not the next job.
//
// What a job costs depends on its block of the mask (cost/sparse_machine.h), which is fixed before the simulation
// starts.
#pragma once

#include "models/compute/compute_unit.h"

namespace vitality {

class MaskPasses : public ComputeUnit {
 public:
  using ComputeUnit::ComputeUnit;

 protected:
  Cycles stream_begin(const JobOrder& order, Cycles) const override { return order.times->start; }
  void schedule_job(const JobOrder& order, Cycles streaming) override {
    JobTimes& times = *order.times;
    times.released = times.free = times.stream + streaming;
    times.done = times.free + order.cost->drain + order.cost->latency;
  }
};

}  // namespace vitality
