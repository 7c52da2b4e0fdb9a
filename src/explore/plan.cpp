#include "explore/plan.h"

#include <algorithm>
#include <cmath>

#include "base/json_settings.h"
#include "base/sha256.h"
#include "config/hardware_config_json.h"
#include "explore/point_settings.h"
#include "explore/program_identity.h"
#include "workload/batch.h"
#include "workload/settings.h"
#include "workload/workload_json.h"

namespace vitality {
namespace {

constexpr double kModelsToLoad = 64;

const JsonValue* find_dotted(const JsonValue& document, const std::string& dotted) {
  const JsonValue* value = &document;
  for (std::size_t begin = 0; value && begin <= dotted.size();) {
    const std::size_t end = std::min(dotted.find('.', begin), dotted.size());
    value = value->find(dotted.substr(begin, end - begin));
    begin = end + 1;
  }
  return value;
}

Expression::Value expression_value(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kBoolean:
      return double(value.boolean());
    case JsonValue::Type::kInteger:
    case JsonValue::Type::kNumber:
      return value.number();
    case JsonValue::Type::kString:
      return value.text();
    case JsonValue::Type::kNull:
    case JsonValue::Type::kArray:
    case JsonValue::Type::kObject:
      break;
  }
  return std::nan("");
}

// Without the file name, whose path differs from computer to computer.
std::string refusal_text(const InputError& error) {
  return error.pointer().empty() ? error.message() : error.pointer() + ": " + error.message();
}

bool has_unknown_name(const Expression& expression, const JsonValue& variables) {
  return std::any_of(expression.names().begin(), expression.names().end(),
                     [&](const std::string& name) { return !variables.find(name); });
}

}  // namespace

Planner::Planner(const SweepSpec& spec) : spec_(spec) {
  const Settings settings = split_settings(spec.base_overrides);
  const std::string base = write_json(read_hardware_config(spec.base, settings.machine));
  base_workload_ = settings.workload;
  base_ = parse_json(base, spec.base);
  std::string identity = std::string(kProgramIdentity) + "\n" + base + "\n" + write_json(spec) + "\n";
  for (const std::string& file : spec.workloads) {
    const std::string text = read_text_file(file);
    Workload workload{file, "", sha256_hex(text), parse_json(text, file)};
    Diagnostics diagnostics(file);
    workload.name = read_workload(workload.document, base_workload_, diagnostics).name;
    for (const Workload& other : workloads_)
      if (other.name == workload.name)
        throw InputError(spec.file, "/workloads",
                         "two workloads are named " + quoted(workload.name) + ": " + other.file + " and " + file);
    identity += workload.sha256 + "\n";
    workloads_.push_back(std::move(workload));
  }
  for (const std::string& setting : base_workload_) identity += setting + "\n";
  if (!spec.mapping.empty()) load_mapping(settings.mapping);
  identity += mapping_identity_;
  identity_ = sha256_hex(identity);
  const auto add_name = [&](const std::string& name) {
    if (find_total(name) < 0 && std::find(config_names_.begin(), config_names_.end(), name) == config_names_.end())
      config_names_.push_back(name);
  };
  for (const Expression& constraint : spec_.constraints)
    for (const std::string& name : constraint.names()) add_name(name);
  for (const Objective& objective : spec_.objectives)
    for (const std::string& name : objective.value.names()) add_name(name);
  load_models();
}

void Planner::load_mapping(const std::vector<std::string>& settings) {
  const std::string text = read_text_file(spec_.mapping, kMaxMappingBytes);
  mapping_ = parse_json(text, spec_.mapping);
  mapping_identity_ = "mapping " + sha256_hex(text) + "\n";
  Diagnostics diagnostics(spec_.mapping);
  set_values(mapping_, settings, "--set", diagnostics);
  for (const std::string& setting : settings) mapping_identity_ += setting + "\n";
}

bool Planner::changes_model(const Axis& axis) const {
  return !axis.settings.empty() || is_workload_setting(axis.key) || axis.key == kBatchAxis ||
         std::any_of(spec_.tied.begin(), spec_.tied.end(), [&](const TiedKey& tied) {
           const auto& names = tied.value.names();
           return is_workload_setting(tied.key) && std::find(names.begin(), names.end(), axis.key) != names.end();
         });
}

// If there are few models, loads all of them at once: processes forked later need not read them again.
void Planner::load_models() {
  std::vector<std::uint32_t> sizes = spec_.axis_sizes();
  for (std::size_t a = 0; a < sizes.size(); ++a)
    if (!changes_model(spec_.axes[a])) sizes[a] = 1;
  if (grid_size(sizes) * static_cast<double>(workloads_.size()) > kModelsToLoad) return;
  for (const Design& design : grid_designs(sizes))
    for (std::size_t w = 0; w < workloads_.size(); ++w) model_for(point_settings(spec_, design), w);
}

const Planner::Model& Planner::model_for(const PointSettings& settings, std::size_t workload) {
  std::vector<std::string> dims = base_workload_;
  dims.insert(dims.end(), settings.workload.begin(), settings.workload.end());
  const Workload& source = workloads_[workload];
  std::string description = source.sha256;
  for (const std::string& dim : dims) description += "\nworkload." + dim;
  if (settings.batch > 1) description += "\nbatch=" + std::to_string(settings.batch);
  const auto known = models_.find(description);
  if (known != models_.end()) return known->second;
  Model& model = models_[description];
  model.sha256 = sha256_hex(description);
  Diagnostics diagnostics(source.file, Diagnostics::Mode::kCollect);
  const VitModel one = read_workload(source.document, dims, diagnostics);
  if (diagnostics.ok())
    model.model = std::make_shared<const VitModel>(batched(one, settings.batch));
  else
    model.refusal = refusal_text(diagnostics.errors().front());
  return model;
}

std::string Planner::mask_identity(const HardwareConfig& config) {
  const std::string& file = config.sparsity.mask_file;
  if (config.sparsity.source != SparsitySource::kFile || file.empty()) return "";
  const auto known = mask_files_.find(file);
  if (known != mask_files_.end()) return known->second;
  std::string identity = "missing";
  try {
    identity = sha256_hex(read_text_file(file, std::size_t{1} << 32));
  } catch (const InputError&) {  // evaluating the point will report it
  }
  return mask_files_[file] = identity;
}

std::string Planner::variables(const PointSettings& settings, const std::string& workload,
                               const std::string& config_json) const {
  const std::vector<std::string> columns = spec_.columns();
  std::string members;
  JsonDocument config;
  for (const std::string& name : config_names_) {
    std::string value;
    const auto column = std::find(columns.begin(), columns.end(), name);
    if (column != columns.end()) {
      value = axis_value_json(settings.columns[static_cast<std::size_t>(column - columns.begin())]);
    } else if (name == "workload") {
      value = json_string(workload);
    } else if (name == kBatchAxis) {
      value = std::to_string(settings.batch);
    } else if (name == kModeAxis) {
      value = json_string(settings.training ? "training" : "inference");
    } else {
      if (config.type() == JsonValue::Type::kNull) config = parse_json(config_json, spec_.base);
      const JsonValue* found = find_dotted(config, name);
      if (!found) continue;
      const Expression::Value known = expression_value(*found);
      const double* number = std::get_if<double>(&known);
      if (number && !std::isfinite(*number)) continue;
      value = number ? number_text(*number) : json_string(std::get<std::string>(known));
    }
    members += (members.empty() ? "" : ",") + json_string(name) + ":" + value;
  }
  return "{" + members + "}";
}

std::vector<std::string> Planner::workload_names() const {
  std::vector<std::string> names;
  for (const Workload& workload : workloads_) names.push_back(workload.name);
  return names;
}

PreparedRow Planner::resolve(const Design& design, std::size_t workload) {
  const PointSettings settings = point_settings(spec_, design);
  PreparedRow row;
  Diagnostics diagnostics(spec_.base);
  row.config = read_hardware_config(base_, settings.machine, diagnostics);
  row.model = model_for(settings, workload).model;
  row.training = settings.training;
  row.mapping = mapping_for(settings, diagnostics);
  return row;
}

JsonDocument Planner::mapping_for(const PointSettings& settings, Diagnostics& diagnostics) const {
  JsonDocument mapping = mapping_;
  set_values(mapping, settings.mapping, "axis", diagnostics);
  return mapping;
}

PreparedRow Planner::prepare(const Design& design, std::size_t workload, std::int64_t position) {
  PreparedRow row;
  PlannedRow& planned = row.planned;
  planned.position = position;
  planned.workload = workloads_[workload].name;
  const PointSettings settings = point_settings(spec_, design);
  for (std::size_t i = 0; i < settings.columns.size(); ++i)
    planned.axes += (i ? "," : "") + axis_value_json(settings.columns[i]);
  planned.axes = "[" + planned.axes + "]";
  planned.variables = "{}";
  planned.refusal = settings.refusal;
  if (!planned.refusal.empty()) return row;

  const Model& model = model_for(settings, workload);
  Diagnostics diagnostics(spec_.base, Diagnostics::Mode::kCollect);
  row.config = read_hardware_config(base_, settings.machine, diagnostics);
  row.mapping = mapping_for(settings, diagnostics);
  planned.refusal = !diagnostics.ok() ? refusal_text(diagnostics.errors().front()) : model.refusal;
  if (!planned.refusal.empty()) return row;
  row.model = model.model;
  row.training = settings.training;
  const std::string config_json = write_json(row.config);
  planned.variables = variables(settings, planned.workload, config_json);

  // A constraint that reads only config values decides the row without a run.
  const JsonDocument known = spec_.constraints.empty() ? JsonDocument() : parse_json(planned.variables, spec_.file);
  for (const Expression& constraint : spec_.constraints) {
    if (has_unknown_name(constraint, known)) continue;
    if (!constraint.holds([&](const std::string& name) { return expression_value(*known.find(name)); })) {
      planned.refusal = "constraint not met: " + constraint.text();
      return row;
    }
  }
  std::string identity = std::string(kProgramIdentity) + "\n" + config_json + "\n" + model.sha256 + "\n" +
                         mask_identity(row.config) + "\n" + (spec_.numerics ? "numerics check" : "numerics off") +
                         (settings.training ? "\ntraining" : "");
  if (!spec_.mapping.empty()) identity += "\n" + mapping_identity_;
  for (const std::string& setting : settings.mapping) identity += setting + "\n";
  planned.key = sha256_hex(identity);
  return row;
}

Judgement judge(const StoredRow& row, const SweepSpec& spec) {
  Judgement judgement;
  if (!row.planned.refusal.empty()) {
    judgement.status = PointStatus::kInfeasible;
    judgement.reason = row.planned.refusal;
    return judgement;
  }
  const PointResult& result = *row.result;
  judgement.status = result.status;
  judgement.reason = result.reason;
  if (result.status != PointStatus::kOk) return judgement;

  const JsonDocument variables = parse_json(row.planned.variables, spec.file);
  const Expression::Lookup lookup = [&](const std::string& name) -> Expression::Value {
    const int total = find_total(name);
    if (total >= 0) return result.totals.value[static_cast<std::size_t>(total)];
    const JsonValue* found = variables.find(name);
    return found ? expression_value(*found) : Expression::Value(std::nan(""));
  };
  for (const Expression& constraint : spec.constraints) {
    if (constraint.holds(lookup)) continue;
    if (judgement.broken_constraints++ == 0) judgement.reason = "constraint not met: " + constraint.text();
    judgement.status = PointStatus::kInfeasible;
  }
  for (const Objective& objective : spec.objectives) {
    const Expression::Value value = objective.value.evaluate(lookup);
    const double* number = std::get_if<double>(&value);
    if (!number || std::isnan(*number)) {
      judgement.objectives.clear();
      break;
    }
    judgement.objectives.push_back(objective.maximize ? -*number : *number);
  }
  return judgement;
}

}  // namespace vitality
