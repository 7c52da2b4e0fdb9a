// Where bytes go: first fetches, refetches and halos of known mappings.
#include <catch2/catch.hpp>

#include "mapping/mapper.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

Bytes moved(const LayerResult& layer, const std::string& operand, const std::string& cause) {
  for (const DramTraffic& t : layer.dram_traffic)
    if (t.operand == operand && t.cause == cause) return t.bytes;
  return 0;
}

std::string expect(Bytes got, Bytes want, const std::string& what) {
  return got == want ? "" : what + ": " + std::to_string(got) + ", not " + std::to_string(want) + "\n";
}

}  // namespace

TEST_CASE("traffic: weights are fetched the first time as such, then again") {
  // DeiT-Tiny's weights do not fit beside two row tiles whose passes take half the time.
  for (const std::string name : {"tiny_vit", "deit_tiny"}) {
    const std::string found = in_child([&] {
      const VitModel model = workload(name);
      const HardwareConfig config = machine({"matrix_engine.stationary_prefetch=true"});
      const SimulationResult result = simulate(config, model);
      const Schedule schedule = map_model(model, config);
      std::string text;
      int several = 0;
      for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const auto* linear = std::get_if<Linear>(&model.layers[i].parameters);
        if (linear == nullptr) continue;
        const LayerResult& layer = result.layers[i];
        // int16 weights, and a bias of 6 bytes (48-bit sums) a column.
        const Bytes weights = 2 * Bytes{linear->in_features} * linear->out_features +
                              (linear->bias ? accumulator_bytes(Precision::kInt16) * linear->out_features : 0);
        Bytes loaded = 0;
        for (const Transfer& t : schedule.transfers) {
          const ScheduledTensor& tensor = schedule.tensors[t.tensor];
          if (tensor.role == TensorRole::kWeight && tensor.layer == static_cast<int>(i)) loaded += t.bytes;
        }
        text += expect(moved(layer, "weights", "first_fetch"), weights, layer.name + " first fetch");
        text += expect(moved(layer, "weights", "refetch"), loaded - weights, layer.name + " refetch");
        several += loaded > weights ? 1 : 0;
      }
      if (name == "deit_tiny" && several == 0) text += "no layer fetches weights again\n";
      return text;
    });
    INFO(name);
    CHECK(found == "");
  }
}

TEST_CASE("traffic: neighbouring strips of a convolution share rows") {
  // LeViT's first convolution, 3 x 3, stride 2, pad 1, on strips: a strip of t output rows needs 2 t + 1 input rows, so
  // two neighbours share one row of the image.
  const std::string found = in_child([] {
    const VitModel model = workload("levit_128s");
    const SimulationResult result = simulate(machine(), model);
    std::string text;
    int seen = 0;
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      const auto* conv = std::get_if<Conv2d>(&model.layers[i].parameters);
      const LayerResult& layer = result.layers[i];
      if (conv == nullptr || layer.mapping_text.find("image strips") == std::string::npos) continue;
      const Bytes strips = std::atoi(layer.mapping_text.c_str());
      const Bytes row = 2 * Bytes{conv->in_width} * conv->in_channels;
      const std::string operand = moved(layer, "input", "first_fetch") > 0 ? "input" : "activations";
      text += expect(moved(layer, operand, "halo"), (strips - 1) * row, layer.name + " halo");
      text += expect(moved(layer, operand, "first_fetch"), row * conv->in_height, layer.name + " first fetch");
      text += expect(moved(layer, operand, "refetch"), 0, layer.name + " refetch");
      ++seen;
    }
    if (seen != 4) text += std::to_string(seen) + " convolutions on strips, not 4\n";
    return text;
  });
  CHECK(found == "");
}

TEST_CASE("traffic: keys that do not fit are read twice, K_hat has one bit more") {
  const std::string found = in_child([] {
    // 257 tokens of d = 80 in 32 + 32 KiB: chunks of keys, read for the mean and again for G.
    const SimulationResult result = simulate(machine({"scratchpad.capacity_kib=96"}), workload("vit_huge_14"), [] {
      SimulationOptions options;
      options.selected.assign(workload("vit_huge_14").layers.size(), false);
      for (std::size_t i = 0; i < options.selected.size(); ++i)
        options.selected[i] = workload("vit_huge_14").layers[i].name == "blocks.0.attn";
      return options;
    }());
    std::string text;
    for (const LayerResult& layer : result.layers) {
      if (!layer.executed) continue;
      const Bytes keys = 2 * Bytes{16} * 257 * 80;
      const std::string operand = moved(layer, "input", "first_fetch") > 0 ? "input" : "activations";
      text += expect(moved(layer, operand, "first_fetch"), 3 * keys, layer.name + " Q, K and V");
      text += expect(moved(layer, operand, "refetch"), keys, layer.name + " K again");
    }
    return text;
  });
  CHECK(found == "");
}
