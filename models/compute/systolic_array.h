// SA-General: R x C PEs (paper: Section IV, the systolic array of the matrix engine). Input stationary: a pass loads a
// stationary tile into the registers of the PEs, streams the rows of the other operand, one per cycle, and drains,
// because the last row and column of PEs are R + C - 2 cycles behind the first. Output stationary: sums stay in the
// PEs; results leave through a chain of shadow registers while the next tile runs.
//
// The registers are the innermost of the four levels of memory. The state here is when they are in use. With one
// stationary register per PE, a pass starts when the one before it has ended. With two (stationary_prefetch), the next
// tile is loaded while the current pass streams. cost/job_cost.h says what a held tile saves and what partial sums cost
// (stationary_read, partial_read).
//
// Parameters: MatrixEngineConfig. Ports, counters: ComputeUnit. Cycles: cost/array_cost.h, derived from the clocked
// array of tests/models.
#pragma once

#include "config/hardware_config.h"
#include "models/compute/compute_unit.h"

namespace vitality {

class SystolicArray : public ComputeUnit {
 public:
  SystolicArray(sc_core::sc_module_name name, const MachineClock& clock, TileExecutor* executor, bool load_ports,
                const MatrixEngineConfig& config);
  int depth() const override { return config_.stationary_prefetch ? 2 : 1; }

 protected:
  Cycles load_begin(const JobOrder& order, Cycles taken) const override;
  Cycles stream_begin(const JobOrder& order, Cycles loaded) const override;
  void schedule_job(const JobOrder& order, Cycles streaming) override;
  // With prefetch the unit takes a pass before the one inside has drained.
  Cycles left(const JobCost& cost, const JobTimes& times) const override {
    return times.released + cost.drain > times.free ? times.released + cost.drain : times.free;
  }
  void delay_by(JobTimes& times, Cycles wait, Cycles held) override;

 private:
  void end_of_elaboration() override;
  const MatrixEngineConfig config_;
  Cycles stream_start_ = 0, stream_end_ = 0;  // of the last pass
};

}  // namespace vitality
