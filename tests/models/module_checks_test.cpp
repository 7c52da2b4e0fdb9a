// What modules refuse at the end of elaboration, each with the id of its kind; and how a run that ended early is told
// apart from one that cannot go on.
#include <catch2/catch.hpp>
#include <cstring>

#include "models/compute/systolic_array.h"
#include "models/host.h"
#include "tests/support/fork_simulation.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

template <class Run>
std::string message_of(const Run& run) {
  const auto seen = fork_simulation<char>([&] {
    Simulated<char> out;
    const std::string text = run();
    out.values.assign(text.begin(), text.end());
    return out;
  });
  return {seen.values.begin(), seen.values.end()};
}

// The id of the error that elaborating and starting what `build` builds reports, or "".
template <class Build>
std::string reported(const Build& build) {
  return message_of([&]() -> std::string {
    try {
      const auto built = build();
      sc_core::sc_start(sc_core::SC_ZERO_TIME);
    } catch (const sc_core::sc_report& report) {
      return report.get_msg_type();
    }
    return "";
  });
}

std::string reported_by_machine(const HardwareConfig& config) {
  const Schedule none;
  return reported([&] {
    const MachineParameters parameters(config, none);
    return std::make_unique<HostedAccelerator>("machine", parameters);
  });
}

struct AttachedTwice {
  HardwareConfig config = plain_machine(4, 4, 1);
  Schedule none;
  MachineParameters parameters{config, none};
  HostedAccelerator machine{"machine", parameters};
  AttachedTwice() { machine.chunk.controller.attach_unit({0}, 1); }
};

struct LonelyRegisters {
  RegisterFile registers{"registers", MachineClock(500)};
  Host host{"host"};
  sc_core::sc_signal<bool> line{"line"};
  LonelyRegisters() {
    host.socket.bind(registers.socket);
    host.interrupt.bind(line);
    registers.interrupt.bind(line);
  }
};

// What is said of a run that leaves jobs, after `cycles` or when nothing happens any more.
std::string unfinished(const Schedule& schedule, int cycles) {
  return message_of([&] {
    const HardwareConfig config = plain_machine(4, 4, 1);
    const MachineParameters parameters(config, schedule);
    HostedAccelerator machine("machine", parameters);
    if (cycles > 0) {
      sc_core::sc_start(sc_core::sc_time(2 * cycles, sc_core::SC_NS));
      sc_core::sc_stop();
    } else {
      sc_core::sc_start();
    }
    return machine.chunk.controller.finished() ? "finished" : machine.chunk.controller.describe_unfinished();
  });
}

}  // namespace

TEST_CASE("module checks: each module refuses a size that it cannot have, with an id of its own") {
  const HardwareConfig good = plain_machine(4, 4, 1);
  CHECK(reported_by_machine(good).empty());
  HardwareConfig config = good;
  config.matrix_engine.cols = 0;
  CHECK(reported_by_machine(config) == "/vitality/systolic_array");
  config = good;
  config.noc.link_bytes = 0;
  CHECK(reported_by_machine(config) == "/vitality/noc");
  config = good;
  config.scratchpad.port_bytes = 0;
  CHECK(reported_by_machine(config) == "/vitality/scratchpad");
  config = good;
  config.dma.max_outstanding = 0;
  CHECK(reported_by_machine(config) == "/vitality/controller");  // a unit without room
  config = good;
  config.pipeline.fifo_rows = 0;
  CHECK(reported_by_machine(config) == "/vitality/row_fifos");
}

TEST_CASE("module checks: what is not bound is refused") {
  CHECK(reported([] { return std::make_unique<AttachedTwice>(); }) == "/vitality/controller");
  CHECK(reported([] { return std::make_unique<LonelyRegisters>(); }) == "/vitality/registers");
  // SystemC's own check of sockets: a chunk without a memory, a unit without anything.
  const HardwareConfig config = plain_machine(4, 4, 1);
  const Schedule none;
  const std::string unbound = sc_core::SC_ID_COMPLETE_BINDING_;
  CHECK(reported([&] {
          const MachineParameters parameters(config, none);
          return std::make_unique<AcceleratorChunk>("chunk", parameters);
        }) == unbound);
  CHECK(reported([&] {
          return std::make_unique<SystolicArray>("array", MachineClock(500), nullptr, false, config.matrix_engine);
        }) == unbound);
}

TEST_CASE("module checks: an early sc_stop is told apart from a deadlock, and both name who waits") {
  HandSchedule s;
  const BufferId a = s.buffer(32), b = s.buffer(32), c = s.buffer(32), d = s.buffer(32);
  s.fold(4, 4, 4, a, b, c);
  s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 4, 0, 4, c, b, d);
  CHECK(unfinished(s.schedule(), 0) == "finished");
  // The pass takes 4 + 4 + 6 cycles.
  const std::string early = unfinished(s.schedule(), 5);
  CHECK_THAT(early, Catch::StartsWith("sc_stop() ended the simulation early:"));
  CHECK_THAT(early, Catch::Contains("job 0 (fold on sa_general, layer 0) started and never ended"));
  CHECK_THAT(early, Catch::Contains("job 1 (add_row on adders, layer 0) waits for 0"));
  s.unit_job(UnitKind::kExpUnit, JobKind::kAddRow, 4, 0, 4, d, b, d);
  const std::string stuck = unfinished(s.schedule(), 0);
  CHECK_THAT(stuck, Catch::StartsWith("the simulation ended with jobs left:"));
  CHECK_THAT(stuck, Catch::Contains("waits for a unit that this machine has not"));
  CHECK_THAT(stuck, !Catch::Contains("job 1"));
}
