#include "report/read/read_sweep.h"

#include <limits>
#include <map>

namespace vitality {
namespace {

constexpr std::size_t kMaxMetrics = 256;
using Type = JsonValue::Type;

[[noreturn]] void fail(const std::string& file, const std::string& pointer, const std::string& expected,
                       const JsonValue* found) {
  throw InputError(file, pointer, "expected " + expected + ", found " + (found ? describe(*found) : "nothing"));
}

const JsonValue& want(const JsonValue& object, const char* key, Type type, const char* expected,
                      const std::string& pointer, const std::string& file) {
  const JsonValue* value = object.find(key);
  if (value == nullptr || value->type() != type) fail(file, pointer_of(pointer, std::string(key)), expected, value);
  return *value;
}

bool is_scalar(const JsonValue& value) {
  return value.type() != Type::kNull && value.type() != Type::kArray && value.type() != Type::kObject;
}

// Texts, numbered in the order of appearance.
class Names {
 public:
  explicit Names(std::vector<std::string>& names) : names_(names) {}
  std::uint32_t index(const std::string& name) {
    const auto [at, fresh] = index_.emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (fresh) names_.push_back(name);
    return at->second;
  }

 private:
  std::vector<std::string>& names_;
  std::map<std::string, std::uint32_t> index_;
};

class SweepReader {
 public:
  SweepReader(const JsonValue& document, const std::string& file) : document_(document), file_(file) {}

  ReportSweep read() {
    out_.file = file_;
    reasons_.index("");
    read_spec(want(document_, "spec", Type::kObject, "an object", "", file_));
    const JsonValue& points = want(document_, "points", Type::kArray, "a list", "", file_);
    out_.points.reserve(points.items().size());
    for (std::size_t i = 0; i < points.items().size(); ++i) read_point(points.items()[i], pointer_of("/points", i));
    if (const JsonValue* files = document_.find("files")) read_files(*files);
    if (const JsonValue* steps = document_.find("convergence")) read_convergence(*steps);
    for (ReportSweep::Point& point : out_.points)  // points read before a metric appeared lack it
      point.totals.resize(out_.metrics.size(), std::numeric_limits<double>::quiet_NaN());
    return std::move(out_);
  }

 private:
  void read_spec(const JsonValue& spec) {
    const JsonValue& axes = want(spec, "axes", Type::kObject, "an object", "/spec", file_);
    for (const auto& [key, values] : axes.members()) {
      const std::string pointer = pointer_of("/spec/axes", key);
      if (values.type() != Type::kArray || values.items().empty()) fail(file_, pointer, "a list of values", &values);
      Axis axis{std::string(key), {}, {}};
      axis_values_.emplace_back();
      for (std::size_t i = 0; i < values.items().size(); ++i) {
        if (!is_scalar(values.items()[i])) fail(file_, pointer_of(pointer, i), "a single value", &values.items()[i]);
        axis.values.push_back(axis_value_of(values.items()[i]));
        axis_values_.back().emplace(to_string(axis.values.back()), static_cast<std::uint32_t>(i));
      }
      out_.axes.push_back(std::move(axis));
    }
    if (const JsonValue* objectives = spec.find("objectives"))
      for (const auto& [name, sense] : objectives->members())
        out_.objectives.push_back({std::string(name), sense.text() == "max", {}});
    if (const JsonValue* constraints = spec.find("constraints"))
      for (const JsonValue& constraint : constraints->items()) out_.constraints.push_back(constraint.text());
    if (const JsonValue* numerics = spec.find("numerics")) out_.numerics = numerics->text() == "check";
    if (const JsonValue* tied = spec.find("tied"))
      for (const auto& member : tied->members()) out_.tied.emplace_back(member.key);
    if (const JsonValue* choices = spec.find("choices"))
      for (Axis& axis : out_.axes) read_choices(choices->find(axis.key), axis);
  }

  // The settings of each value of an axis of choices.
  static void read_choices(const JsonValue* names, Axis& axis) {
    for (std::size_t i = 0; names && i < axis.values.size(); ++i) {
      axis.settings.emplace_back();
      if (const JsonValue* settings = names->find(to_string(axis.values[i])))
        for (const JsonValue& setting : settings->items()) axis.settings.back().emplace_back(setting.text());
    }
  }

  // After the points, which number the workloads.
  void read_files(const JsonValue& files) {
    if (const JsonValue* base = files.find("base")) out_.base = base->text();
    if (const JsonValue* mapping = files.find("mapping")) out_.mapping = mapping->text();
    if (const JsonValue* settings = files.find("settings"))
      for (const JsonValue& setting : settings->items()) out_.settings.emplace_back(setting.text());
    const JsonValue* workloads = files.find("workloads");
    for (const std::string& name : out_.workloads) {
      const JsonValue* file = workloads ? workloads->find(name) : nullptr;
      out_.workload_files.emplace_back(file ? file->text() : "");
    }
  }

  void read_convergence(const JsonValue& steps) {
    const auto number = [](const JsonValue& value) {
      return value.type() == Type::kInteger || value.type() == Type::kNumber;
    };
    if (steps.type() != Type::kArray) fail(file_, "/convergence", "a list", &steps);
    for (std::size_t i = 0; i < steps.items().size(); ++i) {
      const JsonValue& step = steps.items()[i];
      if (step.type() != Type::kArray || step.items().size() != 2 || step.items()[0].type() != Type::kInteger ||
          !number(step.items()[1]))
        fail(file_, pointer_of("/convergence", i), "a number of designs and the hypervolume after them", &step);
      out_.convergence.push_back({step.items()[0].integer(), step.items()[1].number()});
    }
  }

  void read_point(const JsonValue& value, const std::string& pointer) {
    ReportSweep::Point point;
    const JsonValue& axes = want(value, "axes", Type::kObject, "an object", pointer, file_);
    for (std::size_t a = 0; a < out_.axes.size(); ++a) {
      const JsonValue* at = axes.find(out_.axes[a].key);
      const auto found =
          at != nullptr && is_scalar(*at) ? axis_values_[a].find(to_string(axis_value_of(*at))) : axis_values_[a].end();
      if (found == axis_values_[a].end())
        fail(file_, pointer_of(pointer + "/axes", out_.axes[a].key), "one of the axis' values", at);
      point.design.push_back(found->second);
    }
    for (const std::string& key : out_.tied) {
      const JsonValue* at = axes.find(key);
      if (at == nullptr || !is_scalar(*at)) fail(file_, pointer_of(pointer + "/axes", key), "a single value", at);
      point.tied.push_back(axis_value_of(*at));
    }
    point.workload =
        workloads_.index(want(value, "workload", Type::kString, "a workload's name", pointer, file_).text());
    const JsonValue& status = want(value, "status", Type::kString, "a status", pointer, file_);
    if (!parse_point_status(status.text(), point.status))
      fail(file_, pointer + "/status", "ok, infeasible, failed or timeout", &status);
    const JsonValue* reason = value.find("reason");
    point.reason = reasons_.index(reason != nullptr ? reason->text() : "");
    const JsonValue* pareto = value.find("pareto");
    point.pareto = pareto != nullptr && pareto->boolean();
    read_totals(want(value, "totals", Type::kObject, "an object", pointer, file_), pointer + "/totals", point);
    out_.points.push_back(std::move(point));
  }

  void read_totals(const JsonValue& totals, const std::string& pointer, ReportSweep::Point& point) {
    point.totals.assign(out_.metrics.size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, value] : totals.members()) {
      if (value.type() == Type::kNull) continue;
      if (value.type() != Type::kInteger && value.type() != Type::kNumber)
        fail(file_, pointer_of(pointer, name), "a number", &value);
      const std::uint32_t metric = metrics_.index(std::string(name));
      if (metric >= kMaxMetrics) fail(file_, pointer_of(pointer, name), "at most 256 different totals", &value);
      if (metric >= point.totals.size()) point.totals.resize(metric + 1, std::numeric_limits<double>::quiet_NaN());
      point.totals[metric] = value.number();
    }
  }

  const JsonValue& document_;
  const std::string& file_;
  ReportSweep out_;
  Names workloads_{out_.workloads}, metrics_{out_.metrics}, reasons_{out_.reasons};
  std::vector<std::map<std::string, std::uint32_t>> axis_values_;
};

}  // namespace

ReportSweep read_sweep(const JsonValue& document, const std::string& file) {
  return SweepReader(document, file).read();
}

}  // namespace vitality
