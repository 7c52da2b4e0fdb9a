// Issues the jobs of a Schedule: a job goes to its unit when all its dependencies are satisfied and the unit has room;
// among several the smallest index goes first. What became possible in one instant is decided together in the following
// delta cycle, so that the order of events inside an instant decides nothing.
//
// An order names the phases that matter on their own (JobExtension::phases): a release of operands that can make
// nothing ready before the unit is free again is reported then, which saves an event a pass.
#pragma once

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/multi_passthrough_target_socket.h>

#include <array>
#include <functional>
#include <queue>
#include <string>
#include <systemc>
#include <vector>

#include "models/protocol/job_protocol.h"
#include "models/protocol/machine_context.h"

namespace vitality {

class ChunkController : public sc_core::sc_module {
 public:
  tlm_utils::multi_passthrough_initiator_socket<ChunkController> units;  // bound in the order of attach_unit()
  tlm_utils::multi_passthrough_target_socket<ChunkController> phases;

  ChunkController(sc_core::sc_module_name name, MachineContext& context);
  // Jobs of `kind` go over the next binding of `units`; at most `depth` are held there at once.
  void attach_unit(UnitKind kind, int depth);

  bool finished() const { return done_ == static_cast<std::int64_t>(context_.schedule.jobs.size()); }
  Cycles last_cycle() const { return last_cycle_; }
  std::int64_t jobs_done() const { return done_; }
  // Who waits for whom: for the report of a schedule that cannot end.
  std::string describe_deadlock() const;

 private:
  struct Unit {
    int socket = -1, room = 0, depth = 0;
    std::int32_t last_issued = -1;  // the largest index so far
    std::priority_queue<std::int32_t, std::vector<std::int32_t>, std::greater<std::int32_t>> ready;
  };
  void receive(int id, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void satisfy(std::int32_t job, DependencyKind kind);
  void make_ready(std::int32_t job, std::int32_t limiter, DependencyKind kind);
  void run_uncharged();
  void dispatch();
  std::uint8_t wanted_phases(Unit& unit, std::int32_t job) const;

  MachineContext& context_;
  std::array<Unit, kUnitKinds> unit_;
  int sockets_ = 0;
  std::uint32_t candidates_ = 0;               // units that may have both room and a ready job
  std::vector<std::int32_t> waiting_;          // unsatisfied dependencies of a job
  std::vector<std::int32_t> first_dependent_;  // CSR of the reversed dependencies
  std::vector<Dependency> dependents_;
  std::vector<std::uint8_t>
      last_reader_;  // of a job, 0 or 1: no later job of its unit releases operands for all who wait for its own
  std::vector<std::int32_t> uncharged_;
  bool dispatching_ = false;  // what becomes ready now is seen without another activation
  std::int64_t done_ = 0;
  Cycles last_cycle_ = 0;
  sc_core::sc_event event_;
  JobPayload order_;
};

}  // namespace vitality
