// Descriptors of jobs (controller.descriptor_bytes): when they are fetched, what waits for them, what they count as.
#include <catch2/catch.hpp>

#include "mapping/row_streams.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// Two passes of 8 rows on 8 x 8 PEs (8 to load, 8 rows, 14 of skew) and an addition that needs none of them.
HandSchedule three_jobs() {
  HandSchedule s;
  const BufferId a = s.buffer(128), b = s.buffer(128), c = s.buffer(128), d = s.buffer(128), e = s.buffer(128);
  s.fold(8, 8, 8, a, b, c);
  s.fold(8, 8, 8, a, b, d);
  s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 8, 0, 8, a, b, e);
  return s;
}

HardwareConfig fetching_machine(int queue) {
  HardwareConfig config = plain_machine(8, 8, 4);
  config.controller.descriptor_bytes = 64;
  config.controller.descriptor_queue = queue;
  return config;
}

std::vector<Cycles> starts(const HardwareConfig& config, const Schedule& schedule) {
  std::vector<Cycles> list;
  for (const JobSpan& span : simulate_schedule(config, schedule)) list.push_back(span.start);
  return list;
}

}  // namespace

TEST_CASE("descriptors: a job waits for its descriptor, and the queue is refilled as jobs leave it") {
  const HandSchedule s = three_jobs();
  // A request of b bursts, made at t, is there at t + 1 + b + 4. Two descriptors: 0 to 7. The first pass leaves at 7:
  // the third descriptor comes at 13. The second pass waits for the array, until 7 + 30.
  CHECK(starts(fetching_machine(2), s.schedule()) == std::vector<Cycles>{7, 37, 13});
  // All three at once: 0 to 8.
  CHECK(starts(fetching_machine(9), s.schedule()) == std::vector<Cycles>{8, 38, 8});
  // A queue of one: 0 to 6, 6 to 12; the second pass keeps the place until the array is free at 36: 36 to 42.
  CHECK(starts(fetching_machine(1), s.schedule()) == std::vector<Cycles>{6, 36, 42});
  // With decoding, one after the other: the first pass is issued at 7 + 5, and the third descriptor comes at 18. The
  // second pass is decoded from 42 on, when the array is free.
  HardwareConfig config = fetching_machine(2);
  config.controller.issue_cycles = 5;
  CHECK(starts(config, s.schedule()) == std::vector<Cycles>{12, 47, 23});
}

TEST_CASE("descriptors: a full queue does not keep a job from the rows that another one holds for it") {
  HardwareConfig config = plain_machine(4, 4, 9);
  config.pipeline.row_streaming = true;
  config.pipeline.fifo_rows = 1;
  config.adders.lanes = 4;
  config.controller.descriptor_bytes = 64;
  config.controller.descriptor_queue = 1;
  HandSchedule s;
  const BufferId q = s.buffer(48), g = s.buffer(32), t = s.buffer(96), u = s.buffer(96), v = s.buffer(24);
  const JobId first = s.fold(6, 4, 4, q, g, t, kNone, kFirst | kLast | kWide);
  s.fold(6, 4, 4, q, g, u, kNone, kFirst | kLast | kWide);  // would fill the queue until the first pass has ended
  const JobId add = s.unit_job(UnitKind::kAdders, JobKind::kAddRow, 6, 0, 4, t, v, t);
  Schedule streamed = s.schedule();
  stream_rows(streamed, config);
  REQUIRE(streamed.rows_to[first] == add);
  const auto spans = simulate_schedule(config, streamed);  // throws in a deadlock
  // A descriptor is there 1 + 1 + 9 cycles after its request: the pass starts at 11 and asks for the next one, the
  // addition's, which comes at 22, a cycle after the first row (11 + 4 + 1 + 6).
  CHECK(spans[first].start == 11);
  CHECK(spans[add].start == 22);
}

TEST_CASE("descriptors: every charged job's bytes are counted, with a layer, an operand and a cause") {
  const VitModel model = workload("tiny_levit");
  const HardwareConfig config = machine({"controller.descriptor_bytes=32"}), without = machine();
  Count charged = 0;
  for (const Job& job : map_model(model, config).jobs) charged += job.unit != UnitKind::kUncharged;
  SimulationOptions options;
  options.numerics = false;
  Bytes read[2], by_operand = 0, by_cause = 0, counted = 0;
  double dram_pj[2];
  for (const bool fetched : {false, true}) {
    const auto values = fork_simulation<double>([&] {
                          const SimulationResult r = simulate(fetched ? config : without, model, options);
                          Simulated<double> out;
                          Bytes operand = 0, cause = 0, dram = 0;
                          for (const LayerResult& l : r.layers) {
                            for (const auto& [name, bytes] : l.dram_bytes_by_operand)
                              operand += name == "descriptors" ? bytes : 0;
                            for (const DramTraffic& t : l.dram_traffic)
                              cause += t.operand == "descriptors" && t.cause == "first_fetch" ? t.bytes : 0;
                          }
                          for (const UnitResult& unit : r.units)
                            for (const auto& [name, count] : unit.actions)
                              dram += unit.name == "dram" && name == "read_bytes" ? count : 0;
                          for (const Count x : {r.totals.dram_read_bytes, operand, cause, dram})
                            out.values.push_back(static_cast<double>(x));
                          out.values.push_back(r.energy.dram);
                          return out;
                        }).values;
    read[fetched] = static_cast<Bytes>(values[0]);
    by_operand = static_cast<Bytes>(values[1]), by_cause = static_cast<Bytes>(values[2]);
    counted = static_cast<Bytes>(values[3]);
    dram_pj[fetched] = values[4];
  }
  CHECK(charged > 100);
  CHECK(by_operand == 32 * charged);
  CHECK(by_cause == 32 * charged);
  CHECK(read[1] - read[0] == 32 * charged);
  CHECK(counted == read[1]);  // the memory's own count
  CHECK(dram_pj[1] > dram_pj[0]);
}
