// A sweep spec (docs/sweeps.md, "The spec"): machines and workloads, constraints, and objectives.
//
// Strict: unknown keys, empty or repeated axis values, axis keys that the base config does not have, values that it
// refuses, unknown names in constraints and objectives, and more than kMaxSweepRows rows are InputErrors with the
// pointer into the spec.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "explore/expression.h"
#include "explore/sampler.h"

namespace vitality {

constexpr std::int64_t kMaxSweepRows = 1000000;

struct Objective {
  std::string name;  // the text of the expression, often only a total
  bool maximize = false;
  Expression value;
};

// A key whose value follows from the axes: "matrix_engine.cols": "matrix_engine.rows".
struct TiedKey {
  std::string key;
  Expression value;
};

struct SweepSpec {
  std::string file;
  std::string base;                         // paths that exist
  std::vector<std::string> base_overrides;  // --set key=value
  std::vector<std::string> workloads;       // paths that exist
  std::string mapping;                      // a mapping file that exists, whose values axes change; "": none
  std::vector<Axis> axes;                   // ranges are expanded
  std::vector<TiedKey> tied;
  SamplerSpec sampler;
  std::vector<Expression> constraints;
  std::vector<Objective> objectives;  // latency_ms and energy_mj, both minimised, if the spec names none
  bool numerics = false;              // "check"
  double point_time_limit_s = 600;    // 0 = none
  std::int64_t point_memory_limit_mib = 0;

  std::vector<std::uint32_t> axis_sizes() const;
  std::vector<std::string> columns() const;  // the keys of the axes, then the tied ones
  // The number of rows of the results; for searches an upper limit.
  double row_limit() const;
};

SweepSpec read_sweep_spec(const std::string& path, const std::vector<std::string>& base_overrides = {});
std::string sweep_schema();  // JSON Schema of such a file
// Errors go to the diagnostics; the result is only useful if there are none. Relative paths start at
// `diagnostics.file()`.
SweepSpec read_sweep_spec(const JsonValue& document, const std::vector<std::string>& base_overrides,
                          Diagnostics& diagnostics);

// What decides the rows and their judgement, in one line with a fixed order: everything except the files and the
// limits.
std::string write_json(const SweepSpec& spec);
// Reads that line back (from a store; the files and limits are left empty).
SweepSpec parse_stored_spec(const std::string& text, const std::string& file);

// What the rows were made from, for people who run one of them again: {"base", "workloads": {name: file}, "mapping",
// "settings"}, with the files as this command found them.
std::string files_json(const SweepSpec& spec, const std::vector<std::string>& workload_names);

// JSON of one axis value, and back.
std::string axis_value_json(const AxisValue& value);
AxisValue axis_value_of(const JsonValue& value);

}  // namespace vitality
