// Settings of a command line or a sweep, `key=value`: those of the model begin with `workload.`, those of a mapping
// file with `/` (base/json_settings.h), the others are the machine's. `workload.<name>` is a top-level dim of the
// workload, image.height, image.width, or image: both sides.
#pragma once

#include <string>
#include <vector>

namespace vitality {

struct Settings {
  std::vector<std::string> machine;   // key=value, as read_hardware_config() takes them
  std::vector<std::string> workload;  // name=value, as read_workload() takes them
  std::vector<std::string> mapping;   // pointer=value, as set_values() takes them
};
Settings split_settings(const std::vector<std::string>& settings);

// Whether the key of a setting or an axis is one of the model.
bool is_workload_setting(const std::string& key);

}  // namespace vitality
