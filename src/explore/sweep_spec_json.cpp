#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "base/search_path.h"
#include "config/hardware_config_json.h"
#include "explore/evaluate.h"
#include "explore/sweep_keys.h"
#include "explore/sweep_spec.h"
#include "explore/workload_axis.h"
#include "tensor/functions.h"

namespace vitality {
namespace {

using Type = JsonValue::Type;

// Looks relative to the spec file, then to the working directory.
bool find_regular_file(const std::string& name, const char* folder, const std::string& pointer,
                       Diagnostics& diagnostics, std::string& out) {
  namespace fs = std::filesystem;
  try {
    const fs::path path = vitality::find_file(name, folder, diagnostics.file());
    std::error_code ignored;
    out = path.lexically_normal().string();
    if (fs::is_regular_file(path, ignored)) return true;  // it is read more than once
    diagnostics.add(pointer, vitality::quoted(name) + " is no regular file");
  } catch (const InputError& error) {
    diagnostics.add(pointer, vitality::quoted(name) + " " + error.message());
  }
  return false;
}

// ---- Axes ----

// A geometric range (50 to 800 in factors of two) without the errors of exp and log in the last digits.
double rounded(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.12g", value);
  return std::strtod(text, nullptr);
}

AxisValue axis_number(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53) return static_cast<std::int64_t>(value);
  return value;
}

std::vector<AxisValue> range_values(double from, double to, int scale, int steps, bool integers) {
  std::vector<AxisValue> values;
  double before = 0;
  for (int i = 0; i < steps; ++i) {
    const double part = steps == 1 ? 0 : static_cast<double>(i) / (steps - 1);
    double value = scale == 0 ? from + (to - from) * part : from * exponential(part * logarithm(to / from));
    if (i == steps - 1 && steps > 1) value = to;
    value = integers ? std::round(rounded(value)) : rounded(value);
    if (i == 0 || value != before) values.push_back(axis_number(value));
    before = value;
  }
  return values;
}

std::vector<AxisValue> read_range(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  ObjectReader reader(value, pointer, diagnostics);
  double from = 0, to = 0;
  int scale = 0, steps = 0;
  const JsonKeys& keys = sweep_keys().range;
  const bool good = read_key(reader, key_of(keys, "from"), from) & read_key(reader, key_of(keys, "to"), to) &
                    read_key(reader, key_of(keys, "steps"), steps);
  const std::size_t before = diagnostics.errors().size();
  read_key(reader, key_of(keys, "scale"), scale);
  reader.finish();
  if (!good || diagnostics.errors().size() != before) return {};
  if (scale != 0 && (from <= 0 || to <= 0)) {
    diagnostics.add(pointer, "a logarithmic range needs limits above 0");
    return {};
  }
  const bool integers = value.find("from")->type() == Type::kInteger && value.find("to")->type() == Type::kInteger;
  return range_values(from, to, scale, steps, integers);
}

// Marks values that occur earlier in the list. Sorts indices, because a set of the values would take twice their
// memory.
std::vector<bool> repeated_values(const std::vector<AxisValue>& values) {
  std::vector<std::uint32_t> places(values.size());
  std::iota(places.begin(), places.end(), 0U);
  std::sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
    return values[a] < values[b] || (values[a] == values[b] && a < b);
  });
  std::vector<bool> repeated(values.size());
  for (std::size_t i = 1; i < places.size(); ++i) repeated[places[i]] = values[places[i]] == values[places[i - 1]];
  return repeated;
}

std::vector<AxisValue> read_list(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  const Span<JsonValue> items = value.items();
  if (items.empty()) diagnostics.add(pointer, "an axis without values; expected at least one");
  std::vector<AxisValue> values;
  values.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Type type = items[i].type();
    if (type == Type::kNull || type == Type::kArray || type == Type::kObject) {
      diagnostics.add(pointer_of(pointer, i), "expected a number, a string or a boolean, found " + describe(items[i]));
      if (diagnostics.full()) break;
      continue;
    }
    values.push_back(axis_value_of(items[i]));
  }
  if (values.size() != items.size()) return values;  // without such errors, the indices in both lists agree
  const std::vector<bool> repeated = repeated_values(values);
  for (std::size_t i = 0; i < items.size(); ++i)
    if (repeated[i]) diagnostics.add(pointer_of(pointer, i), "value " + describe(items[i]) + " is there twice");
  return values;
}

void read_axes(const JsonValue& axes, Diagnostics& diagnostics, SweepSpec& spec) {
  if (axes.type() != Type::kObject)
    return diagnostics.add("/axes", "expected an object of axes, found " + describe(axes));
  for (const auto& [key, value] : axes.members()) {
    const std::string pointer = pointer_of("/axes", key);
    if (value.type() == Type::kArray)
      spec.axes.push_back({std::string(key), read_list(value, pointer, diagnostics)});
    else if (value.type() == Type::kObject)
      spec.axes.push_back({std::string(key), read_range(value, pointer, diagnostics)});
    else
      diagnostics.add(
          pointer, "expected a list of values or {\"from\", \"to\", \"scale\", \"steps\"}, found " + describe(value));
  }
}

// ---- What the axes change ----

struct Inputs {
  JsonDocument base;  // resolved
  std::vector<JsonDocument> workloads;
  std::vector<std::string> axis_keys;
  std::set<std::string> names;  // of axes, totals and "workload": what an expression may read
};

bool read_inputs(const SweepSpec& spec, Diagnostics& diagnostics, Inputs& inputs) {
  try {
    inputs.base = parse_json(write_json(read_hardware_config(spec.base, spec.base_overrides)), spec.base);
    for (const std::string& file : spec.workloads) {
      inputs.workloads.push_back(read_json_file(file));
      Diagnostics one(file);
      resolve_workload(inputs.workloads.back(), {}, one);
    }
  } catch (const InputError& error) {
    diagnostics.add(error);
    return false;
  }
  inputs.axis_keys = hardware_config_keys();
  for (std::string& key : workload_axis_keys(inputs.workloads)) inputs.axis_keys.push_back(std::move(key));
  inputs.names.insert(inputs.axis_keys.begin(), inputs.axis_keys.end());
  inputs.names.insert("workload");
  for (const TotalInfo& info : total_infos()) inputs.names.insert(info.name);
  return true;
}

// Why the base config refuses this one value; "" if it does not, or if another axis may resolve the conflict.
std::string refusal(const SweepSpec& spec, const Inputs& inputs, const Axis& axis, const AxisValue& value) {
  const auto first_error = [&](const Diagnostics& diagnostics) -> std::string {
    if (diagnostics.ok()) return "";
    const InputError& error = diagnostics.errors().front();
    return spec.axes.size() == 1 || error.file().rfind("--set", 0) == 0 ? error.message() : "";
  };
  if (!is_workload_axis(axis.key)) {
    Diagnostics one(spec.base, Diagnostics::Mode::kCollect);
    read_hardware_config(inputs.base, {axis.key + "=" + to_string(value)}, one);
    return first_error(one);
  }
  for (std::size_t w = 0; w < inputs.workloads.size(); ++w) {
    Diagnostics one(spec.workloads[w], Diagnostics::Mode::kCollect);
    resolve_workload(inputs.workloads[w], {{axis.key, value}}, one);
    std::string error = first_error(one);
    if (!error.empty()) return error;
  }
  return "";
}

// Finds a value whose JSON type differs from that of its key, though it reads the same: "64" for a number, 64 for a
// name. Returns the index of the first, or the number of values.
std::size_t wrongly_typed(const Axis& axis) {
  const bool wants_text = is_text_key(axis.key);
  const auto wrong = [&](const AxisValue& value) {
    const std::string* text = std::get_if<std::string>(&value);
    if (!text || wants_text) return !text && wants_text;
    if (is_workload_axis(axis.key)) return true;
    try {
      return parse_json(*text, "").type() != Type::kString;
    } catch (const InputError&) {
      return false;  // not a JSON value: a word, such as a precision
    }
  };
  const auto found = std::find_if(axis.values.begin(), axis.values.end(), wrong);
  return static_cast<std::size_t>(found - axis.values.begin());
}

// Checks each value alone (of a long axis about a thousand): a value that is refused then is a mistake in the spec. A
// value that is refused only in combination is an infeasible row.
void check_axes(const SweepSpec& spec, const Inputs& inputs, Diagnostics& diagnostics) {
  for (const Axis& axis : spec.axes) {
    if (diagnostics.full()) return;
    const std::string pointer = pointer_of("/axes", axis.key);
    const auto& keys = inputs.axis_keys;
    if (std::find(keys.begin(), keys.end(), axis.key) == keys.end()) {
      diagnostics.add(pointer, "unknown config key" + suggestion(axis.key, keys));
      continue;
    }
    if (const std::size_t i = wrongly_typed(axis); i < axis.values.size()) {
      const bool is_text = std::holds_alternative<std::string>(axis.values[i]);
      diagnostics.add(pointer_of(pointer, i), std::string(is_text ? "expected a number, true or false without quotes, "
                                                                    "found the string "
                                                                  : "expected a string, found ") +
                                                  axis_value_json(axis.values[i]));
      continue;
    }
    const std::size_t count = axis.values.size(), step = count / 1000 + 1;
    for (std::size_t i = 0; i < count; i = i + step < count || i + 1 == count ? i + step : count - 1) {
      const std::string error = refusal(spec, inputs, axis, axis.values[i]);
      if (error.empty()) continue;
      diagnostics.add(pointer, "value " + to_string(axis.values[i]) + ": " + error);
      break;
    }
  }
}

// ---- Constraints and objectives ----

void check_name(const std::string& name, const SweepSpec& spec, const Inputs& inputs, const std::string& pointer,
                Diagnostics& diagnostics) {
  const int total = find_total(name);
  if (total >= 0) {
    if (total_infos()[static_cast<std::size_t>(total)].from_numerics && !spec.numerics)
      diagnostics.add(pointer, quoted(name) + " is known only with \"numerics\": \"check\"");
    return;
  }
  if (inputs.names.count(name) == 0 && !diagnostics.full())
    diagnostics.add(pointer, "unknown name " + quoted(name) + ", expected a total or a config key" +
                                 suggestion(name, {inputs.names.begin(), inputs.names.end()}));
}

void read_constraints(const JsonValue& value, Diagnostics& diagnostics, SweepSpec& spec) {
  if (value.type() != Type::kArray)
    return diagnostics.add("/constraints", "expected a list of expressions, found " + describe(value));
  for (std::size_t i = 0; i < value.items().size(); ++i) {
    const std::string pointer = pointer_of("/constraints", i);
    std::string text;
    if (!read_text(value.items()[i], pointer, diagnostics, text)) continue;
    try {
      spec.constraints.push_back(Expression::parse(text));
    } catch (const InputError& error) {
      diagnostics.add(pointer, error.message());
    }
  }
}

void read_objectives(const JsonValue& value, Diagnostics& diagnostics, SweepSpec& spec) {
  if (value.type() != Type::kObject || value.members().empty())
    return diagnostics.add("/objectives",
                           "expected an object such as {\"latency_ms\": \"min\"}, found " + describe(value));
  for (const auto& [name, direction] : value.members()) {
    if (direction.type() != Type::kString || (direction.text() != "min" && direction.text() != "max")) {
      diagnostics.add(pointer_of("/objectives", name), "expected \"min\" or \"max\", found " + describe(direction));
      continue;
    }
    spec.objectives.push_back({std::string(name), direction.text() == "max"});
  }
}

// Lists of values, one for each axis in the axes' order; each value is one of its axis.
void read_designs(const JsonValue& value, const std::vector<Axis>& axes, Diagnostics& diagnostics,
                  std::vector<Design>& designs) {
  const std::string list = "/sampler/designs";
  if (value.type() != Type::kArray || value.items().empty())
    return diagnostics.add(list, "expected a list of at least one design, found " + describe(value));
  std::vector<std::map<AxisValue, std::uint32_t>> index_of(axes.size());
  for (std::size_t a = 0; a < axes.size(); ++a)
    for (std::uint32_t i = 0; i < axes[a].values.size(); ++i) index_of[a].emplace(axes[a].values[i], i);
  for (std::size_t d = 0; d < value.items().size() && !diagnostics.full(); ++d) {
    const JsonValue& item = value.items()[d];
    const std::string pointer = pointer_of(list, d);
    if (item.type() != Type::kArray || item.items().size() != axes.size()) {
      diagnostics.add(pointer, "expected a list of " + std::to_string(axes.size()) +
                                   " values, one for each axis in their order, found " + describe(item));
      continue;
    }
    Design design;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      const JsonValue& part = item.items()[a];
      const bool scalar = part.type() != Type::kNull && part.type() != Type::kArray && part.type() != Type::kObject;
      const auto found = scalar ? index_of[a].find(axis_value_of(part)) : index_of[a].end();
      if (found == index_of[a].end())
        diagnostics.add(pointer_of(pointer, a),
                        "expected a value of the axis " + vitality::quoted(axes[a].key) + ", found " + describe(part));
      else
        design.push_back(found->second);
    }
    if (design.size() == axes.size()) designs.push_back(std::move(design));
  }
}

void read_sampler(const JsonValue& value, const std::vector<Axis>& axes, Diagnostics& diagnostics,
                  SamplerSpec& sampler) {
  ObjectReader reader(value, "/sampler", diagnostics);
  int kind = 0, points = 0, population = static_cast<int>(sampler.population);
  double seed = 1;
  read_key(reader, choice_key("kind", sampler_names()), kind);
  sampler.kind = static_cast<SamplerKind>(kind);
  const JsonKeys keys = sampler_keys(sampler.kind);
  if (sampler.kind == SamplerKind::kGiven) {
    const bool axes_are_right = diagnostics.ok();
    const JsonValue* designs = get_key(reader, key_of(keys, "designs"));
    if (designs != nullptr && axes_are_right) read_designs(*designs, axes, diagnostics, sampler.designs);
    return reader.finish();
  }
  read_key(reader, key_of(keys, "points"), points);
  sampler.points = points;
  if (read_key(reader, key_of(keys, "seed"), seed)) {
    if (seed != std::floor(seed)) diagnostics.add("/sampler/seed", "expected an integer");
    sampler.seed = static_cast<std::uint64_t>(seed);
  }
  if (sampler.kind == SamplerKind::kNsga2) {
    if (read_key(reader, key_of(keys, "population"), population)) sampler.population = population;
    read_key(reader, key_of(keys, "crossover"), sampler.crossover);
    read_key(reader, key_of(keys, "mutation"), sampler.mutation);
  }
  reader.finish();
}

void check_size(const SweepSpec& spec, Diagnostics& diagnostics) {
  const double rows = spec.row_limit();
  if (rows <= static_cast<double>(kMaxSweepRows)) return;
  char count[400];
  std::snprintf(count, sizeof count, "%.0f", rows);
  diagnostics.add(spec.sampler.kind == SamplerKind::kGrid    ? "/axes"
                  : spec.sampler.kind == SamplerKind::kGiven ? "/sampler/designs"
                                                             : "/sampler/points",
                  std::string(count) + " points, expected at most " + std::to_string(kMaxSweepRows) +
                      "; shorten the axes or draw from them with the sampler random, latin_hypercube or nsga2");
}

void read_judgement(ObjectReader& reader, Diagnostics& diagnostics, SweepSpec& spec) {
  const JsonKeys& keys = sweep_keys().top;
  const auto get = [&](const char* name) { return get_key(reader, key_of(keys, name)); };
  if (const JsonValue* axes = get("axes")) read_axes(*axes, diagnostics, spec);
  if (const JsonValue* sampler = get("sampler")) read_sampler(*sampler, spec.axes, diagnostics, spec.sampler);
  if (const JsonValue* constraints = get("constraints")) read_constraints(*constraints, diagnostics, spec);
  if (const JsonValue* objectives = get("objectives")) read_objectives(*objectives, diagnostics, spec);
  if (spec.objectives.empty()) spec.objectives = {{"latency_ms", false}, {"energy_mj", false}};
  int numerics = 0;
  read_key(reader, key_of(keys, "numerics"), numerics);
  spec.numerics = numerics == 1;
}

}  // namespace

std::vector<std::uint32_t> SweepSpec::axis_sizes() const {
  std::vector<std::uint32_t> sizes;
  for (const Axis& axis : axes) sizes.push_back(static_cast<std::uint32_t>(axis.values.size()));
  return sizes;
}

double SweepSpec::row_limit() const {
  double designs = grid_size(axis_sizes());
  if (sampler.kind == SamplerKind::kLatinHypercube)
    designs = static_cast<double>(sampler.points);
  else if (sampler.kind == SamplerKind::kGiven)
    designs = static_cast<double>(sampler.designs.size());
  else if (sampler.kind != SamplerKind::kGrid)
    designs = std::min(designs, static_cast<double>(sampler.points));
  return designs * static_cast<double>(workloads.size());
}

SweepSpec read_sweep_spec(const JsonValue& document, const std::vector<std::string>& base_overrides,
                          Diagnostics& diagnostics) {
  SweepSpec spec;
  spec.base_overrides = base_overrides;
  spec.file = diagnostics.file();
  ObjectReader reader(document, "", diagnostics);
  const JsonKeys& keys = sweep_keys().top;
  std::string name;
  for (const char* const for_people : {"$schema", "name", "description"})
    read_key(reader, key_of(keys, for_people), name);
  if (read_key(reader, key_of(keys, "base"), name)) find_regular_file(name, "configs", "/base", diagnostics, spec.base);
  if (const JsonValue* workloads = get_key(reader, key_of(keys, "workloads"))) {
    if (workloads->type() != Type::kArray || workloads->items().empty())
      diagnostics.add("/workloads", "expected a list of at least one file, found " + describe(*workloads));
    std::set<std::string> seen;
    for (std::size_t i = 0; i < workloads->items().size() && !diagnostics.full(); ++i) {
      const std::string pointer = pointer_of("/workloads", i);
      std::string path;
      if (read_text(workloads->items()[i], pointer, diagnostics, name) &&
          find_regular_file(name, "workloads", pointer, diagnostics, path)) {
        if (!seen.insert(path).second) diagnostics.add(pointer, vitality::quoted(name) + " is there twice");
        spec.workloads.push_back(path);
      }
    }
  }
  read_judgement(reader, diagnostics, spec);
  read_key(reader, key_of(keys, "point_time_limit_s"), spec.point_time_limit_s);
  int memory = 0;
  if (read_key(reader, key_of(keys, "point_memory_limit_mib"), memory)) spec.point_memory_limit_mib = memory;
  reader.finish();
  if (!diagnostics.ok()) return spec;

  check_size(spec, diagnostics);
  Inputs inputs;
  if (!diagnostics.ok() || !read_inputs(spec, diagnostics, inputs)) return spec;
  check_axes(spec, inputs, diagnostics);
  for (std::size_t i = 0; i < spec.constraints.size(); ++i)
    for (const std::string& used : spec.constraints[i].names())
      check_name(used, spec, inputs, pointer_of("/constraints", i), diagnostics);
  for (const Objective& objective : spec.objectives)
    check_name(objective.name, spec, inputs, pointer_of("/objectives", objective.name), diagnostics);
  return spec;
}

SweepSpec read_sweep_spec(const std::string& path, const std::vector<std::string>& base_overrides) {
  const std::string file = vitality::find_file(path, "configs/sweeps");
  Diagnostics diagnostics(file);
  return read_sweep_spec(read_json_file(file), base_overrides, diagnostics);
}

std::string axis_value_json(const AxisValue& value) {
  if (const std::string* text = std::get_if<std::string>(&value)) return json_string(*text);
  if (const double* number = std::get_if<double>(&value)) return number_text(*number);
  return to_string(value);
}

AxisValue axis_value_of(const JsonValue& value) {
  switch (value.type()) {
    case Type::kBoolean:
      return value.boolean();
    case Type::kInteger:
      return value.integer();
    case Type::kNumber:
      return axis_number(value.number());
    case Type::kNull:
    case Type::kString:
    case Type::kArray:
    case Type::kObject:
      break;
  }
  return value.text();
}

std::string write_json(const SweepSpec& spec) {
  const auto join = [](std::string& list, const std::string& item) { list += (list.empty() ? "" : ",") + item; };
  std::string axes, constraints, objectives;
  for (const Axis& axis : spec.axes) {
    std::string values;
    for (const AxisValue& value : axis.values) join(values, axis_value_json(value));
    join(axes, json_string(axis.key) + ":[" + values + "]");
  }
  for (const Expression& constraint : spec.constraints) join(constraints, json_string(constraint.text()));
  for (const Objective& objective : spec.objectives)
    join(objectives, json_string(objective.name) + (objective.maximize ? ":\"max\"" : ":\"min\""));
  const SamplerSpec& s = spec.sampler;
  std::string sampler = "\"kind\":" + json_string(sampler_names()[static_cast<std::size_t>(s.kind)]);
  if (s.kind == SamplerKind::kGiven) {
    std::string designs;
    for (const Design& design : s.designs) {
      std::string values;
      for (std::size_t a = 0; a < design.size(); ++a) join(values, axis_value_json(spec.axes[a].values[design[a]]));
      join(designs, "[" + values + "]");
    }
    sampler += ",\"designs\":[" + designs + "]";
  } else if (s.kind != SamplerKind::kGrid) {
    sampler += ",\"points\":" + std::to_string(s.points) + ",\"seed\":" + std::to_string(s.seed);
  }
  if (s.kind == SamplerKind::kNsga2)
    sampler += ",\"population\":" + std::to_string(s.population) + ",\"crossover\":" + number_text(s.crossover) +
               ",\"mutation\":" + number_text(s.mutation);
  return "{\"axes\":{" + axes + "},\"sampler\":{" + sampler + "},\"constraints\":[" + constraints +
         "],\"objectives\":{" + objectives + "},\"numerics\":\"" + (spec.numerics ? "check" : "off") + "\"}";
}

SweepSpec parse_stored_spec(const std::string& text, const std::string& file) {
  Diagnostics diagnostics(file);
  SweepSpec spec;
  spec.file = file;
  const JsonDocument document = parse_json(text, file);
  ObjectReader reader(document, "", diagnostics);
  read_judgement(reader, diagnostics, spec);
  reader.finish();
  return spec;
}

}  // namespace vitality
