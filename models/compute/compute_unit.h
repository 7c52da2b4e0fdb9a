// What the units of a chunk have in common: a unit takes a job over its job socket, decides with its own rule
// (schedule_job) when the job runs, computes its values where there are some, moves its bytes over its memory socket,
// and reports the job's phases in time. Each unit of the paper's figure is a class of its own behind this one; what a
// job costs is a pure formula of src/cost, which the mapper needs too.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <systemc>
#include <vector>

#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_context.h"
#include "models/protocol/stream_protocol.h"
#include "schedule/unit_counters.h"

namespace vitality {

class ComputeUnit : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<ComputeUnit> job_socket;        // from the controller
  tlm_utils::simple_initiator_socket<ComputeUnit> phase_socket;   // to the controller
  tlm_utils::simple_initiator_socket<ComputeUnit> memory_socket;  // to the NoC and the scratchpad behind it

  ComputeUnit(sc_core::sc_module_name name, MachineContext& context);

  // Jobs that the unit can hold at once.
  virtual int depth() const { return 1; }
  const UnitCounters& counters() const { return counters_; }

 protected:
  // When the job runs, given that it was taken now. Fills times.stream (not before what stands there), released, free
  // and done, without the stream's way over the NoC. Here: load, stream, drain, and the result after the latency.
  virtual void schedule_job(const Job& job, const JobCost& cost, Cycles now, JobTimes& times);
  // The cycle from which the unit holds nothing of the job.
  virtual Cycles left(const JobCost&, const JobTimes& times) const { return times.free; }
  // When the partial sums that a pass adds to come back from the scratchpad: row by row behind the pass before, which
  // has been issued and not ended.
  Cycles sums_there(JobId index, const Job& job, const JobCost& cost) const;
  // Moves the job's bytes; returns the cycles that its stream takes from `start` on the shared ports.
  Cycles stream(const JobCost& cost, Cycles start, JobTimes& times);

  MachineContext& context_;

 private:
  struct TimedPhase {
    Cycles cycle;
    JobId job;
    std::uint8_t phases;
  };
  void take(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void step();
  void add_phase(Cycles cycle, JobId job, std::uint8_t phase);
  void wake();

  std::vector<TimedPhase> pending_;
  sc_core::sc_event event_;
  Cycles next_wake_ = -1;
  UnitCounters counters_;
  JobPayload report_;
  StreamPayload access_;
};

}  // namespace vitality
