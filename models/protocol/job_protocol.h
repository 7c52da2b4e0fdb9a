// Jobs and their phases, between the controller and the units: TLM-2.0 sockets with protocol types of their own. A
// socket of the base protocol, or of another protocol of this machine, cannot be bound to them: the compiler refuses
// (tests/protocol_probe.py).
//
// Controller -> unit (JobProtocol, b_transport, zero time): take this job; the unit has room for it. Unit -> controller
// (PhaseProtocol, b_transport, zero time): any of these at once: the job has released its operands, the unit can take
// another job, the job's result is there, the first row of its result is in the FIFO (kPhaseFirstRow).
#pragma once

#include <cstdint>
#include <systemc>
#include <tlm>

#include "cost/job_cost.h"
#include "schedule/job_times.h"
#include "schedule/schedule.h"

namespace vitality {

enum JobPhase : std::uint8_t { kPhaseReleased = 1, kPhaseFree = 2, kPhaseDone = 4, kPhaseFirstRow = 8 };

// All that a unit needs to know of a job. It writes `times`: the controller's record of the job. The other pointers are
// valid until the end of the simulation too.
struct JobOrder {
  JobId id;
  const Job* job = nullptr;
  const JobCost* cost = nullptr;
  TransferSpan transfers = {};     // of a DMA job
  const JobTimes* sums = nullptr;  // of a pass that adds to sums: the pass of the same unit that wrote them
  JobTimes* times = nullptr;
  bool released_apart = false;  // the release of the operands must be reported on its own when it happens; otherwise
                                // it may be reported together with `free`
};

struct PhaseReport {
  JobId job;
  std::uint8_t phases = 0;
};

struct JobProtocol {
  using tlm_payload_type = const JobOrder;
  using tlm_phase_type = tlm::tlm_phase;
};
struct PhaseProtocol {
  using tlm_payload_type = const PhaseReport;
  using tlm_phase_type = tlm::tlm_phase;
};

}  // namespace vitality
