#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "base/search_path.h"
#include "config/hardware_config_json.h"
#include "explore/evaluate.h"
#include "explore/search.h"
#include "explore/sweep_axes.h"
#include "explore/sweep_keys.h"
#include "explore/sweep_spec.h"

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

// ---- Constraints and objectives ----

void check_name(const std::string& name, const SweepSpec& spec, const SweepInputs& inputs, const std::string& pointer,
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
    if (const auto constraint = read_expression(text, pointer, diagnostics)) spec.constraints.push_back(*constraint);
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
    if (const auto expression = read_expression(std::string(name), pointer_of("/objectives", name), diagnostics))
      spec.objectives.push_back({std::string(name), direction.text() == "max", *expression});
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
  if (sampler.kind == SamplerKind::kSmsEgo) sampler.population = 8;
  if (is_search(sampler.kind) && read_key(reader, key_of(keys, "population"), population))
    sampler.population = population;
  if (sampler.kind == SamplerKind::kNsga2) {
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
  diagnostics.add(
      spec.sampler.kind == SamplerKind::kGrid    ? "/axes"
      : spec.sampler.kind == SamplerKind::kGiven ? "/sampler/designs"
                                                 : "/sampler/points",
      std::string(count) + " points, expected at most " + std::to_string(kMaxSweepRows) +
          "; shorten the axes or draw from them with the sampler random, latin_hypercube, nsga2 or sms_ego");
}

void read_judgement(ObjectReader& reader, Diagnostics& diagnostics, SweepSpec& spec) {
  const JsonKeys& keys = sweep_keys().top;
  const auto get = [&](const char* name) { return get_key(reader, key_of(keys, name)); };
  if (const JsonValue* axes = get("axes")) read_axes(*axes, diagnostics, spec);
  if (const JsonValue* sampler = get("sampler")) read_sampler(*sampler, spec.axes, diagnostics, spec.sampler);
  if (const JsonValue* constraints = get("constraints")) read_constraints(*constraints, diagnostics, spec);
  if (const JsonValue* objectives = get("objectives")) read_objectives(*objectives, diagnostics, spec);
  if (spec.objectives.empty())
    for (const char* const total : {"latency_ms", "energy_mj"})
      spec.objectives.push_back({total, false, Expression::parse(total)});
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

std::vector<std::string> SweepSpec::columns() const {
  std::vector<std::string> keys;
  for (const Axis& axis : axes) keys.push_back(axis.key);
  for (const TiedKey& key : tied) keys.push_back(key.key);
  return keys;
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
  if (read_key(reader, key_of(keys, "mapping"), name))
    find_regular_file(name, "mappings", "/mapping", diagnostics, spec.mapping);
  read_judgement(reader, diagnostics, spec);
  read_key(reader, key_of(keys, "point_time_limit_s"), spec.point_time_limit_s);
  int memory = 0;
  if (read_key(reader, key_of(keys, "point_memory_limit_mib"), memory)) spec.point_memory_limit_mib = memory;
  reader.finish();
  if (!diagnostics.ok()) return spec;

  if (spec.sampler.kind == SamplerKind::kSmsEgo && spec.objectives.size() > kMostVolumeObjectives)
    diagnostics.add("/objectives", "the sampler sms_ego computes hypervolumes, of at most " +
                                       std::to_string(kMostVolumeObjectives) + " objectives; found " +
                                       std::to_string(spec.objectives.size()));
  check_size(spec, diagnostics);
  SweepInputs inputs;
  if (!diagnostics.ok() || !read_sweep_inputs(spec, diagnostics, inputs)) return spec;
  check_axes(spec, inputs, diagnostics);
  for (std::size_t i = 0; i < spec.constraints.size(); ++i)
    for (const std::string& used : spec.constraints[i].names())
      check_name(used, spec, inputs, pointer_of("/constraints", i), diagnostics);
  for (const Objective& objective : spec.objectives)
    for (const std::string& used : objective.value.names())
      check_name(used, spec, inputs, pointer_of("/objectives", objective.name), diagnostics);
  return spec;
}

SweepSpec read_sweep_spec(const std::string& path, const std::vector<std::string>& base_overrides) {
  const std::string file = vitality::find_file(path, "configs/sweeps");
  Diagnostics diagnostics(file);
  return read_sweep_spec(read_json_file(file), base_overrides, diagnostics);
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
  if (is_search(s.kind)) sampler += ",\"population\":" + std::to_string(s.population);
  if (s.kind == SamplerKind::kNsga2)
    sampler += ",\"crossover\":" + number_text(s.crossover) + ",\"mutation\":" + number_text(s.mutation);
  return "{\"axes\":{" + axes + "}" + derived_axes_json(spec) + ",\"sampler\":{" + sampler + "},\"constraints\":[" +
         constraints + "],\"objectives\":{" + objectives + "},\"numerics\":\"" + (spec.numerics ? "check" : "off") +
         "\"}";
}

SweepSpec parse_stored_spec(const std::string& text, const std::string& file) {
  Diagnostics diagnostics(file);
  SweepSpec spec;
  spec.file = file;
  const JsonDocument document = parse_json(text, file);
  ObjectReader reader(document, "", diagnostics);
  read_judgement(reader, diagnostics, spec);
  read_derived_axes(document, diagnostics, spec);
  return spec;
}

std::string files_json(const SweepSpec& spec, const std::vector<std::string>& workload_names) {
  std::string workloads, settings;
  for (std::size_t i = 0; i < workload_names.size(); ++i)
    workloads += (i ? "," : "") + json_string(workload_names[i]) + ":" + json_string(spec.workloads[i]);
  for (const std::string& setting : spec.base_overrides)
    settings += (settings.empty() ? "" : ",") + json_string(setting);
  const std::string mapping = spec.mapping.empty() ? "" : ",\"mapping\":" + json_string(spec.mapping);
  return "{\"base\":" + json_string(spec.base) + ",\"workloads\":{" + workloads + "}" + mapping + ",\"settings\":[" +
         settings + "]}";
}

}  // namespace vitality
