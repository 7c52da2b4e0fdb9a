#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "tensor/npy.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;

namespace {

const std::string kGraphs = VITALITY_SOURCE_DIR "/tests/golden/onnx/";

// A .safetensors file whose float32 values count up from 0, tensor after tensor.
std::string counting_tensors(const std::string& header, int values) {
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size() % 256);
  bytes[1] = static_cast<char>(header.size() / 256);
  bytes += header;
  for (int i = 0; i < values; ++i) {
    const auto value = static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

}  // namespace

TEST_CASE("an imported graph runs on the machine, values checked") {
  const ScratchFolder folder;
  // gap: GELU with tanh, epsilon 1e-5, mean pooling, no bias; levit: batch norms, score bias, subsampling.
  for (const char* name : {"gap", "levit"}) {
    INFO(name);
    const std::string out = folder.path(name);
    const ProgramResult imported = run_program({"import", kGraphs + name + ".onnx", "--out", out});
    INFO(imported.err);
    REQUIRE(imported.exit_code == 0);
    const ProgramResult run =
        run_program({"run", "--config", "configs/vitality.json", "--workload", out + "/workload.json", "--inputs",
                     out + "/weights", "--allow-seeded", "--quiet"});
    INFO(run.err);
    CHECK(run.exit_code == 0);
  }
}

TEST_CASE("a graph that cannot be mapped leaves nothing behind") {
  const ScratchFolder folder;
  for (const char* name : {"x_form_wrong_axis", "x_clipped_gelu", "x_form_linear", "x_fused_mask", "x_distilled_both",
                           "nothing_of_this_name"}) {
    const ProgramResult result = run_program({"import", kGraphs + name + ".onnx", "--out", folder.path(name)});
    CHECK(result.exit_code == 2);
    CHECK(result.err.find(name) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder.path(name)));
  }
}

TEST_CASE("weights alone fill a workload, in its own order of axes") {
  const ScratchFolder folder;
  const std::string workload =
      folder.write("w.json", R"({"name": "w", "image": {"height": 2, "width": 2, "channels": 2}, "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": 1, "kernel": 2},
    {"name": "head", "kind": "linear", "out_features": 2}]})");
  const std::string header = R"({"patch_embed.proj.weight":{"dtype":"F32","shape":[1,2,2,2],"data_offsets":[0,32]},)"
                             R"("patch_embed.proj.bias":{"dtype":"F32","shape":[1],"data_offsets":[32,36]},)"
                             R"("classifier.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[36,44]},)"
                             R"("classifier.bias":{"dtype":"F32","shape":[2],"data_offsets":[44,52]}})";
  const std::string file = folder.write("w.safetensors", counting_tensors(header, 13));
  const ProgramResult result = run_program({"import", file, "--as", workload, "--out", folder.path("out")});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  // PyTorch has (channel, y, x), value 4 c + 2 y + x; a workload (y, x, channel).
  CHECK(read_npy(folder.path("out/weights/patch_embed.weight.npy")).values ==
        std::vector<double>{0, 4, 1, 5, 2, 6, 3, 7});
  CHECK(read_npy(folder.path("out/weights/head.weight.npy")).shape == NpyShape{1, 2});
  CHECK(read_npy(folder.path("out/weights/head.bias.npy")).values == std::vector<double>{11, 12});

  const std::string other = folder.write(
      "x.safetensors", counting_tensors(R"({"head.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})", 2));
  const ProgramResult refused = run_program({"import", other, "--as", workload, "--out", folder.path("no")});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("patch_embed.weight") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path("no")));
}

// Names of timm and of Hugging Face for the same distilled model, every value its own number: both give the same files.
TEST_CASE("distilled weights are found by the names of timm and of Hugging Face") {
  const ScratchFolder folder;
  const std::string workload =
      folder.write("w.json", R"({"name": "w", "image": {"height": 2, "width": 2, "channels": 1},
    "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": 2, "kernel": 1},
    {"name": "dist_token", "kind": "concat_token"}, {"name": "cls_token", "kind": "concat_token"},
    {"name": "pos_embed", "kind": "position_embedding"},
    {"name": "head", "kind": "linear", "rows": 1, "out_features": 2},
    {"name": "head_dist", "kind": "linear", "inputs": ["pos_embed"], "rows": 1, "first_row": 1, "out_features": 2},
    {"name": "mean", "kind": "add", "mean": true, "inputs": ["head", "head_dist"]}]})");
  const std::vector<std::array<std::string, 3>> tensors{
      {"patch_embed.proj.weight", "deit.embeddings.patch_embeddings.projection.weight", "[2,1,1,1]"},
      {"patch_embed.proj.bias", "deit.embeddings.patch_embeddings.projection.bias", "[2]"},
      {"cls_token", "deit.embeddings.cls_token", "[1,1,2]"},
      {"dist_token", "deit.embeddings.distillation_token", "[1,1,2]"},
      {"pos_embed", "deit.embeddings.position_embeddings", "[1,6,2]"},
      {"head.weight", "cls_classifier.weight", "[2,2]"},
      {"head.bias", "cls_classifier.bias", "[2]"},
      {"head_dist.weight", "distillation_classifier.weight", "[2,2]"},
      {"head_dist.bias", "distillation_classifier.bias", "[2]"}};
  const int sizes[] = {2, 2, 2, 2, 12, 4, 2, 4, 2};
  for (std::size_t style = 0; style < 2; ++style) {
    std::string header;
    int at = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      header += (i == 0 ? "{\"" : ",\"") + tensors[i][style] + R"(":{"dtype":"F32","shape":)" + tensors[i][2] +
                R"(,"data_offsets":[)" + std::to_string(4 * at) + "," + std::to_string(4 * (at + sizes[i])) + "]}";
      at += sizes[i];
    }
    const std::string file = folder.write("w.safetensors", counting_tensors(header + "}", at));
    const std::string out = folder.path("out" + std::to_string(style));
    const ProgramResult result = run_program({"import", file, "--as", workload, "--out", out});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    CHECK(read_npy(out + "/weights/cls_token.weight.npy").values == std::vector<double>{4, 5});
    CHECK(read_npy(out + "/weights/dist_token.weight.npy").values == std::vector<double>{6, 7});
    CHECK(read_npy(out + "/weights/head.weight.npy").values == std::vector<double>{20, 22, 21, 23});
    CHECK(read_npy(out + "/weights/head_dist.weight.npy").values == std::vector<double>{26, 28, 27, 29});
    CHECK(read_npy(out + "/weights/head_dist.bias.npy").values == std::vector<double>{30, 31});
  }
}

// A class token and a grid of 3 x 3 for a workload of 4 x 2. Expected: numpy (tests/unit/import_test.cpp has the way).
TEST_CASE("position embeddings of another grid are refused, and resized on request") {
  const ScratchFolder folder;
  const std::string workload =
      folder.write("w.json", R"({"name": "w", "image": {"height": 4, "width": 2, "channels": 1},
    "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": 1, "kernel": 1, "bias": false},
    {"name": "cls_token", "kind": "concat_token"}, {"name": "pos_embed", "kind": "position_embedding"},
    {"name": "head", "kind": "linear", "rows": 1, "out_features": 1, "bias": false}]})");
  const std::string header = R"({"pos_embed":{"dtype":"F32","shape":[1,10,1],"data_offsets":[0,40]},)"
                             R"("cls_token":{"dtype":"F32","shape":[1,1,1],"data_offsets":[40,44]},)"
                             R"("patch_embed.proj.weight":{"dtype":"F32","shape":[1,1,1,1],"data_offsets":[44,48]},)"
                             R"("head.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[48,52]}})";
  const std::string file = folder.write("w.safetensors", counting_tensors(header, 13));
  const ProgramResult refused = run_program({"import", file, "--as", workload, "--out", folder.path("no")});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("/pos_embed: position embeddings for a grid of 3 x 3 tokens, expected 4 x 2") !=
        std::string::npos);
  CHECK(refused.err.find("--resize-positions") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path("no")));

  const ProgramResult resized =
      run_program({"import", file, "--as", workload, "--resize-positions", "--out", folder.path("out")});
  INFO(resized.err);
  REQUIRE(resized.exit_code == 0);
  const std::vector<double> want{0,
                                 0.97607421875,
                                 2.59326171875,
                                 2.78076171875,
                                 4.39794921875,
                                 5.60205078125,
                                 7.21923828125,
                                 7.40673828125,
                                 9.02392578125};
  const std::vector<double> got = read_npy(folder.path("out/weights/pos_embed.weight.npy")).values;
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(std::fabs(got[i] - want[i]) < 1e-6);
  CHECK(read_text(folder.path("out/import.json")).find("resized from 3 x 3 to 4 x 2") != std::string::npos);

  const ProgramResult graph =
      run_program({"import", kGraphs + "gap.onnx", "--resize-positions", "--out", folder.path("no")});
  CHECK(graph.exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(folder.path("no")));
}
