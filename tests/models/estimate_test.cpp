// The estimates that the mapper chooses by, against the machine: cycles and energy of single linear layers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <sstream>
#include <tuple>

#include "mapping/forward/gemm_plans.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

struct Cost {
  double cycles, energy_pj;
};

// given: without layers: the estimate's choice, without a search. only: layers; all if it is empty.
Cost on_the_machine(const HardwareConfig& config, const VitModel& model, const GivenMapping& given = {},
                    const std::vector<std::size_t>& only = {}) {
  std::istringstream in(in_child([&] {
    SimulationOptions options;
    options.numerics = false;
    options.mapping = &given;
    if (!only.empty()) options.selected.assign(model.layers.size(), false);
    for (const std::size_t layer : only) options.selected[layer] = true;
    const SimulationResult r = simulate(config, model, options);
    std::ostringstream text;
    text.precision(17);
    text << r.totals.cycles << " " << r.totals.energy_mj * 1e9;
    return text.str();
  }));
  Cost cost{};
  in >> cost.cycles >> cost.energy_pj;
  return cost;
}

VitModel linear_layer(int m, int k, int n) {
  return parse_workload(
      R"({"name":"m","image":{"height":1,"width":)" + std::to_string(m) + R"(,"channels":)" + std::to_string(k) +
          R"(},"layers":[{"name":"fc","kind":"linear","bias":false,"out_features":)" + std::to_string(n) + "}]}",
      "m.json");
}

}  // namespace

TEST_CASE("estimates: cycles and energy of linear layers are those of the machine") {
  std::mt19937_64 dice(7);
  const auto between = [&dice](int low, int high) {
    return low + static_cast<int>(dice() % static_cast<unsigned>(high - low + 1));
  };
  // Where folds follow back to back, what a few passes wait for at both ends of a small layer weighs more. Of two
  // arrays the estimate does not know that they share the scratchpad's ports.
  for (const auto& [name, arrays, least, most] :
       {std::tuple{"vitality", 1, 0.95, 1.06}, {"vitality_overlapped", 1, 0.88, 1.15}, {"vitality", 2, 0.8, 1.06}}) {
    std::vector<double> cycles;
    for (int round = 0; round < 60; ++round) {
      const std::string objective = round % 3 == 0 ? "latency" : round % 3 == 1 ? "energy" : "edp";
      const int m = between(1, 400), k = 16 * between(1, 60), n = 16 * between(1, 60), kib = between(100, 1000);
      const HardwareConfig config =
          machine({"mapping.objective=" + objective, "mapping.residency=layer",
                   "scratchpad.capacity_kib=" + std::to_string(kib), "matrix_engine.count=" + std::to_string(arrays)},
                  name);
      GemmProblem problem{};
      problem.m = m, problem.k = k, problem.n = n, problem.row_unit = 1;
      problem.contraction = cut_tiles({k}, 64), problem.columns = cut_tiles({n}, 64);
      problem.element = problem.result = 2, problem.partial = 6;
      // Four channels of 64 bytes in four clocks of 0.833 ns, less the refresh.
      const double bandwidth = 4 * 64 / (4 * 0.833 * 0.5) * (1 - 420.0 / 9360);
      const EnergyModel prices(config);
      const GemmChoice choice = GemmPlanner(problem, config, prices, Bytes{1024} * kib, bandwidth).choose();
      REQUIRE(choice.plan);
      const Cost real = on_the_machine(config, linear_layer(m, k, n));
      INFO(name << ", " << arrays << " arrays, " << objective << ", " << m << " x " << k << " x " << n << ", " << kib
                << " KiB: estimated " << choice.plan->cycles << " cycles of " << real.cycles);
      cycles.push_back(choice.plan->cycles / real.cycles);
      CHECK(cycles.back() > least);
      CHECK(cycles.back() < most);
      CHECK(choice.plan->energy_pj == Approx(real.energy_pj).epsilon(0.01));
    }
    std::sort(cycles.begin(), cycles.end());
    CHECK(cycles[cycles.size() / 2] == Approx(1).epsilon(0.015));
  }
}

TEST_CASE("estimates: sums in the only place of second operands end one after the other") {
  // DeiT-Tiny's fc2 and its addition on elsa: 24 columns of tiles in 3 row tiles, whose sums all end in the last of 12
  // iterations over the contraction. 66 x 8 sums take the adders 66 cycles; before, the second operands are fetched,
  // and behind, the results are stored, 14.4 cycles and a latency each.
  const HardwareConfig config = machine({"mapping.residency=layer", "scratchpad.capacity_kib=260"}, "elsa");
  InputStationaryMapping plan;
  plan.tile_rows = 64, plan.tile_cols = 8, plan.m_tile = 66, plan.n_group = 3;
  plan.order = {GemmLoop::kContraction, GemmLoop::kColumns, GemmLoop::kRows};
  plan.streamed = {3, 0}, plan.stationary = {0, 2};  // a buffer for each row tile
  GemmProblem problem{};
  problem.m = 197, problem.k = 768, problem.n = 192, problem.row_unit = 1, problem.adds = 1;
  problem.contraction = cut_tiles({768}, 64), problem.columns = cut_tiles({192}, 8);
  problem.element = problem.result = 2, problem.partial = 6;
  const double bandwidth = 4 * 64 / (4 * 0.833) * (1 - 420.0 / 9360);  // at 1 GHz
  const EnergyModel prices(config);
  const GemmEstimator estimator(problem, config, prices, Bytes{1024} * 260, bandwidth);
  const VitModel model = parse_workload(
      R"({"name":"m","image":{"height":1,"width":197,"channels":768},"layers":[
         {"name":"other","kind":"linear","bias":false,"out_features":192},
         {"name":"fc2","kind":"linear","bias":false,"out_features":192,"inputs":["image"]},
         {"name":"sum","kind":"add","inputs":["fc2","other"]}]})",
      "m.json");
  const auto check = [&](int out_sets) {
    plan.out_sets = out_sets;
    GemmCut cut = estimator.cut(plan.tile_rows, plan.tile_cols, plan.m_tile);
    estimator.add_ports(cut);
    GemmPlan estimated{plan, {}};
    estimator.evaluate(estimated, cut, estimator.loops(plan, cut));
    GivenMapping given;
    given.layers["fc2"] = plan;
    const double real = on_the_machine(config, model, given).cycles - on_the_machine(config, model, given, {0}).cycles;
    INFO(out_sets << " places of results: estimated " << estimated.cycles << " cycles of " << real);
    CHECK(estimated.cycles == Approx(real).epsilon(0.02));
  };
  check(0), check(2);
}
