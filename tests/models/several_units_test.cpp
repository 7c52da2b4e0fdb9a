// Machines with several units of a kind: which unit takes which job, worked out by hand; and what must not change with
// the number of units.
#include <catch2/catch.hpp>
#include <set>

#include "cost/energy.h"
#include "cost/machine_units.h"
#include "mapping/mapper.h"
#include "mapping/mapping_json.h"
#include "sim/values/value_executor.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"
#include "tests/support/race_check.h"
#include "tests/support/random_machine.h"
#include "tests/support/result_checks.h"

using namespace vitality;
using namespace vitality::test;

namespace {

struct Run {
  std::int32_t unit;  // number among those of its kind
  Cycles start, free;
};

IdVector<JobId, Run> runs_of(const HardwareConfig& config, const Schedule& schedule) {
  const std::vector<Run> runs =
      fork_simulation<Run>([&] {
        const IdVector<JobId, JobTimes> times = run_times(config, schedule);
        const MachineUnits units(config);
        std::vector<Run> list;
        for (std::size_t i = 0; i < times.size(); ++i)
          list.push_back({times[i].unit.value - units.id(schedule.jobs[i].unit).value, times[i].start, times[i].free});
        return Simulated<Run>{0, list};
      }).values;
  return {runs.begin(), runs.end()};
}

// "unit:start" of every job.
std::string starts(const std::vector<Run>& runs) {
  std::string text;
  for (const Run& run : runs) text += std::to_string(run.unit) + ":" + std::to_string(run.start) + " ";
  return text;
}

HardwareConfig with_arrays(int count, bool prefetch = false) {
  HardwareConfig config = plain_machine(4, 4, 9);
  config.matrix_engine.count = count;
  config.matrix_engine.stationary_prefetch = prefetch;
  return config;
}

std::string random_outputs(const VitModel& model, const std::vector<std::string>& overrides) {
  return in_child([&] {
    std::string text;
    SimulationOptions options;
    options.numerics = true;
    options.observe = [&](const FinishedRun& run) {
      for (const TensorId tensor : run.schedule.layer_output) {
        if (tensor == kNone) continue;
        const MatrixD& codes = run.values->codes(tensor);
        text.append(reinterpret_cast<const char*>(codes.data()), codes.size() * sizeof(double));
      }
      text += find_races(run.schedule, run.times);
    };
    try {
      simulate(machine(overrides), model, options);
    } catch (const InfeasibleError&) {
      return std::string("infeasible");
    }
    return text;
  });
}

}  // namespace

TEST_CASE("several units: a pass goes to the array that is free, of several to the first") {
  // Four passes of 10 x 4 x 4 that need nothing of each other. A pass holds its array for 4 + 10 + 6 = 20 cycles.
  HandSchedule s;
  const auto x = s.buffer(80), w = s.buffer(32);
  for (int i = 0; i < 4; ++i) s.fold(10, 4, 4, x, w, s.buffer(80));
  CHECK(starts(runs_of(with_arrays(1), s.schedule())) == "0:0 0:20 0:40 0:60 ");
  CHECK(starts(runs_of(with_arrays(2), s.schedule())) == "0:0 1:0 0:20 1:20 ");
  CHECK(starts(runs_of(with_arrays(3), s.schedule())) == "0:0 1:0 2:0 0:20 ");
  // With prefetch an array takes a second pass whose tile is loaded while the first one streams. The shadow register is
  // free when the stream begins, at 4; the third pass on an array begins its load there.
  CHECK(starts(runs_of(with_arrays(2, true), s.schedule())) == "0:0 1:0 0:0 1:0 ");
}

TEST_CASE("several units: a short pass makes its array free first") {
  // Array 0 has 10 rows (20 cycles), array 1 has 3 (13 cycles), then 2 (12 cycles: until 25): the last pass begins on
  // array 0 at 20.
  HandSchedule s;
  const auto x = s.buffer(80), w = s.buffer(32);
  for (const int rows : {10, 3, 2, 5}) s.fold(rows, 4, 4, x, w, s.buffer(80));
  CHECK(starts(runs_of(with_arrays(2), s.schedule())) == "0:0 1:0 1:13 0:20 ");
}

TEST_CASE("several units: passes of one sum stay on the array of the first") {
  // Two sums of two passes each, one behind the other in the schedule.
  HandSchedule s;
  const auto x = s.buffer(80), w = s.buffer(32);
  for (int i = 0; i < 2; ++i) {
    const auto sums = s.buffer(160), result = s.buffer(80);
    s.fold(10, 4, 4, x, w, result, sums, kFirst);
    s.fold(10, 4, 4, x, w, result, sums, kLast);
  }
  CHECK(starts(runs_of(with_arrays(1), s.schedule())) == "0:0 0:20 0:40 0:60 ");
  // The second pass may be issued at 0 and waits for its array, though the other one is free.
  CHECK(starts(runs_of(with_arrays(2), s.schedule())) == "0:0 0:20 1:0 1:20 ");
}

TEST_CASE("several units: a sum in the same place waits for the sum before it to be done") {
  HandSchedule s;
  s.builder().expect_several(UnitKind::kMatrixEngine);
  const auto x = s.buffer(80), w = s.buffer(32), sums = s.buffer(160);
  for (int i = 0; i < 2; ++i) {
    const auto result = s.buffer(80);
    s.fold(10, 4, 4, x, w, result, sums, kFirst);
    s.fold(10, 4, 4, x, w, result, sums, kLast);
  }
  // On one array the next sum's first pass needs no more than its turn; on two it might overtake the pass that reads.
  CHECK(starts(runs_of(with_arrays(2), s.schedule())) == "0:0 0:20 0:40 0:60 ");
}

TEST_CASE("several units: nothing comes between passes whose sums stay in the PEs") {
  // Output stationary, 4 x 4: a tile in two segments of 10; its drain of 6 comes with the last. Each segment has a
  // load of its own: x, the tiles of a and b, the second halves.
  HandSchedule s(true);
  s.builder().expect_several(UnitKind::kMatrixEngine);
  const auto a = s.buffer(80), w = s.buffer(80), late = s.buffer(80);
  const auto tensor = s.tensor(4, 10);
  const auto pass = [&](BufferId streamed, BufferId result, int flags) {
    return s.fold(4, 10, 4, streamed, w, result, kNone, flags | kOutputStationary);
  };
  const auto first = pass(a, kNone, kFirst);
  s.load(tensor, 4, 10, late);
  const auto second = pass(late, s.buffer(32), kLast);
  const auto other = pass(a, s.buffer(32), kFirst | kLast), third = pass(a, s.buffer(32), kFirst | kLast);
  HardwareConfig config = with_arrays(2);
  config.matrix_engine.dataflow = Dataflow::kOutputStationary;
  const IdVector<JobId, Run> r = runs_of(config, s.schedule());
  // 80 bytes are 2 bursts: there at 1 + 2 + 9 = 12. Array 0 is free at 10 and holds the sums until then; the pass
  // behind the other tile, 10 + 6 cycles on array 1, waits for array 1.
  CHECK(r[first].unit == 0);
  CHECK(r[first].free == 10);
  CHECK(r[second].unit == 0);
  CHECK(r[second].start == 12);
  CHECK(r[other].unit == 1);
  CHECK(r[other].start == 0);
  CHECK(r[third].unit == 1);
  CHECK(r[third].start == 16);
}

TEST_CASE("several units: divider arrays, accumulators and adders") {
  HandSchedule s;
  const auto x = s.buffer(12);
  // Six quotients on 64 lanes: an array is free again after 1 cycle, the result is there after 18.
  for (int i = 0; i < 4; ++i) s.unit_job(UnitKind::kDividers, JobKind::kMeanDivide, 1, 0, 6, x, kNone, s.buffer(12));
  HardwareConfig config = plain_machine(4, 4, 9);
  config.dividers.count = 3;
  CHECK(starts(runs_of(config, s.schedule())) == "0:0 1:0 2:0 0:1 ");
  config.dividers.count = 1;
  CHECK(starts(runs_of(config, s.schedule())) == "0:0 0:1 0:2 0:3 ");
}

TEST_CASE("several units: names, order, area and peak") {
  const HardwareConfig one = machine();
  const HardwareConfig config =
      machine({"matrix_engine.count=2", "dividers.count=3", "accumulators.count=2", "adders.count=4"});
  const MachineUnits units(config);
  std::string names;
  for (const MachineUnit& unit : units.all()) names += unit.name + " ";
  CHECK(
      names ==
      "sa_general sa_general1 sa_diag sa_diag1 accumulators accumulators1 dividers dividers1 dividers2 adders adders1 "
      "adders2 adders3 special_functions dma_load dma_store ");
  // Published: 64 x 64 PEs and a column of 64.
  CHECK(processing_elements(one) == 4160);
  CHECK(processing_elements(config) == 8320);
  const EnergyModel before(one), after(config);
  const auto added = before.unit_area(UnitKind::kMatrixEngine) + before.unit_area(UnitKind::kDiagonalEngine) +
                     2 * before.unit_area(UnitKind::kDividers) + before.unit_area(UnitKind::kAccumulators) +
                     3 * before.unit_area(UnitKind::kAdders);
  // The bus spans what it joins.
  CHECK(after.total_area() - after.noc_area() - (before.total_area() - before.noc_area()) == Approx(added));
  CHECK(after.noc_area() > before.noc_area());
  // What leaks besides the scratchpad leaks by its area.
  const double sram =
      one.scratchpad.capacity_kib * one.energy.sram_leakage_mw_per_kib * 1e-3 / (one.clock_mhz * 1e6) * 1e12;
  const auto logic = [](const EnergyModel& e) { return e.total_area() - e.scratchpad_area(); };
  CHECK((after.leakage_per_cycle() - sram) / (before.leakage_per_cycle() - sram) ==
        Approx(logic(after) / logic(before)));
}

// Softmax a tile of keys at a time rounds in the order of its tiles: values are the same where the tiles are.
std::string attention_mappings(const VitModel& model, const std::vector<std::string>& overrides) {
  std::string text;
  const Schedule schedule = map_model(model, machine(overrides));
  for (std::size_t l = 0; l < model.layers.size(); ++l)
    if (std::holds_alternative<Attention>(model.layers[l].parameters)) text += write_json(schedule.mappings[l]);
  return text;
}

TEST_CASE("several units: values are those of one unit of each kind, on random machines") {
  int done = 0, several = 0;
  for (unsigned seed = 3000; done < 40 && seed < 3200; ++seed) {
    Dice dice(seed);
    const VitModel model = random_workload(dice);
    std::vector<std::string> overrides = random_machine(dice);
    INFO("seed " << seed << ": " << joined(overrides));
    const std::vector<std::string> with_several = overrides;
    const std::string some = random_outputs(model, overrides);
    for (const char* unit : {"matrix_engine", "accumulators", "dividers", "adders", "special_functions"})
      overrides.push_back(std::string(unit) + ".count=1");
    const std::string one = random_outputs(model, overrides);
    if (some == "infeasible" && one == "infeasible") continue;
    CHECK(some.size() > 100);
    if (attention_mappings(model, with_several) != attention_mappings(model, overrides)) continue;
    CHECK(some == one);
    ++done;
    several += some == one;
  }
  CHECK(done == 40);
  CHECK(several == 40);
}

TEST_CASE("several units: results by unit, the same bytes with and without values") {
  const auto result_of = [](bool numerics) {
    return in_child([&] {
      const HardwareConfig config =
          machine({"matrix_engine.count=2", "matrix_engine.rows=8", "matrix_engine.cols=8", "dividers.count=3",
                   "dividers.lanes=1", "dividers.initiation_interval=16", "noc.topology=mesh"});
      SimulationOptions options;
      options.numerics = numerics;
      const SimulationResult result = simulate(config, workload("tiny_vit"), options);
      std::string text;
      std::set<std::string> worked;
      for (const UnitResult& unit : result.units)
        if (unit.busy_cycles > 0) worked.insert(unit.name);
      for (const char* name : {"sa_general", "sa_general1", "dividers", "dividers1"})
        if (worked.count(name) == 0) text += std::string(name) + " did nothing\n";
      if (numerics && !result.numerics.passed) text += "values are off\n";
      return text + result_text(result);
    });
  };
  const std::string once = result_of(false);
  CHECK(once.find("did nothing") == std::string::npos);
  CHECK(once.find("values are off") == std::string::npos);
  CHECK(once == result_of(false));
  CHECK(once == result_of(true));
}
