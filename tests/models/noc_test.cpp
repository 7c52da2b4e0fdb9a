// The NoC and the scratchpad's ports: routes, contention of streams that share a link, byte-hops.
#include <catch2/catch.hpp>

#include "cost/noc_route.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// A 4 x 4 array that reads 8 bytes a cycle from cycle 4 to 14, and beside it a lane unit that reads 8 bytes a cycle
// from cycle 0 to 8 where nobody is in its way. Returns when the lane unit is free again.
Cycles lane_unit_free(const HardwareConfig& config, UnitKind unit, JobKind kind) {
  HandSchedule s;
  s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80));
  const auto second = kind == JobKind::kRowDivide ? s.buffer(32) : kNone;
  const auto job = s.unit_job(unit, kind, 8, 0, 4, s.buffer(128), second, s.buffer(128), kFirst);
  return simulate_schedule(config, s.schedule())[job].free;
}

HardwareConfig narrow_links(NocTopology topology) {
  HardwareConfig config = plain_machine(4, 4, 5);
  config.accumulators = config.dividers = config.adders = {4, 1, 1};
  config.noc.topology = topology, config.noc.mesh_width = 2, config.noc.link_bytes = 8;
  return config;
}

}  // namespace

TEST_CASE("noc: routes go along the row first") {
  NocConfig mesh;
  mesh.topology = NocTopology::kMesh, mesh.mesh_width = 2;
  using Route = std::vector<std::pair<int, int>>;
  CHECK(noc_route(mesh, 0) == Route{{0, 1}});
  CHECK(noc_route(mesh, 1) == Route{{0, 2}});
  CHECK(noc_route(mesh, 2) == Route{{0, 1}, {1, 3}});
  CHECK(noc_route(mesh, 3) == Route{{0, 2}, {2, 4}});
  CHECK(noc_hops(mesh, 4) == 3);  // node 5
  NocConfig bus;
  CHECK(noc_route(bus, 3) == Route{{0, 0}});
}

TEST_CASE("noc: streams that share a link wait for each other, others do not") {
  const auto sum = [](NocTopology t) {
    return lane_unit_free(narrow_links(t), UnitKind::kAccumulators, JobKind::kColumnSum);
  };
  const auto divide = [](NocTopology t) {
    return lane_unit_free(narrow_links(t), UnitKind::kDividers, JobKind::kRowDivide);
  };
  // Half of the sums come through before the array takes the link for 10 cycles: 4 + 10 + 4.
  CHECK(sum(NocTopology::kBus) == 18);
  // Node 3 is reached through node 1, which is the array's: the same link.
  CHECK(sum(NocTopology::kMesh) == 18);
  // The dividers, node 4, are reached through node 2: nobody is in their way. On the bus they wait.
  CHECK(divide(NocTopology::kBus) > divide(NocTopology::kMesh));
}

TEST_CASE("noc: a hop's latency delays a result and takes no bandwidth") {
  // Column sums of 8 rows, twice, then a quotient of the second result: 8 cycles each on the units, one to the result.
  for (const auto& [topology, sum_hops, divide_hops] :
       {std::tuple{NocTopology::kBus, 1, 1}, std::tuple{NocTopology::kMesh, 2, 2}}) {
    HandSchedule s;
    const auto sums = s.buffer(128), quotient = s.buffer(128);
    const auto first =
        s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 8, 0, 4, s.buffer(128), kNone, s.buffer(128), kFirst);
    const auto second =
        s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 8, 0, 4, s.buffer(128), kNone, sums, kFirst);
    const auto divide = s.unit_job(UnitKind::kDividers, JobKind::kMeanDivide, 1, 0, 4, sums, kNone, quotient);
    HardwareConfig config = plain_machine(4, 4, 5);
    config.accumulators = config.dividers = {4, 1, 1};
    config.noc.topology = topology, config.noc.mesh_width = 2;
    config.noc.hop_latency_cycles = 100;  // accumulators: port 2, node 3, 0 -> 1 -> 3; dividers: node 4, 0 -> 2 -> 4
    const auto t = simulate_schedule(config, s.schedule());
    CHECK(t[first].free == 8);
    CHECK(t[first].done == 8 + 100 * sum_hops);
    CHECK(t[second].start == 8);  // the unit does not wait for the way
    CHECK(t[second].done == 16 + 100 * sum_hops);
    CHECK(t[divide].start == 16 + 100 * sum_hops);
    CHECK(t[divide].done == 17 + 100 * sum_hops + 100 * divide_hops);
  }
}

TEST_CASE("noc: partial sums come back over the way that they went") {
  // Two passes of a contraction on a 4 x 4 array that loads the next tile while it streams: 10 rows each from 4 on,
  // one behind the other; the second reads the first row of sums 30 cycles after the first pass's first row.
  HandSchedule s;
  const auto a = s.buffer(80), b = s.buffer(64), sums = s.buffer(240), result = s.buffer(80);
  const auto first = s.fold(10, 4, 4, a, b, result, sums, kFirst), second = s.fold(10, 4, 4, a, b, result, sums, kLast);
  HardwareConfig config = plain_machine(4, 4, 5);
  config.matrix_engine.stationary_prefetch = true;
  for (const int latency : {0, 30}) {
    config.noc.hop_latency_cycles = latency;
    const auto t = simulate_schedule(config, s.schedule());
    CHECK(t[first].stream == 4);
    CHECK(t[second].stream == 4 + std::max(10, latency));
    CHECK(t[second].done == 4 + std::max(10, latency) + 10 + 6 + latency);
  }
}

TEST_CASE("noc: the hops of a run are on its critical path, and DMA has none") {
  Cycles cycles[2];
  for (int i = 0; i < 2; ++i) {
    const std::string found = in_child([&] {
      const SimulationResult result =
          simulate(machine({"noc.hop_latency_cycles=" + std::string(i == 0 ? "1" : "1001")}), workload("tiny_vit"));
      Cycles noc = 0, sum = 0;
      for (const auto& [part, spent] : result.critical_path) {
        sum += spent;
        if (part.size() > 4 && part.substr(part.size() - 4) == ".noc") noc += spent;
        if (part.substr(0, 3) == "dma" && part.find(".noc") != std::string::npos) return std::string("DMA pays hops");
      }
      if (sum != result.totals.cycles) return std::string("the critical path is not the run");
      return std::to_string(result.totals.cycles) + " " + std::to_string(noc);
    });
    const Cycles noc = std::stoll(found.substr(found.find(' ') + 1));
    cycles[i] = std::stoll(found);
    CHECK(noc > 0);
    CHECK(noc % (i == 0 ? 1 : 1001) == 0);
    CHECK(noc < cycles[i]);
  }
  CHECK(cycles[1] > cycles[0] + 20 * 1000);  // two blocks of ten layers, one after the other
}

TEST_CASE("noc: byte-hops are the units' bytes times their hops, contention is booked as noc") {
  for (const std::string topology : {"bus", "mesh"}) {
    const std::string found = in_child([&] {
      const HardwareConfig config = machine({"noc.topology=" + topology, "noc.mesh_width=2", "noc.link_bytes=64"});
      const SimulationResult result = simulate(config, workload("tiny_vit"));
      Count hops = 0;
      Cycles stalled = 0;
      std::size_t port = 0;
      for (const UnitResult& unit : result.units) {
        if (unit.kind == "memory" || unit.kind == "interconnect" || unit.kind == "dma") continue;
        for (const auto& [action, count] : unit.actions) {
          if (action == "scratchpad_read_byte" || action == "scratchpad_write_byte")
            hops += count * noc_hops(config.noc, port);
        }
        for (const auto& [cause, cycles] : unit.stall_cycles) stalled += cause == "noc" ? cycles : 0;
        ++port;
      }
      std::string text;
      if (hops != result.totals.noc_byte_hops)
        text += std::to_string(hops) + " byte-hops, not " + std::to_string(result.totals.noc_byte_hops);
      if (stalled == 0) text += "no cycle lost to a link of 64 bytes";
      return text;
    });
    INFO(topology);
    CHECK(found == "");
  }
}

TEST_CASE("scratchpad: a column through a linear layout stalls, the skewed one does not") {
  // G = K_hat^T V of 64 tokens: the columns of a 64 x 64 tile of int16 meet 8 of 128 lanes where linear: in each of the
  // 16 windows of 4 cycles 8 accesses instead of 1, of which 7 are conflicts: 64 x 128 bytes and 16 x 7 times all lanes
  // through ports of 1,024 bytes a cycle.
  const auto fold_of = [](ScratchpadLayout layout) {
    HandSchedule s;
    const auto k = s.buffer(8192), v = s.buffer(8192), g = s.buffer(16384);
    Job& job = s.builder().begin(UnitKind::kMatrixEngine, JobKind::kFold, 0, OperatorId{0});
    job.m = job.k = job.n = 64, job.flags = kFirst | kLast | kTransposed;
    job.streamed = k, job.stationary = v, job.result = g;
    job.streamed_stride = job.stationary_stride = job.result_stride = 64;
    s.builder().read(k), s.builder().read(v), s.builder().write(g);
    s.builder().finish();
    HardwareConfig config;
    config.scratchpad.layout = layout;
    const JobCost cost = job_cost(s.schedule().jobs[0], s.schedule(), config);
    const JobSpan span = simulate_schedule(config, s.schedule())[0];
    CHECK(span.released - span.stream == cost.stream);
    return cost;
  };
  const JobCost skewed = fold_of(ScratchpadLayout::kSkewed), linear = fold_of(ScratchpadLayout::kLinear);
  CHECK(skewed.stream == 64);
  CHECK(skewed.scratchpad_stall == 0);
  CHECK(skewed.actions[Action::kBankConflict] == 0);
  CHECK(linear.actions[Action::kBankConflict] == 16 * 7);
  CHECK(linear.stream == 8 + 112);
  CHECK(linear.scratchpad_stall == 56);
  CHECK(linear.scratchpad_read == skewed.scratchpad_read);
}

TEST_CASE("scratchpad: fewer and narrower banks cost stalls, and the books close") {
  const std::string found = in_child([] {
    const SimulationResult result = simulate(
        machine({"scratchpad.layout=linear", "scratchpad.banks=2", "scratchpad.port_bytes=128"}), workload("tiny_vit"));
    std::string text;
    Count conflicts = 0;
    Cycles stalled = 0;
    for (const UnitResult& unit : result.units) {
      Cycles sum = unit.busy_cycles + unit.idle_cycles;
      for (const auto& [cause, cycles] : unit.stall_cycles) {
        sum += cycles;
        stalled += cause == "scratchpad" ? cycles : 0;
      }
      for (const auto& [action, count] : unit.actions) conflicts += action == "bank_conflicts" ? count : 0;
      if (sum != result.totals.cycles) text += unit.name + " does not close\n";
    }
    if (stalled == 0) text += "no stall\n";
    if (conflicts == 0) text += "no conflict\n";
    return text;
  });
  CHECK(found == "");
}

namespace {

// plain_machine(4, 4) with ports of `port_bytes`; the memory rests.
HardwareConfig loads_at_ports(int port_bytes, bool prefetch) {
  HardwareConfig config = plain_machine(4, 4, 5);
  config.scratchpad.banks = 1, config.scratchpad.port_bytes = port_bytes;
  config.scratchpad.stationary_load_ports = true;
  config.matrix_engine.stationary_prefetch = prefetch;
  config.accumulators = {4, 1, 1};
  return config;
}

}  // namespace

// A pass of 10 rows on a 4 x 4 array of int16: its tile takes 4 cycles of 8 bytes, its stream 10 cycles of 8 bytes each
// way.
TEST_CASE("scratchpad: the load of a stationary tile takes its ports, and a stream is booked when it begins") {
  HandSchedule s;
  const auto fold = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80));
  const auto sum = s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 8, 0, 4, s.buffer(64), kNone, s.buffer(32),
                              kFirst);  // 8 cycles of 8 bytes
  HardwareConfig config = loads_at_ports(8, false);
  config.scratchpad.stationary_load_ports = false;
  auto t = simulate_schedule(config, s.schedule());
  // The tile is loaded for nothing in [0, 4), but the pass's stream is booked for [4, 14) at cycle 0, before the sums.
  CHECK(t[fold].stream == 4);
  CHECK(t[fold].done == 4 + 10 + 6);
  CHECK(t[sum].free == 4 + 10 + 4);
  // The tile has the ports in [0, 4), the sums, next in line, in [4, 12), and the stream, which asks at 4, from 12 on.
  config.scratchpad.stationary_load_ports = true;
  t = simulate_schedule(config, s.schedule());
  CHECK(t[sum].start == 0);
  CHECK(t[sum].free == 12);
  CHECK(t[fold].stream == 4);
  CHECK(t[fold].released == 22);
  CHECK(t[fold].done == 22 + 6);
  // Ports for both at once: as without.
  t = simulate_schedule(loads_at_ports(16, false), s.schedule());
  CHECK(t[sum].free == 8);
  CHECK(t[fold].done == 20);
}

TEST_CASE("scratchpad: the tile that is loaded ahead gets what the running stream leaves") {
  HandSchedule s;
  const auto first = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80)),
             second = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80));
  // 8 bytes a cycle: the first pass streams in [4, 14) and leaves nothing; the second tile comes in [14, 18).
  auto t = simulate_schedule(loads_at_ports(8, true), s.schedule());
  CHECK(t[first].stream == 4);
  CHECK(t[first].released == 14);
  CHECK(t[second].stream == 18);
  CHECK(t[second].done == 18 + 10 + 6);
  // 12 bytes a cycle leave 4: the tile's 32 bytes come in [4, 12), hidden behind the stream.
  t = simulate_schedule(loads_at_ports(12, true), s.schedule());
  CHECK(t[second].stream == 14);
  CHECK(t[second].done == 14 + 10 + 6);
  // 9 bytes leave 1: 10 of the 32 bytes come in [4, 14), the other 22 at 8 a cycle, 3 cycles.
  t = simulate_schedule(loads_at_ports(9, true), s.schedule());
  CHECK(t[second].stream == 17);
}

TEST_CASE("scratchpad: two arrays whose tiles and streams want the same port, one after the other") {
  HandSchedule s;
  const auto first = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80)),
             second = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80));
  HardwareConfig config = loads_at_ports(8, false);
  config.matrix_engine.count = 2;
  const auto t = simulate_schedule(config, s.schedule());
  // Tiles in [0, 4) and [4, 8). The first stream asks at 4 and begins behind the second tile, at 8; the second asks at
  // 8 and begins behind the first stream, at 18.
  CHECK(t[first].stream == 4);
  CHECK(t[first].released == 18);
  CHECK(t[second].stream == 8);
  CHECK(t[second].released == 28);
}

TEST_CASE("scratchpad: two arrays whose streams begin in one cycle are served in their order") {
  HandSchedule s;
  const auto first = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80)),
             second = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80));
  // 16 bytes: both tiles in [0, 4). 16 bytes each way for both streams too, but not for a third reader.
  const auto third = s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 4, 0, 4, s.buffer(64), kNone,
                                s.buffer(32), kFirst);  // 4 cycles of 8 bytes
  HardwareConfig config = loads_at_ports(16, false);
  config.matrix_engine.count = 2;
  const auto t = simulate_schedule(config, s.schedule());
  // The sums, last in line at 0, have [4, 8) at full rate. At 4 the first stream takes the other half at once, the
  // second waits until 8.
  CHECK(t[third].free == 8);
  CHECK(t[first].released == 14);
  CHECK(t[second].stream == 4);
  CHECK(t[second].released == 18);
}
