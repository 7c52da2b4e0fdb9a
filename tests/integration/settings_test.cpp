// `--set workload.KEY=VALUE` of run, compare and sweep from outside: the same as a file with that size.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using nlohmann::json;
using namespace vitality::test;
using Catch::Contains;

namespace {

// tiny_vit with 48 columns and an image of 64 x 48, as a file.
std::string edited_model(const ScratchFolder& folder) {
  json model = json::parse(read_text(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_vit.json"));
  model["dims"]["dim"] = 48;
  model["image"]["height"] = 64;
  model["image"]["width"] = 48;
  const std::string path = folder.path("edited.json");
  std::ofstream(path) << model;
  return path;
}
const std::vector<std::string> kSettings{"--set", "workload.dim=48",        "--set", "workload.image.height=64",
                                         "--set", "workload.image.width=48"};

std::vector<std::string> words(std::vector<std::string> first, const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

json json_of(const std::vector<std::string>& arguments) {
  const ProgramResult result = run_program(arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return json::parse(result.out);
}

}  // namespace

TEST_CASE("run: sizes of the model on the command line give what a file with them gives, and rerun repeats it") {
  const ScratchFolder folder;
  const std::vector<std::string> run{"run", "--config", "vitality", "--result", "-"};
  const json file = json_of(words(run, {"--workload", edited_model(folder)}));
  const json set = json_of(words(words(run, {"--workload", "tiny_vit"}), kSettings));
  const json plain = json_of(words(run, {"--workload", "tiny_vit"}));
  CHECK(set["totals"] == file["totals"]);
  CHECK(set["layers"] == file["layers"]);
  CHECK(set["numerics"] == file["numerics"]);
  CHECK(set["totals"]["macs"] > plain["totals"]["macs"]);
  std::ofstream(folder.path("r.json")) << run_program(words(words(run, {"--workload", "tiny_vit"}), kSettings)).out;
  const ProgramResult again = run_program({"rerun", folder.path("r.json")});
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.out, Contains("--set workload.dim=48"));
}

TEST_CASE("compare: sizes of the models on the command line hold for all of them") {
  const ScratchFolder folder;
  const std::vector<std::string> compare{"compare",    "--config", "vitality", "--config", "dense_softmax",
                                         "--numerics", "off",      "--json",   "-"};
  const json file = json_of(words(compare, {"--workload", edited_model(folder)}));
  const json set = json_of(words(words(compare, {"--workload", "tiny_vit"}), kSettings));
  CHECK(set["pairs"] == file["pairs"]);
}

TEST_CASE("run: a size that the model does not have is answered with the one that was meant") {
  const ProgramResult result =
      run_program({"run", "--config", "vitality", "--workload", "tiny_vit", "--set", "workload.dimm=48"});
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, Catch::StartsWith("error: --set workload.dimm=48") && Contains("did you mean \"dim\"?"));
  CHECK(result.out.empty());
}
