// The search for output stationary plans against random plans, and rooms against larger ones.
#include "mapping/forward/output_stationary_plans.h"

#include <catch2/catch.hpp>

#include "config/hardware_config_json.h"
#include "mapping/forward/schedule_builder.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using vitality::test::Dice;

namespace {

constexpr double kBytesPerCycle = 150;

HardwareConfig machine(const std::string& objective) {
  return read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json",
                              {"mapping.objective=" + objective, "matrix_engine.dataflow=output_stationary"});
}

GemmProblem random_problem(Dice& dice) {
  GemmProblem p{};
  p.m = dice.between(1, 300), p.k = dice.between(1, 600), p.n = dice.between(1, 500);
  p.contraction = cut_tiles({p.k}, 64), p.columns = cut_tiles({p.n}, 64);
  p.element = p.result = 2, p.partial = 6, p.adds = dice.between(0, 1), p.bias = dice.coin();
  p.streamed_on_chip = dice.between(0, 3) == 0;
  if (dice.between(0, 3) == 0) p.results_on_chip = true, p.results_in_memory = p.column_cuts = false;
  return p;
}

OutputStationaryMapping random_plan(Dice& dice, const GemmProblem& p) {
  OutputStationaryMapping plan;
  plan.tile_rows = dice.between(1, std::min(64, p.m)), plan.tile_cols = dice.between(1, std::min(64, p.n));
  if (p.results_on_chip) plan.tile_cols = p.columns.front();
  plan.segment = dice.between(1, p.streamed_on_chip ? p.contraction.front() : p.k);
  plan.columns_outer = dice.coin(), plan.outer_resident = dice.coin(), plan.out_sets = dice.between(1, 2);
  return plan;
}

}  // namespace

TEST_CASE("output stationary plans: no plan is below its bound, or better than the search's") {
  Dice dice(12);
  int fitting = 0;
  for (const char* objective : {"latency", "energy", "edp"}) {
    const HardwareConfig config = machine(objective);
    const EnergyModel prices(config);
    for (int round = 0; round < 100; ++round) {
      const GemmProblem problem = random_problem(dice);
      const Bytes capacity = dice.between(10, 400) * 1024;
      const std::optional<OutputStationaryPlan> best =
          OutputStationaryPlanner(problem, config, prices, capacity, kBytesPerCycle).choose().plan;
      OutputStationaryEstimator estimator(problem, config, prices, capacity, kBytesPerCycle);
      for (int tries = 0; tries < 10; ++tries) {
        OutputStationaryPlan plan{random_plan(dice, problem), {}};
        if (aligned_sum(estimator.buffer_list(plan)) > capacity) continue;
        estimator.evaluate(plan);
        INFO(objective << ", " << problem.m << " x " << problem.k << " x " << problem.n << " in " << capacity);
        CHECK(estimator.least_score(plan) <= estimator.score(plan));
        REQUIRE(best);
        // Segments of other lengths than those that are tried can be a little better.
        CHECK(estimator.score(*best) <= 1.01 * estimator.score(plan));
        ++fitting;
      }
    }
  }
  CHECK(fitting > 1000);
}

TEST_CASE("output stationary plans: more room is never worse") {
  Dice dice(13);
  const HardwareConfig config = machine("latency");
  const EnergyModel prices(config);
  for (int round = 0; round < 40; ++round) {
    const GemmProblem problem = random_problem(dice);
    double best = 0;
    for (Bytes capacity = 16 * 1024; capacity < 2048 * 1024; capacity = capacity * 5 / 4) {
      const auto plan = OutputStationaryPlanner(problem, config, prices, capacity, kBytesPerCycle).choose().plan;
      if (!plan) continue;
      const double score = OutputStationaryEstimator(problem, config, prices, capacity, kBytesPerCycle).score(*plan);
      INFO(problem.m << " x " << problem.k << " x " << problem.n << " in " << capacity);
      // A hundredth is what a plan with short segments has to be better by.
      if (best > 0) CHECK(score <= 1.01 * best);
      best = best > 0 ? std::min(best, score) : score;
    }
  }
}

TEST_CASE("output stationary plans: a plan that is not below the limit is none") {
  const HardwareConfig config = machine("latency");
  const EnergyModel prices(config);
  GemmProblem p{};
  p.m = p.k = p.n = 64, p.contraction = p.columns = {64};
  p.element = p.result = 2, p.partial = 6;
  OutputStationaryPlanner free(p, config, prices, 200 * 1024, kBytesPerCycle);
  const auto plan = free.choose().plan;
  REQUIRE(plan);
  // At least half of both operands of 8,192 bytes, 64 indices, the array's skew of 126, 64 in which the results leave,
  // and their 8,192 bytes.
  CHECK(plan->cycles > 2 * 8192 / kBytesPerCycle + 64 + 126 + 64);
  const double score = OutputStationaryEstimator(p, config, prices, 200 * 1024, kBytesPerCycle).score(*plan);
  CHECK_FALSE(OutputStationaryPlanner(p, config, prices, 200 * 1024, kBytesPerCycle).choose(score).plan);
  CHECK(OutputStationaryPlanner(p, config, prices, 200 * 1024, kBytesPerCycle).choose(1.01 * score).plan);
}
