// The axes of a sweep spec: lists and ranges of values, choices (named parts of a machine), and keys that are tied to
// other axes by an expression. sweep_axes.cpp reads them, check_axes.cpp checks them against the machine and the
// models.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "explore/sweep_spec.h"

namespace vitality {

constexpr const char* kChoices = "choices";

// Errors go to the diagnostics.
void read_axes(const JsonValue& axes, Diagnostics& diagnostics, SweepSpec& spec);
std::optional<Expression> read_expression(const std::string& text, const std::string& pointer,
                                          Diagnostics& diagnostics);

// The tied keys and the settings of choices, beside the "axes" that a store keeps as lists of values:
// `,"tied":{key: expression},"choices":{axis: {name: [key=value, ...]}}`, each only where there are some; and back.
std::string derived_axes_json(const SweepSpec& spec);
void read_derived_axes(const JsonValue& stored, Diagnostics& diagnostics, SweepSpec& spec);

// What a spec is checked against.
struct SweepInputs {
  JsonDocument base;  // resolved
  std::vector<JsonDocument> workloads;
  JsonDocument mapping;  // null: none
  std::vector<std::string> axis_keys;
  std::set<std::string> names;  // of axes, totals and "workload": what an expression may read
};
// False where the base or a workload can not be read.
bool read_sweep_inputs(const SweepSpec& spec, Diagnostics& diagnostics, SweepInputs& inputs);

// Checks each value alone (of a long axis about a thousand): a value that is refused then is a mistake in the spec. A
// value that is refused only in combination is an infeasible row.
void check_axes(const SweepSpec& spec, const SweepInputs& inputs, Diagnostics& diagnostics);

}  // namespace vitality
