// Each module alone, between modules that know nothing of the machine: every socket and port of it is bound to a
// foreign one. The chunk's memory sockets, the DRAM controller and the registers are in memory_protocol_test.cpp.
#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include <catch2/catch.hpp>
#include <memory>

#include "mapping/row_streams.h"
#include "models/compute/accumulator_array.h"
#include "models/compute/adder_array.h"
#include "models/compute/divider_array.h"
#include "models/compute/dot_column.h"
#include "models/compute/layer_norm_unit.h"
#include "models/compute/special_function_unit.h"
#include "models/compute/systolic_array.h"
#include "models/control/chunk_controller.h"
#include "models/host.h"
#include "models/interconnect/noc.h"
#include "models/interconnect/row_fifos.h"
#include "models/memory/dma.h"
#include "models/memory/scratchpad.h"
#include "models/sparse/exp_unit.h"
#include "models/sparse/mask_predictor.h"
#include "models/sparse/sparse_array.h"
#include "tests/support/foreign_memory.h"
#include "tests/support/foreign_unit.h"
#include "tests/support/fork_simulation.h"
#include "tests/support/hand_schedule.h"

using namespace vitality;
using namespace vitality::test;

namespace {

constexpr double kMhz = 500;  // 2 ns a cycle

// Gives a unit one job in cycle 5 and notes when it hears what of it.
struct ForeignController : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<ForeignController, 32, JobProtocol> jobs;
  tlm_utils::passthrough_target_socket<ForeignController, 32, PhaseProtocol> phases;
  JobOrder order;
  std::vector<Cycles> heard;  // cycle, phases, and so on

  explicit ForeignController(sc_core::sc_module_name name) : sc_module(name), jobs("jobs"), phases("phases") {
    phases.register_b_transport(this, &ForeignController::hear);
    SC_HAS_PROCESS(ForeignController);
    SC_THREAD(run);
  }
  void run() {
    wait(at(5));
    sc_core::sc_time delay;
    jobs->b_transport(order, delay);
  }
  void hear(const PhaseReport& report, sc_core::sc_time&) { heard.insert(heard.end(), {now(), report.phases}); }
};

// Answers every stream with the same delays.
struct ForeignScratchpad : sc_core::sc_module {
  tlm_utils::passthrough_target_socket<ForeignScratchpad, 32, StreamProtocol> socket;
  Cycles slower = 0, noc = 0, route = 0;
  std::vector<Cycles> asked;   // of each stream: start, cycles, bytes read, bytes written
  std::vector<Cycles> moving;  // of DMA: when, filling, emptying

  explicit ForeignScratchpad(sc_core::sc_module_name name) : sc_module(name), socket("socket") {
    socket.register_b_transport(this, &ForeignScratchpad::access);
  }
  void access(StreamAccess& stream, sc_core::sc_time&) {
    if (stream.filling != 0 || stream.emptying != 0) {
      moving.insert(moving.end(), {now(), stream.filling, stream.emptying});
      return;
    }
    asked.insert(asked.end(), {stream.start, stream.cycles, stream.read_bytes, stream.write_bytes});
    if (stream.cycles > 0) stream.cycles += slower;
    stream.noc_cycles += noc, stream.route_cycles += route;
  }
};

// Holds the last row of a job for `wait` cycles, as if a FIFO were full.
struct ForeignFifos : sc_core::sc_module, RowFifosIf {
  bool chain = false;
  Cycles wait = 0;
  explicit ForeignFifos(sc_core::sc_module_name name) : sc_module(name) {}
  bool in_chain(JobId) const override { return chain; }
  bool gives_rows(JobId) const override { return chain; }
  void begin(const JobOrder&, RowUnitIf& unit) override { unit.settle(wait, 0); }
  Cycles certain_until(JobId) const override { return 0; }
};

struct UnitBench {
  ForeignController controller{"controller"};
  ForeignScratchpad scratchpad{"scratchpad"};
  ForeignFifos fifos{"fifos"};
  Job job;
  JobCost cost;
  JobTimes times;

  // A job of 10 rows: load 3, stream 10, drain 5, latency 2; 8 bytes a cycle each way.
  void bind(ComputeUnit& unit) {
    controller.jobs.bind(unit.job_socket);
    unit.phase_socket.bind(controller.phases);
    unit.memory_socket.bind(scratchpad.socket);
    unit.rows.bind(fifos);
    job.m = 10;
    cost.load = 3, cost.stream = 10, cost.drain = 5, cost.latency = 2;
    cost.scratchpad_read = cost.scratchpad_write = 80, cost.read_rate = cost.write_rate = 8;
    controller.order.id = JobId{0}, controller.order.job = &job, controller.order.cost = &cost;
    controller.order.times = &times, controller.order.released_apart = true;
  }
};

template <class Unit>
std::unique_ptr<ComputeUnit> plain() {
  return std::make_unique<Unit>("unit", MachineClock(kMhz), nullptr, false);
}
std::unique_ptr<ComputeUnit> dividers() {
  return std::make_unique<DividerArray>("unit", MachineClock(kMhz), nullptr, false, LaneConfig{});
}
template <bool Prefetch>
std::unique_ptr<ComputeUnit> array() {
  MatrixEngineConfig config;
  config.stationary_prefetch = Prefetch;
  return std::make_unique<SystolicArray>("unit", MachineClock(kMhz), nullptr, false, config);
}

// What a foreign controller hears of the job; `wait` < 0: it belongs to no chain.
std::vector<Cycles> heard_of(std::unique_ptr<ComputeUnit> (*make)(), Cycles wait) {
  return fork_simulation<Cycles>([&] {
           UnitBench bench;
           const auto unit = make();
           bench.bind(*unit);
           bench.scratchpad.slower = 4, bench.scratchpad.noc = 1, bench.scratchpad.route = 6;
           bench.fifos.chain = wait >= 0, bench.fifos.wait = wait;
           sc_core::sc_start();
           const UnitCounters& c = unit->counters();
           // 4 cycles more on the ports and links, one of them on the links.
           if (c.jobs != 1 || c.port_wait != 3 || c.noc_wait != 1 || c.read != 80 || c.written != 80)
             return Simulated<Cycles>{};
           if (bench.scratchpad.asked != std::vector<Cycles>{bench.times.stream, 10, 80, 80})
             return Simulated<Cycles>{};
           return Simulated<Cycles>{0, bench.controller.heard};
         })
      .values;
}

// 10 cycles of 8 bytes of reads.
StreamAccess ten_cycles() {
  StreamAccess access;
  access.read_bytes = 80, access.cycles = 10, access.read_rate = 8;
  return access;
}

}  // namespace

TEST_CASE("module bench: a unit of every class between a foreign controller, scratchpad and FIFOs") {
  // Taken at 5; the stream takes 14 cycles, and its way over the NoC another 6 once.
  // With load, drain and latency: streams at 8, operands released at 22, free at 27, result at 29 + 6.
  const std::vector<Cycles> phased{22, kPhaseReleased, 27, kPhaseFree, 35, kPhaseDone};
  CHECK(heard_of(array<false>, -1) == phased);
  CHECK(heard_of(plain<DotColumn>, -1) == phased);
  CHECK(heard_of(plain<AccumulatorArray>, -1) == phased);
  CHECK(heard_of(dividers, -1) == phased);
  CHECK(heard_of(plain<AdderArray>, -1) == phased);
  CHECK(heard_of(plain<SpecialFunctionUnit>, -1) == phased);
  CHECK(heard_of(plain<LayerNormUnit>, -1) == phased);
  CHECK(heard_of(plain<ExpUnit>, -1) == phased);
  // Two stationary registers: the next tile may come when this one streams; the result, without a latency of its own,
  // is there at 27 + 6.
  CHECK(heard_of(array<true>, -1) == std::vector<Cycles>{8, kPhaseFree, 22, kPhaseReleased, 33, kPhaseDone});
  // Units that work on masks: passes without a gap, from 5 to 19; the result 5 + 2 + 6 later.
  const std::vector<Cycles> passes{19, kPhaseReleased | kPhaseFree, 32, kPhaseDone};
  CHECK(heard_of(plain<PredictorArray>, -1) == passes);
  CHECK(heard_of(plain<SparseArray>, -1) == passes);
}

TEST_CASE("module bench: a unit whose rows a foreign FIFO holds") {
  // As above with its last row held for 9 cycles. The first row is there behind its share of the stream, 2 cycles of
  // 14, and drain and latency: 8 + 2 + 5 + 2.
  CHECK(heard_of(plain<AdderArray>, 9) ==
        std::vector<Cycles>{17, kPhaseFirstRow, 22, kPhaseReleased, 36, kPhaseFree, 44, kPhaseDone});
}

TEST_CASE("module bench: the NoC between foreign units and a foreign scratchpad") {
  for (const bool ahead : {false, true}) {
    const auto seen = fork_simulation<Cycles>([&] {
      NocConfig config;
      config.link_bytes = 12, config.hop_latency_cycles = 3;
      Noc noc("noc", config);
      ForeignUnit first("first"), second("second");
      ForeignScratchpad scratchpad("scratchpad");
      second.memory.bind(noc.units);  // port 0
      first.memory.bind(noc.units);
      noc.scratchpad.bind(scratchpad.socket);
      first.wanted = second.wanted = ten_cycles();
      first.ahead = second.ahead = ahead;
      first.when = ahead ? 7 : 3, second.when = 7;
      scratchpad.slower = 2;
      sc_core::sc_start();
      Simulated<Cycles> out{0, first.got};
      out.values.insert(out.values.end(), second.got.begin(), second.got.end());
      out.values.insert(out.values.end(), {noc.bytes(0), noc.bytes(1), noc.byte_hops()});
      return out;
    });
    // 12 bytes a cycle: the first one has its 8, in 10 cycles, and 2 more for the scratchpad. The other one gets 4.
    // At 3 and 7: 6 of the first stream's 10 cycles are left at 7, in which the second moves 3 of its 10; the other 7
    // at full rate: 13 cycles. Both at 7, asked for at 0: in the order of the ports; the later one moves half of its
    // stream beside the other: 15 cycles.
    if (ahead)
      CHECK(seen.values == std::vector<Cycles>{7, 17, 5, 3, 7, 12, 0, 3, 80, 80, 160});
    else
      CHECK(seen.values == std::vector<Cycles>{3, 12, 0, 3, 7, 15, 3, 3, 80, 80, 160});
  }
}

TEST_CASE("module bench: the scratchpad between foreign units") {
  const auto seen = fork_simulation<Cycles>([] {
    Scratchpad scratchpad("scratchpad", 1024, 12, 4, ScratchpadPorts::kReadAndWrite, true);
    ForeignUnit first("first"), second("second");
    first.memory.bind(scratchpad.socket);
    second.memory.bind(scratchpad.socket);
    first.wanted = second.wanted = ten_cycles();
    second.when = 7;
    sc_core::sc_start();
    Simulated<Cycles> out{0, {first.got[1], second.got[1], scratchpad.read_bytes(), scratchpad.write_bytes()}};
    scratchpad.values()[1023] = 1;  // a double for every byte
    return out;
  });
  // From 7 to 10 the second moves 1.5 of its 10 cycles, then 8.5 at full rate, which end within a cycle.
  CHECK(seen.values == std::vector<Cycles>{10, 12, 160, 0});
}

TEST_CASE("module bench: DMA takes the memory's rate from the scratchpad's ports while it moves bytes") {
  struct Seen {
    ScratchpadPorts ports;
    double memory;               // bytes a cycle; the ports have 12
    std::vector<Cycles> cycles;  // of streams that take 10 alone
  };
  // Each stream moves 12 bytes a cycle and has the ports for itself. DMA fills from 100 to 400 and empties from 300 to
  // 500. Streams: a read at 0, a write at 50 (both alone), a read and a write at 100 and 200 (filling), at 300 and 320
  // (both), a read and a write at 400 and 420 (emptying), a write at 500.
  const std::vector<Seen> all{
      // 10 cycles at (12 - 4) / 12 are 15; beside both channels, which share the memory, at 10 / 12 they are 12.
      {ScratchpadPorts::kReadAndWrite, 4, {10, 10, 10, 15, 12, 12, 15, 10, 10}},
      {ScratchpadPorts::kShared, 4, {10, 10, 15, 15, 15, 15, 15, 15, 10}},
      // A memory that is faster than the ports leaves half of them (filling or emptying) or three quarters (13.3).
      {ScratchpadPorts::kReadAndWrite, 100, {10, 10, 10, 20, 14, 14, 20, 10, 10}}};
  for (const Seen& each : all) {
    const auto seen = fork_simulation<Cycles>([&each] {
      Scratchpad scratchpad("scratchpad", 1024, 12, each.memory, each.ports, false);
      std::vector<std::unique_ptr<ForeignUnit>> units;
      const auto unit = [&](Cycles when) -> StreamAccess& {
        units.push_back(std::make_unique<ForeignUnit>(("unit" + std::to_string(units.size())).c_str()));
        units.back()->memory.bind(scratchpad.socket);
        units.back()->when = when;
        return units.back()->wanted;
      };
      unit(100).filling = 1, unit(400).filling = -1;
      unit(300).emptying = 1, unit(500).emptying = -1;
      const std::vector<std::pair<Cycles, bool>> streams{{0, false},   {50, true},   {101, false},
                                                         {200, true},  {301, false}, {320, true},
                                                         {401, false}, {420, true},  {501, true}};
      for (const auto& [when, write] : streams) {
        StreamAccess& wanted = unit(when);
        wanted.cycles = 10;
        (write ? wanted.write_rate : wanted.read_rate) = 12;
      }
      sc_core::sc_start();
      Simulated<Cycles> out{0, {}};
      for (std::size_t u = 4; u < units.size(); ++u) out.values.push_back(units[u]->got[1]);
      return out;
    });
    CHECK(seen.values == each.cycles);
  }
}

TEST_CASE("module bench: a DMA channel between a foreign controller, scratchpad and memory") {
  const auto seen = fork_simulation<Cycles>([] {
    Dma dma("dma", MachineClock(kMhz), DmaConfig(), DramConfig(), nullptr);
    ForeignController controller("controller");
    ForeignScratchpad scratchpad("scratchpad");
    ForeignMemory memory("memory", Style::kTwoPhase, at(20));
    controller.jobs.bind(dma.job_socket);
    dma.phase_socket.bind(controller.phases);
    dma.memory_socket.bind(scratchpad.socket);
    dma.memory.socket.bind(memory.socket);
    Job job;
    job.kind = JobKind::kLoad;
    JobCost cost;
    cost.scratchpad_write = 128;
    JobTimes times;
    Transfer transfers[2];
    transfers[0].bytes = transfers[1].bytes = 64;
    controller.order.id = JobId{0}, controller.order.job = &job, controller.order.cost = &cost;
    controller.order.times = &times, controller.order.transfers = {transfers, transfers + 2};
    sc_core::sc_start();
    Simulated<Cycles> out{0, controller.heard};
    out.values.insert(out.values.end(), scratchpad.asked.begin(), scratchpad.asked.end());
    out.values.insert(out.values.end(), scratchpad.moving.begin(), scratchpad.moving.end());
    out.values.insert(out.values.end(), {memory.served, static_cast<Cycles>(memory.bytes), memory.faults});
    return out;
  });
  // Taken at 5, both transfers at once; the scratchpad is filled from then to the end.
  CHECK(seen.values ==
        std::vector<Cycles>{25, kPhaseReleased | kPhaseFree | kPhaseDone, 0, 0, 0, 128, 5, 1, 0, 25, -1, 0, 2, 128, 0});
}

namespace {

// Holds every job for 10 cycles.
struct ForeignWorker : sc_core::sc_module {
  tlm_utils::passthrough_target_socket<ForeignWorker, 32, JobProtocol> jobs;
  tlm_utils::simple_initiator_socket<ForeignWorker, 32, PhaseProtocol> phases;
  std::vector<Cycles> taken;  // cycle, job
  JobId job;
  sc_core::sc_event event;

  explicit ForeignWorker(sc_core::sc_module_name name) : sc_module(name), jobs("jobs"), phases("phases") {
    jobs.register_b_transport(this, &ForeignWorker::take);
    SC_HAS_PROCESS(ForeignWorker);
    SC_METHOD(end);
    dont_initialize();
    sensitive << event;
  }
  void take(const JobOrder& order, sc_core::sc_time&) {
    job = order.id;
    order.times->start = now();
    taken.insert(taken.end(), {now(), job.value});
    event.notify(at(10));
  }
  void end() {
    sc_core::sc_time delay;
    phases->b_transport({job, kPhaseReleased | kPhaseFree | kPhaseDone}, delay);
  }
};

}  // namespace

TEST_CASE("module bench: the controller between foreign units and a foreign memory of descriptors") {
  const auto seen = fork_simulation<Cycles>([] {
    HandSchedule s;
    const BufferId a = s.buffer(32), b = s.buffer(32), c = s.buffer(32), d = s.buffer(32), e = s.buffer(32);
    s.fold(4, 4, 4, a, b, c);
    s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 4, 0, 4, c, b, d);  // waits for the pass
    s.fold(4, 4, 4, a, b, e);                                           // waits for room
    HardwareConfig config = plain_machine(4, 4, 4);
    config.controller.descriptor_bytes = 64;
    const MachineParameters parameters(config, s.schedule());
    ChunkController controller("controller", parameters);
    ForeignMemory memory("memory", Style::kFourPhase, at(7));
    controller.descriptors.memory.socket.bind(memory.socket);
    std::vector<std::unique_ptr<ForeignWorker>> workers;
    for (std::size_t u = 0; u < parameters.units.size(); ++u) {
      workers.push_back(std::make_unique<ForeignWorker>(("worker" + std::to_string(u)).c_str()));
      controller.attach_unit({static_cast<std::int32_t>(u)}, 1);
      controller.units.bind(workers.back()->jobs);
      workers.back()->phases.bind(controller.phases);
    }
    controller.start();
    sc_core::sc_start();
    Simulated<Cycles> out{controller.last_cycle(), {controller.finished(), memory.faults}};
    for (const UnitKind kind : {UnitKind::kMatrixEngine, UnitKind::kAdders}) {
      const auto& taken = workers[static_cast<std::size_t>(parameters.units.id(kind).value)]->taken;
      out.values.insert(out.values.end(), taken.begin(), taken.end());
    }
    return out;
  });
  // Three descriptors in one transfer, there at 7. Then 10 cycles a job.
  CHECK(seen.values == std::vector<Cycles>{1, 0, 7, 0, 17, 2, 17, 1});
  CHECK(seen.cycles == 27);
}

namespace {

struct ForeignRows : RowUnitIf {
  std::vector<Cycles> told;  // wait, held
  void settle(Cycles wait, Cycles held) override { told = {wait, held}; }
};

// Registers of another make: it counts what is written, and raises its line 30 cycles after the start.
struct ForeignRegisters : sc_core::sc_module {
  tlm_utils::passthrough_target_socket<ForeignRegisters> socket;
  sc_core::sc_out<bool> line;
  std::vector<Cycles> written;  // address, value
  sc_core::sc_event event;
  bool raised = false;

  explicit ForeignRegisters(sc_core::sc_module_name name) : sc_module(name), socket("socket"), line("line") {
    socket.register_b_transport(this, &ForeignRegisters::transport);
    SC_HAS_PROCESS(ForeignRegisters);
    SC_METHOD(drive);
    sensitive << event;
  }
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    auto& value = *reinterpret_cast<std::uint32_t*>(payload.get_data_ptr());
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (payload.is_read()) {
      value = payload.get_address() == 0x10 ? 30 : 1;  // 2^32 + 30 cycles
      return;
    }
    written.insert(written.end(), {static_cast<Cycles>(payload.get_address()), value});
    raised = payload.get_address() == 0x00;
    event.cancel();
    event.notify(raised ? at(30) : sc_core::SC_ZERO_TIME);
  }
  void drive() { line.write(raised); }
};

}  // namespace

TEST_CASE("module bench: the FIFOs of rows between foreign units") {
  // Two stages of 4 rows, a FIFO of 2. The array's rows are there at 11, 12, 13, 14; the second stage, which needs 5
  // cycles a row, begins at 20 and takes rows at 20, 25, 30, 35. Row 2 needs row 0's place, at 20; row 3 that of row 1,
  // at 25: it leaves 11 cycles late.
  HandSchedule s;
  const BufferId q = s.buffer(32), g = s.buffer(32), t = s.buffer(64), v = s.buffer(24);
  const JobId fold = s.fold(4, 4, 4, q, g, t, kNone, kFirst | kLast | kWide);
  const JobId add = s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 4, 0, 4, t, v, t);
  HardwareConfig config = plain_machine(4, 4, 9);
  config.pipeline.row_streaming = true;
  Schedule streamed = s.schedule();
  stream_rows(streamed, config);
  REQUIRE(streamed.rows_to[fold] == add);
  RowFifos fifos("fifos", streamed, 2);
  ForeignRows array, adders;
  JobTimes first, second;
  first.stream = 4, first.released = 8, first.done = 14;
  second.stream = 20, second.released = 40, second.done = 41;
  JobOrder order;
  order.id = fold, order.times = &first;
  CHECK(fifos.in_chain(fold));
  CHECK(fifos.gives_rows(fold));
  CHECK_FALSE(fifos.gives_rows(add));
  fifos.begin(order, array);
  CHECK(array.told.empty());
  CHECK(fifos.certain_until(fold) == 4 + 3 + 6);  // the third row finds the FIFO full
  order.id = add, order.times = &second;
  fifos.begin(order, adders);
  CHECK(array.told == std::vector<Cycles>{11, 0});
  CHECK(adders.told == std::vector<Cycles>{0, 0});
}

TEST_CASE("module bench: the host between foreign registers") {
  const auto seen = fork_simulation<Cycles>([] {
    Host host("host", (Bytes{3} << 32) + 4096);
    ForeignRegisters registers("registers");
    sc_core::sc_signal<bool> line("line");
    host.socket.bind(registers.socket);
    host.interrupt.bind(line);
    registers.line.bind(line);
    sc_core::sc_start();
    Simulated<Cycles> out{host.cycles(), registers.written};
    out.values.push_back(host.finished());
    out.values.push_back(now());
    return out;
  });
  CHECK(seen.values == std::vector<Cycles>{0x08, 4096, 0x0c, 3, 0x00, 1, 0x04, 2, 1, 30});
  CHECK(seen.cycles == (Cycles{1} << 32) + 30);
}
