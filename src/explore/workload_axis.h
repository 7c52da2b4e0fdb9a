// Axes over the workload instead of the machine: `workload.<name>`, where <name> is a key that `--set` of a workload
// accepts (a top-level dim, image.height, image.width); or `workload.image`: both sides of a square image, which sets
// the number of tokens.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "explore/sampler.h"
#include "workload/model.h"

namespace vitality {

bool is_workload_axis(const std::string& key);
// The keys that all of these workloads have.
std::vector<std::string> workload_axis_keys(const std::vector<JsonDocument>& workloads);

struct WorkloadOverride {
  std::string key;  // workload.<name>
  AxisValue value;
};
// The model with these dims. Errors go to the diagnostics.
VitModel resolve_workload(const JsonDocument& document, const std::vector<WorkloadOverride>& overrides,
                          Diagnostics& diagnostics);

}  // namespace vitality
