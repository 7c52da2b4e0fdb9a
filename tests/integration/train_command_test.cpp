// `vitality train` from outside: the loss falls, runs repeat to the byte, the table is complete, bad input is refused.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file_lock.h"
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

std::string write_array(const std::string& path, const NpyShape& shape, const std::vector<double>& values,
                        NpyType type) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  write_npy(file, shape, values, type);
  std::fclose(file);
  return path;
}

// The program with these words, running, without an output.
pid_t started(const Words& words) {
  Words copies = words;
  std::string program = VITALITY_PROGRAM;
  std::vector<char*> arguments{program.data()};
  for (std::string& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  if (std::freopen("/dev/null", "w", stdout) != nullptr) execv(program.c_str(), arguments.data());
  _exit(127);
}

// 40 images of 16 x 16 in two classes and a model of 754 parameters for them. Class 1 has stripes that start bright,
// class 0 stripes that start dark, in every patch: mean pooling without position embeddings cannot tell where one lies.
class Stripes {
 public:
  explicit Stripes(const ScratchFolder& folder) {
    std::vector<double> pixels, classes;
    for (int i = 0; i < kCount; ++i) {
      classes.push_back(i % 2);
      for (int p = 0; p < 256; ++p) pixels.push_back((p % 8 < 4) == (i % 2 == 1) ? 200 + i : 10 + p % 7);
    }
    images = write_array(folder.path("x.npy"), {kCount, 16, 16}, pixels, NpyType::kUint8);
    labels_ = write_array(folder.path("y.npy"), {kCount}, classes, NpyType::kUint8);
    workload_ = folder.write("w.json", R"({"name": "w", "image": {"height": 16, "width": 16, "channels": 1}, "layers": [
    {"name": "patch_embed", "kind": "conv2d", "out_channels": 8, "kernel": 8, "stride": 8},
    {"name": "qkv", "kind": "linear", "out_features": 24},
    {"name": "attn", "kind": "attention", "heads": 2, "d_qk": 4, "layout": "qkv"},
    {"name": "pool", "kind": "mean_pool"}, {"name": "head", "kind": "linear", "out_features": 2}]})");
  }
  // `replaced`: an option and a value of its own in place of the one here.
  Words words(const Words& more, const Words& replaced = {"", ""}) const {
    Words all{"train", "--workload", workload_, "--images",      images, "--labels",
              labels_, "--batch",    "8",       "--test-images", "10"};
    all.insert(all.end(), more.begin(), more.end());
    const auto place = std::find(all.begin(), all.end(), replaced[0]);
    if (place != all.end()) place[1] = replaced[1];
    return all;
  }
  std::string images;

 private:
  static constexpr int kCount = 40;
  std::string labels_, workload_;
};

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
      {{"--attention", "taylor", "--attention", "taylor"}, "taylor twice"},
      {{"--threshold", "0.5", "--threshold", "0.50"}, "unified_0.5 twice"},
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
  const Stripes data(folder);
  const auto train = [&](const std::string& out, std::vector<std::string> more) {
    more.insert(more.end(), {"--attention", "softmax", "--save-weights", folder.path(out)});
    return run_program(data.words(more));
  };
  const ProgramResult one = train("a", {"--steps", "60", "--rate", "0.02", "-j", "1"}),
                      three = train("b", {"--steps", "60", "--rate", "0.02", "-j", "3"});
  INFO(one.err << one.out);
  REQUIRE(one.exit_code == 0);
  CHECK(one.out == three.out);
  CHECK(one.out.find("1.0000") != std::string::npos);  // all ten held-out images
  const auto head = [&](const char* name) { return read_text(folder.path(name) + "/softmax/head.weight.npy"); };
  CHECK(head("a") == head("b"));
  REQUIRE(train("c", {"--steps", "1", "--rate", "0", "--init", folder.path("a/softmax")}).exit_code == 0);
  CHECK(head("c") == head("a"));
  const std::vector<std::pair<Words, std::string>> refused = {
      {{"--images", data.images}, "each needs the other"},
      {{"--labels", "missing"}, "each needs the other"},
      {{"--epochs", "1"}, "needs --images"},
      {{"--epochs", "1", "--steps", "3"}, "expected one of them"},
      {{"--schedule", "cosin"}, "did you mean \"cosine\"?"},
      {{"--steps", "5", "--warmup-steps", "5"}, "fewer than the 5 steps"},
      {{"--seeds", "21"}, "from 1 to 20"}};
  for (const auto& [options, message] : refused) {
    Words words = {"train"};
    words.insert(words.end(), options.begin(), options.end());
    const ProgramResult result = run_program(words);
    INFO(options[0] << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::Contains(message));
  }
  const ProgramResult none = run_program(data.words({"--steps", "1"}, {"--test-images", "40"}));
  CHECK(none.exit_code == 2);  // none left to train on
}

TEST_CASE("train: killed at any time and started again it writes the bytes of a run that was left alone") {
  const ScratchFolder folder;
  const Stripes data(folder);
  const auto words = [&](const std::string& out) {
    return data.words({"--attention", "unified", "--attention", "softmax", "--steps", "120", "--threshold", "0.2",
                       "--save-weights", folder.path(out), "--losses", folder.path(out + ".csv"), "--result",
                       folder.path(out + ".json")});
  };
  REQUIRE(run_program(words("whole")).exit_code == 0);
  Words kept = words("killed");
  const std::string checkpoint = folder.path("c");
  kept.insert(kept.end(), {"--checkpoint", checkpoint});
  std::string last;
  for (int kills = 0; kills < 3; ++kills) {  // each after the file has changed: so the run goes forward
    const pid_t child = started(kept);
    int status = 0;
    while (read_text(checkpoint) == last && waitpid(child, &status, WNOHANG) == 0) usleep(1000);
    const bool interrupted = kills == 1;
    kill(child, interrupted ? SIGINT : SIGKILL);
    waitpid(child, &status, 0);
    CHECK((interrupted ? WIFEXITED(status) && WEXITSTATUS(status) == 130 : WIFSIGNALED(status)));
    last = read_text(checkpoint);
    REQUIRE(!last.empty());
  }
  kept.insert(kept.end(), {"--jobs", "3"});
  REQUIRE(run_program(kept).exit_code == 0);
  for (const char* file : {".csv", ".json"})
    CHECK(read_text(folder.path("killed") + file) == read_text(folder.path("whole") + file));
  for (const char* kind : {"unified", "softmax"})
    for (const char* tensor : {"qkv.weight", "head.bias"}) {
      const std::string file = std::string("/") + kind + "/" + tensor + ".npy";
      CHECK(read_text(folder.path("killed" + file)) == read_text(folder.path("whole" + file)));
    }
}

TEST_CASE("train: a checkpoint that is another run's, damaged, in use or no file is refused and stays as it is") {
  const ScratchFolder folder;
  const Stripes data(folder);
  const std::string checkpoint = folder.path("c");
  const auto train = [&](const std::string& file, const Words& replaced = {"", ""}) {
    return run_program(
        data.words({"--attention", "taylor", "--steps", "6", "--seed", "1", "--checkpoint", file}, replaced));
  };
  const auto refused = [](const ProgramResult& result, const std::string& reason) {
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith("error: ") && Catch::Contains(reason));
  };
  const ProgramResult first = train(checkpoint);
  REQUIRE(first.exit_code == 0);
  const std::string before = read_text(checkpoint);
  CHECK(train(checkpoint).out == first.out);  // nothing is left to do
  CHECK(read_text(checkpoint) == before);
  std::string pixels = read_text(data.images);
  ++pixels.back();
  for (const Words& other : std::vector<Words>{{"--seed", "2"},
                                               {"--steps", "7"},
                                               {"--batch", "4"},
                                               {"--attention", "softmax"},
                                               {"--test-images", "9"},
                                               {"--images", folder.write("x2.npy", pixels)}})
    refused(train(checkpoint, other), "belongs to another training");
  {
    FileLock lock;
    REQUIRE_FALSE(lock.take(checkpoint + ".lock"));
    refused(train(checkpoint), "process " + std::to_string(getpid()) + ") is using this checkpoint");
  }
  CHECK(read_text(checkpoint) == before);
  for (const std::size_t cut : {before.size() - 1, before.size() / 2, std::size_t{20 + 65 + 65}}) {
    folder.write("c", before.substr(0, cut));
    refused(train(checkpoint), "damaged");
  }
  folder.write("c", before + "x");
  refused(train(checkpoint), "damaged");
  for (const std::string& text : {std::string("something"), std::string(), before.substr(0, 100)}) {
    folder.write("c", text);
    refused(train(checkpoint), "not a checkpoint");
  }
  for (const std::string& file : {folder.path(), std::string("-"), std::string("/dev/null")})
    refused(train(file), "not a regular file");
  refused(train(folder.path("missing/c")), "missing/c");
  for (const char* option : {"--losses", "--result"})
    refused(run_program(data.words({"--steps", "1", "--checkpoint", checkpoint, option, folder.path("./c")})),
            "is the checkpoint of this command");
}

TEST_CASE("train: hostile images and labels are refused") {
  const ScratchFolder folder;
  const Stripes data(folder);
  const auto floats = [&](const std::string& name, double last) {
    std::vector<double> pixels(40 * 256, 0.5);
    pixels.back() = last;
    return write_array(folder.path(name), {40, 16, 16}, pixels, NpyType::kFloat32);
  };
  const std::string whole = read_text(data.images);
  const auto labels = [&](const std::string& name, int count, double value) {
    return write_array(folder.path(name), {count}, std::vector<double>(static_cast<std::size_t>(count), value),
                       NpyType::kInt64);
  };
  const std::vector<std::pair<Words, std::string>> cases = {
      {{"--images", floats("nan.npy", std::nan(""))}, "NaN at"},
      {{"--images", floats("inf.npy", HUGE_VAL)}, "infinity at"},
      {{"--images", folder.write("short.npy", whole.substr(0, whole.size() - 1))}, "short.npy"},
      {{"--images", folder.write("long.npy", whole + "x")}, "long.npy"},
      {{"--images", folder.write("idx", std::string("\0\0\x08\x03\0\0\0\x28\0\0\0\x10\0\0\0\x10", 16))}, "idx"},
      {{"--images", write_array(folder.path("i.npy"), {40, 16, 16}, std::vector<double>(40 * 256), NpyType::kInt64)},
       "i.npy"},
      {{"--images", write_array(folder.path("s.npy"), {40, 8, 16}, std::vector<double>(40 * 128), NpyType::kUint8)},
       "expected (n, 16, 16)"},
      {{"--images", folder.path()}, folder.path()},
      {{"--labels", labels("39.npy", 39, 0)}, "expected (40,)"},
      {{"--labels", labels("2.npy", 40, 2)}, "label 2 of image 0, expected 0 to 1"},
      {{"--labels", labels("-1.npy", 40, -1)}, "label -1 of image 0"},
      {{"--labels", data.images}, "expected (40,)"}};
  for (const auto& [options, reason] : cases) {
    const ProgramResult result = run_program(data.words({"--steps", "9", "--losses", folder.path("l.csv")}, options));
    INFO(options[1] << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith("error: ") && Catch::Contains(reason));
    CHECK_FALSE(std::filesystem::exists(folder.path("l.csv")));
  }
}

TEST_CASE("train: arms of thresholds, means over seeds by hand, and an epoch is a pass over the images") {
  const ScratchFolder folder;
  const Stripes data(folder);
  const ProgramResult result =
      run_program(data.words({"--attention", "sparse", "--attention", "taylor", "--threshold", "0.02", "--threshold",
                              "0.5", "--epochs", "2", "--seeds", "2", "--result", folder.path("r.json")}));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto training = nlohmann::json::parse(read_text(folder.path("r.json"))).at("training");
  CHECK(training.at("steps") == 2 * 4);  // 30 images in batches of 8
  std::vector<std::string> arms;
  for (const auto& run : training.at("runs")) arms.push_back(run.at("arm"));
  CHECK(arms == std::vector<std::string>{"sparse_0.02", "sparse_0.5", "taylor", "sparse_0.02", "sparse_0.5", "taylor"});
  CHECK(training["runs"][0].at("mask_density").get<double>() > training["runs"][1].at("mask_density").get<double>());
  for (std::size_t arm = 0; arm < 3; ++arm) {
    const double first = training["runs"][arm]["accuracy"]["mean"],
                 second = training["runs"][arm + 3]["accuracy"]["mean"];
    const auto& mean = training["arms"][arm]["accuracy"];
    CHECK(mean["mean"].get<double>() == Approx((first + second) / 2));
    // Of two values the standard error is half their distance, and t is 12.706.
    CHECK(mean["high"].get<double>() - mean["mean"].get<double>() ==
          Approx(12.706 * std::abs(first - second) / 2).margin(1e-12));
  }
}

// With one training image and a small rate every step has the same gradient, and a step of AdamW moves each weight by
// the rate: the loss falls in proportion to it.
TEST_CASE("train: the loss of one image falls step by step in proportion to the scheduled rate") {
  const ScratchFolder folder;
  const Stripes data(folder);
  const auto falls = [&](const Words& more) {
    Words all{"--attention", "taylor", "--steps", "5", "--rate", "0.00001", "--losses", folder.path("l.csv")};
    all.insert(all.end(), more.begin(), more.end());
    REQUIRE(run_program(data.words(all, {"--test-images", "39"})).exit_code == 0);
    std::istringstream csv(read_text(folder.path("l.csv")));
    std::string line;
    std::getline(csv, line);
    std::vector<double> losses, differences;
    while (std::getline(csv, line)) losses.push_back(std::stod(line.substr(line.find(',') + 1)));
    for (std::size_t i = 1; i < losses.size(); ++i) differences.push_back(losses[i - 1] - losses[i]);
    return differences;
  };
  const std::vector<std::pair<Words, std::vector<double>>> expected = {
      // (1 + cos(pi i / 5)) / 2
      {{"--schedule", "cosine", "--warmup-steps", "0"}, {1, 0.904508, 0.654508, 0.345492}},
      {{"--schedule", "linear", "--warmup-steps", "0"}, {1, 0.8, 0.6, 0.4}},
      {{"--schedule", "constant", "--warmup-steps", "0"}, {1, 1, 1, 1}},
      {{"--schedule", "linear", "--warmup-steps", "3"}, {1. / 3, 2. / 3, 1, 1}}};
  const double peak = falls(expected[0].first).at(0);
  REQUIRE(peak > 0);
  for (const auto& [options, rates] : expected) {
    INFO(options[1] << " " << options[3]);
    const std::vector<double> found = falls(options);
    REQUIRE(found.size() == rates.size());
    for (std::size_t i = 0; i < rates.size(); ++i) CHECK(found[i] / peak == Approx(rates[i]).margin(0.01));
  }
}

TEST_CASE("train: starting from the weights that ship it finds the accuracy that evaluate finds") {
  const ScratchFolder folder;
  const std::string images = "examples/trained-model/images.npy", labels = "examples/trained-model/labels.npy";
  const std::vector<std::string> data{"--workload", "fashion_vit", "--images", images,  "--labels",
                                      labels,       "--mean",      "0.2860",   "--std", "0.3530"};
  const auto result_of = [&](std::vector<std::string> words) {
    words.insert(words.end(), data.begin(), data.end());
    words.insert(words.end(), {"--attention", "taylor", "--result", folder.path("r.json")});
    const ProgramResult result = run_program(words);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return nlohmann::json::parse(read_text(folder.path("r.json")));
  };
  const auto trained = result_of({"train", "--init", "workloads/fashion_vit", "--rate", "0", "--steps", "1", "--batch",
                                  "1", "--test-images", "99"});
  const auto evaluated = result_of({"evaluate", "--weights", "workloads/fashion_vit"});
  const double held_out = 99 * trained["training"]["runs"][0]["accuracy"]["mean"].get<double>(),
               all = 100 * evaluated["evaluation"]["kinds"][0]["top1"].get<double>();
  CHECK(held_out >= 50);
  CHECK(all - held_out > -1e-9);  // evaluate has one image more, the one that was trained on
  CHECK(all - held_out < 1 + 1e-9);
}
