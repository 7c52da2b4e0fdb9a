// Questions that several simulations answer: attention chosen per layer, resources doubled, the intra-layer pipeline
// switched off.
#include <catch2/catch.hpp>

#include "config/hardware_config_json.h"
#include "sim/child_simulation.h"
#include "sim/simulate.h"
#include "workload/workload_json.h"

using namespace vitality;

namespace {

const std::string kRoot = VITALITY_SOURCE_DIR;

HardwareConfig machine(const std::vector<std::string>& overrides) {
  return read_hardware_config(kRoot + "/configs/vitality.json", overrides);
}

}  // namespace

TEST_CASE("auto takes the kind of attention that a simulation of the layer alone finds cheaper") {
  const VitModel model = read_workload(kRoot + "/workloads/levit_128s.json");
  const HardwareConfig config = machine({"attention=auto"});
  const AutoAttention chosen = choose_attention(config, model);
  REQUIRE_FALSE(chosen.decisions.empty());
  for (const AutoAttention::Decision& d : chosen.decisions) {
    const bool softmax = chosen.kinds[static_cast<std::size_t>(d.layer)] == AttentionKind::kSoftmax;
    CHECK(softmax == (d.softmax_cycles < d.taylor_cycles));
  }
  const std::vector<bool> all(model.layers.size(), true);
  const Cycles taylor = cycles_in_child(machine({}), model, all),
               softmax = cycles_in_child(machine({"attention=softmax"}), model, all);
  SimulationOptions options;
  const SimulationResult result = simulate(config, model, options);
  CHECK(result.attention_choices.size() == chosen.decisions.size());
  // Layers overlap a little at their ends: what is best alone may lose a few cycles there.
  CHECK(static_cast<double>(result.totals.cycles) <= 1.01 * static_cast<double>(std::min(taylor, softmax)));
}

TEST_CASE("without the intra-layer pipeline attention takes longer, with the same work") {
  const VitModel model = read_workload(kRoot + "/workloads/tiny_vit.json");
  const std::vector<bool> all(model.layers.size(), true);
  CHECK(cycles_in_child(machine({"pipeline.intra_layer=false"}), model, all) >
        cycles_in_child(machine({}), model, all));
  SimulationOptions options;
  options.numerics = true;
  const SimulationResult result = simulate(machine({"pipeline.intra_layer=false"}), model, options);
  CHECK(result.numerics.passed);
}

TEST_CASE("what-if answers for every resource, and prefetching the stationary operand pays") {
  const VitModel model = read_workload(kRoot + "/workloads/deit_tiny.json");
  const std::vector<bool> all(model.layers.size(), true);
  const Cycles base = cycles_in_child(machine({}), model, all);
  const std::vector<WhatIf> answers = what_if(machine({}), model, all);
  REQUIRE(answers.size() == 11);
  CHECK(answers.back().resource == "matrix_engine.stationary_prefetch");
  CHECK(answers.back().cycles < base * 3 / 4);
  for (const WhatIf& answer : answers) CHECK(answer.cycles > 0);
}
