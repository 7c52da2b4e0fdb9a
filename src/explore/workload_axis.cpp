#include "explore/workload_axis.h"

#include <algorithm>

#include "workload/workload_json.h"

namespace vitality {
namespace {
const std::string kPrefix = "workload.";
}

bool is_workload_axis(const std::string& key) {
  return key.compare(0, kPrefix.size(), kPrefix) == 0;
}

std::vector<std::string> workload_axis_keys(const std::vector<JsonDocument>& workloads) {
  std::vector<std::string> keys{kPrefix + "image", kPrefix + "image.height", kPrefix + "image.width"};
  if (workloads.empty()) return keys;
  if (const JsonValue* dims = workloads.front().find("dims"))
    for (const auto& member : dims->members()) {
      const bool everywhere = std::all_of(workloads.begin(), workloads.end(), [&](const JsonDocument& workload) {
        const JsonValue* own = workload.find("dims");
        return own && own->find(member.key);
      });
      if (everywhere) keys.push_back(kPrefix + std::string(member.key));
    }
  return keys;
}

VitModel resolve_workload(const JsonDocument& document, const std::vector<WorkloadOverride>& overrides,
                          Diagnostics& diagnostics) {
  std::vector<std::string> options;
  for (const WorkloadOverride& change : overrides) {
    const std::string name = change.key.substr(kPrefix.size());
    if (name == "image") {
      options.push_back("image.height=" + to_string(change.value));
      options.push_back("image.width=" + to_string(change.value));
    } else {
      options.push_back(name + "=" + to_string(change.value));
    }
  }
  return read_workload(document, options, diagnostics);
}

}  // namespace vitality
