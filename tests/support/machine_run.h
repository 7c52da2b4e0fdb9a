// Whole simulations in tests: each in a child process (SystemC allows one elaboration a process); what the child finds
// wrong comes back as text, one line a finding, so that an empty string is a pass.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "sim/simulate.h"
#include "tests/support/fork_simulation.h"
#include "workload/workload_json.h"

namespace vitality::test {

// What `report`, called in a child, returns; throws when the child dies.
template <class F>
std::string in_child(F report) {
  const Simulated<char> got = fork_simulation<char>([&] {
    const std::string text = report();
    return Simulated<char>{0, {text.begin(), text.end()}};
  });
  return {got.values.begin(), got.values.end()};
}

inline std::string source_path(const std::string& path) {
  return std::string(VITALITY_SOURCE_DIR) + "/" + path;
}
inline HardwareConfig machine(const std::vector<std::string>& overrides = {}, const std::string& name = "vitality") {
  return read_hardware_config(source_path("configs/" + name + ".json"), overrides);
}
inline VitModel workload(const std::string& name) {
  return read_workload(source_path("workloads/" + name + ".json"));
}

inline std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

}  // namespace vitality::test
