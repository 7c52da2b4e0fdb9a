#include "workload/settings.h"

#include "base/json_settings.h"

namespace vitality {
namespace {
const std::string kPrefix = "workload.", kBothSides = "image=";
}

bool is_workload_setting(const std::string& key) {
  return key.compare(0, kPrefix.size(), kPrefix) == 0;
}

Settings split_settings(const std::vector<std::string>& settings) {
  Settings out;
  for (const std::string& setting : settings) {
    if (is_pointer_setting(setting)) {
      out.mapping.push_back(setting);
      continue;
    }
    if (!is_workload_setting(setting)) {
      out.machine.push_back(setting);
      continue;
    }
    const std::string name = setting.substr(kPrefix.size());
    if (name.compare(0, kBothSides.size(), kBothSides) == 0) {
      out.workload.push_back("image.height=" + name.substr(kBothSides.size()));
      out.workload.push_back("image.width=" + name.substr(kBothSides.size()));
    } else {
      out.workload.push_back(name);
    }
  }
  return out;
}

}  // namespace vitality
