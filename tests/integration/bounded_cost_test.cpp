// What a small input may cost the program: the same answers with little address space. A limit is deterministic where
// a time is not.
#include <sys/resource.h>

#include <catch2/catch.hpp>

#include "tests/support/program.h"

using namespace vitality::test;
using Catch::Contains;

// AddressSanitizer's own memory does not fit a limit.
#if !defined(__SANITIZE_ADDRESS__)

namespace {

// The program inherits it.
ProgramResult run_within(std::size_t bytes, const std::vector<std::string>& words) {
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  const rlimit limited{bytes, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_AS, &limited) == 0);
  const ProgramResult result = run_program(words);
  setrlimit(RLIMIT_AS, &before);
  return result;
}

std::string zeros(std::size_t count) {
  std::string text = "[";
  for (std::size_t i = 0; i < count; ++i) text += "0,";
  return text + "0]";
}

}  // namespace

TEST_CASE("bounded cost: large files of nothing are refused as what they are") {
  const ScratchFolder folder;
  // Whatever reads it, 20 MB take less than 200 MB of document and text.
  const std::string result = folder.write("result.json", zeros(10000000));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"report", result, "--html", folder.path("x.html")}, {"rerun", result}}) {
    const ProgramResult refused = run_within(std::size_t{300} << 20, words);
    INFO(words[0] << ": " << refused.err);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.err, Catch::StartsWith("error: " + result) && !Contains("memory"));
  }
  const std::string config = folder.write("config.json", zeros(2000000));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"validate", config},
                                             {"run", "--config", config, "--workload", "workloads/tiny_vit.json"},
                                             {"run", "--config", "configs/vitality.json", "--workload", config},
                                             {"sweep", "--spec", config, "--out", folder.path("out")}}) {
    const ProgramResult refused = run_within(std::size_t{150} << 20, words);
    INFO(words[0] << " " << words[1] << ": " << refused.err);
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.err, Catch::StartsWith("error: " + config) && !Contains("memory"));
  }
}

TEST_CASE("bounded cost: a model that does not fit is refused before its masks and tensors are made") {
  // 3,137 tokens: the masks and the reference would take more than a GB, the bits of one mask more than a scratchpad.
  const ScratchFolder folder;
  std::string text = read_text(VITALITY_SOURCE_DIR "/workloads/deit_tiny.json");
  const std::string small = "\"height\": 224, \"width\": 224";
  REQUIRE(text.find(small) != std::string::npos);
  text.replace(text.find(small), small.size(), "\"height\": 896, \"width\": 896");
  const std::string model = folder.write("large.json", text);
  for (const char* machine : {"sanger", "vitcod", "elsa", "spatten", "dota"}) {
    const ProgramResult refused =
        run_within(std::size_t{400} << 20, {"run", "--config", std::string("configs/") + machine + ".json", "--set",
                                            "scratchpad.capacity_kib=200", "--workload", model, "--quiet"});
    INFO(machine << ": " << refused.err);
    CHECK(refused.exit_code == 4);
    CHECK_THAT(refused.err, Contains("scratchpad"));
  }
}

#endif
