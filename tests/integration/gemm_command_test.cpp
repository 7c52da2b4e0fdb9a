// `vitality gemm` from outside: the published simulator's cycles, options against config, and refusals.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using namespace vitality::test;

namespace {

nlohmann::json gemm(std::vector<std::string> words) {
  words.insert(words.begin(), "gemm");
  const ProgramResult result = run_program(words);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.empty());
  return nlohmann::json::parse(result.out);
}

}  // namespace

TEST_CASE("gemm: one fold of the published array") {
  const auto json = gemm({"--m", "197", "--k", "64", "--n", "64"});
  CHECK(json.size() == 4);
  CHECK(json["cycles"] == 387);
  CHECK(json["macs"] == 197 * 64 * 64);
  CHECK(json["folds"] == 1);
  CHECK(json["utilization"].get<double>() == Approx(197.0 / 387));
}

TEST_CASE("gemm: array from options, from a config, from --set, options win") {
  const std::vector<std::string> shape = {"--m", "49", "--k", "100", "--n", "33"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), shape.begin(), shape.end());
    return gemm(more)["cycles"].get<long>();
  };
  CHECK(with({"--rows", "32", "--cols", "32"}) == 1144);
  CHECK(with({"--rows", "32", "--cols", "32", "--dataflow", "output_stationary"}) == 648);
  CHECK(with({"--set", "matrix_engine.rows=32", "--set", "matrix_engine.cols=32"}) == 1144);
  const std::string vitality = "configs/vitality.json", overlapped = "configs/vitality_overlapped.json";
  CHECK(with({"--config", vitality}) == 2 * (3 * 64 + 49 - 2));
  CHECK(with({"--config", overlapped}) == 64 + 64 + 49 + 126);
  CHECK(with({"--config", vitality, "--rows", "32", "--set", "matrix_engine.rows=16", "--cols", "32"}) == 1144);
}

TEST_CASE("gemm: bad words are refused with exit 2 and a reason, nothing on stdout") {
  const std::string huge = "1000000000000000000";
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"--m", "0", "--k", "1", "--n", "1"},
      {"--m", "-3", "--k", "1", "--n", "1"},
      {"--m", huge, "--k", "1", "--n", "1"},
      {"--m", huge + huge, "--k", "1", "--n", "1"},
      {"--m", "1e3", "--k", "1", "--n", "1"},
      {"--m", "1.5", "--k", "1", "--n", "1"},
      {"--m", "nan", "--k", "1", "--n", "1"},
      {"--m", "", "--k", "1", "--n", "1"},
      {"--m", "1", "--k", "1"},
      {"--m", "1000000000", "--k", "1000000000", "--n", "1000000000"},
      {"--m", "1", "--k", "1", "--n", "1", "--rows", "0"},
      {"--m", "1", "--k", "1", "--n", "1", "--cols", "65537"},
      {"--m", "1", "--k", "1", "--n", "1", "--m", "2"},
      {"--m", "1", "--k", "1", "--n", "1", "--dataflow", "weight_stationary"},
      {"--m", "1", "--k", "1", "--n", "1", "--config", "configs/no_such_machine.json"},
      {"--m", "1", "--k", "1", "--n", "1", "--set", "matrix_engine.rwos=4"},
      {"--m", "1", "--k", "1", "--n", "1", "--set", "matrix_engine.rows=0"},
      {"--m", "1", "--k", "1", "--n", "1", "extra"}};
  for (auto words : cases) {
    words.insert(words.begin(), "gemm");
    const ProgramResult result = run_program(words);
    std::string line;
    for (const auto& word : words) line += word + " ";
    INFO(line << ": " << result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(result.err.rfind("error: ", 0) == 0);
  }
  CHECK(run_program({"gemm", "--dataflow", "input_stationry", "--m", "1", "--k", "1", "--n", "1"})
            .err.find("did you mean \"input_stationary\"") != std::string::npos);
}
