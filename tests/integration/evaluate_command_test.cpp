#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tensor/npy.h"
#include "tests/support/program.h"

using namespace vitality;
using namespace vitality::test;

namespace {

const std::string kGraphs = VITALITY_SOURCE_DIR "/tests/golden/onnx/";

std::string write_array(const ScratchFolder& folder, const std::string& name, const NpyShape& shape,
                        const std::vector<double>& values, NpyType type) {
  std::FILE* file = std::fopen(folder.path(name).c_str(), "wb");
  write_npy(file, shape, values, type);
  std::fclose(file);
  return folder.path(name);
}

// A trained graph of tests/golden/onnx as workload and weights, with the images that a test gives it.
class Model {
 public:
  explicit Model(const std::string& name) : name_(name) {
    const ProgramResult imported = run_program({"import", kGraphs + name + ".onnx", "--out", folder.path("m")});
    INFO(imported.err);
    REQUIRE(imported.exit_code == 0);
    const NpyArray nchw = read_npy(kGraphs + name + ".input.npy");
    channels_ = nchw.shape[1], height_ = nchw.shape[2], width_ = nchw.shape[3];
    const int pixels = height_ * width_;
    for (int p = 0; p < pixels; ++p)
      for (int c = 0; c < channels_; ++c) image.push_back(nchw.values[static_cast<std::size_t>(c * pixels + p)]);
  }
  // `count` images: the graph's own, times factor(i).
  template <class Factor>
  std::string images(int count, const Factor& factor) const {
    std::vector<double> all;
    for (int i = 0; i < count; ++i)
      for (const double value : image) all.push_back(value * factor(i));
    return write_array(folder, "images.npy", {count, height_, width_, channels_}, all, NpyType::kFloat64);
  }
  ProgramResult evaluate(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"evaluate", "--workload", workload(), "--weights", weights()};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  }
  std::string workload() const { return folder.path("m/workload.json"); }
  std::string weights() const { return folder.path("m/weights"); }
  std::vector<double> expected() const { return read_npy(kGraphs + name_ + ".output.npy").values; }

  ScratchFolder folder;
  std::vector<double> image;  // pixels x channels

 private:
  std::string name_;
  int channels_ = 0, height_ = 0, width_ = 0;
};

double waves(int i) {
  return 1 + 0.5 * std::cos(1.0 + i);
}

nlohmann::json parsed(const std::string& path) {
  return nlohmann::json::parse(read_text(path));
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

}  // namespace

TEST_CASE("logits of an evaluation are those of the program that made the graph") {
  for (const char* name : {"softmax", "gap", "levit", "mobilevit_dynamic"}) {
    INFO(name);
    const Model model(name);
    const std::string z = model.folder.path("z.npy");
    const ProgramResult result = model.evaluate({"--images", model.images(2, [](int) { return 1.0; }), "--logits", z});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    const NpyArray logits = read_npy(z);
    REQUIRE(logits.shape[0] == 2);
    std::vector<double> want = model.expected();
    if (name == std::string("softmax")) continue;  // the graph ends with a softmax, which import drops
    const std::vector<double> once = want;
    want.insert(want.end(), once.begin(), once.end());
    CHECK(largest_difference(logits.values, want) < 1e-4);
  }
}

TEST_CASE("accuracy counts the labels, and no byte depends on the number of threads") {
  const Model model("gap");
  const int count = 70;  // more than a block
  const std::string images = model.images(count, waves), z = model.folder.path("z.npy"),
                    r = model.folder.path("r.json");
  REQUIRE(model.evaluate({"--images", images, "--logits", z, "--quiet"}).exit_code == 0);
  const NpyArray logits = read_npy(z);
  const auto classes = static_cast<std::size_t>(logits.shape[1]);
  std::vector<double> labels;
  for (int i = 0; i < count; ++i) {
    const auto row = logits.values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * classes);
    const auto best = static_cast<int>(std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row);
    labels.push_back(i % 7 == 0 ? (best + 1) % static_cast<int>(classes) : best);  // 10 of 70 are wrong
  }
  const std::string y = write_array(model.folder, "y.npy", {count}, labels, NpyType::kInt64);
  std::vector<std::string> texts;
  for (const char* jobs : {"1", "3"}) {
    const ProgramResult result = model.evaluate({"--images", images, "--labels", y, "--attention", "softmax",
                                                 "--attention", "taylor", "--result", r, "--logits", z, "-j", jobs});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    nlohmann::json json = parsed(r);
    json["manifest"].erase("host_seconds"), json["manifest"].erase("command");
    texts.push_back(json.dump() + read_text(z) + result.out);
    const nlohmann::json kinds = json["evaluation"]["kinds"];
    CHECK(json["evaluation"]["images"] == count);
    CHECK(kinds[0]["attention"] == "softmax");
    CHECK(kinds[0]["top1"] == Approx(60.0 / 70));
    CHECK(kinds[0]["top1_low"].get<double>() < 60.0 / 70);
    CHECK(kinds[0]["agreement_with_softmax"] == 1);
    CHECK(kinds[1]["layers"][0]["z_cosine_similarity"].get<double>() <= 1);
  }
  CHECK(texts[0] == texts[1]);
}

TEST_CASE("the machine's logits without time are those of a simulation of the same image") {
  const Model model("gap");
  std::filesystem::create_directory(model.folder.path("inputs"));
  for (const auto& entry : std::filesystem::directory_iterator(model.weights()))
    std::filesystem::copy(entry.path(), model.folder.path("inputs"));
  const auto pixels = static_cast<int>(model.image.size());
  const int channels = 3;
  write_array(model.folder, "inputs/input.npy", {pixels / channels, channels}, model.image, NpyType::kFloat64);
  // Scales come from the same image in both, so all codes agree. Sanger's masks depend on the image.
  const std::string images = model.images(4, [](int) { return 1.0; });
  for (const char* config : {"vitality", "dense_softmax", "sanger", "salo"}) {
    for (const char* precision : {"int8", "fp32"}) {
      INFO(config << " " << precision);
      const std::string set = std::string("precision=") + precision, out = model.folder.path("out");
      const ProgramResult run = run_program({"run", "--config", config, "--workload", model.workload(), "--inputs",
                                             model.folder.path("inputs"), "--set", set, "--quiet", "--outputs", out,
                                             "--result", model.folder.path("run.json")});
      INFO(run.err);
      REQUIRE(run.exit_code == 0);
      const std::string z = model.folder.path("z.npy"), r = model.folder.path("r.json");
      const ProgramResult evaluated =
          model.evaluate({"--images", images, "--config", config, "--set", set, "--machine-images", "3", "--calibrate",
                          "1", "--machine-logits", z, "--result", r, "--quiet"});
      INFO(evaluated.err);
      REQUIRE(evaluated.exit_code == 0);
      const NpyArray logits = read_npy(z);
      REQUIRE(logits.shape[0] == 3);
      std::vector<double> once, want;
      for (const auto& entry : std::filesystem::directory_iterator(out)) once = read_npy(entry.path().string()).values;
      for (int i = 0; i < 3; ++i) want.insert(want.end(), once.begin(), once.end());
      CHECK(logits.values == want);
      const nlohmann::json machine = parsed(r)["evaluation"]["machine"];
      const nlohmann::json totals = parsed(model.folder.path("run.json"))["totals"];
      CHECK(machine["cycles"].get<double>() == totals["cycles"].get<double>());
      CHECK(machine["energy_mj"].get<double>() == totals["energy_mj"].get<double>());
      if (precision == std::string("fp32")) CHECK(machine["saturated"] == 0);
      CHECK(machine["depends_on_data"] == (config == std::string("sanger")));
      CHECK(machine.contains("cycles_p95") == (config == std::string("sanger")));
    }
  }
}

TEST_CASE("a machine with predicted masks takes its scales from images whose masks it predicts") {
  const std::string root = VITALITY_SOURCE_DIR, data = root + "/examples/trained-model/";
  const ProgramResult run =
      run_program({"evaluate", "--config",          "sanger", "--workload",  "fashion_vit", "--weights", "fashion_vit",
                   "--images", data + "images.npy", "--mean", "0.2860",      "--std",       "0.3530",    "--attention",
                   "taylor",   "--machine-images",  "8",      "--calibrate", "20",          "--result",  "-"});
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  // 16 bits: as the reference says, whose masks come from the same scores.
  CHECK(nlohmann::json::parse(run.out)["evaluation"]["machine"]["agreement_with_reference"] == 1);
}

TEST_CASE("what the calibration images do not reach is saturated and counted") {
  const Model model("gap");
  // The machine's image is twice as bright as the one that the scales come from.
  const std::string images = model.images(2, [](int i) { return i == 0 ? 2.0 : 1.0; }), r = model.folder.path("r.json");
  const ProgramResult result = model.evaluate({"--images", images, "--config", "vitality", "--machine-images", "1",
                                               "--calibrate", "1", "--result", r, "--quiet"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const nlohmann::json machine = parsed(r)["evaluation"]["machine"];
  double largest = 0;
  for (const double value : model.image) largest = std::max(largest, std::fabs(value));
  int beyond = 0;  // pixels whose code would be more than 32767.5
  for (const double value : model.image) beyond += std::fabs(2 * value) / largest * 32767 > 32767.5;
  REQUIRE(beyond > 0);
  CHECK(machine["saturated"].get<int>() >= beyond);
  int by_layer = 0;
  for (const auto& layer : machine["saturated_by_layer"]) by_layer += layer.get<int>();
  CHECK(by_layer == machine["saturated"].get<int>());
}

TEST_CASE("an evaluation goes on from its checkpoint to the same result") {
  const Model model("gap");
  const std::string images = model.images(8, waves), c = model.folder.path("c"), z = model.folder.path("z.npy"),
                    m = model.folder.path("m.npy");
  const std::vector<std::string> words{"--images",         images, "--config",     "vitality", "--machine-images", "4",
                                       "--calibrate",      "4",    "--checkpoint", c,          "--logits",         z,
                                       "--machine-logits", m,      "--quiet"};
  REQUIRE(model.evaluate(words).exit_code == 0);
  const std::string whole = read_text(c), logits = read_text(z), machine = read_text(m);
  for (const std::size_t length : {whole.size(), whole.size() - 10, whole.size() / 2, std::size_t{100}}) {
    model.folder.write("c", whole.substr(0, length));
    std::filesystem::remove(z), std::filesystem::remove(m);
    const ProgramResult again = model.evaluate(words);
    INFO(again.err);
    REQUIRE(again.exit_code == 0);
    CHECK(read_text(z) == logits);
    CHECK(read_text(m) == machine);
    CHECK(read_text(c).size() == whole.size());
  }
  std::vector<std::string> other = words;
  other.insert(other.end(), {"--mean", "0.5"});
  const ProgramResult refused = model.evaluate(other);
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("belongs to another evaluation") != std::string::npos);
}

TEST_CASE("an evaluation that cannot be is refused with the reason, and writes nothing") {
  const Model model("gap");
  const std::string images = model.images(6, waves), z = model.folder.path("z.npy");
  const auto refused = [&](std::vector<std::string> words, const std::string& reason) {
    words.insert(words.end(), {"--logits", z});
    const ProgramResult result = model.evaluate(words);
    INFO(reason << "\n" << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find(reason) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(z));
  };
  refused({"--images", images, "--config", "vitality", "--machine-images", "4", "--calibrate", "3"}, "overlap");
  refused({"--images", images, "--config", "gpu_h100"}, "not simulated");
  refused({"--images", images, "--calibrate", "3"}, "--calibrate needs --config");
  refused({"--images", images, "--attention", "sofmax"}, "did you mean \"softmax\"");
  refused({"--images", images, "--attention", "auto"}, "--attention");
  refused({"--images", images, "--mean", "1,2"}, "expected one for each of 3 channels");
  refused({"--images", images, "--std", "0"}, "positive");
  refused({"--images", images, "--limit", "0"}, "--limit");
  refused({"--images", images, "--checkpoint", z}, "is the checkpoint of this command");
  refused({"--images", model.weights() + "/head.bias.npy"}, "expected (n, ");
  refused({"--images", model.folder.path("nothing")}, "nothing");
  refused({"--images", images, "--labels", write_array(model.folder, "y.npy", {5}, {0, 1, 2, 3, 4}, NpyType::kUint8)},
          "expected (6,)");
  refused(
      {"--images", images, "--labels", write_array(model.folder, "y.npy", {6}, {0, 1, 2, 3, 4, 99}, NpyType::kUint8)},
      "label 99 of image 5");
  std::filesystem::remove(model.weights() + "/head.bias.npy");
  refused({"--images", images}, "no file head.bias.npy");
}

TEST_CASE("outputs of layers are written as real values") {
  const ScratchFolder folder;
  const std::string out = folder.path("out");
  const std::vector<std::string> words{"run",      "--config", "vitality",  "--workload",
                                       "tiny_vit", "--quiet",  "--outputs", out};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return run_program(more);
  };
  REQUIRE(with({"--outputs-of", "*residual1", "--batch", "2"}).exit_code == 0);
  const NpyArray first = read_npy(out + "/image0/blocks.0.residual1.npy"),
                 second = read_npy(out + "/image1/blocks.0.residual1.npy");
  CHECK(first.shape == second.shape);
  CHECK(first.values != second.values);
  const ProgramResult merged = with({"--outputs-of", "*attn.proj"});  // the residual's addition takes it from the array
  CHECK(merged.exit_code == 2);
  CHECK(merged.err.find("does not leave the chip") != std::string::npos);
  const ProgramResult wrong = with({"--outputs-of", "*attn.prj"});
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err.find("--outputs-of") != std::string::npos);
  CHECK(with({"--numerics", "off"}).exit_code == 2);
  CHECK(with({"--mode", "training"}).exit_code == 2);
  CHECK(run_program({"run", "--config", "vitality", "--workload", "tiny_vit", "--outputs-of", "head"}).exit_code == 2);
  CHECK(run_program({"run", "--config", "gpu_h100", "--workload", "tiny_vit", "--outputs", folder.path("gpu")})
            .exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(folder.path("gpu")));
}

TEST_CASE("machines are compared on given weights, whose masks are theirs") {
  const Model model("gap");
  const std::string json = model.folder.path("c.json");
  const auto density = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"compare",        "--config", "sanger", "--workload",
                                   model.workload(), "--quiet",  "--json", json};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult result = run_program(words);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return parsed(json)["pairs"][0]["density"]["value"].get<double>();
  };
  const std::string result = model.folder.path("r.json");
  REQUIRE(run_program({"run", "--config", "sanger", "--workload", model.workload(), "--inputs", model.weights(),
                       "--result", result, "--quiet"})
              .exit_code == 0);
  const double given = density({"--inputs", model.weights()});
  CHECK(given == parsed(result)["mask_density"].get<double>());
  CHECK(given != density({}));
  const ProgramResult two = run_program({"compare", "--config", "sanger", "--workload", model.workload(), "--workload",
                                         model.workload(), "--inputs", model.weights()});
  CHECK(two.exit_code == 2);
  std::filesystem::remove(model.weights() + "/head.bias.npy");
  const ProgramResult missing =
      run_program({"compare", "--config", "sanger", "--workload", model.workload(), "--inputs", model.weights()});
  CHECK(missing.exit_code == 2);
  CHECK(missing.err.find("head.bias.npy") != std::string::npos);
}

// From a folder that has neither a workloads/ nor a fashion_vit/.
TEST_CASE("shipped weights are found by name from every folder, and an error lists where they were looked for") {
  const ScratchFolder folder;
  const std::string root = VITALITY_SOURCE_DIR;
  const std::vector<std::string> evaluate{
      "evaluate", "--workload", "fashion_vit", "--images", root + "/examples/trained-model/images.npy",
      "--limit",  "1",          "--attention", "softmax",  "--logits"};
  const auto logits = [&](const std::string& weights, const std::string& name) {
    std::vector<std::string> words = evaluate;
    words.insert(words.end(), {folder.path(name), "--weights", weights});
    return run_program(words, folder.path("."));
  };
  REQUIRE(logits(root + "/workloads/fashion_vit", "given.npy").exit_code == 0);
  for (const char* name : {"fashion_vit", "workloads/fashion_vit"}) {
    const ProgramResult found = logits(name, "found.npy");
    INFO(name << ": " << found.err);
    REQUIRE(found.exit_code == 0);
    CHECK(read_text(folder.path("found.npy")) == read_text(folder.path("given.npy")));
    CHECK(run_program({"run", "--config", "vitality", "--workload", "fashion_vit", "--inputs", name, "--numerics",
                       "off", "--quiet"},
                      folder.path("."))
              .exit_code == 0);
    CHECK(run_program({"compare", "--config", "vitality", "--workload", "fashion_vit", "--inputs", name, "--numerics",
                       "off", "--quiet"},
                      folder.path("."))
              .exit_code == 0);
  }
  const ProgramResult missing = logits("fashion_vti", "missing.npy");
  CHECK(missing.exit_code == 2);
  CHECK(missing.err.find("error: fashion_vti: ") == 0);
  CHECK(missing.err.find("looked in \"" + std::filesystem::path(root).lexically_normal().string()) !=
        std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path("missing.npy")));
  // A folder of the name where the command runs comes first, whatever it holds.
  std::filesystem::create_directories(folder.path("fashion_vit"));
  CHECK(logits("fashion_vit", "empty.npy").err.find("no .npy file in this folder") != std::string::npos);
  // What `train --save-weights` writes has a folder for each kind.
  std::filesystem::create_directories(folder.path("fashion_vit/taylor"));
  std::filesystem::copy(root + "/workloads/fashion_vit/input.npy", folder.path("fashion_vit/taylor"));
  CHECK(logits("fashion_vit", "kinds.npy").err.find(", but in \"fashion_vit/taylor\"") != std::string::npos);
}
