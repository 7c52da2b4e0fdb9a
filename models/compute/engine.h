// A unit that executes jobs: takes one over its job socket, computes its cost (src/cost) and, when there is data, its
// values, moves its bytes over its memory socket, and reports the job's phases in time.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <systemc>
#include <vector>

#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_context.h"
#include "models/protocol/stream_protocol.h"

namespace vitality {

class Engine : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Engine> job_socket;        // from the controller
  tlm_utils::simple_initiator_socket<Engine> phase_socket;   // to the controller
  tlm_utils::simple_initiator_socket<Engine> memory_socket;  // to the NoC and the scratchpad behind it

  Engine(sc_core::sc_module_name name, MachineContext& context);

  // Jobs that the unit can hold at once.
  virtual int depth() const { return 1; }

 protected:
  // When the job runs, given that it was taken now. Fills times.stream (not before what stands there), released, free
  // and done, without the stream's way over the NoC.
  virtual void schedule_job(const Job& job, const JobCost& cost, Cycles now, JobTimes& times);
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
  JobPayload report_;
  StreamPayload access_;
};

// SA-General: passes with load, stream and drain; with stationary prefetch the next tile is loaded while the current
// pass streams.
class SystolicArray : public Engine {
 public:
  using Engine::Engine;
  int depth() const override { return context_.config.matrix_engine.stationary_prefetch ? 2 : 1; }

 protected:
  void schedule_job(const Job& job, const JobCost& cost, Cycles now, JobTimes& times) override;

 private:
  Cycles stream_start_ = 0, stream_end_ = 0;
};

}  // namespace vitality
