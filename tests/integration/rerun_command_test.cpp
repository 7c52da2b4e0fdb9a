// `vitality rerun`: agrees with an untouched result, finds one changed byte, and refuses what is no result.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;
using Json = nlohmann::ordered_json;

namespace {

std::string result_of(const ScratchFolder& folder, std::vector<std::string> more) {
  std::vector<std::string> words{"run",     "--config", "configs/vitality.json",
                                 "--quiet", "--result", folder.path("r.json")};
  words.insert(words.end(), more.begin(), more.end());
  REQUIRE(run_program(words).exit_code == 0);
  return read_text(folder.path("r.json"));
}

}  // namespace

TEST_CASE("rerun: a result agrees with its repetition, whatever the run was asked for") {
  const ScratchFolder folder;
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"--workload", "workloads/tiny_vit.json"},
           {"--workload", "workloads/tiny_levit.json", "--numerics", "off", "--set", "matrix_engine.rows=32", "--set",
            "precision=int8"},
           {"--workload", "workloads/tiny_mobilevit.json", "--seed", "77", "--batch", "2", "--layers", "*"},
           {"--workload", "workloads/tiny_vit.json", "--layers", "blocks.[0]*", "--set",
            "name=it's a \"name\" with $signs"}}) {
    result_of(folder, more);
    const ProgramResult result = run_program({"rerun", folder.path("r.json")});
    INFO(result.out << result.err);
    CHECK(result.exit_code == 0);
    CHECK_THAT(result.out, Contains("every byte but host_seconds and kernels agrees"));
    CHECK_THAT(result.out, Catch::StartsWith("vitality run --config configs/vitality.json"));
  }
}

TEST_CASE("rerun: host_seconds may differ, nothing else may") {
  const ScratchFolder folder;
  const Json recorded = Json::parse(result_of(folder, {"--workload", "workloads/tiny_vit.json"}));
  const auto rerun = [&](const Json& json) {
    return run_program({"rerun", folder.write("changed.json", json.dump(2) + "\n")});
  };
  Json json = recorded;
  json["manifest"]["host_seconds"] = 12345.5;
  CHECK(rerun(json).exit_code == 0);
  for (const char* pointer : {"/totals/cycles", "/layers/3/energy_pj", "/units/0/stall_cycles/dram",
                              "/numerics/max_abs_error", "/manifest/config_sha256"}) {
    json = recorded;
    json[Json::json_pointer(pointer)] = 1;
    const ProgramResult result = rerun(json);
    CHECK(result.exit_code == 3);
    CHECK_THAT(result.out, Contains("DIFFERS") && Contains(std::string("  ") + pointer + ": 1 -> "));
  }
  json = recorded;
  json["layers"].erase(2);
  CHECK(rerun(json).exit_code == 3);
  const ProgramResult spaced = run_program({"rerun", folder.write("changed.json", recorded.dump())});
  CHECK(spaced.exit_code == 3);
  CHECK_THAT(spaced.out, Contains("every value agrees, but the file is not written as vitality writes it"));
}

TEST_CASE("rerun: what is no result is refused") {
  const ScratchFolder folder;
  const Json recorded = Json::parse(result_of(folder, {"--workload", "workloads/tiny_vit.json"}));
  const auto refused = [&](const std::string& text, const std::string& expected) {
    const ProgramResult result = run_program({"rerun", folder.write("bad.json", text)});
    INFO(expected);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Catch::StartsWith("error: " + folder.path("bad.json")) && Contains(expected));
  };
  const auto with = [&](const char* pointer, const Json& value) {
    Json json = recorded;
    json[Json::json_pointer(pointer)] = value;
    return json.dump();
  };
  refused("", "bad.json");
  refused("[]", "/schema_version");
  refused("{}", "/schema_version");
  refused(with("/schema_version", 3), "/schema_version: expected 1 or 2, found 3");
  refused(with("/manifest", 1), "/manifest/arguments");
  refused(with("/manifest/arguments", "run"), "/manifest/arguments");
  refused(with("/manifest/arguments/0", 5), "/manifest/arguments/0: expected a string, found 5");
  refused(with("/manifest/arguments/0", "--confg"), "did you mean \"--config\"?");
  refused(with("/manifest/arguments/0", "--help"), "/manifest/arguments");
  refused(recorded.dump().substr(0, 1000), "bad.json");
  CHECK(run_program({"rerun"}).exit_code == 2);
  CHECK(run_program({"rerun", "a.json", "b.json"}).exit_code == 2);
  CHECK(run_program({"rerun", "/nonexistent.json"}).exit_code == 2);
  // A run whose files are gone.
  const ProgramResult gone =
      run_program({"rerun", folder.write("gone.json", with("/manifest/arguments/1", folder.path("no.json")))});
  CHECK(gone.exit_code == 2);
  CHECK_THAT(gone.err, Contains("no.json"));
}
