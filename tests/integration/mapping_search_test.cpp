// mapping.search simulate through the command line.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;
using Json = nlohmann::ordered_json;

namespace {

using Words = std::vector<std::string>;

Words searching(const std::string& machine, const std::string& workload, Words more = {}) {
  Words words{
      "run", "--quiet", "--config", machine, "--workload", workload, "--check", "--set", "mapping.search=simulate"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Json result_of(const Words& words, const std::string& file) {
  Words all = words;
  all.insert(all.end(), {"--result", file});
  const ProgramResult run = run_program(all);
  INFO(run.err);
  REQUIRE(run.exit_code == 0);
  return Json::parse(read_text(file));
}

double score(const Json& totals) {
  return totals["cycles"].get<double>() * totals["energy_mj"].get<double>();
}

}  // namespace

TEST_CASE("mapping search: what is found runs, with the reference's values, and is no worse than the estimate's") {
  const ScratchFolder folder;
  for (const auto& [machine, workload] : {std::pair{"vitality", "tiny_vit"},
                                          {"vitality_overlapped", "tiny_levit"},
                                          {"dense_softmax", "tiny_vit"},
                                          {"sanger", "tiny_vit"},
                                          {"vitcod", "tiny_vit"},
                                          {"dota", "tiny_vit"},
                                          {"vitality", "tiny_mobilevit"}}) {
    INFO(machine << " " << workload);
    const Words budget{"--search-budget", "60"};
    const Json found = result_of(searching(machine, workload, budget), folder.path("f.json"));
    Words words = searching(machine, workload, {"--set", "mapping.search=estimate"});
    const Json estimate = result_of(words, folder.path("e.json"));
    CHECK(found["numerics"]["passed"] == true);
    CHECK(score(found["totals"]) <= score(estimate["totals"]));
    CHECK(found["mapping_search"]["cycles"] == found["totals"]["cycles"]);
    CHECK(found["mapping_search"]["energy_mj"] == found["totals"]["energy_mj"]);
    CHECK(found["mapping_search"]["estimate_cycles"] == estimate["totals"]["cycles"]);
    CHECK(found["mapping_search"]["simulations"].get<int>() <= 60);
    CHECK(!estimate.contains("mapping_search"));
    // The estimate's own mapping, as the first simulation.
    words = searching(machine, workload, {"--search-budget", "1"});
    CHECK(result_of(words, folder.path("o.json"))["layers"] == estimate["layers"]);
  }
}

TEST_CASE("mapping search: the mapping that was found runs from its file, and the search repeats") {
  const ScratchFolder folder;
  const Words words =
      searching("vitality", "tiny_vit", {"--set", "matrix_engine.rows=16", "--set", "matrix_engine.cols=16"});
  Words out = words;
  out.insert(out.end(), {"--mapping-out", folder.path("m.json")});
  Json found = result_of(out, folder.path("a.json")), again = result_of(words, folder.path("b.json"));
  CHECK(found["mapping_search"]["simulations"].get<int>() > 6);
  found.erase("manifest"), again.erase("manifest");
  CHECK(found.dump() == again.dump());
  Words given = words;
  given.insert(given.end(), {"--set", "mapping.search=estimate", "--mapping", folder.path("m.json")});
  const Json run = result_of(given, folder.path("c.json"));
  CHECK(run["totals"] == found["totals"]);
  CHECK(run["layers"] == found["layers"]);
}

TEST_CASE("mapping search: a run goes on from its checkpoint, with a larger budget too") {
  const ScratchFolder folder;
  const std::string file = folder.path("search");
  const auto run = [&](const char* budget, const char* seed) {
    Words words = searching("vitality", "tiny_vit", {"--checkpoint", file, "--search-budget", budget, "--seed", seed});
    words.insert(words.end(), {"--result", folder.path("r.json")});
    return run_program(words);
  };
  REQUIRE(run("20", "1").exit_code == 0);
  const std::size_t size = read_text(file).size();
  REQUIRE(run("20", "1").exit_code == 0);
  CHECK(read_text(file).size() == size);
  const Json whole = result_of(searching("vitality", "tiny_vit", {"--search-budget", "30"}), folder.path("w.json"));
  REQUIRE(run("30", "1").exit_code == 0);
  CHECK(read_text(file).size() > size);
  Json resumed = Json::parse(read_text(folder.path("r.json")));
  CHECK(resumed["totals"] == whole["totals"]);
  CHECK(resumed["mapping_search"] == whole["mapping_search"]);
  const ProgramResult other = run("20", "2");
  CHECK(other.exit_code == 2);
  CHECK_THAT(other.err, Contains("search: belongs to another mapping search"));
  const ProgramResult none =
      run_program({"run", "--config", "vitality", "--workload", "tiny_vit", "--checkpoint", file});
  CHECK(none.exit_code == 2);
  CHECK_THAT(none.err, Contains("option --checkpoint: expected mapping.search simulate"));
}
