#include <algorithm>
#include <map>

#include "base/json_settings.h"
#include "config/hardware_config_json.h"
#include "explore/evaluate.h"
#include "explore/point_settings.h"
#include "explore/sweep_axes.h"
#include "workload/batch.h"
#include "workload/settings.h"
#include "workload/workload_json.h"

namespace vitality {
namespace {

using Type = JsonValue::Type;
const std::vector<std::string> kModes{"inference", "training"};

// The settings that all of these workloads have.
std::vector<std::string> workload_keys(const std::vector<JsonDocument>& workloads) {
  const std::string prefix = "workload.";
  std::vector<std::string> keys{prefix + "image", prefix + "image.height", prefix + "image.width"};
  if (workloads.empty()) return keys;
  if (const JsonValue* dims = workloads.front().find("dims"))
    for (const auto& member : dims->members()) {
      const bool everywhere = std::all_of(workloads.begin(), workloads.end(), [&](const JsonDocument& workload) {
        const JsonValue* own = workload.find("dims");
        return own && own->find(member.key);
      });
      if (everywhere) keys.push_back(prefix + std::string(member.key));
    }
  return keys;
}

class AxisChecker {
 public:
  AxisChecker(const SweepSpec& spec, const SweepInputs& inputs, Diagnostics& diagnostics)
      : spec_(spec), inputs_(inputs), diagnostics_(diagnostics) {}

  void check() {
    for (const Axis& axis : spec_.axes) {
      if (diagnostics_.full()) return;
      check(axis);
    }
    for (const TiedKey& tied : spec_.tied) check(tied);
  }

 private:
  bool is_key(const std::string& name) const {
    return std::find(inputs_.axis_keys.begin(), inputs_.axis_keys.end(), name) != inputs_.axis_keys.end();
  }
  static bool is_run_option(const std::string& name) { return name == kBatchAxis || name == kModeAxis; }

  // A key that a config or a workload has, and that nothing else of the spec sets.
  bool check_key(const std::string& key, const std::string& owner, const std::string& pointer) {
    if (is_pointer_setting(key) && spec_.mapping.empty()) {
      diagnostics_.add(pointer, "a pointer changes a mapping, expected \"mapping\", the file that it is in");
      return false;
    }
    if (!is_pointer_setting(key) && !is_key(key)) {
      diagnostics_.add(pointer, "unknown config key" + suggestion(key, inputs_.axis_keys));
      return false;
    }
    const auto [at, fresh] = owners_.emplace(key, owner);
    if (!fresh && at->second != owner)
      diagnostics_.add(pointer, quoted(key) + " is set by the axis " + quoted(at->second) + " too");
    return true;
  }

  void check(const Axis& axis) {
    const std::string pointer = pointer_of("/axes", axis.key);
    if (!axis.settings.empty()) return check_choices(axis, pointer);
    if (is_run_option(axis.key)) return check_run_option(axis, pointer);
    if (!check_key(axis.key, axis.key, pointer)) return;
    if (const std::size_t i = wrongly_typed(axis); i < axis.values.size()) {
      const bool is_text = std::holds_alternative<std::string>(axis.values[i]);
      return diagnostics_.add(pointer_of(pointer, i), std::string(is_text ? "expected a number, true or false without "
                                                                            "quotes, found the string "
                                                                          : "expected a string, found ") +
                                                          axis_value_json(axis.values[i]));
    }
    const std::size_t count = axis.values.size(), step = count / 1000 + 1;
    for (std::size_t i = 0; i < count; i = i + step < count || i + 1 == count ? i + step : count - 1) {
      const std::string error = refusal({axis.key + "=" + to_string(axis.values[i])});
      if (error.empty()) continue;
      return diagnostics_.add(pointer, "value " + to_string(axis.values[i]) + ": " + error);
    }
  }

  void check_choices(const Axis& axis, const std::string& pointer) {
    if (is_key(axis.key) || is_run_option(axis.key) || find_total(axis.key) >= 0 || axis.key == "workload")
      return diagnostics_.add(pointer, "choices need a name of their own, and this is a key or a total");
    for (std::size_t i = 0; i < axis.settings.size(); ++i) {
      const std::string place = pointer_of(pointer_of(pointer, std::string(kChoices)), to_string(axis.values[i]));
      bool known = true;
      for (const std::string& setting : axis.settings[i]) {
        const std::string key = setting.substr(0, setting.find('='));
        known = check_key(key, axis.key, pointer_of(place, key)) && known;
      }
      const std::string error = known ? refusal(axis.settings[i]) : "";
      if (!error.empty()) diagnostics_.add(place, error);
    }
  }

  void check_run_option(const Axis& axis, const std::string& pointer) {
    for (std::size_t i = 0; i < axis.values.size(); ++i) {
      const std::int64_t* images = std::get_if<std::int64_t>(&axis.values[i]);
      const std::string* mode = std::get_if<std::string>(&axis.values[i]);
      if (axis.key == kBatchAxis && (!images || *images < 1 || *images > kMaxImages))
        diagnostics_.add(pointer_of(pointer, i), "expected a number of images from 1 to " + std::to_string(kMaxImages) +
                                                     ", found " + axis_value_json(axis.values[i]));
      if (axis.key == kModeAxis && (!mode || std::find(kModes.begin(), kModes.end(), *mode) == kModes.end()))
        diagnostics_.add(pointer_of(pointer, i),
                         "expected \"inference\" or \"training\", found " + axis_value_json(axis.values[i]));
    }
  }

  void check(const TiedKey& tied) {
    const std::string pointer = pointer_of("/axes", tied.key);
    if (!check_key(tied.key, tied.key, pointer)) return;
    std::vector<std::string> keys;
    for (const Axis& axis : spec_.axes) keys.push_back(axis.key);
    for (const std::string& name : tied.value.names())
      if (std::find(keys.begin(), keys.end(), name) == keys.end())
        return diagnostics_.add(pointer, "expected an expression over axes of this spec, found the name " +
                                             quoted(name) + suggestion(name, keys));
    // With the first value of every axis: a string in a sum, or one compared with a number, shows there.
    try {
      point_settings(spec_, Design(spec_.axes.size(), 0));
    } catch (const InputError& error) {
      diagnostics_.add(pointer, error.message());
    }
  }

  // Finds a value whose JSON type differs from that of its key, though it reads the same: "64" for a number, 64 for a
  // name. Returns the index of the first, or the number of values.
  static std::size_t wrongly_typed(const Axis& axis) {
    const bool wants_text = is_text_key(axis.key);
    const auto wrong = [&](const AxisValue& value) {
      const std::string* text = std::get_if<std::string>(&value);
      if (is_pointer_setting(axis.key)) return false;  // the mapping's reader knows
      if (!text || wants_text) return !text && wants_text;
      if (is_workload_setting(axis.key)) return true;
      try {
        return parse_json(*text, "").type() != Type::kString;
      } catch (const InputError&) {
        return false;  // not a JSON value: a word, such as a precision
      }
    };
    const auto found = std::find_if(axis.values.begin(), axis.values.end(), wrong);
    return static_cast<std::size_t>(found - axis.values.begin());
  }

  // Why the base config or a workload refuses these settings alone; "" if neither does, or if another axis may resolve
  // the conflict.
  std::string refusal(const std::vector<std::string>& settings) const {
    const bool alone = spec_.axes.size() == 1 && spec_.tied.empty();
    const auto first_error = [&](const Diagnostics& diagnostics) -> std::string {
      if (diagnostics.ok()) return "";
      const InputError& error = diagnostics.errors().front();
      return alone || error.file().rfind("--set", 0) == 0 ? error.message() : "";
    };
    const Settings split = split_settings(settings);
    if (!split.machine.empty()) {
      Diagnostics one(spec_.base, Diagnostics::Mode::kCollect);
      read_hardware_config(inputs_.base, split.machine, one);
      if (std::string error = first_error(one); !error.empty()) return error;
    }
    if (!split.mapping.empty()) {
      JsonDocument mapping = inputs_.mapping;
      Diagnostics one(spec_.mapping, Diagnostics::Mode::kCollect);
      set_values(mapping, split.mapping, "axis", one);
      if (!one.ok()) return one.errors().front().message();
    }
    std::vector<std::string> dims = split_settings(spec_.base_overrides).workload;
    dims.insert(dims.end(), split.workload.begin(), split.workload.end());
    for (std::size_t w = 0; !split.workload.empty() && w < inputs_.workloads.size(); ++w) {
      Diagnostics one(spec_.workloads[w], Diagnostics::Mode::kCollect);
      read_workload(inputs_.workloads[w], dims, one);
      if (std::string error = first_error(one); !error.empty()) return error;
    }
    return "";
  }

  const SweepSpec& spec_;
  const SweepInputs& inputs_;
  Diagnostics& diagnostics_;
  std::map<std::string, std::string> owners_;  // of the keys that are set: the axis or tied key that sets it
};

}  // namespace

bool read_sweep_inputs(const SweepSpec& spec, Diagnostics& diagnostics, SweepInputs& inputs) {
  const Settings settings = split_settings(spec.base_overrides);
  try {
    inputs.base = parse_json(write_json(read_hardware_config(spec.base, settings.machine)), spec.base);
    for (const std::string& file : spec.workloads) {
      inputs.workloads.push_back(read_json_file(file));
      Diagnostics one(file);
      read_workload(inputs.workloads.back(), settings.workload, one);
    }
    if (!spec.mapping.empty())
      inputs.mapping = parse_json(read_text_file(spec.mapping, kMaxMappingBytes), spec.mapping);
    Diagnostics one(spec.mapping);
    set_values(inputs.mapping, settings.mapping, "--set", one);
  } catch (const InputError& error) {
    diagnostics.add(error);
    return false;
  }
  inputs.axis_keys = hardware_config_keys();
  for (std::string& key : workload_keys(inputs.workloads)) inputs.axis_keys.push_back(std::move(key));
  inputs.names.insert(inputs.axis_keys.begin(), inputs.axis_keys.end());
  inputs.names.insert({"workload", kBatchAxis, kModeAxis});
  for (const Axis& axis : spec.axes) inputs.names.insert(axis.key);
  for (const TotalInfo& info : total_infos()) inputs.names.insert(info.name);
  return true;
}

void check_axes(const SweepSpec& spec, const SweepInputs& inputs, Diagnostics& diagnostics) {
  AxisChecker(spec, inputs, diagnostics).check();
}

}  // namespace vitality
