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

Cycles cycles_of(const VitModel& model, const HardwareConfig& config,
                 const std::map<std::string, LayerMapping>& mappings) {
  return fork_simulation<char>([&] {
           const GivenMapping given{"m.json", mappings};
           SimulationOptions options;
           options.mapping = &given;
           return Simulated<char>{simulate(config, model, options).totals.cycles, {}};
         })
      .cycles;
}

double bytes_per_cycle(const HardwareConfig& config) {
  const DramDevice& device = config.dram.device;
  return device.peak_gb_s_per_channel() * config.dram.channels * 1e3 / config.clock_mhz *
         (1 - static_cast<double>(device.trfc) / device.trefi);
}

OutputStationaryPlan estimated(OutputStationaryMapping mapping, const GemmProblem& problem,
                               const HardwareConfig& config) {
  OutputStationaryPlan plan{mapping, {}};
  const EnergyModel prices(config);
  OutputStationaryEstimator(problem, config, prices, Bytes{1} << 40, bytes_per_cycle(config)).evaluate(plan);
  return plan;
}

// The median of the numbers, what nine of ten do not exceed, and the largest.
struct Spread {
  double median, most, worst;
};
Spread spread(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return {numbers[numbers.size() / 2], numbers[numbers.size() * 9 / 10], numbers.back()};
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
    const OutputStationaryPlan plan = estimated(random_plan(dice, problem, config), problem, config);
    const double simulated = static_cast<double>(cycles_of(model, config, {{"fc", plan}}));
    errors.push_back(std::abs(plan.cycles / simulated - 1));
  }
  const Spread found = spread(errors);
  CHECK(found.median < 0.005);
  CHECK(found.most < 0.04);
  CHECK(found.worst < 0.12);
}

TEST_CASE("output stationary plans: the estimate knows rows and results that lie in the scratchpad") {
  Dice dice(6);
  std::vector<double> errors;
  for (int round = 0; round < 100; ++round) {
    const int size = dice.one_of<int>({16, 32, 64});
    const HardwareConfig config =
        machine({"matrix_engine.rows=" + std::to_string(size), "matrix_engine.cols=" + std::to_string(size),
                 "scratchpad.capacity_kib=100000"},
                "vitality_g_stationary");
    const int m = dice.between(100, 300), k = dice.between(100, 500), hidden = dice.between(100, 500),
              n = dice.between(100, 500);
    const VitModel model = parse_workload(
        R"({"name":"two","image":{"height":1,"width":)" + std::to_string(m) + R"(,"channels":)" + std::to_string(k) +
            R"(},"layers":[{"name":"fc1","kind":"linear","out_features":)" + std::to_string(hidden) +
            R"(},{"name":"fc2","kind":"linear","out_features":)" + std::to_string(n) + "}]}",
        "two.json");
    GemmProblem first{}, second{};
    first.m = second.m = m, first.k = k, first.n = second.k = hidden, second.n = n;
    first.contraction = cut_tiles({k}, size), second.columns = cut_tiles({n}, size);
    // The tiles between the layers are as wide as the array.
    first.columns = second.contraction = cut_tiles({hidden}, size);
    for (GemmProblem* p : {&first, &second}) p->element = p->result = 2, p->partial = 6, p->bias = true;
    first.results_on_chip = true, first.results_in_memory = first.column_cuts = false, second.streamed_on_chip = true;
    OutputStationaryMapping fc1 = random_plan(dice, first, config), fc2 = random_plan(dice, second, config);
    fc1.tile_cols = size, fc1.results = ResultPlace::kScratchpad, fc2.rows_on_chip = true;
    const double simulated = static_cast<double>(cycles_of(model, config, {{"fc1", fc1}, {"fc2", fc2}}));
    const double cycles = estimated(fc1, first, config).cycles + estimated(fc2, second, config).cycles;
    errors.push_back(std::abs(cycles / simulated - 1));
  }
  // Among this is the second layer's first load, which comes during the first layer.
  const Spread found = spread(errors);
  CHECK(found.median < 0.01);
  CHECK(found.most < 0.04);
  CHECK(found.worst < 0.1);
}

namespace {

struct Tiles {
  int m, n, segment, results;
};
// On hand_schedule.h's plain machine, 4 x 4: 64-byte bursts, one a cycle; a transfer alone takes 1 + bursts + 9 cycles,
// transfers at the same time share the bursts. A contraction of 16; the columns' operand is kept where they are
// outermost.
Cycles by_hand(const Tiles& tiles, bool columns_outermost) {
  HardwareConfig config = plain_machine(4, 4, 9);
  config.matrix_engine.dataflow = Dataflow::kOutputStationary;
  OutputStationaryMapping plan;
  plan.tile_rows = plan.tile_cols = 4, plan.segment = tiles.segment, plan.out_sets = tiles.results;
  plan.columns_outer = plan.outer_resident = columns_outermost;
  const VitModel model =
      parse_workload(R"({"name":"one","image":{"height":1,"width":)" + std::to_string(tiles.m) +
                         R"(,"channels":16},"layers":[{"name":"fc","kind":"linear","bias":false,"out_features":)" +
                         std::to_string(tiles.n) + "}]}",
                     "one.json");
  return cycles_of(model, config, {{"fc", plan}});
}

}  // namespace

TEST_CASE("output stationary mapping: cycles of one layer by hand") {
  // One pass. Rows and weights, 128 bytes each, begin at 1, end at 5, are there at 14. The pass: 16 indices, skew 6;
  // the results leave in 4: 40. The store, one burst: 1 + 1 + 9.
  CHECK(by_hand({4, 4, 16, 1}, false) == 51);
  // Two column tiles: the loads of both, 8 bursts, end at 9, are there at 18. The first pass ends at 40, is out at 44,
  // stored at 55. One buffer of results: the second pass waits for the store; it ends at 77, is out at 81, stored
  // at 92.
  CHECK(by_hand({4, 8, 16, 1}, false) == 92);
  // Two buffers of results: it waits for the array alone, 40; ends at 62, is out at 66.
  CHECK(by_hand({4, 8, 16, 2}, false) == 77);
  // Two segments, one buffer: the loads of two steps, 4 bursts, end at 5, are there at 14. Passes from 14 and 22, out
  // at 40, stored at 51. The third step's load begins when the first pass has released its operands, 22, and is there
  // at 34; the fourth's at 42. The third pass begins behind the array's skew, 36, and ends at 44. Only the fourth one
  // needs the place of the results: from 51 to 59, out at 69.
  CHECK(by_hand({4, 8, 8, 1}, false) == 80);
  // The same with two buffers: the fourth pass from 44 to 52, out at 62.
  CHECK(by_hand({4, 8, 8, 2}, false) == 73);
  // Columns outermost, 2 x 2 tiles, the weights kept in two segments. Two segments of weights and two steps of rows are
  // there at 14. Passes from 14, 22, 36, 44, the array is free at 58. The third pass is the last one to read the first
  // segment, 44: the next column tile's and the fifth step are there at 56. From 58 on the array works as before: 58,
  // 66, 80, 88 to 96, out at 106.
  CHECK(by_hand({8, 8, 8, 2}, true) == 117);
}
