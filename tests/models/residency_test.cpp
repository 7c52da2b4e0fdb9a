// mapping.residency chip: what stays in the scratchpad does not move, and its values are compared all the same.
#include <catch2/catch.hpp>

#include "tests/support/machine_run.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;

namespace {

Bytes moved(const LayerResult& layer, const std::string& operand) {
  Bytes bytes = 0;
  for (const DramTraffic& t : layer.dram_traffic)
    if (t.operand == operand) bytes += t.bytes;
  return bytes;
}

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

// "" or what moves that need not, in a machine with room for everything and an array as wide as a head.
std::string moves(const std::string& attention) {
  const VitModel model = workload("tiny_vit");
  SimulationOptions options;
  options.numerics = true;
  const SimulationResult result =
      simulate(machine({"mapping.residency=chip", "scratchpad.capacity_kib=400", "matrix_engine.rows=16",
                        "matrix_engine.cols=16", "attention=" + attention}),
               model, options);
  std::string text = result.numerics.checked && result.numerics.passed ? "" : "values differ\n";
  int seen = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const std::string& name = model.layers[i].name;
    const LayerResult& layer = result.layers[i];
    const bool qkv = ends_with(name, "attn.qkv"), proj = ends_with(name, "attn.proj"), fc1 = ends_with(name, "mlp.fc1"),
               fc2 = ends_with(name, "mlp.fc2"), attn = ends_with(name, ".attn");
    const bool results_stay = qkv || fc1 || (attn && attention != "softmax");
    const bool operands_stay = attn || fc2 || (proj && attention != "softmax");
    if (results_stay && moved(layer, "results") != 0) text += name + " writes its results\n";
    if (operands_stay && moved(layer, "activations") != 0) text += name + " fetches what is there\n";
    seen += results_stay || operands_stay ? 1 : 0;
  }
  return seen < 8 ? text + "few layers\n" : text;
}

}  // namespace

// Of a distilled model two heads read the same rows, and the first one's result waits for the mean.
TEST_CASE("residency: with room for everything only parameters, the image and the logits cross") {
  // 32 channels, 17 or 18 tokens. In memory an element takes 2 bytes, a bias 6. The array is as wide as a head: a wider
  // one makes heads that stay in more passes, which may cost more than memory.
  for (const auto& [name, tokens] : {std::pair{"tiny_vit", 17}, {"tiny_distilled", 18}}) {
    INFO(name);
    const VitModel model = workload(name);
    Bytes parameters = 0;
    for (const Layer& layer : model.layers) {
      Bytes weights = 0, biases = 0;
      if (const auto* linear = std::get_if<Linear>(&layer.parameters))
        weights = Bytes{linear->in_features} * linear->out_features, biases = linear->bias ? linear->out_features : 0;
      if (const auto* conv = std::get_if<Conv2d>(&layer.parameters))
        weights = Bytes{conv->kernel} * conv->kernel * conv->in_channels * conv->out_channels,
        biases = conv->bias ? conv->out_channels : 0;
      if (std::holds_alternative<PositionEmbedding>(layer.parameters)) weights = Bytes{tokens} * 32;
      if (std::holds_alternative<ConcatToken>(layer.parameters)) weights = 32;
      parameters += 2 * weights + 6 * biases;
    }
    const Bytes image = Bytes{2} * model.image_height * model.image_width * model.image_channels;
    for (const std::string objective : {"latency", "energy", "edp"}) {
      INFO(objective);
      const std::string moved = in_child([&, m = model]() -> std::string {
        SimulationOptions options;
        options.numerics = options.check = true;
        const SimulationResult r =
            simulate(machine({"mapping.residency=chip", "scratchpad.capacity_kib=400", "matrix_engine.rows=16",
                              "matrix_engine.cols=16", "mapping.objective=" + objective}),
                     m, options);
        return (r.numerics.passed ? "" : "values differ, ") + std::to_string(r.totals.dram_read_bytes) + " read, " +
               std::to_string(r.totals.dram_write_bytes) + " written";
      });
      CHECK(moved == std::to_string(parameters + image) + " read, 20 written");  // 10 logits
    }
  }
}

// A head of 24 columns is one tile in the scratchpad, and an array of 16 or 5 columns makes several of a sum.
TEST_CASE("residency: a sum takes the place of what it adds only if its tiles are the same") {
  const ScratchFolder folder;
  const VitModel model = read_workload(folder.write("m.json", R"({
    "name": "m", "image": {"height": 16, "width": 16, "channels": 3}, "dims": {"patch": 4, "dim": 24, "classes": 5},
    "layers": [
      {"name": "patch_embed", "kind": "conv2d", "out_channels": "dim", "kernel": "patch", "stride": "patch"},
      {"name": "qkv", "kind": "linear", "out_features": "3*dim"},
      {"name": "attn", "kind": "attention", "heads": 1, "d_qk": "dim", "layout": "qkv"},
      {"name": "side", "kind": "linear", "inputs": ["patch_embed"], "out_features": "dim"},
      {"name": "sum", "kind": "add", "inputs": ["previous", "attn"]},
      {"name": "norm", "kind": "layer_norm"},
      {"name": "head", "kind": "linear", "out_features": "classes"}]})"));
  for (const std::string cols : {"5", "16", "24", "64"}) {
    for (const std::string objective : {"latency", "energy", "edp"}) {
      INFO(cols << " columns, " << objective);
      CHECK(in_child([&]() -> std::string {
              SimulationOptions options;
              options.numerics = options.check = true;
              return simulate(machine({"mapping.residency=chip", "matrix_engine.cols=" + cols,
                                       "mapping.objective=" + objective}),
                              model, options)
                             .numerics.passed
                         ? ""
                         : "values differ";
            }) == "");
    }
  }
}

TEST_CASE("residency: values at every size of the scratchpad, and no more bytes with more of it") {
  for (const std::string name : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled"}) {
    Bytes before = 0;
    for (const std::string capacity : {"16", "20", "26", "34", "44", "57", "74", "96", "125", "400"}) {
      INFO(name << ", " << capacity << " KiB");
      const std::string text = in_child([&]() -> std::string {
        SimulationOptions options;
        options.numerics = options.check = true;
        const SimulationResult r =
            simulate(machine({"mapping.residency=chip", "mapping.objective=energy", "matrix_engine.rows=16",
                              "matrix_engine.cols=16", "scratchpad.capacity_kib=" + capacity}),
                     workload(name), options);
        return r.numerics.passed ? std::to_string(r.totals.dram_read_bytes + r.totals.dram_write_bytes)
                                 : "values differ";
      });
      REQUIRE(text.find_first_not_of("0123456789") == std::string::npos);
      const Bytes bytes = std::stoll(text);
      if (before > 0) CHECK(static_cast<double>(bytes) <= 1.02 * static_cast<double>(before));
      before = bytes;
    }
  }
}

TEST_CASE("residency: what the next layer takes stays in the scratchpad, and its values are checked") {
  for (const std::string attention : {"taylor", "taylor_elided", "softmax"}) {
    INFO(attention);
    CHECK(in_child([&] { return moves(attention); }) == "");
  }
}
