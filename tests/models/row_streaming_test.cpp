// Rows through FIFOs: the flow's arithmetic against a pipeline that is stepped cycle by cycle, jobs on the machine
// against times worked out by hand, values and accounts on whole models.
#include <catch2/catch.hpp>
#include <deque>
#include <random>

#include "cost/row_flow.h"
#include "mapping/row_streams.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// A stage as registers: rows move one place a cycle; while the oldest is due and the FIFO behind is full, none moves
// and none enters.
struct ClockedStage {
  Cycles start, interval, latency;
  std::deque<Cycles> inside;  // of each row, the cycles that it has moved
  Cycles since = 0;           // moving cycles since the last row entered
  Count entered = 0, left = 0;
  Cycles last_share = 1 << 30, last_exit = 0;  // when the last row had its share; left
  bool moves = true;
};

// Array -> lanes -> lanes, a cycle at a time. Within a cycle rows leave before others enter, and a place that is taken
// from a FIFO is free in the same cycle.
std::vector<RowStageEnd> clocked(const std::vector<RowStage>& given, Count rows, Count depth) {
  std::vector<ClockedStage> stages;
  for (const RowStage& s : given) stages.push_back({s.start, s.stream / rows, s.latency, {}, s.stream / rows});
  std::vector<Count> fifo(stages.size());  // behind each stage
  for (Cycles now = 0; stages.back().left < rows; ++now) {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t s = stages.size(); s-- > 0;) {
        ClockedStage& stage = stages[s];
        const bool room = s + 1 == stages.size() || fifo[s] < depth;
        if (!stage.inside.empty() && stage.inside.front() == stage.interval + stage.latency && room) {
          stage.inside.pop_front();
          ++stage.left, ++fifo[s], stage.last_exit = now;
          changed = true;
        }
        const bool due = !stage.inside.empty() && stage.inside.front() == stage.interval + stage.latency;
        const bool input = s == 0 || fifo[s - 1] > 0;
        if (!due && stage.entered < rows && now >= stage.start && stage.since >= stage.interval && input) {
          if (s > 0) --fifo[s - 1];
          stage.inside.push_back(0);
          ++stage.entered, stage.since = 0;
          changed = true;
        }
      }
    }
    for (ClockedStage& stage : stages) {
      if (stage.entered == rows && !stage.inside.empty() && stage.inside.back() == stage.interval)
        stage.last_share = std::min(stage.last_share, now);
      if (!stage.inside.empty() && stage.inside.front() == stage.interval + stage.latency) continue;
      for (Cycles& moved : stage.inside) ++moved;
      ++stage.since;
    }
  }
  std::vector<RowStageEnd> ends;
  for (const ClockedStage& s : stages) ends.push_back({std::min(s.last_share, s.last_exit), s.last_exit});
  return ends;
}

struct Chain {
  HandSchedule s;
  JobId busy, fold, add, divide;
  Schedule streamed;
};

// 6 x 4 times 4 x 4, a row added to the result, each row divided; before it the adders have `rows_before` rows.
Chain chain(const HardwareConfig& config, int rows_before, bool divides) {
  Chain c;
  const BufferId q = c.s.buffer(48), g = c.s.buffer(32), t = c.s.buffer(96), v = c.s.buffer(24), d = c.s.buffer(36);
  const BufferId x = c.s.buffer(800);
  if (rows_before > 0) c.busy = c.s.unit_job(UnitKind::kAdders, JobKind::kAddRow, rows_before, 0, 4, x, v, x);
  c.fold = c.s.fold(6, 4, 4, q, g, t, kNone, kFirst | kLast | kWide);
  c.add = c.s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 6, 0, 4, t, v, t);
  if (divides) c.divide = c.s.unit_job(UnitKind::kDividers, JobKind::kRowDivide, 6, 0, 4, t, d, t);
  c.streamed = c.s.schedule();
  stream_rows(c.streamed, config);
  return c;
}

HardwareConfig small_machine() {
  HardwareConfig config = plain_machine(4, 4, 9);
  config.pipeline.row_streaming = true;
  config.adders.lanes = config.dividers.lanes = 4;
  config.adders.latency_cycles = config.adders.initiation_interval = 1;
  config.dividers.latency_cycles = 5, config.dividers.initiation_interval = 1;
  return config;
}

}  // namespace

TEST_CASE("row streaming: the flow of rows is that of clocked pipelines with FIFOs") {
  std::mt19937 dice(7);
  const auto between = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(dice); };
  int halted = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const Count rows = between(1, 40), depth = between(1, 12);
    std::vector<RowStage> stages{{between(0, 9), between(1, 3) * rows, between(0, 30)}};
    if (between(0, 1) == 1) stages.push_back({between(0, 90), between(1, 4) * rows, between(0, 9)});
    stages.push_back({between(0, 120), between(1, 4) * rows, between(0, 20)});
    const std::vector<RowStageEnd> flow = flow_rows(stages, rows, depth), pipes = clocked(stages, rows, depth);
    INFO(trial << ": " << rows << " rows, FIFOs of " << depth);
    for (std::size_t s = 0; s < stages.size(); ++s) {
      CHECK(flow[s].done == pipes[s].done);
      CHECK(flow[s].released == pipes[s].released);
    }
    halted += flow[0].done > stages[0].start + stages[0].stream + stages[0].latency;
    // Nothing holds a stage before first_halt().
    if (flow[0].done > first_halt(stages[0], rows, depth)) continue;
    CHECK(flow[0].done == stages[0].start + stages[0].stream + stages[0].latency);
  }
  CHECK(halted > 1000);
}

TEST_CASE("row streaming: array, adders and dividers work a row behind each other") {
  const HardwareConfig config = small_machine();
  const Chain c = chain(config, 0, true);
  CHECK(c.streamed.rows_to[c.fold] == c.add);
  CHECK(c.streamed.rows_to[c.add] == c.divide);
  const auto t = simulate_schedule(config, c.streamed);
  // 4 to load, 6 rows, 6 of skew. Row i is there at 4 + (i + 1) + 6 = 11 + i.
  CHECK(t[c.fold].stream == 4);
  CHECK(t[c.fold].released == 10);
  CHECK(t[c.fold].done == 16);
  CHECK(t[c.add].start == 11);
  CHECK(t[c.add].done == 17);
  // The first sum is there at 12. A row takes 5 cycles and the last lane is 3 behind the first: 12 + 5 + 5 + 3.
  CHECK(t[c.divide].start == 12);
  CHECK(t[c.divide].done == 25);
  // Without streaming each waits for the whole tile: 16 + 6 = 22, then 22 + 5 + 5 + 3.
  const auto apart = simulate_schedule(config, c.s.schedule());
  CHECK(apart[c.add].start == 16);
  CHECK(apart[c.divide].start == 22);
  CHECK(apart[c.divide].done == 35);
}

TEST_CASE("row streaming: a full FIFO holds the array, by what the slow unit behind it takes") {
  HardwareConfig config = small_machine();
  config.pipeline.fifo_rows = 1;
  config.adders.latency_cycles = config.adders.initiation_interval = 3;
  const Chain c = chain(config, 0, false);
  const auto t = simulate_schedule(config, c.streamed);
  // The adders begin rows at 11, 14, 17, 20, 23, 26. Row i leaves the array when row i - 1 has been taken: 11, 12, 14,
  // 17, 20, 23, and not at 16. All rows had entered before it stood still first, at 13.
  CHECK(t[c.fold].released == 10);
  CHECK(t[c.fold].free == 23);
  CHECK(t[c.fold].done == 23);
  CHECK(t[c.add].start == 11);
  CHECK(t[c.add].done == 29);
}

TEST_CASE("row streaming: a busy unit behind a full FIFO holds the array until it comes") {
  HardwareConfig config = small_machine();
  config.pipeline.fifo_rows = 1;
  const Chain c = chain(config, 40, false);
  const auto t = simulate_schedule(config, c.streamed);
  CHECK(t[c.busy].free == 40);
  CHECK(t[c.add].start == 40);
  // Taken at 40 to 45; row 1 leaves when row 0 is taken, row 5 when row 4 is.
  CHECK(t[c.fold].free == 44);
  CHECK(t[c.add].done == 46);
  // A FIFO of six rows takes them all.
  config.pipeline.fifo_rows = 6;
  const auto deep = simulate_schedule(config, chain(config, 40, false).streamed);
  CHECK(deep[c.fold].free == 16);
  CHECK(deep[c.add].done == 46);
}

TEST_CASE("row streaming: rows in a FIFO do not cross the scratchpad's ports") {
  const HardwareConfig config = small_machine();
  const Chain c = chain(config, 0, true);
  const CostTable apart(c.s.schedule(), config), streamed(c.streamed, config);
  // 6 x 4 wide results of 4 bytes leave, and come back twice; the divider's 6 x 4 operands of 2 bytes leave.
  CHECK(apart.of(c.fold).scratchpad_write == 96);
  CHECK(streamed.of(c.fold).scratchpad_write == 0);
  CHECK(apart.of(c.add).scratchpad_read - streamed.of(c.add).scratchpad_read == 96);
  CHECK(streamed.of(c.add).scratchpad_write == 0);
  CHECK(apart.of(c.divide).scratchpad_read - streamed.of(c.divide).scratchpad_read == 96);
  CHECK(streamed.of(c.divide).scratchpad_write == 48);
  CHECK(streamed.of(c.divide).actions[Action::kDivide] == 24);
}

TEST_CASE("row streaming: what somebody else reads is written, and who waits for a transfer takes no rows") {
  const HardwareConfig config = small_machine();
  HandSchedule s;
  const BufferId q = s.buffer(48), g = s.buffer(32), t = s.buffer(96), v = s.buffer(24), z = s.buffer(96);
  const JobId fold = s.fold(6, 4, 4, q, g, t, kNone, kFirst | kLast | kWide);
  const JobId add = s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 6, 0, 4, t, v, z);
  s.store(s.tensor(6, 4), 6, 4, t);
  Schedule streamed = s.schedule();
  stream_rows(streamed, config);
  CHECK(streamed.rows_to[fold] == add);
  CHECK((streamed.jobs[fold].flags & kRowsOut) == 0);
  CHECK((streamed.jobs[add].flags & kRowsIn) != 0);

  HandSchedule other;
  const BufferId a = other.buffer(48), b = other.buffer(32), c = other.buffer(96), d = other.buffer(48);
  other.fold(6, 4, 4, a, b, c, kNone, kFirst | kLast | kWide);
  other.load(other.tensor(6, 4), 6, 4, d);
  other.unit_job(UnitKind::kAdders, JobKind::kAddMatrix, 6, 0, 4, c, d, c);
  Schedule waits = other.schedule();
  stream_rows(waits, config);
  CHECK(waits.rows_to.empty());
}
