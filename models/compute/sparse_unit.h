// The sparse unit of training (Sanger's structure: Lu et al., MICRO 2021): a low-precision array that predicts the
// mask, 64 rows of reconfigurable PEs for score-stationary SDDMM and SpMM on the packed and split mask, and the exp
// lanes that normalise between the two.
//
// The three work on different heads and chunks at the same time, as their jobs' dependencies allow. What a job costs
// depends on its block of the mask (src/cost/job_cost.cpp), which is fixed before time starts.
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

class SparseUnit : public sc_core::sc_module {
 public:
  SparseUnit(sc_core::sc_module_name name, MachineContext& context)
      : sc_module(name),
        predictor("predictor", context),
        rows("sparse_engine", context),
        exp_unit("exp_unit", context) {}

  SparseRows predictor, rows;
  Engine exp_unit;
};

}  // namespace vitality
