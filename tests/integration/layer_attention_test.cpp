// Layers with a kind of attention of their own: a model whose layers all name a kind runs as a machine with that kind
// does, mixed models say what each layer had, and machines that cannot run a layer name it.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/npy_files.h"
#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;
using nlohmann::json;

namespace {

// tiny_vit with this kind in all of its attention layers.
std::string with_kind(const ScratchFolder& folder, const std::string& kind) {
  json model = json::parse(read_text(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_vit.json"));
  for (json& layer : model["blocks"]["encoder"])
    if (layer["kind"] == "attention") layer["attention"] = kind;
  return folder.write(kind + ".json", model.dump());
}

json result_of(std::vector<std::string> words) {
  const ScratchFolder folder;
  words.insert(words.begin(), "run");
  words.insert(words.end(), {"--quiet", "--result", folder.path("r.json")});
  const ProgramResult run = run_program(words);
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  return json::parse(read_text(folder.path("r.json")));
}

// What may differ: names of files, the config's key, and the field that says which kind a layer had.
json without_names(json result) {
  result.erase("manifest"), result.erase("config"), result.erase("host_seconds");
  for (json& layer : result["layers"]) layer.erase("attention");
  return result;
}

const json& layer_of(const json& result, const std::string& name) {
  for (const json& layer : result["layers"])
    if (layer["name"] == name) return layer;
  throw std::logic_error("no layer " + name);
}

}  // namespace

TEST_CASE("layer attention: a kind in every layer is the same run as that kind of the machine") {
  // A machine whose own kind is softmax has the unit for it, whatever the layers have: not among the cases.
  const ScratchFolder folder;
  struct Case {
    const char* config;
    const char* other;  // the machine's own kind, which the layers do not have
    std::vector<std::string> kinds;
  };
  for (const Case& c :
       {Case{"vitality", "taylor", {"softmax", "taylor_elided", "relu_linear"}},
        Case{"vitality", "taylor_elided", {"taylor"}},
        Case{"vitality_training", "taylor", {"sparse", "unified", "unified_additive"}},
        Case{"vitality_training", "sparse", {"softmax", "taylor"}}, Case{"dense_softmax", "taylor", {"softmax"}},
        Case{"gpu_h100", "softmax", {"taylor", "taylor_elided", "relu_linear"}}}) {
    for (const std::string& kind : c.kinds) {
      INFO(c.config << " with " << c.other << ", layers with " << kind);
      const json named = result_of({"--config", c.config, "--workload", with_kind(folder, kind), "--set",
                                    std::string("attention=") + c.other}),
                 whole = result_of({"--config", c.config, "--workload", "tiny_vit", "--set", "attention=" + kind});
      CHECK(without_names(named) == without_names(whole));
      for (const json& layer : named["layers"]) {
        CHECK(layer.contains("attention") == (layer["kind"] == "attention"));
        if (layer["kind"] == "attention") CHECK(layer["attention"] == kind);
      }
      for (const json& layer : whole["layers"]) CHECK(!layer.contains("attention"));
    }
  }
}

TEST_CASE("layer attention: a mixed model runs every kind where it says so, and says so") {
  // 52 tokens, 2 heads of 16: operations of docs/algorithm.md, section 6.
  constexpr long n = 52, d = 16, heads = 2;
  constexpr long kSoftmaxMul = heads * n * n * (2 * d + 1), kSoftmaxExp = heads * n * n;
  constexpr long kTaylorMul = heads * (2 * n * d * d + n * d + d), kTaylorDiv = heads * (d + n * d);
  for (const char* precision : {"int16", "int8", "fp16", "bf16", "fp8_e4m3", "fp32"}) {
    INFO(precision);
    const json result = result_of({"--config", "vitality", "--workload", "tiny_dinov2", "--set",
                                   std::string("precision=") + precision, "--set", "attention=taylor_elided"});
    CHECK(result["numerics"]["passed"] == true);
    CHECK(layer_of(result, "blocks.0.attn")["attention"] == "softmax");
    CHECK(layer_of(result, "blocks.1.attn")["attention"] == "taylor");
    CHECK(layer_of(result, "blocks.2.attn")["attention"] == "taylor_elided");
    const json& first = layer_of(result, "blocks.0.attn")["operations"];
    const json& second = layer_of(result, "blocks.1.attn")["operations"];
    CHECK(first["mul"] == kSoftmaxMul);
    CHECK(first["exp"] == kSoftmaxExp);
    CHECK(second["mul"] == kTaylorMul);
    CHECK(second["div"] == kTaylorDiv);
    CHECK(second["exp"] == 0);
  }
  const ProgramResult text = run_program({"run", "--config", "vitality", "--workload", "tiny_dinov2"});
  CHECK_THAT(text.out, Contains("softmax (1 layer) and taylor (2 layers) attention"));
  // auto decides for the layers that name no kind.
  const json decided = result_of({"--config", "vitality", "--workload", "tiny_dinov2", "--set", "attention=auto"});
  CHECK(decided["attention_choices"].size() == 1);
  CHECK(decided["attention_choices"][0]["layer"] == "blocks.2.attn");
  CHECK(layer_of(decided, "blocks.0.attn")["attention"] == "softmax");
  CHECK(layer_of(decided, "blocks.2.attn").contains("attention"));
}

TEST_CASE("layer attention: ReLU-linear layers, their operations and values in every format") {
  // 16 keys and queries, 4 heads of 8, an epsilon: docs/algorithm.md, section 6.
  constexpr long n = 16, d = 8, heads = 4;
  for (const char* precision : {"int16", "int8", "fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "fp32", "fp64"}) {
    INFO(precision);
    const json result = result_of(
        {"--config", "vitality", "--workload", "tiny_efficientvit", "--set", std::string("precision=") + precision});
    CHECK(result["numerics"]["passed"] == true);
    const json& layer = layer_of(result, "block.attn");
    CHECK(layer["attention"] == "relu_linear");
    CHECK(layer["operations"]["mul"] == heads * (2 * n * d * d + n * d));
    CHECK(layer["operations"]["add"] == heads * ((n - 1) * d * (d + 1) + n * (d - 1) * (d + 1) + n));
    CHECK(layer["operations"]["div"] == heads * n * d);
    CHECK(layer["operations"]["cmp"] == heads * 2 * n * d);
    CHECK(layer["operations"]["exp"] == 0);
    CHECK(layer["macs"] == heads * (2 * n * d * d + n * d));
  }
}

TEST_CASE("attention on a reduced grid: 24 queries on 6 keys, in every kind and format") {
  constexpr long m = 24, n = 6, d = 8, heads = 2;
  for (const char* kind : {"taylor", "softmax", "taylor_elided", "relu_linear"}) {
    for (const char* precision : {"int16", "int8", "bf16", "fp64"}) {
      INFO(kind << " " << precision);
      const json result = result_of({"--config", "vitality", "--workload", "tiny_pvt", "--set",
                                     std::string("precision=") + precision, "--set", std::string("attention=") + kind});
      CHECK(result["numerics"]["passed"] == true);
      const long macs = layer_of(result, "0.attn")["macs"];
      CHECK(macs == heads * (kind == std::string("softmax")         ? m * n * 2 * d
                             : kind == std::string("taylor_elided") ? (m + n) * d * d
                                                                    : (m + n) * d * d + m * d));
    }
  }
}

TEST_CASE("windows, shift, mask, relative bias, merging and causal attention in every format and small scratchpads") {
  for (const char* precision : {"int16", "int8", "fp16", "bf16", "fp8_e4m3", "fp32", "fp64"}) {
    for (const char* room : {"200", "8"}) {
      INFO(precision << " " << room << " KiB");
      const json result =
          result_of({"--config", "vitality", "--workload", "tiny_swin", "--set", std::string("precision=") + precision,
                     "--set", std::string("scratchpad.capacity_kib=") + room});
      CHECK(result["numerics"]["passed"] == true);
      // Six windows of 9 tokens, two heads of 8; 6 tokens, two heads of 16: masked scores are computed too.
      CHECK(layer_of(result, "1.attn")["macs"] == 6 * 2 * 9 * 9 * 2 * 8);
      CHECK(layer_of(result, "2.attn")["macs"] == 2 * 6 * 6 * 2 * 16);
    }
  }
}

TEST_CASE("cross-attention: a second input from a file decides the result, and must be there") {
  const ScratchFolder folder;
  const json result = result_of({"--config", "vitality", "--workload", "tiny_cross"});
  CHECK(result["numerics"]["passed"] == true);
  CHECK(layer_of(result, "cross")["macs"] == 2 * ((12 + 5) * 8 * 8 + 12 * 8));
  const ProgramResult list = run_program({"list", "tensors", "--workload", "tiny_cross"});
  CHECK_THAT(list.out, Contains("text") && Contains("an input beside the image"));
  vitality::write_npy(folder.path("input.npy"), vitality::MatrixD(48, 3));
  const ProgramResult missing =
      run_program({"run", "--quiet", "--config", "vitality", "--workload", "tiny_cross", "--inputs", folder.path(".")});
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, Contains("no file text.npy"));
  const json two = result_of({"--config", "vitality", "--workload", "tiny_cross", "--batch", "2"});
  CHECK(two["numerics"]["passed"] == true);
}

TEST_CASE("layer attention: masks of the layers that have them, with and without values") {
  const ScratchFolder folder;
  const std::vector<std::string> mixed = {"--config", "vitality_training", "--workload", "tiny_dinov2",
                                          "--set",    "attention=sparse"};
  const json checked = result_of(mixed);
  CHECK(checked["numerics"]["passed"] == true);
  CHECK(layer_of(checked, "blocks.2.attn").contains("mask"));
  CHECK(!layer_of(checked, "blocks.0.attn").contains("mask"));
  std::vector<std::string> timed = mixed;
  timed.insert(timed.end(), {"--numerics", "off"});
  CHECK(result_of(timed)["totals"] == checked["totals"]);
}

TEST_CASE("layer attention: machines that cannot run a layer's kind name the layer") {
  const ScratchFolder folder;
  const auto refused = [](const std::vector<std::string>& words, const std::string& expected) {
    std::vector<std::string> all{"run", "--quiet"};
    all.insert(all.end(), words.begin(), words.end());
    const ProgramResult run = run_program(all);
    INFO(expected);
    CHECK(run.exit_code == 4);
    CHECK_THAT(run.err, Contains(expected));
  };
  for (const char* machine : {"sanger", "vitcod", "salo", "spatten", "elsa", "dota"})
    refused({"--config", machine, "--workload", "tiny_dinov2"},
            std::string("layer blocks.0.attn: ") + machine + " runs sparse attention only, not softmax");
  refused({"--config", "sanger", "--workload", "tiny_dinov2", "--set", "cost_model=as_published"},
          "layer blocks.0.attn: the released cost model of sanger covers sparse attention only, not softmax");
  refused({"--config", "vitality", "--workload", with_kind(folder, "sparse")}, "sparse_unit.enabled");
  refused({"--config", "gpu_h100", "--workload", with_kind(folder, "sparse")},
          "layer blocks.0.attn: a roofline of sparse attention is not modelled");
  refused({"--mode", "training", "--config", "vitality_training", "--workload", with_kind(folder, "taylor_elided")},
          "layer blocks.0.attn (attention): the backward pass of taylor_elided is not simulated");
  refused({"--mode", "training", "--config", "vitality_training", "--workload", with_kind(folder, "relu_linear")},
          "layer blocks.0.attn (attention): the backward pass of relu_linear is not simulated");
  refused({"--mode", "training", "--config", "vitality_training", "--workload", "tiny_swin"}, "is not simulated");
  refused({"--config", "vitality", "--workload", "tiny_levit", "--set", "attention=relu_linear", "--set",
           "attention_bias=first_order"},
          "relu_linear attention has no scores for a bias");
  // A sparse baseline runs the layers that say what it does anyway.
  CHECK(without_names(result_of({"--config", "sanger", "--workload", with_kind(folder, "sparse")})) ==
        without_names(result_of({"--config", "sanger", "--workload", "tiny_vit"})));
}
