// Units that work on masks in passes that follow each other: the training unit's rows of PEs and the low-precision
// array that predicts masks (Sanger's structure: Lu et al., MICRO 2021). Exp lanes are a plain Engine.
//
// What a job costs depends on its block of the mask (src/cost/sparse_machine.h), which is fixed before time starts.
#pragma once

#include "models/compute/engine.h"

namespace vitality {

// Passes over the next job's sub-rows enter behind the last pass of this one: the skew of rows and columns delays the
// result, not the next job.
class SparseRows : public Engine {
 public:
  using Engine::Engine;

 protected:
  void schedule_job(const Job&, const JobCost& cost, Cycles now, JobTimes& times) override {
    times.stream = now;
    times.released = times.free = now + stream(cost, now, times);
    times.done = times.free + cost.drain + cost.latency;
  }
};

}  // namespace vitality
