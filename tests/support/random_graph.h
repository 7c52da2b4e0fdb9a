// Seeded random graphs of layers: small, with branches, readers of early layers and of the image, in any order.
#pragma once

#include <string>
#include <vector>

#include "tests/support/random_machine.h"

namespace vitality::test {

class RandomGraph {
 public:
  // At least two channels: the values of one are multiples of each other, for which tolerances are too narrow at times.
  explicit RandomGraph(Dice& dice) : dice_(dice) {
    const int height = dice.one_of<int>({1, 2, 4, 6}), width = dice.one_of<int>({1, 2, 4, 6}),
              channels = dice.one_of<int>({2, 4, 8});
    outputs_.push_back({"image", height * width, channels, height, width});
    for (int layers = dice.between(1, 9); layers > 0; --layers) add_layer();
    if (layers_.empty()) add_linear(outputs_[0], 3);
    text_ = R"({"name": "graph", "image": {"height": )" + std::to_string(height) + R"(, "width": )" +
            std::to_string(width) + R"(, "channels": )" + std::to_string(channels) + "},\n \"layers\": [\n" + layers_ +
            "]}";
  }
  // A workload's JSON; the reader refuses some (a batch norm that no layer can absorb).
  const std::string& text() const { return text_; }

 private:
  struct Output {
    std::string name;
    int rows, cols, height, width;  // height 0: no image
  };

  bool chance(int percent) { return dice_.between(1, 100) <= percent; }
  Output pick() { return chance(60) ? outputs_.back() : dice_.one_of(outputs_); }
  template <class Fits>
  bool pick(Output& found, Fits fits) {
    std::vector<Output> fitting;
    for (const Output& output : outputs_)
      if (fits(output)) fitting.push_back(output);
    if (!fitting.empty()) found = chance(60) ? fitting.back() : dice_.one_of(fitting);
    return !fitting.empty();
  }
  void add(const std::string& kind, const std::vector<std::string>& inputs, const std::string& more, Output output) {
    output.name = "l" + std::to_string(outputs_.size());
    std::string names;
    for (const std::string& input : inputs) names += (names.empty() ? "\"" : ", \"") + input + "\"";
    layers_ += (layers_.empty() ? "  " : ",\n  ") + std::string(R"({"name": ")") + output.name + R"(", "kind": ")" +
               kind + R"(", "inputs": [)" + names + "]" + more + "}";
    outputs_.push_back(std::move(output));
  }
  static std::string number(const char* key, int value) {
    return std::string(", \"") + key + "\": " + std::to_string(value);
  }

  void add_linear(const Output& x, int features) {
    add("linear", {x.name}, number("out_features", features) + (chance(30) ? R"(, "bias": false)" : ""),
        {"", x.rows, features, x.height, x.width});
  }
  void add_convolution() {
    Output x;
    if (!pick(x, [](const Output& o) { return o.height > 0; })) return;
    const int kernel = dice_.one_of<int>({1, 1, 2, 3}), stride = dice_.one_of<int>({1, 1, 2}),
              pad = dice_.between(0, kernel / 2), groups = dice_.one_of<int>({1, 1, x.cols}),
              channels = groups * dice_.one_of<int>({1, 2, 4}), height = x.height + 2 * pad - kernel,
              width = x.width + 2 * pad - kernel;
    if (height < 0 || width < 0) return;
    add("conv2d", {x.name},
        number("out_channels", channels) + number("kernel", kernel) + number("stride", stride) + number("pad", pad) +
            number("groups", groups),
        {"", (height / stride + 1) * (width / stride + 1), channels, height / stride + 1, width / stride + 1});
  }
  void add_attention() {
    const int heads = dice_.between(1, 3), depth = dice_.one_of<int>({1, 2, 4, 8});
    Output qkv = pick();
    if (qkv.cols != 3 * heads * depth) {
      add_linear(qkv, 3 * heads * depth);
      qkv = outputs_.back();
    }
    add("attention", {qkv.name},
        number("heads", heads) + number("d_qk", depth) + R"(, "layout": )" +
            dice_.one_of<std::string>({R"("qkv")", R"("qkv_per_head")"}),
        {"", qkv.rows, heads * depth, qkv.height, qkv.width});
  }
  void add_batch_norm(const Output& x) {
    if (chance(50)) add_linear(x, 8);
    const Output in = outputs_.back();
    if (chance(40)) add_linear(dice_.one_of(outputs_), 5);  // between the two
    add("batch_norm", {in.name}, "", in);
  }
  void add_of_two(const std::string& kind, const Output& x) {
    Output y = x;
    pick(y, [&](const Output& o) { return o.rows == x.rows && (o.cols == x.cols || kind == "concat_channels"); });
    add(kind, {x.name, y.name}, "",
        {"", x.rows, kind == "concat_channels" ? x.cols + y.cols : x.cols, x.height, x.width});
  }
  void add_slice(const Output& x) {
    const int rows = dice_.between(1, x.rows), cols = dice_.between(1, x.cols);
    add("slice", {x.name},
        number("first_row", dice_.between(0, x.rows - rows)) + number("rows", rows) +
            number("first_channel", dice_.between(0, x.cols - cols)) + number("channels", cols),
        {"", rows, cols, 0, 0});
  }
  void add_halved(const std::string& kind) {
    Output x;
    if (!pick(x, [](const Output& o) { return o.height > 1 && o.width > 1 && o.height % 2 + o.width % 2 == 0; }))
      return;
    const std::string more = kind == "average_pool"  ? R"(, "kernel": 2, "stride": 2)"
                             : kind == "patch_merge" ? R"(, "patch": 2)"
                                                     : R"(, "stride": 2)";
    add(kind, {x.name}, more, {"", x.rows / 4, kind == "patch_merge" ? 4 * x.cols : x.cols, x.height / 2, x.width / 2});
  }
  void add_layer() {
    const Output x = pick();
    const std::string kind = dice_.one_of<std::string>(
        {"linear",       "linear",     "conv2d",     "add",          "add",        "mul",         "concat_channels",
         "attention",    "batch_norm", "batch_norm", "activation",   "layer_norm", "layer_scale", "position_embedding",
         "concat_token", "mean_pool",  "slice",      "average_pool", "subsample",  "patch_merge"});
    if (kind == "linear") return add_linear(x, dice_.one_of<int>({1, 3, 8, 16, 24, 48}));
    if (kind == "conv2d") return add_convolution();
    if (kind == "attention") return add_attention();
    if (kind == "batch_norm") return add_batch_norm(x);
    if (kind == "slice") return add_slice(x);
    if (kind == "add" || kind == "mul" || kind == "concat_channels") return add_of_two(kind, x);
    if (kind == "average_pool" || kind == "subsample" || kind == "patch_merge") return add_halved(kind);
    if (kind == "activation") return add(kind, {x.name}, R"(, "function": "gelu")", x);
    if (kind == "concat_token") return add(kind, {x.name}, "", {"", x.rows + 1, x.cols, 0, 0});
    if (kind == "mean_pool") return add(kind, {x.name}, "", {"", 1, x.cols, 0, 0});
    add(kind, {x.name}, "", x);
  }

  Dice& dice_;
  std::vector<Output> outputs_;
  std::string layers_, text_;
};

}  // namespace vitality::test
