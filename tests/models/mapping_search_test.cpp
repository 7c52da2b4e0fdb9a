// The search with a simulator in the loop, on machines made up for the test: what a mapping costs is written out here.
#include "sim/mapping_search.h"

#include <catch2/catch.hpp>

#include "tests/support/program.h"

using namespace vitality;
using vitality::test::ScratchFolder;

namespace {

// Two problems with three plans each, and what the pairs take. The estimate takes plan 0 of both.
constexpr Cycles kCycles[3][3] = {{100, 101, 140}, {90, 95, 130}, {85, 60, 150}};

struct Machine {
  MappingSearchTask task;

  explicit Machine(int budget) {
    task.budget = budget;
    task.map = [](MappingVariant& variant) {
      if (!variant.plans.problems.empty()) return;
      const std::vector<LayerMapping> plans(3, UnchargedMapping{});
      variant.plans.problems = {{{1}, "a", plans}, {{2}, "b", plans}};
    };
    task.simulate = [this](MappingVariant variant) -> ChildTotals {
      task.map(variant);
      const auto& problems = variant.plans.problems;
      Cycles cycles = kCycles[problems[0].taken][problems[1].taken];
      if (variant.config.residency == MappingResidency::kLayer) cycles += 5;
      if (variant.config.objective == MappingObjective::kEnergy) cycles += 1000;
      if (variant.config.objective == MappingObjective::kLatency) cycles += 2;
      return {cycles, 2000.0 - static_cast<double>(cycles)};
    };
  }
};

MappingConfig config(MappingObjective objective) {
  return {objective, MappingResidency::kChip, MappingSearch::kSimulate};
}

}  // namespace

TEST_CASE("mapping search: a round decides one problem after the other, and rounds go on until nothing improves") {
  // From (0, 0) with 100: the first problem takes plan 2 (85), then the second takes plan 1 (60). Neither reaches 60
  // alone: with plan 0 of the first, plan 1 of the second is worse than plan 0.
  const FoundMapping fast = search_mapping(config(MappingObjective::kLatency), Machine(1000).task);
  CHECK(fast.totals.cycles == 60);
  CHECK(fast.variant.config.objective == MappingObjective::kEdp);
  CHECK(fast.variant.plans.problems[0].taken == 2);
  CHECK(fast.variant.plans.problems[1].taken == 1);
  CHECK(fast.result.estimate_cycles == 102);
  CHECK(fast.result.cycles == 60);
  // Six beginnings, a round that improves (2 + 2) and one that does not.
  CHECK(fast.result.simulations == 6 + 4 + 4);
  // Energy is 2000 - cycles here, so the slowest run is the best: results through memory (+5), an estimate by energy
  // (+1000), plans (0, 2), and in the second round (2, 2).
  const FoundMapping saving = search_mapping(config(MappingObjective::kEnergy), Machine(1000).task);
  CHECK(saving.totals.cycles == 1155);
  CHECK(saving.result.estimate_energy_mj == 900);
  // The product, x (2000 - x), grows up to 1000, and at 1155 it is 1155 x 845.
  CHECK(search_mapping(config(MappingObjective::kEdp), Machine(1000).task).totals.cycles == 60);
}

TEST_CASE("mapping search: a budget ends it with the best so far, and residency stays where it must") {
  for (const auto& [budget, cycles] : {std::pair{1, 102}, {6, 100}, {8, 85}, {10, 60}}) {
    const FoundMapping found = search_mapping(config(MappingObjective::kLatency), Machine(budget).task);
    INFO(budget);
    CHECK(found.totals.cycles == cycles);
    CHECK(found.result.simulations == std::min(budget, 14));
  }
  MappingConfig layer = config(MappingObjective::kLatency);
  layer.residency = MappingResidency::kLayer;
  CHECK(search_mapping(layer, Machine(1000).task).result.simulations == 3 + 4 + 4);
}

TEST_CASE("mapping search: what does not fit is passed over, and a child that dies is an error") {
  Machine machine(1000);
  const auto simulate = machine.task.simulate;
  machine.task.simulate = [&](MappingVariant variant) -> ChildTotals {
    machine.task.map(variant);
    if (variant.plans.problems[0].taken == 2) return {};
    return simulate(std::move(variant));
  };
  CHECK(search_mapping(config(MappingObjective::kLatency), machine.task).totals.cycles == 90);
  machine.task.simulate = [](const MappingVariant&) -> ChildTotals { throw std::runtime_error("no"); };
  CHECK_THROWS_WITH(search_mapping(config(MappingObjective::kLatency), machine.task), "a child simulation died");
}

TEST_CASE("mapping search: parts of the scratchpad are measured, and energy decides between equal speeds") {
  // By the part: cycles and mJ. All of it: 0.
  const auto find = [](MappingObjective objective, const std::vector<std::pair<Cycles, double>>& of_parts) {
    MappingSearchTask task;
    for (std::size_t part = 1; part < of_parts.size(); ++part)
      task.others.push_back({{objective}, static_cast<int>(part)});
    task.budget = static_cast<int>(of_parts.size());
    task.map = [](MappingVariant&) { FAIL("the estimate has no alternatives"); };
    task.simulate = [&](const MappingVariant& variant) -> ChildTotals {
      const auto& [cycles, energy_mj] = of_parts[static_cast<std::size_t>(variant.scratchpad_kib)];
      return {cycles, energy_mj};
    };
    return search_mapping({objective, MappingResidency::kChip, MappingSearch::kEstimate}, task);
  };
  const FoundMapping faster = find(MappingObjective::kLatency, {{1000, 1}, {-1, 0}, {990, 1.1}, {995, 1}});
  CHECK(faster.variant.scratchpad_kib == 2);
  CHECK(faster.result.simulations == 4);
  CHECK(faster.result.estimate_cycles == 1000);
  CHECK(faster.totals.cycles == 990);
  // A tenth more energy weighs as much as 0.2 % of the cycles.
  CHECK(find(MappingObjective::kLatency, {{10000, 1}, {9985, 1.1}}).variant.scratchpad_kib == 0);
  CHECK(find(MappingObjective::kLatency, {{10000, 1}, {9975, 1.1}}).variant.scratchpad_kib == 1);
  CHECK(find(MappingObjective::kLatency, {{10000, 1}, {10000, 1}}).variant.scratchpad_kib == 0);
}

TEST_CASE("mapping search: a checkpoint goes on from what was simulated") {
  const ScratchFolder folder;
  const std::string path = folder.path("search");
  const auto find = [&](int budget, bool simulates) {
    Checkpoint checkpoint(path, "mapping search", "identity");
    Machine machine(budget);
    machine.task.checkpoint = &checkpoint;
    if (!simulates)
      machine.task.simulate = [](const MappingVariant&) -> ChildTotals { throw std::runtime_error("no"); };
    return search_mapping(config(MappingObjective::kLatency), machine.task);
  };
  CHECK(find(8, true).totals.cycles == 85);
  CHECK(find(8, false).totals.cycles == 85);  // nothing is simulated again
  CHECK_THROWS(find(10, false));
  CHECK(find(1000, true).totals.cycles == 60);
  CHECK(find(1000, false).result.simulations == 14);
}
