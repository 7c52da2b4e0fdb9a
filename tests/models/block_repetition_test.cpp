// A few equal encoder blocks and a proof, or all of them: the same totals and the same time of every layer.
#include "sim/account/block_repetition.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/machine_run.h"
#include "tests/support/random_machine.h"
#include "tests/support/result_checks.h"
#include "workload/batch.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// An encoder of `blocks` equal blocks of a random size.
VitModel deep_workload(Dice& dice, int blocks) {
  const auto number = [](int value) { return std::to_string(value); };
  const int heads = dice.between(1, 3), d = dice.between(2, 20), width = heads * d;
  const std::string layers =
      R"({"name":"embed","kind":"conv2d","out_channels":)" + number(width) + R"(,"kernel":4,"stride":4},)" +
      R"({"name":"blocks.{i}","repeat":)" + number(blocks) +
      R"(,"layers":[{"name":"{block}.norm","kind":"layer_norm"},{"name":"{block}.qkv","kind":"linear","out_features":)" +
      number(3 * width) + R"(},{"name":"{block}.attn","kind":"attention","heads":)" + number(heads) + R"(,"d_qk":)" +
      number(d) + R"(,"layout":"qkv"},{"name":"{block}.proj","kind":"linear","out_features":)" + number(width) +
      R"(},{"name":"{block}.residual","kind":"add","inputs":["previous","block_input"]},)" +
      R"({"name":"{block}.fc1","kind":"linear","out_features":)" + number(dice.between(1, 120)) +
      R"(},{"name":"{block}.gelu","kind":"activation","function":"gelu"},{"name":"{block}.fc2","kind":"linear","out_features":)" +
      number(width) + R"(},{"name":"{block}.residual2","kind":"add","inputs":["previous","{block}.residual"]}]},)" +
      R"({"name":"norm","kind":"layer_norm"},{"name":"head","kind":"linear","rows":1,"out_features":)" +
      number(dice.between(1, 60)) + "}";
  return parse_workload(R"({"name":"deep","description":"","source":"","image":{"height":)" +
                            number(4 * dice.between(2, 7)) + R"(,"width":)" + number(4 * dice.between(2, 7)) +
                            R"(,"channels":3},"layers":[)" + layers + "]}",
                        "deep.json");
}

const std::string kNotPeriodic = "not periodic";

// Of a run with totals only; the layers' names apart, which a repeated block has not.
std::string totals_text(const VitModel& model, const HardwareConfig& config, bool repeat_blocks) {
  return in_child([&] {
    SimulationOptions options;
    options.totals_only = true;
    options.repeat_blocks = repeat_blocks;
    try {
      SimulationResult result = simulate(config, model, options);
      for (LayerResult& layer : result.layers) layer.name.clear();
      return result_text(result) + std::to_string(result.jobs);
    } catch (const InfeasibleError& error) {
      return std::string("infeasible: ") + error.what();
    } catch (const NotPeriodic&) {
      return kNotPeriodic;
    }
  });
}

std::optional<ShortenedRun> shortened(const VitModel& model, const HardwareConfig& config) {
  const MappingOptions options;
  if (!may_be_shortened(config, options)) return {};
  PlannedModel planned(model, config, options);
  return shorten(model, config, planned);
}

struct Found {
  int shortened = 0, whole = 0, not_periodic = 0;
};

void compare(const VitModel& model, const HardwareConfig& config, Found& found) {
  bool candidate = false;
  try {
    candidate = shortened(model, config).has_value();
  } catch (const InfeasibleError&) {
  }
  const std::string fewer = totals_text(model, config, true);
  if (fewer == kNotPeriodic) {
    ++found.not_periodic;
    return;
  }
  CHECK(fewer == totals_text(model, config, false));
  ++(candidate ? found.shortened : found.whole);
}

}  // namespace

TEST_CASE("repeated blocks: totals of shortened runs equal those of whole runs, random machines") {
  Dice dice(7);
  Found found;
  for (int i = 0; i < 300; ++i) {
    std::vector<std::string> overrides = random_machine(dice);
    const VitModel model = deep_workload(dice, dice.between(7, 14));
    INFO(i << ": " << joined(overrides));
    compare(model, machine(overrides), found);
  }
  INFO(found.shortened << " shortened, " << found.whole << " whole, " << found.not_periodic << " not periodic");
  // Machines that fetch descriptors are whole, and where the buffers of a block do not fill the ring a whole number of
  // times, blocks differ in what their first loads wait for.
  CHECK(found.shortened >= 15);
  CHECK(found.not_periodic >= 1);
}

TEST_CASE("repeated blocks: totals of shortened runs equal those of whole runs, shipped machines and models") {
  Found found;
  for (const std::string name : {"vitality", "vitality_overlapped", "vitality_g_stationary", "dense_softmax"}) {
    for (const std::string model : {"deit_tiny", "deit_base", "vit_large_16", "levit_128s"}) {
      INFO(name << " " << model);
      compare(workload(model), machine({}, name), found);
    }
  }
  CHECK(found.shortened >= 10);
}

// At these capacities the first blocks, the last ones or both keep other results than the rest.
TEST_CASE("repeated blocks: blocks at the ends that keep other results do not stop a run from being shortened") {
  for (const int kib : {231, 260, 300, 400, 500}) {
    Found found;
    INFO(kib << " KiB");
    compare(workload("deit_tiny"), machine({"scratchpad.capacity_kib=" + std::to_string(kib)}), found);
    CHECK(found.shortened == 1);
  }
}

TEST_CASE("repeated blocks: where a model repeats") {
  const VitModel deit = workload("deit_tiny");
  const auto blocks = find_repeated_blocks(deit, 8);
  REQUIRE(blocks);
  CHECK(deit.layers[static_cast<std::size_t>(blocks->first)].name == "blocks.0.norm1");
  CHECK(blocks->layers == 10);
  CHECK(blocks->count == 12);
  CHECK_FALSE(find_repeated_blocks(deit, 13));
  CHECK_FALSE(find_repeated_blocks(workload("levit_128s"), 8));
  CHECK_FALSE(find_repeated_blocks(batched(deit, 2), 8));

  const VitModel fewer = with_fewer_blocks(deit, *blocks, 4);
  REQUIRE(fewer.layers.size() == deit.layers.size() - 80);
  CHECK(fewer.layers[33].name == "blocks.11.norm1");
  CHECK(fewer.layers[33].inputs == std::vector<int>{32});
  CHECK(fewer.layers[42].inputs == std::vector<int>{41, 37});
  CHECK(fewer.layers.back().inputs == std::vector<int>{43});

  // One block is wider than the others inside.
  VitModel uneven = deit;
  std::get<Linear>(uneven.layers[59].parameters).out_features *= 2;
  REQUIRE(uneven.layers[59].name == "blocks.5.mlp.fc1");
  CHECK_FALSE(find_repeated_blocks(uneven, 8));
  // The head reads an early block too.
  VitModel skipping = deit;
  skipping.layers.back().inputs.push_back(40);
  CHECK_FALSE(find_repeated_blocks(skipping, 8));
}

TEST_CASE("repeated blocks: one cycle's difference is no steady state") {
  const std::string findings = in_child([] {
    const HardwareConfig config = machine();
    const std::optional<ShortenedRun> run = shortened(workload("deit_tiny"), config);
    if (!run) return std::string("not shortened");
    SimulationOptions options;
    options.totals_only = true;
    std::string text;
    options.observe = [&](const FinishedRun& finished) {
      const Schedule& schedule = finished.schedule;
      IdVector<JobId, JobTimes> times = finished.times;
      const auto proved = [&] {
        return find_steady_state(run->blocks, schedule, config, finished.costs, times).has_value();
      };
      if (!proved()) text += "the run as it was is not proved; ";
      std::vector<std::size_t> first(4);  // jobs of A, B, C and of what follows
      for (int block = 0; block < 4; ++block)
        first[static_cast<std::size_t>(block)] = static_cast<std::size_t>(
            std::find_if(
                schedule.jobs.begin(), schedule.jobs.end(),
                [&](const Job& job) { return job.layer >= run->blocks.all.begin(run->blocks.kept - 3 + block); }) -
            schedule.jobs.begin());
      const auto refuses = [&](const char* what, std::size_t job, Cycles JobTimes::*time, Cycles value) {
        const JobTimes before = times[job];
        times[job].*time = value;
        if (proved()) text += std::string(what) + " is accepted; ";
        times[job] = before;
      };
      refuses("a later end in A", first[1] - 5, &JobTimes::done, times[first[1] - 5].done + 1);
      refuses("a later start in B", first[2] - 9, &JobTimes::start, times[first[2] - 9].start + 1);
      refuses("contention in B", first[2] - 9, &JobTimes::contention, times[first[2] - 9].contention + 1);
      refuses("a job of C that is ready in A", first[3] - 1, &JobTimes::ready, 1);
      // A job behind the blocks that waits for one of them.
      std::size_t behind = first[3];
      const auto waits = [&](const Job& job) {
        const auto begin = schedule.dependencies.begin() + job.first_dependency;
        return std::any_of(begin, begin + job.dependency_count,
                           [&](const Dependency& on) { return static_cast<std::size_t>(on.job().value) >= first[1]; });
      };
      while (!waits(schedule.jobs[behind])) ++behind;
      refuses("what follows is ready in A", behind, &JobTimes::ready, times[first[0] + 1].ready);
    };
    simulate(config, run->model, options);
    return text;
  });
  CHECK(findings == "");
}
