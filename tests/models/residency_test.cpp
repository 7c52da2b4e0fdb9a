// mapping.residency chip: what stays in the scratchpad does not move, and its values are compared all the same.
#include <catch2/catch.hpp>

#include "tests/support/machine_run.h"

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

TEST_CASE("residency: what the next layer takes stays in the scratchpad, and its values are checked") {
  for (const std::string attention : {"taylor", "taylor_elided", "softmax"}) {
    INFO(attention);
    CHECK(in_child([&] { return moves(attention); }) == "");
  }
}
