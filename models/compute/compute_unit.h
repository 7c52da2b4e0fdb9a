// What the units of a chunk have in common. A unit takes a job over its job socket, decides by its own rule
// (schedule_job) when the job runs, computes its values if the run has values, moves its bytes over its memory socket,
// and reports the job's phases when they happen. Each unit of the paper's figure is a class of its own derived from
// this one. What a job costs is a pure formula of src/cost, because the mapper needs it too.
//
// Ports of every unit: jobs from the controller and phases back to it, streams to the NoC and the scratchpad behind it,
// rows to the FIFOs between the units. Parameters: the clock, scratchpad.stationary_load_ports, and the structs of
// config/hardware_config.h that each class names, which are read from the config's JSON. Counters: jobs, cycles with a
// job, waits at ports, links and FIFOs, bytes (schedule/unit_counters.h).
#pragma once

#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <optional>
#include <queue>
#include <systemc>
#include <vector>

#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_clock.h"
#include "models/protocol/row_protocol.h"
#include "models/protocol/stream_protocol.h"
#include "schedule/tile_executor.h"
#include "schedule/unit_counters.h"

namespace vitality {

class ComputeUnit : public sc_core::sc_module, public RowUnitIf {
 public:
  tlm_utils::passthrough_target_socket<ComputeUnit, 32, JobProtocol> job_socket;      // from the controller
  tlm_utils::simple_initiator_socket<ComputeUnit, 32, PhaseProtocol> phase_socket;    // to the controller
  tlm_utils::simple_initiator_socket<ComputeUnit, 32, StreamProtocol> memory_socket;  // to the NoC and the scratchpad
                                                                                      // behind it
  sc_core::sc_port<RowFifosIf> rows;                                                  // to the FIFOs between the units

  // executor: computes the values of jobs; null in a run without values. load_ports:
  // scratchpad.stationary_load_ports.
  ComputeUnit(sc_core::sc_module_name name, const MachineClock& clock, TileExecutor* executor, bool load_ports);

  // The number of jobs that the unit can hold at once.
  virtual int depth() const { return 1; }
  const UnitCounters& counters() const { return counters_; }
  void settle(Cycles wait, Cycles held) override;

 protected:
  // When the stationary operand of a job that was taken in cycle `taken` begins to enter.
  virtual Cycles load_begin(const JobOrder&, Cycles taken) const { return taken; }
  // When the job's stream begins, given when its stationary operand is there. This version: then, or when the sums of
  // the pass before come back from the scratchpad, row by row.
  virtual Cycles stream_begin(const JobOrder& order, Cycles loaded) const;
  // Decides when the job ends, whose stream begins at times.stream and takes `streaming` cycles. Fills the times
  // released, free and done, without the stream's way over the NoC. This version: stream, drain, and the result after
  // the latency.
  virtual void schedule_job(const JobOrder& order, Cycles streaming);
  // The cycle from which the unit no longer holds anything of the job.
  virtual Cycles left(const JobCost&, const JobTimes& times) const { return times.free; }
  // See RowUnitIf::settle.
  virtual void delay_by(JobTimes& times, Cycles wait, Cycles held);

 private:
  struct TimedPhase {
    Cycles cycle;
    JobId job;
    std::uint8_t phases;
  };
  void take(const JobOrder& order, sc_core::sc_time& delay);
  // A job is taken, loads its stationary operand, waits for its turn, and begins to stream. With load_ports_ all of
  // this happens when it is due; without, at once, as far as nothing unsettled is before it.
  bool occupied() const { return waiting_ || (unsettled_ && !load_ports_); }
  void load(const JobOrder& order);
  void load_next();
  void await_stream(const JobOrder& order);
  void begin(const JobOrder& order);
  tlm::tlm_sync_enum stream_due(StreamAccess& access, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void report(const JobOrder& order);
  void report_what_is_certain(const JobOrder& order);
  void step();
  void add_phase(Cycles cycle, JobId job, std::uint8_t phase);
  void wake();

  MachineClock clock_;
  TileExecutor* executor_;
  const bool load_ports_;
  std::vector<TimedPhase> pending_;
  sc_core::sc_event event_;
  Cycles next_wake_ = -1;
  // Of a chain of rows: its end is not known yet. A unit that holds several jobs has the next ones behind it, whose
  // times depend on that end.
  std::optional<JobOrder> unsettled_;
  int reported_ = 0;  // phases of it
  std::queue<JobOrder> behind_;
  // Of the job that has its stationary operand, or loads it, and whose stream has not begun: when the operand is there.
  std::optional<JobOrder> waiting_;
  Cycles loaded_ = 0;
  StreamAccess access_;  // of the stream that waits or began last
  UnitCounters counters_;
};

}  // namespace vitality
