// `--set workload.KEY=VALUE` of run, compare and sweep from outside: the same as a file with that size. `--set
// /POINTER` and axes with pointers: the same as an edited mapping file.
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

namespace {

// A mapping of tiny_vit, and the spec of a sweep over it.
struct MappingSweep {
  ScratchFolder folder;
  std::vector<std::string> run{"run", "--config", "vitality", "--workload", "tiny_vit", "--numerics", "off", "--quiet"};
  MappingSweep() { json_of(words(run, {"--mapping-out", folder.path("m.json"), "--result", "-"})); }

  ProgramResult sweep(const std::string& axes, const std::string& more = R"("mapping": "m.json",)") const {
    folder.write("s.json", R"({"base": "vitality", "workloads": ["tiny_vit"], )" + more + R"("axes": {)" + axes + "}}");
    return run_program({"sweep", "--spec", folder.path("s.json"), "--out", folder.path("out"), "--quiet"});
  }
  // Cycles with the row tile of these layers set in the file.
  long edited(const std::vector<std::string>& layers, int row_tile) const {
    json mapping = json::parse(read_text(folder.path("m.json")));
    for (const std::string& layer : layers) mapping["layers"][layer]["row_tile"] = row_tile;
    folder.write("e.json", mapping.dump());
    return json_of(words(run, {"--mapping", folder.path("e.json"), "--result", "-"}))["totals"]["cycles"];
  }
};

}  // namespace

TEST_CASE("sweep: axes with pointers change a mapping as an edited file does, for every layer that they name") {
  const MappingSweep s;
  const ProgramResult result =
      s.sweep(R"("/layers/blocks.*.mlp.fc1/row_tile": [4, 17, 18], "/layers/head/tile_columns": [10])");
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const json table = json::parse(read_text(s.folder.path("out/results.json")));
  const std::vector<std::string> both{"blocks.0.mlp.fc1", "blocks.1.mlp.fc1"};
  CHECK(table["points"][0]["totals"]["cycles"] == s.edited(both, 4));
  CHECK(table["points"][1]["totals"]["cycles"] == s.edited(both, 17));
  CHECK(s.edited(both, 4) > s.edited({both[0]}, 4));
  CHECK(table["points"][2]["status"] == "infeasible");
  CHECK_THAT(table["points"][2]["reason"].get<std::string>(), Contains("/row_tile: expected at most 17"));
  const json set = json_of(words(
      s.run, {"--mapping", s.folder.path("m.json"), "--set", "/layers/blocks.*.mlp.fc1/row_tile=4", "--result", "-"}));
  CHECK(set["totals"]["cycles"] == s.edited(both, 4));
}

TEST_CASE("sweep: pointers that lead nowhere are refused before anything runs") {
  const MappingSweep s;
  const ProgramResult typo = s.sweep(R"("/layers/blocks.*.mlp.fc3/row_tile": [4])");
  CHECK(typo.exit_code == 2);
  CHECK_THAT(typo.err, Contains("/axes/~1layers~1blocks.*.mlp.fc3~1row_tile: value 4: no value of"));
  const ProgramResult missing = s.sweep(R"("/layers/head/row_tile": [1])", "");
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, Contains("a pointer changes a mapping, expected \"mapping\""));
  for (const char* command : {"run", "compare"}) {
    const ProgramResult without =
        run_program({command, "--config", "vitality", "--workload", "tiny_vit", "--set", "/layers/head/row_tile=1"});
    CHECK(without.exit_code == 2);
    CHECK_THAT(without.err, Contains("a pointer changes a mapping file"));
  }
}
