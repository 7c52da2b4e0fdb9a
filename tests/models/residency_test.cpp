// mapping.residency chip: what stays in the scratchpad does not move, and its values are compared all the same.
#include <catch2/catch.hpp>

#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"
#include "tests/support/program.h"
#include "tests/support/race_check.h"

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
    const bool results_stay = qkv || fc1 || attn, operands_stay = attn || fc2 || proj;
    if (results_stay && moved(layer, "results") != 0) text += name + " writes its results\n";
    if (operands_stay && moved(layer, "activations") != 0) text += name + " fetches what is there\n";
    seen += results_stay || operands_stay ? 1 : 0;
  }
  return seen < 8 ? text + "few layers\n" : text;
}

}  // namespace

// Of a distilled model two heads read the same rows, and the first one's result waits for the mean.
TEST_CASE("residency: with room for everything only parameters, the image and the logits cross") {
  // 32 channels, 17 or 18 tokens. In memory an element takes 2 bytes, a bias 6. The array is as wide as a head, or as
  // two.
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
    for (const auto& [objective, cols] : {std::pair<std::string, std::string>{"latency", "16"},
                                          {"energy", "16"},
                                          {"edp", "16"},
                                          {"energy", "32"},
                                          {"edp", "32"}}) {
      INFO(objective << ", " << cols << " columns");
      const std::string moved = in_child([&, m = model, o = objective, c = cols]() -> std::string {
        SimulationOptions options;
        options.numerics = options.check = true;
        const SimulationResult r =
            simulate(machine({"mapping.residency=chip", "scratchpad.capacity_kib=400", "matrix_engine.rows=16",
                              "matrix_engine.cols=" + c, "mapping.objective=" + o}),
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
  for (const std::string name :
       {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled", "tiny_pvt", "tiny_cross", "tiny_swin"}) {
    Bytes before = 0;
    for (const std::string capacity : {"16", "20", "26", "34", "44", "57", "74", "96", "125", "400"}) {
      INFO(name << ", " << capacity << " KiB");
      const std::string text = in_child([&]() -> std::string {
        std::string races;
        SimulationOptions options;
        options.numerics = options.check = true;
        options.observe = [&races](const FinishedRun& run) {
          races = find_races(run.schedule, run.times) + OrderCheck(run.schedule).run();
        };
        const SimulationResult r =
            simulate(machine({"mapping.residency=chip", "mapping.objective=energy", "matrix_engine.rows=16",
                              "matrix_engine.cols=16", "scratchpad.capacity_kib=" + capacity}),
                     workload(name), options);
        if (!races.empty()) return races;
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

namespace {

// Bytes of the score bias of a layer of attention: a value for each head, query and key, which instances share.
Bytes bias_bytes(const Attention& a) {
  return a.bias_params > 0 ? Bytes{2} * a.heads * a.n_q * a.n_kv : 0;
}

// "" or what Q, K and V, or Z, of the model's attention moves, with room for everything. biased: score biases are used.
// A mean over tokens takes its operand from memory.
std::string attention_moves(const std::string& name, const std::vector<std::string>& overrides, bool biased) {
  const VitModel model = workload(name);
  std::vector<std::string> all{"mapping.objective=energy", "scratchpad.capacity_kib=2000", "matrix_engine.rows=16",
                               "matrix_engine.cols=16"};
  all.insert(all.end(), overrides.begin(), overrides.end());
  SimulationOptions options;
  options.numerics = options.check = true;
  const SimulationResult result = simulate(machine(all), model, options);
  std::string text = result.numerics.passed ? "" : "values differ\n";
  int seen = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const auto* a = std::get_if<Attention>(&model.layers[i].parameters);
    if (a == nullptr) continue;
    ++seen;
    const LayerResult& layer = result.layers[i];
    const Bytes operands = moved(layer, "activations"), results = moved(layer, "results"),
                weights = moved(layer, "weights");
    if (operands != 0) text += layer.name + " fetches " + std::to_string(operands) + " bytes\n";
    const bool to_mean = std::holds_alternative<MeanPool>(model.layers[i + 1].parameters);
    if (results != (to_mean ? Bytes{2} * a->instances * a->n_q * a->heads * a->d_v : 0))
      text += layer.name + " writes " + std::to_string(results) + " bytes\n";
    if (weights != (biased ? bias_bytes(*a) : 0))
      text += layer.name + " fetches " + std::to_string(weights) + " bytes of bias\n";
  }
  return seen == 0 ? "no attention\n" : text;
}

}  // namespace

// Score biases and queries of another layer (tiny_levit), several instances (tiny_mobilevit), fewer keys from another
// layer than queries (tiny_pvt, tiny_cross), instances, biases and masks (tiny_swin). Heads of 4 to 16 columns.
TEST_CASE("residency: with room for everything nothing of Q, K, V and Z of any attention moves") {
  for (const std::string name : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_pvt", "tiny_cross", "tiny_swin"}) {
    INFO(name);
    // tiny_swin's own attention is softmax.
    CHECK(in_child([&] { return attention_moves(name, {}, name == "tiny_swin"); }) == "");
    CHECK(in_child([&] { return attention_moves(name, {"attention_bias=first_order"}, true); }) == "");
    CHECK(in_child([&] { return attention_moves(name, {"attention=softmax"}, true); }) == "");
  }
}

namespace {

int passes_of(const Schedule& schedule, int layer) {
  int passes = 0;
  for (std::size_t j = 0; j < schedule.jobs.size(); ++j)
    passes += schedule.jobs[j].kind == JobKind::kFold && schedule.jobs[j].layer == layer ? 1 : 0;
  return passes;
}

}  // namespace

TEST_CASE("residency: a pass makes columns of several heads, and takes them") {
  // 8 x 4 times 4 x 24: Q, K and V of two heads of 4 columns; then 8 x 8 times 8 x 5. Both fit as a whole.
  const ScratchFolder folder;
  for (const std::string layout : {"qkv", "qkv_per_head"}) {
    const VitModel model = read_workload(folder.write("m.json", R"({
      "name": "m", "image": {"height": 1, "width": 8, "channels": 4}, "dims": {}, "layers": [
        {"name": "qkv", "kind": "linear", "out_features": 24},
        {"name": "attn", "kind": "attention", "heads": 2, "d_qk": 4, "layout": ")" +
                                                                    layout + R"("},
        {"name": "proj", "kind": "linear", "out_features": 5}]})"));
    for (const std::string attention : {"taylor", "softmax", "relu_linear"}) {
      INFO(layout << ", " << attention);
      const Schedule schedule = map_model(model, machine({"matrix_engine.rows=8", "matrix_engine.cols=8",
                                                          "mapping.objective=energy", "attention=" + attention}));
      for (const std::size_t layer : {0, 1})
        CHECK(std::visit(
            [](const auto& m) {
              if constexpr (std::is_same_v<std::decay_t<decltype(m)>, InputStationaryMapping> ||
                            std::is_same_v<std::decay_t<decltype(m)>, AttentionMapping>)
                return m.results == ResultPlace::kScratchpad;
              return false;
            },
            schedule.mappings[layer]));
      CHECK(passes_of(schedule, 0) == 3);  // 24 columns, 8 at a time
      CHECK(passes_of(schedule, 2) == 1);  // both heads of Z at a time
    }
  }
}

TEST_CASE("residency: attention of a mapping file works on chunks of what lies in the scratchpad") {
  // 8 x 4 times 4 x 24 on a 4 x 4 array: Q, K and V of two heads; then 8 x 8 times 8 x 5. 64 bytes in, 192 and 80 of
  // weights, 80 out. Keys 3 at a time, queries 5.
  const VitModel model = parse_workload(
      R"({"name":"m","image":{"height":1,"width":8,"channels":4},"layers":[
        {"name":"qkv","kind":"linear","bias":false,"out_features":24},
        {"name":"attn","kind":"attention","heads":2,"d_qk":4,"layout":"qkv"},
        {"name":"proj","kind":"linear","bias":false,"out_features":5}]})",
      "m.json");
  InputStationaryMapping qkv, proj;
  qkv.tile_rows = qkv.tile_cols = 4, qkv.m_tile = 8, qkv.stationary = {0, 1}, qkv.streamed = {1, 1};
  qkv.out_sets = 1, qkv.results = ResultPlace::kScratchpad;
  proj = qkv;
  proj.streamed = {0, 0}, proj.results = ResultPlace::kMemory;
  for (const AttentionKind kind :
       {AttentionKind::kTaylor, AttentionKind::kTaylorElided, AttentionKind::kReluLinear, AttentionKind::kSoftmax}) {
    for (const bool online : {false, true}) {
      if (online && kind != AttentionKind::kSoftmax) continue;
      INFO(to_string(kind) << (online ? ", online" : ""));
      AttentionMapping attention;
      attention.token_chunk = 3, attention.query_chunk = 5, attention.sets = {0, 0, 0, 1};
      attention.results = ResultPlace::kScratchpad, attention.online_softmax = online;
      const GivenMapping given{"m.json", {{"qkv", qkv}, {"attn", attention}, {"proj", proj}}};
      CHECK(in_child([&]() -> std::string {
              HardwareConfig config = plain_machine(4, 4, 9);
              config.attention = kind;
              std::string races;
              SimulationOptions options;
              options.numerics = options.check = true, options.mapping = &given;
              options.observe = [&races](const FinishedRun& run) {
                races = find_races(run.schedule, run.times) + OrderCheck(run.schedule).run();
              };
              const SimulationResult r = simulate(config, model, options);
              return races + (r.numerics.passed ? "" : "values differ, ") + std::to_string(r.totals.dram_read_bytes) +
                     " read, " + std::to_string(r.totals.dram_write_bytes) + " written";
            }) == "336 read, 80 written");
    }
  }
}
