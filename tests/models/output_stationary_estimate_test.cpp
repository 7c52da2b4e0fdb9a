// The planner's estimate of output stationary plans against the simulation of the same plan: random layers, machines
// and plans, and cases worked out by hand.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "mapping/forward/output_stationary_plans.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// A linear layer or a convolution alone, with an addition of learned rows behind it or without.
VitModel random_layer(Dice& dice, bool strip) {
  const auto number = [](int value) { return std::to_string(value); };
  const std::string bias = dice.coin() ? "true" : "false";
  const std::string add = dice.coin() ? R"(,{"name":"pos","kind":"position_embedding"})" : "";
  const std::string image = strip ? R"({"height":)" + number(dice.between(6, 30)) + R"(,"width":)" +
                                        number(dice.between(6, 30)) + R"(,"channels":)" + number(dice.between(1, 40)) +
                                        "}"
                                  : R"({"height":1,"width":)" + number(dice.between(1, 300)) + R"(,"channels":)" +
                                        number(dice.between(1, 700)) + "}";
  const std::string layer = strip ? R"({"name":"fc","kind":"conv2d","kernel":3,"stride":)" +
                                        number(dice.between(1, 2)) + R"(,"pad":1,"out_channels":)" +
                                        number(dice.between(1, 200)) + R"(,"bias":)" + bias + "}"
                                  : R"({"name":"fc","kind":"linear","out_features":)" + number(dice.between(1, 500)) +
                                        R"(,"bias":)" + bias + "}";
  return parse_workload(R"({"name":"one","image":)" + image + R"(,"layers":[)" + layer + add + "]}", "one.json");
}

GemmProblem problem_for(const VitModel& model, const HardwareConfig& config) {
  GemmProblem p{};
  if (const auto* linear = std::get_if<Linear>(&model.layers[0].parameters)) {
    p.m = linear->rows, p.k = linear->in_features, p.n = linear->out_features, p.bias = linear->bias;
  } else {
    const auto& conv = std::get<Conv2d>(model.layers[0].parameters);
    p.m = conv.out_height * conv.out_width, p.k = conv.kernel * conv.kernel * conv.in_channels, p.n = conv.out_channels;
    p.bias = conv.bias, p.strip = conv;
  }
  p.contraction = cut_tiles({p.k}, config.matrix_engine.rows), p.columns = cut_tiles({p.n}, config.matrix_engine.cols);
  p.element = p.result = 2, p.partial = 6;
  p.adds = static_cast<int>(model.layers.size()) - 1;
  return p;
}

OutputStationaryMapping random_plan(Dice& dice, const GemmProblem& p, const HardwareConfig& config) {
  OutputStationaryMapping plan;
  plan.tile_rows = std::max(1, std::min(config.matrix_engine.rows, p.m) >> dice.between(0, 1));
  plan.tile_cols = std::max(1, std::min(config.matrix_engine.cols, p.n) >> dice.between(0, 1));
  plan.segment = static_cast<int>(ceil_div(p.k, dice.between(1, 6)));
  plan.columns_outer = !p.strip && dice.coin(), plan.outer_resident = dice.coin(), plan.out_sets = dice.between(1, 2);
  return plan;
}

Cycles cycles_of(const VitModel& model, const HardwareConfig& config, const OutputStationaryMapping& plan) {
  return fork_simulation<char>([&] {
           const GivenMapping given{"m.json", {{"fc", plan}}};
           SimulationOptions options;
           options.mapping = &given;
           return Simulated<char>{simulate(config, model, options).totals.cycles, {}};
         })
      .cycles;
}

}  // namespace

TEST_CASE("output stationary plans: the estimate is near the simulation") {
  Dice dice(5);
  std::vector<double> errors;
  for (int round = 0; round < 300; ++round) {
    const int size = dice.one_of<int>({8, 16, 32, 64});
    HardwareConfig config =
        machine({"matrix_engine.dataflow=output_stationary", "matrix_engine.rows=" + std::to_string(size),
                 "matrix_engine.cols=" + std::to_string(dice.coin() ? size : size / 2),
                 "dram.channels=" + std::to_string(dice.one_of<int>({1, 2, 4})), "scratchpad.capacity_kib=1000000"});
    const VitModel model = random_layer(dice, dice.between(0, 3) == 0);
    const GemmProblem problem = problem_for(model, config);
    OutputStationaryPlan plan{random_plan(dice, problem, config)};
    const DramDevice& device = config.dram.device;
    const double bandwidth = device.peak_gb_s_per_channel() * config.dram.channels * 1e3 / config.clock_mhz *
                             (1 - static_cast<double>(device.trfc) / device.trefi);
    OutputStationaryEstimator estimator(problem, config, Bytes{1} << 40, bandwidth);
    estimator.evaluate(plan);
    const Cycles simulated = cycles_of(model, config, plan);
    errors.push_back(plan.cycles / static_cast<double>(simulated) - 1);
  }
  std::vector<double> sizes;
  for (const double error : errors) sizes.push_back(std::abs(error));
  std::sort(sizes.begin(), sizes.end());
  CHECK(sizes[sizes.size() / 2] < 0.005);
  CHECK(sizes[sizes.size() * 9 / 10] < 0.04);
  CHECK(sizes.back() < 0.12);
}
