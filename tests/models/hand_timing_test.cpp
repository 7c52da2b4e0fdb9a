// Timing worked out by hand, cycle by cycle, on small schedules.
//
// The machine: plain_machine(): 64-byte bursts, one a cycle; a transfer alone takes 1 + bursts + latency cycles.
// Element: int16.
#include <catch2/catch.hpp>

#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

constexpr int kLatency = 9;
Cycles transfer_cycles(int elements) {
  return 1 + ceil_div(2 * elements, 64) + kLatency;
}

}  // namespace

TEST_CASE("timing: one GEMM of one fold, from memory and back") {
  // 10 x 4 times 4 x 4 on a 4 x 4 array.
  HandSchedule s;
  const auto a = s.tensor(10, 4), b = s.tensor(4, 4), c = s.tensor(10, 4);
  const auto abuf = s.buffer(80), bbuf = s.buffer(32), cbuf = s.buffer(80);
  const auto load_a = s.load(a, 10, 4, abuf), load_b = s.load(b, 4, 4, bbuf);
  const auto fold = s.fold(10, 4, 4, abuf, bbuf, cbuf), store = s.store(c, 10, 4, cbuf);
  const auto t = simulate_schedule(plain_machine(4, 4, kLatency), s.schedule());
  // Both loads are issued at 0 and share the memory from cycle 1 on. A: 2 bursts (80 bytes), B: 1 burst (32 bytes). At
  // half rate each, B's burst ends at 3; A has 1 burst left and the memory alone: 4. Completion `latency` cycles later.
  CHECK(t[load_a].start == 0);
  CHECK(t[load_b].start == 0);
  CHECK(t[load_b].done == 3 + kLatency);
  CHECK(t[load_a].done == 4 + kLatency);
  // The fold: 4 to load the tile, 10 rows streamed, skew 4 + 4 - 2 = 6: 20 cycles.
  CHECK(t[fold].start == 13);
  CHECK(t[fold].stream == 17);
  CHECK(t[fold].released == 27);
  CHECK(t[fold].free == 33);
  CHECK(t[fold].done == 33);
  // The store: 80 bytes at a tensor's start, 2 bursts: 1 + 2 + 9.
  CHECK(t[store].start == 33);
  CHECK(t[store].done == 33 + transfer_cycles(40));
  CHECK(t[store].done == 45);
}

TEST_CASE("timing: two folds back to back, without and with stationary prefetch") {
  // 10 x 8 times 8 x 4: two passes over the contraction.
  HandSchedule s;
  const auto a = s.tensor(10, 8), b = s.tensor(8, 4);
  const auto abuf = s.buffer(160), bbuf = s.buffer(64), sums = s.buffer(240), cbuf = s.buffer(80);
  s.load(a, 10, 8, abuf);
  s.load(b, 8, 4, bbuf);
  const auto first = s.fold(10, 4, 4, abuf, bbuf, cbuf, sums, kFirst),
             second = s.fold(10, 4, 4, abuf, bbuf, cbuf, sums, kLast);
  HardwareConfig config = plain_machine(4, 4, kLatency);
  // A: 160 bytes, 3 bursts; B: 64 bytes, 1 burst. B ends service at 3; A has 2 left: 5. Both there at 5 + 9 = 14.
  auto t = simulate_schedule(config, s.schedule());
  CHECK(t[first].start == 14);
  CHECK(t[first].done == 34);    // 14 + 2*4 + 4 + 10 - 2
  CHECK(t[second].start == 34);  // nothing overlaps: its tile is loaded when the last sum has left
  CHECK(t[second].stream == 38);
  CHECK(t[second].done == 54);
  // With prefetch: the first streams from 18 to 28; meanwhile the second's tile (4 cycles) is loaded, and it streams
  // from 28 to 38; its last sum is out 6 cycles later.
  config.matrix_engine.stationary_prefetch = true;
  t = simulate_schedule(config, s.schedule());
  CHECK(t[first].start == 14);
  CHECK(t[first].stream == 18);
  CHECK(t[first].done == 34);
  CHECK(t[second].start == 14);  // taken at once: its load waits inside the array for the shadow register
  CHECK(t[second].stream == 28);
  CHECK(t[second].released == 38);
  CHECK(t[second].done == 44);
}

TEST_CASE("timing: a short stream cannot hide the prefetch of the next tile") {
  // One streamed row against 8 rows of stationary tile: a fold every max(R, M) = 8 cycles.
  HandSchedule s;
  const auto abuf = s.buffer(16), bbuf = s.buffer(128), cbuf = s.buffer(16);
  std::vector<JobId> folds;
  for (int i = 0; i < 4; ++i) folds.push_back(s.fold(1, 8, 8, abuf, bbuf, cbuf));
  HardwareConfig config = plain_machine(8, 8, kLatency);
  config.matrix_engine.stationary_prefetch = true;
  const auto t = simulate_schedule(config, s.schedule());
  // The folds rewrite one result buffer, so each waits until the one before is out: 8 + 1 + 14 cycles after its start.
  for (std::size_t i = 0; i < folds.size(); ++i) CHECK(t[folds[i]].done == static_cast<Cycles>(23 * (i + 1)));
  HandSchedule free;
  const auto a = free.buffer(16), b = free.buffer(128);
  for (int i = 0; i < 4; ++i) folds[i] = free.fold(1, 8, 8, a, b, free.buffer(16));
  const auto u = simulate_schedule(config, free.schedule());
  // With results of their own: streams at 8, 16, 24, 32.
  for (std::size_t i = 0; i < folds.size(); ++i) {
    CHECK(u[folds[i]].stream == static_cast<Cycles>(8 * (i + 1)));
    CHECK(u[folds[i]].done == static_cast<Cycles>(8 * (i + 1) + 1 + 14));
  }
}

TEST_CASE("timing: of the loads that wait, the DMA begins with the one that comes first in the program") {
  HandSchedule s;
  const BufferId a = s.buffer(2048), r = s.buffer(32);
  const TensorId small = s.tensor(32, 32), large = s.tensor(50, 64);  // 32 and 100 bursts
  const JobId first = s.load(small, 32, 32, a);
  const JobId pass = s.fold(4, 4, 4, a, a, r);
  const JobId urgent = s.load(small, 32, 32, a);  // when the pass has released it
  const JobId later[] = {s.load(large, 50, 64, s.buffer(6400)), s.load(large, 50, 64, s.buffer(6400)),
                         s.load(large, 50, 64, s.buffer(6400))};
  HardwareConfig config = plain_machine(4, 4, 4);
  config.dma.policy = DmaPolicy::kInOrder;
  const IdVector<JobId, JobSpan> jobs = simulate_schedule(config, s.schedule());
  // Two loads are with the memory: one is served, the other one hides the latency. The bursts follow each other from
  // cycle 1 on: 32, 100, 100, then the urgent 32, then 100; each load ends 4 cycles after its last burst.
  CHECK(jobs[first].done == 1 + 32 + 4);
  CHECK(jobs[pass].released == 37 + 4 + 4);
  CHECK(jobs[later[0]].start == 0);
  CHECK(jobs[later[0]].done == 1 + 132 + 4);
  CHECK(jobs[later[1]].start == 37);  // when the first load has ended; the urgent one is not ready yet
  CHECK(jobs[later[1]].done == 1 + 232 + 4);
  CHECK(jobs[urgent].ready == 45);
  CHECK(jobs[urgent].start == 137);
  CHECK(jobs[urgent].done == 1 + 264 + 4);
  CHECK(jobs[later[2]].start == 237);
  CHECK(jobs[later[2]].done == 1 + 364 + 4);
}

TEST_CASE("timing: divider interval of 16") {
  // 5 x 6 elements, 4 lanes: 2 slots a row, 10 slots, one every `interval` cycles; the last quotient comes 18 cycles
  // after its slot, and 1 more because the divisor reaches the second of the last pass's 2 columns one cycle late.
  for (const int interval : {1, 16}) {
    HandSchedule s;
    const auto x = s.buffer(120), d = s.buffer(30);
    const auto divide = s.unit_job(UnitKind::kDividers, JobKind::kRowDivide, 5, 0, 6, x, d, x);
    const auto next = s.unit_job(UnitKind::kDividers, JobKind::kMeanDivide, 1, 0, 6, s.buffer(36), kNone, s.buffer(36));
    HardwareConfig config = plain_machine(4, 4, kLatency);
    config.dividers = {4, 18, interval};
    const auto t = simulate_schedule(config, s.schedule());
    CHECK(t[divide].start == 0);
    CHECK(t[divide].free == 10 * interval);
    CHECK(t[divide].done == 9 * interval + 18 + 1);
    CHECK(t[next].start == 10 * interval);  // pipelined: the unit is free before its result is out
    // Lane 1 has its divisor one cycle late, so it takes its last quotient's operand in cycle 9 * interval + 1 and is
    // free `interval` cycles later; a mean goes to all lanes at once. 6 columns: 2 slots.
    CHECK(t[next].stream == 10 * interval + 1);
    CHECK(t[next].free == 12 * interval + 1);
    CHECK(t[next].done == 11 * interval + 1 + 18);
  }
}

TEST_CASE("timing: accumulators take an element every max(latency, interval)") {
  HandSchedule s;
  const auto sum =
      s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 7, 0, 10, s.buffer(140), kNone, s.buffer(60), kFirst);
  HardwareConfig config = plain_machine(4, 4, kLatency);
  config.accumulators = {4, 3, 1};
  const auto t = simulate_schedule(config, s.schedule());
  CHECK(t[sum].done == 7 * 3 * 3);  // 7 rows x ceil(10 / 4) passes x 3 cycles
  CHECK(t[sum].free == 63);
}

TEST_CASE("timing: scratchpad ports and NoC links stretch a stream") {
  const auto fold_of = [](const HardwareConfig& config) {
    HandSchedule s;
    const auto fold = s.fold(10, 4, 4, s.buffer(80), s.buffer(32), s.buffer(80));
    return simulate_schedule(config, s.schedule())[fold];
  };
  // A row of 4 int16 elements in and one out, 8 bytes each, every cycle.
  HardwareConfig config = plain_machine(4, 4, kLatency);
  config.scratchpad.banks = 1, config.scratchpad.port_bytes = 8;
  CHECK(fold_of(config).done == 20);  // just enough
  config.scratchpad.port_bytes = 4;   // twice the cycles: load 4 -> 8, stream 10 -> 20
  CHECK(fold_of(config).stream == 8);
  CHECK(fold_of(config).released - fold_of(config).stream == 20);
  CHECK(fold_of(config).done == 34);
  config.scratchpad.banks = 2;  // two banks of 4 bytes
  CHECK(fold_of(config).done == 20);
  config.noc.link_bytes = 3;  // 8 / 3: load ceil(4 * 8 / 3) = 11, stream ceil(10 * 8 / 3) = 27 cycles
  CHECK(fold_of(config).done == 11 + 27 + 6);
}

TEST_CASE("timing: a load that fills the scratchpad takes its rate from the write ports") {
  // Ports of 16 bytes, of which the memory (64 bytes a cycle) takes half; a row of 4 int16 elements in and two out
  // (wide results) every cycle: 8 bytes of reads, 16 of writes.
  const auto fold_beside = [](bool other_load, ScratchpadPorts ports) {
    HandSchedule s;
    const BufferId tile = s.buffer(32);
    s.load(s.tensor(4, 4), 4, 4, tile);
    if (other_load) s.load(s.tensor(100, 64), 100, 64, s.buffer(12800));  // 200 cycles and more
    const auto fold = s.fold(10, 4, 4, s.buffer(80), tile, s.buffer(160), kNone, kFirst | kLast | kWide);
    HardwareConfig config = plain_machine(4, 4, kLatency);
    config.scratchpad.banks = 1, config.scratchpad.port_bytes = 16, config.scratchpad.ports = ports;
    const JobSpan span = simulate_schedule(config, s.schedule())[fold];
    return span.released - span.stream;
  };
  CHECK(fold_beside(false, ScratchpadPorts::kReadAndWrite) == 10);
  CHECK(fold_beside(true, ScratchpadPorts::kReadAndWrite) == 20);
  // Alone 24 bytes a cycle through one port of 16, 15 cycles; beside the load through half of it.
  CHECK(fold_beside(false, ScratchpadPorts::kShared) == 15);
  CHECK(fold_beside(true, ScratchpadPorts::kShared) == 30);
}

TEST_CASE("timing: SA-Diag is one column") {
  // t_D of 10 rows, d = 6, on 4 PEs: two passes of 2*4 + 1 + 10 - 2 = 17 cycles.
  HandSchedule s;
  const auto dot =
      s.unit_job(UnitKind::kDiagonalEngine, JobKind::kDotProduct, 10, 6, 1, s.buffer(120), s.buffer(36), s.buffer(60));
  const auto t = simulate_schedule(plain_machine(4, 4, kLatency), s.schedule());
  CHECK(t[dot].done == 34);
}

TEST_CASE("timing: two heads of attention overlap as their dependencies allow") {
  // One Taylor head per tile: 8 tokens of depth 4 on a 4 x 4 array, all operands in the scratchpad already.
  // sum K -> mean -> subtract -> {sum K_hat, G} ; sum V ; then dot, Q G, add, divide.
  HandSchedule s;
  const auto mean_divider = LaneConfig{4, 5, 1};
  struct Head {
    JobId sum, mean, centre, key_sum, value_sum, g0, g1, dot, constant, numerator, add, divide;
  };
  std::vector<Head> heads;
  const auto g = s.buffer(96);  // one buffer of G for both heads, as the mapper has it
  for (int h = 0; h < 2; ++h) {
    Head j{};
    const auto k = s.buffer(64), v = s.buffer(64), q = s.buffer(64), t = s.buffer(128), mean = s.buffer(24),
               ksum = s.buffer(24), vsum = s.buffer(24), td = s.buffer(48);
    j.sum = s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 8, 0, 4, k, kNone, mean, kFirst);
    j.mean = s.unit_job(UnitKind::kDividers, JobKind::kMeanDivide, 1, 0, 4, mean, kNone, mean);
    j.centre = s.unit_job(UnitKind::kAdders, JobKind::kSubtractRow, 8, 0, 4, k, mean, k);
    j.key_sum = s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 8, 0, 4, k, kNone, ksum, kFirst);
    j.value_sum = s.unit_job(UnitKind::kAccumulators, JobKind::kColumnSum, 8, 0, 4, v, kNone, vsum, kFirst);
    j.g0 = s.fold(4, 4, 4, k, v, g, g, kFirst | kTransposed);
    j.g1 = s.fold(4, 4, 4, k, v, g, g, kLast | kTransposed);
    j.dot = s.unit_job(UnitKind::kDiagonalEngine, JobKind::kDotProduct, 8, 4, 1, q, ksum, td);
    j.constant = s.unit_job(UnitKind::kAdders, JobKind::kAddConstant, 8, 0, 1, td, kNone, td);
    j.numerator = s.fold(8, 4, 4, q, g, t, kNone, kFirst | kLast | kWide);
    j.add = s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 8, 0, 4, t, vsum, t);
    j.divide = s.unit_job(UnitKind::kDividers, JobKind::kRowDivide, 8, 0, 4, t, td, t);
    heads.push_back(j);
  }
  HardwareConfig config = plain_machine(4, 4, kLatency);
  config.accumulators = config.adders = {4, 1, 1};
  config.dividers = mean_divider;
  const auto t = simulate_schedule(config, s.schedule());
  const Head &a = heads[0], &b = heads[1];
  // Head 0. Accumulators: sum K 0-8. Dividers: one slot, latency 5: 8-13. Adders: 8 rows: 13-21. Accumulators
  // meanwhile, in index order among what is ready: at 8 sum V of head 0 (its sum K_hat is not ready) 8-16, then head
  // 1's sum K 16-24, sum K_hat 24-32.
  CHECK(t[a.sum].done == 8);
  CHECK(t[a.mean].done == 13);
  CHECK(t[a.centre].start == 13);
  CHECK(t[a.centre].done == 21);
  CHECK(t[a.value_sum].start == 8);
  CHECK(t[b.sum].start == 16);
  CHECK(t[a.key_sum].start == 24);
  CHECK(t[a.key_sum].done == 32);
  // Array: G's first pass 21: 2*4 + 4 + 4 - 2 = 14 cycles; the second 35-49; Q G 49-67 (8 rows: 18).
  CHECK(t[a.g0].start == 21);
  CHECK(t[a.g1].start == 35);
  CHECK(t[a.numerator].start == 49);
  CHECK(t[a.numerator].done == 67);
  // SA-Diag 32: 2*4 + 1 + 8 - 2 = 15 cycles, under G's second pass; + n sqrt(d): 8 rows fill the lanes by fours, 2
  // cycles.
  CHECK(t[a.dot].start == 32);
  CHECK(t[a.dot].done == 47);
  CHECK(t[a.constant].done == 49);
  // Post-processing: T_N 67-75; Z: 8 slots, latency 5, 3 lanes of skew: done at 67 + 8 + 7 + 5 + 3.
  CHECK(t[a.add].start == 67);
  CHECK(t[a.divide].start == 75);
  CHECK(t[a.divide].done == 90);
  // Head 1 under head 0's array passes: mean 24-29, K_hat 29-37, its G waits until the array has streamed Q against
  // head 0's G (one buffer): Q G is released at 61 = 49 + 4 + 8, its sums are out at 67, when the array is free.
  CHECK(t[b.mean].start == 24);
  CHECK(t[b.centre].start == 29);
  CHECK(t[b.centre].done == 37);
  CHECK(t[b.g0].ready == 61);
  CHECK(t[b.g0].start == 67);
  // ... and so head 1's G forms while head 0 is in the adders and dividers.
  CHECK(t[b.g0].start < t[a.divide].done);
  CHECK(t[b.numerator].done == 67 + 14 + 14 + 18);
  CHECK(t[b.divide].done == 113 + 8 + 7 + 5 + 3);
}
