// Issues the jobs of a Schedule. A job goes to its unit when all its dependencies are satisfied and the unit has room;
// of several such jobs, the one with the smallest index goes first. Everything that became possible in one instant is
// decided together in the following delta cycle, so the order of events inside an instant does not matter.
//
// Where a machine has several units of a kind:
// 1. A job goes to the unit of its kind with the most room; if several have the most, to the one with the lowest id.
// 2. A job that follows another one (Job::follows) goes to the unit that ran that one.
// 3. A unit whose registers hold something for a pass to come (continues_in_registers) takes that pass next and no
//    other job.
//
// Issuing a job takes controller.issue_cycles. The controller decodes one job after the other, the one with the
// smallest index first among those for which a unit has room, and the unit takes the job when it has been decoded. 0:
// any number of jobs is issued in an instant. With controller.descriptor_bytes a job is ready when its descriptor is
// there too (descriptor_queue.h).
//
// An order says whether the unit must report the release of operands on its own (JobOrder::released_apart). If that
// release cannot make a job ready before the unit is free, it is reported together with `free`, which saves one event
// per pass.
#pragma once

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/multi_passthrough_target_socket.h>

#include <functional>
#include <queue>
#include <string>
#include <systemc>
#include <vector>

#include "models/control/descriptor_queue.h"
#include "models/machine_parameters.h"
#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_clock.h"

namespace vitality {

class ChunkController : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_initiator_socket<ChunkController, 32, JobProtocol> units;  // bound in the order of
                                                                                          // attach_unit()
  tlm_utils::multi_passthrough_target_socket<ChunkController, 32, PhaseProtocol> phases;
  DescriptorQueue descriptors;

  ChunkController(sc_core::sc_module_name name, const MachineParameters& parameters);
  // The unit is the next binding of `units`; it holds at most `depth` jobs at once.
  void attach_unit(UnitId id, int depth);

  // Nothing is issued before this call. descriptors: the address of their list.
  void start(Bytes descriptors = 0);
  std::function<void()> on_finished;  // called when the last job is done

  bool finished() const { return done_ == static_cast<std::int64_t>(schedule_.jobs.size()); }
  Cycles last_cycle() const { return last_cycle_; }
  std::int64_t jobs_done() const { return done_; }
  // When the jobs ran, and which jobs each unit ran, in the order in which they began.
  const IdVector<JobId, JobTimes>& times() const { return times_; }
  const std::vector<std::vector<JobId>>& order() const { return order_; }
  // Why the simulation has ended with jobs left, early or in a deadlock, and which job waits for which.
  std::string describe_unfinished() const;

 private:
  // Jobs by index, the smallest on top.
  using ReadyJobs = std::priority_queue<JobId, std::vector<JobId>, std::greater<JobId>>;
  struct Unit {
    int socket = -1, room = 0, depth = 0;
    JobId last_issued;    // the largest index so far
    JobId holds_for;      // the job that left something in the registers, if the next pass needs it
    ReadyJobs followers;  // only where there are several units of the kind
  };
  struct Kind {
    std::size_t first = 0, count = 0;  // of units_
    ReadyJobs ready;                   // jobs that any unit of the kind may take
  };
  void receive(int id, const PhaseReport& report, sc_core::sc_time& delay);
  void satisfy(JobId job, DependencyKind kind);
  void make_ready(JobId job, JobId limiter, DependencyKind kind);
  void run_uncharged();
  // A job, and the unit that may take it now.
  struct Choice {
    JobId job;
    std::size_t unit = 0;
    bool shared = false;  // from the ready jobs of the kind, not from the unit's followers
  };
  void end_of_elaboration() override;
  void dispatch();
  void decoded();
  void issue_all();
  void issue_one_by_one();
  Choice choose(const Kind& kind) const;
  Choice choose_among_several(const Kind& kind) const;
  void take(const Choice& choice);
  void issue(std::size_t unit, JobId job);
  void job_ended(JobId job);
  void sort_orders();
  bool released_apart(Unit& unit, JobId job) const;
  const JobTimes* sums_before(JobId job) const;
  const Job& job_at(JobId index) const { return schedule_.jobs[index]; }
  Kind& kind_of(JobId job) { return kinds_[job_at(job).unit]; }
  // May a unit that holds something in its registers take this job?
  bool may_take(const Unit& unit, JobId job) const;

  static constexpr std::int32_t kEnded = -1;

  MachineClock clock_;
  const Schedule& schedule_;
  const CostTable& costs_;
  const MachineUnits& machine_units_;
  TileExecutor* executor_;
  Cycles issue_cycles_;
  IdVector<JobId, JobTimes> times_;
  std::vector<std::vector<JobId>> order_;  // per unit
  std::vector<Unit> units_;                // by UnitId
  EnumArray<UnitKind, Kind> kinds_;
  int sockets_ = 0;
  std::uint32_t candidates_ = 0;                   // kinds that may have both room and a ready job
  IdVector<JobId, std::int32_t> waiting_;          // unsatisfied dependencies of a job, its
                                                   // descriptor included; kEnded
  IdVector<JobId, std::int32_t> first_dependent_;  // CSR of the reversed dependencies
  std::vector<Dependency> dependents_;
  IdVector<JobId, std::uint8_t> last_reader_;  // per job, 1 if some dependent waits for this job's release and for no
                                               // later release of the same unit's kind
  IdVector<JobId, std::uint8_t> continued_;    // per job, 1 if a later pass finds something of it in the registers
  std::vector<JobId> uncharged_;
  bool started_ = false, seeded_ = false;  // seeded: the jobs without dependencies have been made ready
  Choice decoding_;                        // with issue_cycles
  Cycles decoded_ = 0;
  bool dispatching_ = false;  // jobs that become ready now are seen without another activation
  std::int64_t done_ = 0;
  Cycles last_cycle_ = 0;
  sc_core::sc_event event_, decoded_event_;
};

}  // namespace vitality
