// `vitality run --mode training` as a user sees it: the result's phases, tables, traces, rerun, and what is refused.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;
using Json = nlohmann::json;

namespace {

std::vector<std::string> training(std::vector<std::string> more) {
  std::vector<std::string> words{"run",
                                 "--mode",
                                 "training",
                                 "--config",
                                 "configs/vitality_training.json",
                                 "--workload",
                                 "workloads/tiny_vit.json"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

TEST_CASE("training run: the result has phases, errors and bytes, and CSV and table show them") {
  const ScratchFolder folder;
  const ProgramResult run = run_program(training(
      {"--batch", "2", "--set", "attention=taylor", "--result", folder.path("r.json"), "--csv", folder.path("csv")}));
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  CHECK_THAT(run.out, Contains("images/s") && Contains("forward") && Contains("backward") && Contains("update"));
  CHECK_THAT(run.out, Contains("output gradients") && Contains("new weights"));
  const Json r = Json::parse(text_of(folder.path("r.json")));
  CHECK(r["mode"] == "training");
  CHECK(r["training"]["optimizer"] == "adamw");
  CHECK(r["training"]["saved_activation_bytes"].get<long>() > 0);
  CHECK(r["training"]["time_per_step_ms"] == r["totals"]["latency_ms"]);
  CHECK(r["training"]["images_per_second"].get<double>() == Approx(2000 / r["totals"]["latency_ms"].get<double>()));
  CHECK(r["training"]["loss"].get<double>() > 0);
  CHECK(r["training"]["errors"].size() == 4);
  long cycles = 0;
  for (const Json& phase : r["training"]["phases"]) cycles += phase["cycles"].get<long>();
  CHECK(cycles == r["totals"]["cycles"].get<long>());
  const std::string phases = text_of(folder.path("csv/phases.csv"));
  CHECK_THAT(phases, Catch::StartsWith("phase,start_cycle,end_cycle,cycles,macs,"));
  CHECK(std::count(phases.begin(), phases.end(), '\n') == 4);
  CHECK_THAT(text_of(folder.path("csv/layers.csv")), Contains("image1/blocks.0.attn.backward"));
}

TEST_CASE("training run: rerun agrees byte by byte, and traces name both passes") {
  const ScratchFolder folder;
  REQUIRE(run_program(training({"--set", "attention=softmax", "--quiet", "--result", folder.path("r.json"), "--trace",
                                folder.path("t.json"), "--vcd", folder.path("t.vcd")}))
              .exit_code == 0);
  CHECK_THAT(text_of(folder.path("t.json")), Contains("blocks.1.mlp.fc1.backward") && Contains("head.update"));
  CHECK_THAT(text_of(folder.path("t.vcd")), Contains("head.update"));
  const ProgramResult again = run_program({"rerun", folder.path("r.json")});
  INFO(again.out << again.err);
  CHECK(again.exit_code == 0);
}

TEST_CASE("training run: what it cannot do is refused and writes nothing") {
  const ScratchFolder folder;
  struct Case {
    std::vector<std::string> words;
    int exit_code;
    const char* message;
  };
  for (const Case& c :
       std::vector<Case>{{{"--layers", "blocks.0*"}, 2, "option --layers"},
                         {{"--what-if"}, 2, "option --what-if"},
                         {{"--workload", "workloads/tiny_levit.json", "--set", "attention=taylor"}, 4, "conv2d"},
                         {{"--set", "special_functions.charge=not_charged"}, 4, "special_functions.charge=charged"},
                         {{"--set", "precision=int8"}, 4, "precision=fp16"},
                         {{"--set", "training.optimizer=adam"}, 2, "did you mean \"adamw\"?"},
                         {{"--set", "training.loss_scale=0"}, 2, "/training/loss_scale"},
                         {{"--set", "training.learning_rate=-1"}, 2, "/training/learning_rate"},
                         {{"--config", "configs/gpu_h100.json"}, 4, "training"}}) {
    std::vector<std::string> words = c.words;
    if (std::find(words.begin(), words.end(), "--config") == words.end())
      words.insert(words.end(), {"--config", "configs/vitality_training.json"});
    if (std::find(words.begin(), words.end(), "--workload") == words.end())
      words.insert(words.end(), {"--workload", "workloads/tiny_vit.json"});
    words.insert(words.begin(), {"run", "--mode", "training", "--result", folder.path("r.json")});
    const ProgramResult run = run_program(words);
    INFO(c.message << " " << run.err);
    CHECK(run.exit_code == c.exit_code);
    CHECK_THAT(run.err, Contains(c.message));
    CHECK(text_of(folder.path("r.json")).empty());
  }
}

TEST_CASE("training run: a step outside its tolerances exits with 3") {
  const ProgramResult run =
      run_program(training({"--set", "attention=taylor", "--set", "training.loss_scale=16777216", "--quiet"}));
  CHECK(run.exit_code == 3);
  CHECK_THAT(run.err, Contains("values outside tolerance: output gradients"));
}
