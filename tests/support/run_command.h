// `vitality run` on vitality.json: its result, and its refusals.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace vitality::test {

inline std::vector<std::string> words(const std::string& workload, std::vector<std::string> more = {}) {
  std::vector<std::string> all{"run", "--config", "configs/vitality.json", "--workload",
                               "workloads/" + workload + ".json"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

inline nlohmann::json run(const std::string& workload, std::vector<std::string> more = {}, int exit_code = 0) {
  const ScratchFolder folder;
  more.insert(more.end(), {"--quiet", "--result", folder.path("r.json")});
  const ProgramResult result = run_program(words(workload, more));
  INFO(result.err);
  REQUIRE(result.exit_code == exit_code);
  CHECK(result.out.empty());
  return nlohmann::json::parse(read_text(folder.path("r.json")));
}

inline std::vector<std::string> files_in(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

// Every refusal: exit code, text on stderr, nothing on stdout, nothing new in the folder.
inline void check_refused(const ScratchFolder& folder, std::vector<std::string> arguments, int exit_code,
                          const std::string& expected) {
  const auto before = files_in(folder.path());
  arguments.insert(arguments.end(), {"--result", folder.path("refused.json"), "--csv", folder.path("refused_csv")});
  const ProgramResult result = run_program(arguments);
  INFO(expected);
  CHECK(result.exit_code == exit_code);
  CHECK_THAT(result.err, Catch::StartsWith("error: ") && Catch::Contains(expected));
  CHECK(result.out.empty());
  CHECK(files_in(folder.path()) == before);
}

}  // namespace vitality::test
