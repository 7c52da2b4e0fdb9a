// `vitality train` from outside: the loss falls, runs repeat to the byte, the table is complete, bad input is refused.
#include <catch2/catch.hpp>
#include <sstream>

#include "tensor/npy.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;
using Words = std::vector<std::string>;

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("train command: the loss falls, and two runs write the same bytes") {
  const ScratchFolder folder;
  const auto run = [&](const std::string& csv, const std::string& seed) {
    const ProgramResult result =
        run_program({"train", "--attention", "unified", "--attention", "taylor", "--steps", "60", "--batch", "4",
                     "--test-images", "20", "--seed", seed, "--losses", folder.path(csv)});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result.out;
  };
  const std::string table = run("a.csv", "1");
  CHECK(run("b.csv", "1") == table);
  CHECK(contents(folder.path("a.csv")) == contents(folder.path("b.csv")));
  CHECK(run("c.csv", "2") != table);

  std::istringstream csv(contents(folder.path("a.csv")));
  std::string line;
  std::getline(csv, line);
  CHECK(line == "step,unified,taylor");
  double first[2] = {}, last[2] = {};
  int steps = 0;
  for (; std::getline(csv, line); ++steps) {
    int step = -1;
    double loss[2];
    REQUIRE(std::sscanf(line.c_str(), "%d,%lf,%lf", &step, &loss[0], &loss[1]) == 3);
    CHECK(step == steps);
    for (int i = 0; i < 2; ++i) (steps < 20 ? first : last)[i] += steps < 20 || steps >= 40 ? loss[i] / 20 : 0;
  }
  CHECK(steps == 60);
  for (int i = 0; i < 2; ++i) CHECK(last[i] < first[i] - 0.1);
  CHECK_THAT(table, Catch::Contains("\nunified ") && Catch::Contains("\ntaylor ") && Catch::Contains("seed 1"));
}

TEST_CASE("train command: with a threshold of 1 unified training is Taylor training, with 0 it is softmax") {
  const ScratchFolder folder;
  const auto losses = [&](const std::string& attention, const std::string& threshold) {
    const ProgramResult result = run_program({"train", "--attention", attention, "--threshold", threshold, "--steps",
                                              "3", "--test-images", "1", "--losses", folder.path("x.csv")});
    REQUIRE(result.exit_code == 0);
    std::istringstream csv(contents(folder.path("x.csv")));
    std::string line;
    std::getline(csv, line);
    std::vector<double> values;
    while (std::getline(csv, line)) values.push_back(std::stod(line.substr(line.find(',') + 1)));
    return values;
  };
  const auto taylor = losses("taylor", "0.5"), softmax = losses("softmax", "0.5"), none = losses("unified", "1"),
             all = losses("unified", "0");
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(none.at(i) == Approx(taylor.at(i)).epsilon(1e-6));
    CHECK(all.at(i) == Approx(softmax.at(i)).epsilon(1e-6));
    CHECK(std::abs(taylor[i] - softmax[i]) > 1e-5);
  }
}

TEST_CASE("train command: the weights are .npy files by tensor name, the same bytes every time") {
  const ScratchFolder folder;
  const auto run = [&](const std::string& weights) {
    const ProgramResult result =
        run_program({"train", "--attention", "taylor", "--attention", "unified", "--steps", "2", "--batch", "1",
                     "--test-images", "1", "--save-weights", folder.path(weights)});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  };
  run("a");
  run("b");
  const auto qkv = read_npy_matrix(folder.path("a/unified/blocks.1.attn.qkv.weight.npy"));
  CHECK(qkv.rows() == 32);
  CHECK(qkv.cols() == 96);
  CHECK(read_npy_matrix(folder.path("a/taylor/input.npy")).rows() == 32 * 32);
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path("a"))) {
    if (!entry.is_regular_file()) continue;
    const std::string name = std::filesystem::relative(entry.path(), folder.path("a")).string();
    INFO(name);
    CHECK(contents(folder.path("a/" + name)) == contents(folder.path("b/" + name)));
    ++files;
  }
  CHECK(files == 2 * (1 + 2 + 2 + 2 * 12 + 2 + 2));  // image, patches, token and positions, two blocks, norm, head
  CHECK(contents(folder.path("a/taylor/head.weight.npy")) != contents(folder.path("a/unified/head.weight.npy")));
}

TEST_CASE("train command: bad input exits with 2 and writes nothing") {
  const ScratchFolder folder;
  const std::string csv = folder.path("l.csv");
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--attention", "unifed"}, "did you mean \"unified\"?"},
      {{"--threshold", "1.1"}, "from 0 to 1"},
      {{"--threshold", "nan"}, "from 0 to 1"},
      {{"--steps", "0"}, "from 1 to"},
      {{"--batch", "-1"}, "from 1 to"},
      {{"--rate", "-0.1"}, "from 0 to 10"},
      {{"--optimizer", "adam"}, "expected adamw or sgd"},
      {{"--workload", "workloads/missing.json"}, "missing.json"},
      {{"--signal", "-1"}, "from 0 to 100"},
      {{"--workload", "workloads/deit_base.json"}, "parameters are too many"},
      {{"--save-weights", "workloads/tiny_vit.json"}, "is not a folder"},
      {{"--optimizer", "sgd", "--rate", "10", "--attention", "softmax"}, "try a smaller --rate"},
      {{"--workload", "configs/vitality.json"}, "configs/vitality.json"}};
  for (const auto& [options, message] : cases) {
    Words words = {"train", "--losses", csv};
    words.insert(words.end(), options.begin(), options.end());
    const ProgramResult result = run_program(words);
    INFO(options[0] << " " << options[1] << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith("error: ") && Catch::Contains(message));
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  CHECK(run_program({"train", "--losses", "/nonexistent/l.csv"}).exit_code == 2);
}

TEST_CASE("train learns images from a file, the same bits for any number of threads, and goes on from its weights") {
  const ScratchFolder folder;
  const int count = 40, size = 16;
  std::vector<double> pixels, labels;
  // Class 1 has stripes that start bright, class 0 stripes that start dark: in every patch, because mean pooling
  // without position embeddings cannot tell where a patch lies.
  for (int i = 0; i < count; ++i) {
    labels.push_back(i % 2);
    for (int p = 0; p < size * size; ++p) pixels.push_back((p % 8 < 4) == (i % 2 == 1) ? 200 + i : 10 + p % 7);
  }
  const auto write = [&](const char* name, const NpyShape& shape, const std::vector<double>& values) {
    std::FILE* file = std::fopen(folder.path(name).c_str(), "wb");
    write_npy(file, shape, values, NpyType::kUint8);
    std::fclose(file);
    return folder.path(name);
  };
  const std::string images = write("x.npy", {count, size, size}, pixels), classes = write("y.npy", {count}, labels);
  const std::string workload =
      folder.write("w.json", R"({"name": "w", "image": {"height": 16, "width": 16, "channels": 1}, "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": 8, "kernel": 8, "stride": 8},
    {"name": "qkv", "kind": "linear", "out_features": 24},
    {"name": "attn", "kind": "attention", "heads": 2, "d_qk": 4, "layout": "qkv"},
    {"name": "pool", "kind": "mean_pool"}, {"name": "head", "kind": "linear", "out_features": 2}]})");
  const auto train = [&](const std::string& out, std::vector<std::string> more) {
    std::vector<std::string> words{"train",    "--workload",     workload,        "--images", images,
                                   "--labels", classes,          "--attention",   "softmax",  "--batch",
                                   "8",        "--save-weights", folder.path(out)};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  };
  const ProgramResult one = train("a", {"--steps", "60", "--rate", "0.02", "--test-images", "10", "-j", "1"}),
                      three = train("b", {"--steps", "60", "--rate", "0.02", "--test-images", "10", "-j", "3"});
  INFO(one.err << one.out);
  REQUIRE(one.exit_code == 0);
  CHECK(one.out == three.out);
  CHECK(one.out.find("1.0000") != std::string::npos);  // all ten held-out images
  const auto head = [&](const char* name) { return read_text(folder.path(name) + "/softmax/head.weight.npy"); };
  CHECK(head("a") == head("b"));
  REQUIRE(train("c", {"--steps", "1", "--rate", "0", "--test-images", "10", "--init", folder.path("a/softmax")})
              .exit_code == 0);
  CHECK(head("c") == head("a"));
  CHECK(train("d", {"--steps", "1", "--test-images", "40"}).exit_code == 2);  // none left to train on
  CHECK(run_program({"train", "--workload", workload, "--images", images}).exit_code == 2);
}
