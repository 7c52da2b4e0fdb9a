// Seeded random workloads and machines: small, ragged, and mostly unlike what ships.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "workload/workload_json.h"

namespace vitality::test {

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  int between(int low, int high) { return low + static_cast<int>(engine_() % static_cast<unsigned>(high - low + 1)); }
  bool coin() { return between(0, 1) == 1; }
  template <class T>
  T one_of(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(between(0, static_cast<int>(choices.size()) - 1))];
  }
  template <typename Enum>
  Enum any() {
    const auto all = all_of_enum<Enum>();
    return all[static_cast<std::size_t>(between(0, static_cast<int>(all.size()) - 1))];
  }

 private:
  std::mt19937 engine_;
};

// Convolution, attention and an MLP with residual additions, pooling and a head, of random sizes.
inline VitModel random_workload(Dice& dice) {
  const auto number = [](int value) { return std::to_string(value); };
  const int side = dice.between(4, 14), channels = dice.between(1, 5), groups = dice.coin() ? channels : 1;
  const int width = groups * dice.between(1, groups == 1 ? 40 : 4);
  const int kernel = dice.between(1, 4), stride = dice.between(1, 3), pad = dice.between(0, kernel / 2);
  const int heads = dice.between(1, 3), d = dice.between(1, 20), e = dice.between(1, 20), hidden = dice.between(1, 90);
  const std::string layout = dice.coin() ? "qkv" : "qkv_per_head";
  std::string layers = R"({"name":"conv","kind":"conv2d","out_channels":)" + number(width) + R"(,"kernel":)" +
                       number(kernel) + R"(,"stride":)" + number(stride) + R"(,"pad":)" + number(pad) +
                       R"(,"groups":)" + number(groups) + R"(,"bias":)" + (dice.coin() ? "true" : "false") + "}";
  if (dice.coin()) layers += R"(,{"name":"conv.bn","kind":"batch_norm"})";
  if (dice.coin())
    layers += R"(,{"name":"conv.act","kind":"activation","function":")" +
              dice.one_of<std::string>({"gelu", "silu", "hardswish", "relu"}) + "\"}";
  if (dice.coin()) layers += R"(,{"name":"token","kind":"concat_token"})";
  if (dice.coin()) layers += R"(,{"name":"position","kind":"position_embedding"})";
  layers +=
      R"(,{"name":"block","layers":[{"name":"norm","kind":"layer_norm"},{"name":"qkv","kind":"linear","out_features":)" +
      number(heads * (2 * d + e)) + R"(},{"name":"attention","kind":"attention","heads":)" + number(heads) +
      R"(,"d_qk":)" + number(d) + R"(,"d_v":)" + number(e) + R"(,"layout":")" + layout +
      R"("},{"name":"proj","kind":"linear","out_features":)" + number(width) +
      R"(},{"name":"residual","kind":"add","inputs":["previous","block_input"]}]},)" +
      R"({"name":"fc1","kind":"linear","out_features":)" + number(hidden) +
      R"(},{"name":"fc1.act","kind":"activation","function":"gelu"},)" +
      R"({"name":"fc2","kind":"linear","out_features":)" + number(width) +
      R"(,"bias":false},{"name":"residual2","kind":"add","inputs":["residual","previous"]},)" +
      R"({"name":"pool","kind":"mean_pool"},{"name":"head","kind":"linear","out_features":7})";
  return parse_workload(R"({"name":"random","description":"","source":"","image":{"height":)" + number(side) +
                            R"(,"width":)" + number(dice.between(4, 14)) + R"(,"channels":)" + number(channels) +
                            R"(},"layers":[)" + layers + "]}",
                        "random.json");
}

// Convolutions one behind the other, of all kinds: pointwise, dense, depthwise, in groups; some with a residual
// addition.
inline VitModel random_images(Dice& dice) {
  const auto number = [](int value) { return std::to_string(value); };
  int height = dice.between(3, 12), width = dice.between(3, 12), channels = dice.between(1, 12);
  const std::string image =
      R"({"height":)" + number(height) + R"(,"width":)" + number(width) + R"(,"channels":)" + number(channels) + "}";
  std::string layers, before;
  const auto add = [&](const std::string& name, const std::string& rest) {
    layers += (layers.empty() ? "" : ",") + (R"({"name":")" + name) + "\"," + rest + "}";
    return name;
  };
  for (int i = 0, count = dice.between(2, 5); i < count; ++i) {
    const int kernel = std::min({dice.one_of<int>({1, 2, 3, 3, 4}), height, width}),
              stride = dice.one_of<int>({1, 1, 2, 3}), pad = dice.between(0, (kernel - 1) / 2);
    const int groups = dice.coin() ? 1 : dice.coin() ? channels : channels % 2 == 0 ? 2 : 1;
    const int out = groups * dice.between(1, groups == 1 ? 20 : 3);
    const std::string name = "conv" + number(i);
    std::string last = add(name, R"("kind":"conv2d","out_channels":)" + number(out) + R"(,"kernel":)" + number(kernel) +
                                     R"(,"stride":)" + number(stride) + R"(,"pad":)" + number(pad) + R"(,"groups":)" +
                                     number(groups) + R"(,"bias":)" + (dice.coin() ? "true" : "false"));
    if (dice.coin()) last = add(name + ".act", R"("kind":"activation","function":"relu")");
    if (i > 0 && stride == 1 && kernel == 2 * pad + 1 && out == channels)
      last = add(name + ".residual", R"("kind":"add","inputs":["previous",")" + before + "\"]");
    height = (height + 2 * pad - kernel) / stride + 1, width = (width + 2 * pad - kernel) / stride + 1;
    channels = out, before = last;
  }
  return parse_workload(
      R"({"name":"images","description":"","source":"","image":)" + image + R"(,"layers":[)" + layers + "]}",
      "images.json");
}

// Overrides for configs/vitality.json.
inline std::vector<std::string> random_machine(Dice& dice) {
  const auto number = [](int value) { return std::to_string(value); };
  const auto flag = [&] { return std::string(dice.coin() ? "true" : "false"); };
  return {"matrix_engine.rows=" + number(dice.between(1, 40)),
          "matrix_engine.cols=" + number(dice.between(1, 40)),
          "matrix_engine.stationary_prefetch=" + flag(),
          "matrix_engine.dataflow=" + dice.one_of<std::string>({"input_stationary", "output_stationary"}),
          "matrix_engine.accumulation=" + dice.one_of<std::string>({"down_forward", "g_stationary"}),
          "diagonal_engine.enabled=" + flag(),
          "diagonal_engine.rows=" + number(dice.between(1, 40)),
          "accumulators.lanes=" + number(dice.between(1, 30)),
          "accumulators.latency_cycles=" + number(dice.between(1, 4)),
          "dividers.lanes=" + number(dice.between(1, 30)),
          "dividers.latency_cycles=" + number(dice.between(4, 20)),
          "dividers.initiation_interval=" + number(dice.between(1, 4)),
          "adders.lanes=" + number(dice.between(1, 30)),
          "special_functions.charge=" + dice.one_of<std::string>({"charged", "not_charged"}),
          "special_functions.lanes=" + number(dice.between(1, 30)),
          "scratchpad.capacity_kib=" + number(dice.one_of<int>({3, 5, 9, 17, 40, 200})),
          "scratchpad.banks=" + number(dice.between(1, 4)),
          "scratchpad.port_bytes=" + number(dice.one_of<int>({8, 32, 64, 256})),
          "noc.link_bytes=" + number(dice.one_of<int>({16, 64, 512})),
          "noc.topology=" + dice.one_of<std::string>({"bus", "mesh"}),
          "dram.channels=" + number(dice.between(1, 4)),
          "dram.model=" + dice.one_of<std::string>({"bandwidth", "bandwidth", "banked"}),
          "batch_norm=" + dice.one_of<std::string>({"folded", "separate"}),
          "pipeline.intra_layer=" + flag(),
          "pipeline.row_streaming=" + flag(),
          "pipeline.fifo_rows=" + number(dice.one_of<int>({1, 2, 4, 50})),
          "attention=" + dice.one_of<std::string>({"taylor", "taylor", "taylor_elided", "softmax"}),
          "precision=" + dice.one_of<std::string>({"int16", "int8"}),
          "matrix_engine.count=" + number(dice.one_of<int>({1, 1, 2, 3})),
          "accumulators.count=" + number(dice.one_of<int>({1, 1, 2})),
          "dividers.count=" + number(dice.one_of<int>({1, 1, 3})),
          "adders.count=" + number(dice.one_of<int>({1, 1, 2})),
          "special_functions.count=" + number(dice.one_of<int>({1, 1, 2})),
          "mapping.objective=" + dice.one_of<std::string>({"latency", "energy", "edp"}),
          "mapping.residency=" + dice.one_of<std::string>({"layer", "chip"}),
          "layer_norm.lanes=" + number(dice.one_of<int>({0, 0, 7})),
          "dma.max_outstanding=" + number(dice.one_of<int>({1, 2, 4, 9})),
          "controller.issue_cycles=" + number(dice.one_of<int>({0, 0, 1, 3, 16})),
          "controller.descriptor_bytes=" + number(dice.one_of<int>({0, 0, 16, 64})),
          "controller.descriptor_queue=" + number(dice.one_of<int>({1, 4, 32})),
          "dma.policy=" + dice.one_of<std::string>({"fair", "in_order"}),
          "scratchpad.ports=" + dice.one_of<std::string>({"read_and_write", "shared"}),
          "scratchpad.stationary_load_ports=" + flag()};
}

}  // namespace vitality::test
