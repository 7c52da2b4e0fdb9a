// The machine's tensors against the whole-matrix model of the integer datapath (src/reference/fixed_point.h): every bit
// of every tensor.
#include <catch2/catch.hpp>

#include "base/json.h"
#include "mapping/mapper.h"
#include "reference/fixed_point.h"
#include "sim/values/value_executor.h"
#include "tests/support/attention_model.h"
#include "tests/support/machine_run.h"
#include "tests/support/random_machine.h"
#include "workload/batch.h"
#include "workload/workload_json.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// Keys of a tile where the layer's softmax is online, else 0: the first tile of a row is a whole one.
int key_tile(const Schedule& schedule, int layer) {
  for (const Job& job : schedule.jobs)
    if (job.layer == layer && job.kind == JobKind::kOnlineSoftmax) return job.n;
  return 0;
}

reference::FixedPointPlan fixed_plan(const VitModel& model, const HardwareConfig& config, const ValuePlan& plan,
                                     const Schedule& schedule) {
  reference::FixedPointPlan fixed;
  fixed.limit = max_code(config.precision);
  fixed.image = plan.scale(kModelInput);
  fixed.batch_norm_folded = config.batch_norm_folded;
  fixed.score_bias_first_order = config.attention_bias == AttentionBias::kFirstOrder;
  fixed.kind = config.attention;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    fixed.output.push_back(plan.scale(static_cast<int>(i)));
    fixed.attention.emplace_back();
    if (!std::holds_alternative<Attention>(model.layers[i].parameters)) continue;
    const AttentionScales s = plan.attention(static_cast<int>(i));
    fixed.attention.back() = {s.q,           s.k,         s.v,
                              s.context,     s.numerator, s.scores,
                              s.probability, s.result,    key_tile(schedule, static_cast<int>(i))};
  }
  return fixed;
}

// "" or one line for each tensor that differs, and for registers that are too narrow.
std::string differences(const VitModel& model, const HardwareConfig& config, const FinishedRun& run,
                        std::uint64_t seed) {
  const SeededParameters parameters(seed);
  const reference::FixedPointResult want =
      reference::fixed_point_forward(model, parameters, fixed_plan(model, config, *run.plan, run.schedule));
  std::string text;
  int compared = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const TensorId tensor = run.schedule.layer_output[i];
    if (tensor == kNone) continue;
    const MatrixD& got = run.values->codes(tensor);
    const reference::Codes& codes = want.outputs[i];
    if (got.size() != codes.size()) {
      text += model.layers[i].name + ": no values\n";
      continue;
    }
    ++compared;
    std::size_t wrong = 0, first = 0;
    for (std::size_t e = 0; e < got.size(); ++e) {
      if (got.data()[e] == static_cast<double>(codes.data()[e])) continue;
      if (wrong++ == 0) first = e;
    }
    if (wrong > 0)
      text += model.layers[i].name + ": " + std::to_string(wrong) + " of " + std::to_string(got.size()) +
              " codes differ, first at " + std::to_string(first) + ": " + std::to_string(got.data()[first]) + ", not " +
              std::to_string(codes.data()[first]) + "\n";
  }
  if (compared * 2 < static_cast<int>(model.layers.size()) / 2)
    text += "only " + std::to_string(compared) + " tensors to compare\n";
  const int accumulator_bits = 8 * static_cast<int>(accumulator_bytes(config.precision));
  if (want.range.accumulator >> (accumulator_bits - 1) != 0)
    text += "accumulators overflow: " + std::to_string(want.range.accumulator) + "\n";
  if (want.range.wide >> 31 != 0) text += "wide intermediates overflow: " + std::to_string(want.range.wide) + "\n";
  return text;
}

std::string run_and_compare(const VitModel& model, const std::vector<std::string>& overrides, std::uint64_t seed = 1) {
  const HardwareConfig config = machine(overrides);
  return in_child([&] {
    std::string text;
    SimulationOptions options;
    options.numerics = true;
    options.seed = seed;
    options.observe = [&](const FinishedRun& run) { text = differences(model, config, run, seed); };
    try {
      simulate(config, model, options);
    } catch (const InfeasibleError& error) {
      return std::string("infeasible: ") + error.what();
    }
    return text;
  });
}

using Overrides = std::vector<std::string>;

// Machines that tile, chunk, overlap and share in different ways.
const std::vector<Overrides>& machines() {
  static const std::vector<Overrides> list = {
      {},
      {"matrix_engine.rows=16", "matrix_engine.cols=8"},
      {"matrix_engine.rows=5", "matrix_engine.cols=7", "diagonal_engine.rows=3"},
      {"matrix_engine.rows=5", "matrix_engine.cols=7", "scratchpad.capacity_kib=5"},
      {"matrix_engine.rows=16", "matrix_engine.cols=8", "scratchpad.capacity_kib=10",
       "matrix_engine.stationary_prefetch=true"},
      {"matrix_engine.stationary_prefetch=true"},
      {"matrix_engine.accumulation=g_stationary"},
      {"matrix_engine.accumulation=g_stationary", "diagonal_engine.enabled=false"},
      {"diagonal_engine.enabled=false", "matrix_engine.rows=16", "matrix_engine.cols=16"},
      {"matrix_engine.dataflow=output_stationary"},
      {"matrix_engine.dataflow=output_stationary", "matrix_engine.rows=5", "matrix_engine.cols=7",
       "scratchpad.capacity_kib=5", "matrix_engine.stationary_prefetch=true"},
      {"matrix_engine.dataflow=output_stationary", "attention=softmax", "matrix_engine.rows=8", "matrix_engine.cols=8",
       "scratchpad.capacity_kib=10"},
      {"attention=taylor_elided"},
      {"attention=taylor_elided", "matrix_engine.accumulation=g_stationary", "scratchpad.capacity_kib=10"},
      {"attention=relu_linear"},
      {"attention=relu_linear", "matrix_engine.rows=5", "matrix_engine.cols=7", "scratchpad.capacity_kib=5",
       "diagonal_engine.enabled=false"},
      {"attention=relu_linear", "matrix_engine.accumulation=g_stationary", "pipeline.row_streaming=true"},
      {"attention=softmax"},
      {"attention=softmax", "matrix_engine.rows=5", "matrix_engine.cols=7", "scratchpad.capacity_kib=10"},
      {"special_functions.charge=charged", "batch_norm=separate"},
      {"special_functions.charge=charged", "scratchpad.capacity_kib=10", "matrix_engine.rows=8",
       "matrix_engine.cols=8"},
      {"dram.model=banked", "dram.channels=1", "dividers.initiation_interval=16", "scratchpad.port_bytes=16"},
      {"matrix_engine.count=2", "dividers.count=3"},
      {"matrix_engine.count=3", "matrix_engine.rows=5", "matrix_engine.cols=7", "scratchpad.capacity_kib=5",
       "accumulators.count=2", "adders.count=2"},
      {"matrix_engine.count=2", "attention=softmax", "matrix_engine.rows=8", "matrix_engine.cols=8",
       "matrix_engine.stationary_prefetch=true", "special_functions.charge=charged", "special_functions.count=2"},
      {"matrix_engine.count=2", "matrix_engine.dataflow=output_stationary", "matrix_engine.rows=5",
       "matrix_engine.cols=7", "scratchpad.capacity_kib=5"},
      {"matrix_engine.count=3", "matrix_engine.accumulation=g_stationary", "scratchpad.capacity_kib=10"},
      {"pipeline.row_streaming=true"},
      {"scratchpad.stationary_load_ports=true", "scratchpad.port_bytes=8", "pipeline.row_streaming=true",
       "matrix_engine.stationary_prefetch=true"},
      {"pipeline.row_streaming=true", "pipeline.fifo_rows=1", "adders.initiation_interval=3",
       "matrix_engine.stationary_prefetch=true"},
      {"pipeline.row_streaming=true", "matrix_engine.count=2", "dividers.initiation_interval=2", "adders.count=2",
       "scratchpad.capacity_kib=10", "matrix_engine.rows=8", "matrix_engine.cols=8", "special_functions.charge=charged",
       "batch_norm=separate"},
      {"matrix_engine.count=2", "pipeline.intra_layer=false", "dividers.count=2", "adders.count=3",
       "noc.topology=mesh"}};
  return list;
}

void check_model(const std::string& name) {
  const VitModel model = workload(name);
  for (const char* precision : {"int16", "int8"}) {
    for (Overrides overrides : machines()) {
      overrides.push_back(std::string("precision=") + precision);
      INFO(name << ", " << joined(overrides));
      CHECK(run_and_compare(model, overrides) == "");
    }
  }
}

}  // namespace

TEST_CASE("bit true: tiny_vit on every kind of machine") {
  check_model("tiny_vit");
}
TEST_CASE("bit true: tiny_levit on every kind of machine") {
  check_model("tiny_levit");
}
TEST_CASE("bit true: tiny_mobilevit on every kind of machine") {
  check_model("tiny_mobilevit");
}
TEST_CASE("bit true: tiny_distilled on every kind of machine") {
  check_model("tiny_distilled");
}

TEST_CASE("bit true: tiny_dinov2 on every kind of machine") {
  check_model("tiny_dinov2");
}

TEST_CASE("bit true: a depthwise convolution reads from memory what stays on chip for the addition behind it") {
  const VitModel model = parse_workload(
      R"({"name": "stem", "image": {"height": 16, "width": 16, "channels": 3}, "layers": [
          {"name": "in", "kind": "conv2d", "out_channels": 8, "kernel": 3, "stride": 2, "pad": 1},
          {"name": "act", "kind": "activation", "function": "hardswish"},
          {"name": "depth", "kind": "conv2d", "out_channels": 8, "kernel": 3, "pad": 1, "groups": 8},
          {"name": "point", "kind": "conv2d", "out_channels": 8, "kernel": 1},
          {"name": "sum", "kind": "add", "inputs": ["point", "act"]}]})",
      "stem");
  for (const char* precision : {"int16", "int8"})
    CHECK(run_and_compare(model, {std::string("precision=") + precision}) == "");
}

TEST_CASE("bit true: tiny_efficientvit on every kind of machine") {
  check_model("tiny_efficientvit");
  // An epsilon as large as the sums: int8 has few codes for the workload's.
  VitModel model = workload("tiny_efficientvit");
  for (Layer& layer : model.layers)
    if (auto* const a = std::get_if<Attention>(&layer.parameters)) a->epsilon = 0.75;
  for (const char* precision : {"int16", "int8"}) {
    for (const Overrides& overrides :
         {Overrides{}, {"pipeline.row_streaming=true", "matrix_engine.rows=5", "scratchpad.capacity_kib=10"}}) {
      Overrides all = overrides;
      all.push_back(std::string("precision=") + precision);
      CHECK(run_and_compare(model, all) == "");
    }
  }
}

TEST_CASE("bit true: tiny_pvt on every kind of machine") {
  check_model("tiny_pvt");
}

TEST_CASE("bit true: tiny_swin on every kind of machine") {
  check_model("tiny_swin");
}

TEST_CASE("bit true: tiny_cross on every kind of machine") {
  check_model("tiny_cross");
}

TEST_CASE("bit true: online softmax, tiles of keys of all sizes, with and without a score bias") {
  const VitModel wide = attention_model(45, 61, 2, 9), biased = workload("tiny_levit");
  for (const char* precision : {"int16", "int8"}) {
    for (Overrides overrides : {Overrides{"matrix_engine.rows=8", "matrix_engine.cols=8", "scratchpad.capacity_kib=8"},
                                Overrides{"matrix_engine.rows=5", "matrix_engine.cols=3", "scratchpad.capacity_kib=6"},
                                Overrides{"matrix_engine.rows=4", "matrix_engine.cols=4",
                                          "matrix_engine.stationary_prefetch=true", "scratchpad.capacity_kib=6"},
                                Overrides{"matrix_engine.rows=6", "matrix_engine.cols=5", "matrix_engine.count=2",
                                          "special_functions.count=2", "scratchpad.capacity_kib=6"},
                                Overrides{"matrix_engine.dataflow=output_stationary", "matrix_engine.rows=6",
                                          "matrix_engine.cols=5", "scratchpad.capacity_kib=6"}}) {
      overrides.insert(overrides.end(), {"attention=softmax", "mapping.objective=latency", "special_functions.lanes=2",
                                         std::string("precision=") + precision});
      for (const VitModel& model : {wide, biased}) {
        INFO(model.name << ", " << joined(overrides));
        const Schedule schedule = map_model(model, machine(overrides));
        CHECK(std::any_of(schedule.jobs.begin(), schedule.jobs.end(),
                          [](const Job& job) { return job.kind == JobKind::kOnlineSoftmax; }));
        CHECK(run_and_compare(model, overrides) == "");
      }
    }
  }
}

TEST_CASE("bit true: the first-order score bias") {
  for (const char* precision : {"int16", "int8"}) {
    for (Overrides overrides :
         {Overrides{}, Overrides{"matrix_engine.rows=5", "matrix_engine.cols=7", "scratchpad.capacity_kib=10"},
          Overrides{"matrix_engine.accumulation=g_stationary"},
          Overrides{"matrix_engine.count=2", "matrix_engine.rows=5", "matrix_engine.cols=7",
                    "scratchpad.capacity_kib=10"}}) {
      overrides.insert(overrides.end(), {"attention_bias=first_order", std::string("precision=") + precision});
      INFO(joined(overrides));
      CHECK(run_and_compare(workload("tiny_levit"), overrides) == "");
    }
  }
}

// In these formats the numerators of elided attention are divided by n sqrt(d) before the bias is added.
TEST_CASE("numbers without a scale: the first-order score bias of elided attention") {
  for (const std::string precision : {"fp64", "fp32", "fp16"}) {
    for (const std::string attention : {"taylor", "taylor_elided"}) {
      INFO(precision << " " << attention);
      CHECK(in_child([&]() -> std::string {
              SimulationOptions options;
              options.numerics = true;
              const HardwareConfig config =
                  machine({"attention_bias=first_order", "precision=" + precision, "attention=" + attention});
              return simulate(config, workload("tiny_levit"), options).numerics.passed ? "" : "values differ";
            }) == "");
    }
  }
}

TEST_CASE("bit true: 60 random models on random machines") {
  int done = 0;
  for (unsigned seed = 1; done < 60 && seed < 200; ++seed) {
    Dice dice(seed);
    const VitModel model = random_workload(dice);
    const Overrides overrides = random_machine(dice);
    INFO("seed " << seed << ": " << joined(overrides));
    const std::string text = run_and_compare(model, overrides, seed);
    if (text.compare(0, 10, "infeasible") == 0) continue;
    CHECK(text == "");
    ++done;
  }
  CHECK(done == 60);
}

// Observed runs keep every tensor and run the reference beforehand; others run it in step and drop what is done with.
TEST_CASE("bit true: the reference beside the machine finds the errors of the reference before it") {
  const auto errors = [](const VitModel& model, const HardwareConfig& config, bool observed) {
    return in_child([&] {
      SimulationOptions options;
      options.numerics = true;
      if (observed) options.observe = [](const FinishedRun&) {};
      try {
        const SimulationResult result = simulate(config, model, options);
        std::string text = json_number(result.numerics.approximation_max_rel_error) + "\n";
        for (const LayerResult& layer : result.layers)
          text += layer.name + " " + json_number(layer.max_abs_error) + " " + json_number(layer.max_rel_error) + " " +
                  json_number(layer.cosine_similarity) + "\n";
        return text;
      } catch (const InfeasibleError& error) {
        return std::string(error.what());
      }
    });
  };
  for (const char* name : {"tiny_vit", "tiny_levit", "tiny_mobilevit"}) {
    for (const int images : {1, 2}) {
      const VitModel model = batched(workload(name), images);
      for (const char* precision : {"int16", "fp32"}) {
        for (Overrides overrides : machines()) {
          overrides.push_back(std::string("precision=") + precision);
          INFO(name << " x " << images << ", " << joined(overrides));
          const HardwareConfig config = machine(overrides);
          CHECK(errors(model, config, false) == errors(model, config, true));
        }
      }
    }
  }
}
