#include <catch2/catch.hpp>
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
  for (const char* name : {"x_form_wrong_axis", "window", "nothing_of_this_name"}) {
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
