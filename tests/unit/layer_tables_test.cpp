// Every shipped model against the published layer tables (tests/golden/layer_tables): names, shapes, parameters, MACs,
// operations.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "workload/attention_ops.h"
#include "workload/workload_json.h"

using namespace vitality;
using nlohmann::json;

namespace {

const std::filesystem::path kRoot = VITALITY_SOURCE_DIR;

OperationCounts counts(const json& j) {
  OperationCounts c;
  c.mul = j.at("mul"), c.add = j.at("add"), c.div = j.at("div"), c.exp = j.at("exp"), c.cmp = j.at("cmp");
  return c;
}

// The table's columns that this kind of layer has, from the model.
json columns(const VitModel& model, const Layer& layer) {
  const MatrixShape out = output_shape(layer);
  const Count elements = Count{out.rows} * out.cols;
  if (const auto* p = std::get_if<Conv2d>(&layer.parameters)) {
    return {{"type", "conv2d"},
            {"in_ch", p->in_channels},
            {"out_ch", p->out_channels},
            {"kernel", p->kernel},
            {"stride", p->stride},
            {"pad", p->pad},
            {"groups", p->groups},
            {"in_hw", {p->in_height, p->in_width}},
            {"out_hw", {p->out_height, p->out_width}},
            {"bias", p->bias}};
  }
  if (const auto* p = std::get_if<Linear>(&layer.parameters)) {
    return {{"type", "linear"},
            {"all_rows", p->rows},
            {"in_features", p->in_features},
            {"out_features", p->out_features},
            {"bias", p->bias}};
  }
  if (const auto* p = std::get_if<Attention>(&layer.parameters)) {
    return {{"type", "attention"}, {"heads", p->heads}, {"instances", p->instances}, {"n_q", p->n_q}, {"n_kv", p->n_kv},
            {"d_qk", p->d_qk},     {"d_v", p->d_v}};
  }
  if (std::get_if<LayerNorm>(&layer.parameters))
    return {{"type", "norm"}, {"kind", "layer_norm"}, {"elements", elements}};
  if (const auto* p = std::get_if<BatchNorm>(&layer.parameters)) {
    return {{"type", "norm"},
            {"kind", "batch_norm"},
            {"elements", elements},
            {"foldable_into", model.layers.at(static_cast<std::size_t>(p->folded_into)).name}};
  }
  if (const auto* p = std::get_if<Activation>(&layer.parameters)) {
    static const char* const kNames[] = {"gelu", "hardswish", "silu", "relu"};
    return {{"type", "activation"}, {"fn", kNames[static_cast<int>(p->function)]}, {"elements", elements}};
  }
  if (std::get_if<Add>(&layer.parameters) || std::get_if<PositionEmbedding>(&layer.parameters)) {
    return {{"type", "add"}, {"elements", elements}};
  }
  if (const auto* p = std::get_if<ConcatToken>(&layer.parameters))
    return {{"type", "concat_token"}, {"channels", p->channels}};
  if (const auto* p = std::get_if<ConcatChannels>(&layer.parameters))
    return {{"type", "concat"}, {"channels", p->channels}};
  if (const auto* p = std::get_if<Subsample>(&layer.parameters)) {
    return {{"type", "subsample"},
            {"stride", p->stride},
            {"in_hw", {p->in_height, p->in_width}},
            {"channels", p->channels}};
  }
  if (const auto* p = std::get_if<MeanPool>(&layer.parameters)) return {{"type", "pool"}, {"channels", p->channels}};
  if (const auto* p = std::get_if<Unfold>(&layer.parameters)) {
    return {{"type", "reshape"},
            {"instances", p->patch * p->patch},
            {"tokens", out.rows / (p->patch * p->patch)},
            {"channels", p->channels}};
  }
  const auto& p = std::get<Fold>(layer.parameters);
  return {{"type", "reshape"},
          {"instances", p.patch * p.patch},
          {"tokens", out.rows / (p.patch * p.patch)},
          {"channels", p.channels}};
}

void check_model(const std::string& name) {
  std::ifstream file(kRoot / "tests/golden/layer_tables" / (name + ".json"));
  const json table = json::parse(file);
  const VitModel model = read_workload((kRoot / "workloads" / (name + ".json")).string());
  CHECK(model.name == name);
  CHECK(!model.source.empty());
  CHECK(model.image_height == table.at("image"));
  REQUIRE(model.layers.size() == table.at("layers").size());
  OperationCounts vanilla, taylor, elided;
  Count attention_layers = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    json row = table.at("layers")[i];
    INFO(row.dump());
    CHECK(layer.name == row.at("name"));
    CHECK(parameter_count(layer) == row.at("params"));
    CHECK(macs(layer) == row.at("macs"));
    if (row.at("type") == "linear") row["all_rows"] = row.at("rows").get<int>() * row.at("batch").get<int>();
    const json expected = columns(model, layer);
    for (const auto& [key, value] : expected.items()) {
      INFO(key);
      CHECK(value == row.at(key));
    }
    if (const auto* attention = std::get_if<Attention>(&layer.parameters)) {
      ++attention_layers;
      vanilla += vanilla_attention_operations(*attention);
      taylor += taylor_attention_operations(*attention);
      elided += taylor_elided_attention_operations(*attention);
    }
  }
  const json& totals = table.at("totals");
  CHECK(parameter_count(model) == totals.at("params"));
  CHECK(macs(model) == totals.at("macs"));
  CHECK(attention_layers == totals.at("num_attention_layers"));
  CHECK(vanilla == counts(totals.at("ops_attention_vanilla")));
  CHECK(taylor == counts(totals.at("ops_attention_taylor")));
  CHECK(elided == counts(totals.at("ops_attention_taylor_elided")));
}

}  // namespace

TEST_CASE("shipped models equal the published layer tables") {
  int models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "tests/golden/layer_tables")) {
    const std::string name = entry.path().stem().string();
    SECTION(name) {
      check_model(name);
    }
    ++models;
  }
  CHECK(models == 13);
}

// From DeiT's own tables: one more token of 1 x D, its position, and a second head of D x 1000 + 1000 parameters.
// Linear layers of 12 D^2 a token and block work on 198 tokens, attention on 198 x 198 scores in QK^T and PV, two heads
// on a row.
TEST_CASE("distilled DeiT: parameters as published, multiply-accumulates of 198 tokens and two heads") {
  struct Model {
    const char* name;
    Count width, plain;
  };
  for (const Model& m :
       {Model{"deit_tiny", 192, 5717416}, {"deit_small", 384, 22050664}, {"deit_base", 768, 86567656}}) {
    INFO(m.name);
    const VitModel model = read_workload((kRoot / "workloads" / (std::string(m.name) + "_distilled.json")).string());
    CHECK(model.name == std::string(m.name) + "_distilled");
    const Count d = m.width;
    CHECK(parameter_count(model) == m.plain + d + d + (d * 1000 + 1000));
    const Count block = 198 * (3 * d * d + d * d + 4 * d * d + 4 * d * d) + 2 * 198 * 198 * d;
    CHECK(macs(model) == 196 * (16 * 16 * 3) * d + 12 * block + 2 * d * 1000);
  }
  // The figures of timm's model cards, in millions: 5.9, 22.4, 87.3.
  CHECK(parameter_count(read_workload((kRoot / "workloads/deit_tiny_distilled.json").string())) == 5910800);
  CHECK(parameter_count(read_workload((kRoot / "workloads/deit_small_distilled.json").string())) == 22436432);
  CHECK(parameter_count(read_workload((kRoot / "workloads/deit_base_distilled.json").string())) == 87338192);
}

TEST_CASE("one DeiT head needs the published numbers of operations") {
  Attention head{};
  head.heads = head.instances = 1;
  head.n_q = head.n_kv = 197;
  head.d_qk = head.d_v = 64;
  const OperationCounts vanilla = vanilla_attention_operations(head), taylor = taylor_attention_operations(head);
  CHECK(vanilla.mul == 5006361);
  CHECK(vanilla.add == 4993556);
  CHECK(vanilla.div == 38809);
  CHECK(vanilla.exp == 38809);
  CHECK(taylor.mul == 1626496);
  CHECK(taylor.add == 1672576);
  CHECK(taylor.div == 12672);
  CHECK(taylor.exp == 0);
}
