// Where a model's values come from: seeds, memory, folders of .npy files.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "base/error.h"
#include "tensor/npy.h"
#include "tests/support/npy_files.h"
#include "tests/support/program.h"
#include "tests/support/random_matrix.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

using namespace vitality;
using namespace vitality::test;

namespace {

VitModel tiny(const std::string& name = "tiny_vit") {
  return read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/" + name + ".json");
}

std::string refusal(const VitModel& model, const std::string& directory, const std::string& tensor) {
  const SeededParameters seeded(1);
  try {
    const DirectoryParameters source(model, directory, seeded);
    for (const ParameterInfo& info : parameters_of(model))
      if (info.name == tensor) source.tensor(info);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("parameter tensors of every tiny model add up to its parameter count") {
  for (const char* name : {"tiny_vit", "tiny_levit", "tiny_mobilevit", "tiny_distilled"}) {
    const VitModel model = tiny(name);
    Count trained = 0;
    for (const ParameterInfo& info : parameters_of(model)) {
      const bool extra = info.name == "input" || info.name.find(".running_") != std::string::npos;
      trained += extra ? 0 : Count{info.rows} * info.cols;
    }
    INFO(name);
    CHECK(trained == parameter_count(model));
  }
}

TEST_CASE("seeded parameters: a pure function of seed and name, in the range of their role") {
  const SeededParameters one(1), again(1), two(2);
  const ParameterInfo weight{"a.weight", 48, 65, ParameterRole::kWeight},
      other{"b.weight", 48, 65, ParameterRole::kWeight};
  const MatrixD x = one.tensor(weight);
  CHECK(difference(x, again.tensor(weight)) == 0);
  CHECK(difference(x, two.tensor(weight)) > 0.1);
  CHECK(difference(x, one.tensor(other)) > 0.1);
  double square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    CHECK(std::fabs(x.data()[i]) <= std::sqrt(3.0 / 48));
    square += x.data()[i] * x.data()[i];
  }
  CHECK(square / 65 == Approx(1).margin(0.1));  // fan-in times variance: a linear layer keeps its input's variance
  const MatrixD scale = one.tensor({"n.weight", 1, 100, ParameterRole::kNormScale});
  for (int c = 0; c < 100; ++c) CHECK(std::fabs(scale(0, c) - 1) <= 0.1);
}

TEST_CASE("stored parameters come before their fallback") {
  const SeededParameters seeded(1);
  StoredParameters stored(seeded);
  const ParameterInfo info{"a.weight", 2, 3, ParameterRole::kWeight};
  CHECK(difference(stored.tensor(info), seeded.tensor(info)) == 0);
  stored.tensors()["a.weight"] = MatrixD(2, 3, 7.0);
  CHECK(difference(stored.tensor(info), MatrixD(2, 3, 7.0)) == 0);
}

TEST_CASE("a batch norm in front of a convolution in groups is absorbed channel by channel") {
  const VitModel model = parse_workload(
      R"({"name": "m", "image": {"height": 2, "width": 2, "channels": 4},
          "layers": [{"name": "n", "kind": "batch_norm", "folds_into": "c", "epsilon": 1e-30},
                     {"name": "c", "kind": "conv2d", "out_channels": 2, "kernel": 2, "groups": 2}]})",
      "m.json");
  const auto row = [](const std::vector<double>& values) {
    MatrixD matrix(1, static_cast<int>(values.size()));
    std::copy(values.begin(), values.end(), matrix.data());
    return matrix;
  };
  const SeededParameters seeded(1);
  StoredParameters stored(seeded);
  // y = (x - mean) scale / sqrt(variance) + shift: 2 x - 1, 3 x, 5 x + 1 and 7 x - 14.
  stored.tensors()["n.weight"] = row({2, 6, 10, 7}), stored.tensors()["n.running_var"] = row({1, 4, 4, 1});
  stored.tensors()["n.bias"] = row({1, 0, 1, 0}), stored.tensors()["n.running_mean"] = row({1, 0, 0, 2});
  // Rows are pixel by pixel the two channels of the group: 0 and 1 for the first result, 2 and 3 for the second.
  stored.tensors()["c.weight"] = MatrixD(8, 2, 1.0), stored.tensors()["c.bias"] = row({0.5, 0.25});
  const EffectiveWeights got = effective_weights(model, 1, stored, true);
  for (int pixel = 0; pixel < 4; ++pixel) {
    CHECK(got.weight(2 * pixel, 0) == 2);
    CHECK(got.weight(2 * pixel + 1, 0) == 3);
    CHECK(got.weight(2 * pixel, 1) == 5);
    CHECK(got.weight(2 * pixel + 1, 1) == 7);
  }
  CHECK(got.bias == std::vector<double>{0.5 - 4 * 1, 0.25 + 4 * (1 - 14)});
}

TEST_CASE("a folder of .npy files gives tensors by name, the others stay seeded") {
  const VitModel model = tiny();
  ScratchFolder folder;
  const MatrixD weight = random_matrix(32, 96, 5);
  write_npy(folder.path("blocks.0.attn.qkv.weight.npy"), weight);
  write_npy(folder.path("blocks.0.attn.qkv.bias.npy"), {96}, std::vector<double>(96, 0.25), NpyType::kFloat32);
  folder.write("notes.txt", "not a tensor");
  const SeededParameters seeded(1);
  const DirectoryParameters source(model, folder.path(), seeded);
  int given = 0;
  for (const ParameterInfo& info : parameters_of(model)) {
    const MatrixD values = source.tensor(info);
    if (info.name == "blocks.0.attn.qkv.weight") {
      CHECK(difference(values, weight) == 0);
      ++given;
    } else if (info.name == "blocks.0.attn.qkv.bias") {
      CHECK(difference(values, MatrixD(1, 96, 0.25)) == 0);
      ++given;
    } else {
      CHECK(difference(values, seeded.tensor(info)) == 0);
    }
  }
  CHECK(given == 2);
}

TEST_CASE("a folder of .npy files: bad names, shapes and values are refused with the file's name") {
  const VitModel model = tiny();
  using Catch::Contains;
  {
    ScratchFolder folder;
    write_npy(folder.path("blocks.0.attn.qvk.weight.npy"), MatrixD(32, 96));
    CHECK_THAT(refusal(model, folder.path(), ""),
               Contains("blocks.0.attn.qvk.weight.npy") && Contains("did you mean \"blocks.0.attn.qkv.weight\""));
  }
  ScratchFolder folder;
  CHECK_THAT(refusal(model, folder.path(), ""), Contains("no .npy file"));
  CHECK_THAT(refusal(model, folder.path("nowhere"), ""), Contains("can't be read"));
  const std::string file = folder.path("head.weight.npy");
  write_npy(file, MatrixD(10, 32));
  CHECK_THAT(refusal(model, folder.path(), "head.weight"),
             Contains(file) && Contains("expected (32, 10)") && Contains("transpose"));
  write_npy(file, {32, 10}, std::vector<double>(320, std::nan("")));
  CHECK_THAT(refusal(model, folder.path(), "head.weight"), Contains("NaN"));
  write_npy(file, {32, 10}, std::vector<double>(320, 1), NpyType::kInt32);
  CHECK_THAT(refusal(model, folder.path(), "head.weight"), Contains("int32"));
  folder.write("head.weight.npy", "garbage");
  CHECK_THAT(refusal(model, folder.path(), "head.weight"), Contains("not a .npy file"));
}
