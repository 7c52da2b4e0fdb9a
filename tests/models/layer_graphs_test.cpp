// Models whose layers are no chain: what reads the image or an early layer, and batch norms that are folded into a
// layer that is not their neighbour. Every value is compared with the reference, which does nothing of it.
#include <catch2/catch.hpp>

#include "tests/support/machine_run.h"
#include "tests/support/random_graph.h"
#include "workload/batch.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// "ran", "too large" or what went wrong.
std::string outcome(const VitModel& model, const std::vector<std::string>& overrides) {
  return in_child([&]() -> std::string {
    SimulationOptions options;
    options.numerics = options.check = true;
    try {
      const SimulationResult result = simulate(machine(overrides), model, options);
      return result.numerics.checked && result.numerics.passed ? "ran"
                                                               : "values differ: " + result.numerics.worst_layer;
    } catch (const InfeasibleError&) {
      return "too large";
    }
  });
}

VitModel model_of(const std::string& layers) {
  return parse_workload(
      R"({"name": "graph", "image": {"height": 4, "width": 4, "channels": 4}, "layers": [)" + layers + "]}",
      "graph.json");
}

}  // namespace

TEST_CASE("layer graphs: layers that read the image") {
  for (const char* layers :
       {// What is added to the results of a GEMM lies in no other layer's place.
        R"({"name": "a", "kind": "linear", "out_features": 4}, {"name": "b", "kind": "add", "inputs": ["a", "image"]})",
        R"({"name": "a", "kind": "concat_channels", "inputs": ["image", "image"]})",
        // The image and larger values side by side: one scale for all.
        R"({"name": "a", "kind": "concat_channels", "inputs": ["image", "image"]},
              {"name": "b", "kind": "linear", "out_features": 4, "inputs": ["image"]},
              {"name": "c", "kind": "mul", "inputs": ["b", "b"]},
              {"name": "d", "kind": "concat_channels", "inputs": ["a", "c"]})"})
    for (const char* precision : {"int16", "int8", "fp32"})
      for (const int images : {1, 2}) {
        INFO(layers << " " << precision << ", " << images);
        CHECK(outcome(batched(model_of(layers), images), {std::string("precision=") + precision}) == "ran");
      }
}

TEST_CASE("layer graphs: a batch norm is folded into the right weights, wherever it stands") {
  for (
      const char* layers :
      {// Behind its layer, with another one between them.
       R"({"name": "a", "kind": "linear", "out_features": 8}, {"name": "b", "kind": "layer_scale", "inputs": ["image"]},
              {"name": "c", "kind": "batch_norm", "inputs": ["a"]})",
       R"({"name": "a", "kind": "linear", "out_features": 8}, {"name": "b", "kind": "layer_scale", "inputs": ["image"]},
              {"name": "c", "kind": "batch_norm", "inputs": ["a"]}, {"name": "d", "kind": "activation", "function": "gelu"})",
       // In front of a convolution, whose contraction goes over the channels once for each pixel, in groups.
       R"({"name": "a", "kind": "batch_norm", "folds_into": "b"},
              {"name": "b", "kind": "conv2d", "out_channels": 8, "kernel": 3})",
       R"({"name": "a", "kind": "batch_norm", "folds_into": "b"},
              {"name": "b", "kind": "conv2d", "out_channels": 8, "kernel": 3, "groups": 2})",
       // Between two layers, in the weights of the second one.
       R"({"name": "a", "kind": "linear", "out_features": 4}, {"name": "b", "kind": "batch_norm", "folds_into": "c"},
              {"name": "c", "kind": "conv2d", "out_channels": 8, "kernel": 2, "groups": 4})"})
    for (const char* norms : {"folded", "separate"})
      for (const char* precision : {"int16", "fp32"}) {
        INFO(layers << " " << norms << " " << precision);
        CHECK(outcome(model_of(layers), {std::string("batch_norm=") + norms, std::string("precision=") + precision}) ==
              "ran");
      }
}

TEST_CASE("layer graphs: random ones run with the reference's values") {
  int ran = 0;
  for (unsigned seed = 1; seed <= 120; ++seed) {
    Dice dice(4200 + seed);
    const RandomGraph graph(dice);
    std::vector<std::string> overrides = random_machine(dice);
    overrides.push_back("precision=" + dice.one_of<std::string>({"int16", "int8", "fp16", "fp32"}));
    INFO("seed " << seed << ": " << joined(overrides) << graph.text());
    std::string found;
    try {
      found = outcome(batched(parse_workload(graph.text(), "graph.json"), dice.between(1, 2)), overrides);
    } catch (const InputError& error) {
      CHECK(error.message().find("batch norm") != std::string::npos);
      continue;
    }
    ran += found == "ran";
    CHECK((found == "ran" || found == "too large"));
  }
  CHECK(ran >= 50);
}
