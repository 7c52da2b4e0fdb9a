#include "explore/point_settings.h"

#include <algorithm>
#include <cmath>

#include "workload/settings.h"

namespace vitality {
namespace {

Expression::Value expression_value(const AxisValue& value) {
  if (const std::string* text = std::get_if<std::string>(&value)) return *text;
  if (const double* number = std::get_if<double>(&value)) return *number;
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return double(std::get<bool>(value));
}

AxisValue axis_value(const Expression::Value& value) {
  if (const std::string* text = std::get_if<std::string>(&value)) return *text;
  return axis_number(std::get<double>(value));
}

// The value of a tied key; a name alone keeps the type of its axis (true stays true).
AxisValue tied_value(const SweepSpec& spec, const Design& design, const Expression& expression) {
  const auto value_of = [&](const std::string& name) -> const AxisValue& {
    const auto axis = std::find_if(spec.axes.begin(), spec.axes.end(), [&](const Axis& a) { return a.key == name; });
    return axis->values[design[static_cast<std::size_t>(axis - spec.axes.begin())]];
  };
  if (expression.names().size() == 1 && expression.text() == expression.names().front())
    return value_of(expression.text());
  return axis_value(expression.evaluate([&](const std::string& name) { return expression_value(value_of(name)); }));
}

}  // namespace

PointSettings point_settings(const SweepSpec& spec, const Design& design) {
  PointSettings out;
  std::vector<std::string> settings;
  const auto set = [&](const std::string& key, const AxisValue& value) {
    out.columns.push_back(value);
    if (key == kBatchAxis)
      out.batch = static_cast<int>(std::get<std::int64_t>(value));
    else if (key == kModeAxis)
      out.training = std::get<std::string>(value) == "training";
    else
      settings.push_back(key + "=" + to_string(value));
  };
  for (std::size_t a = 0; a < spec.axes.size(); ++a) {
    const Axis& axis = spec.axes[a];
    if (axis.settings.empty()) {
      set(axis.key, axis.values[design[a]]);
      continue;
    }
    out.columns.push_back(axis.values[design[a]]);
    const std::vector<std::string>& chosen = axis.settings[design[a]];
    settings.insert(settings.end(), chosen.begin(), chosen.end());
  }
  for (const TiedKey& tied : spec.tied) {
    AxisValue value = tied_value(spec, design, tied.value);
    const double* number = std::get_if<double>(&value);
    if (number && !std::isfinite(*number)) {
      if (out.refusal.empty()) out.refusal = tied.key + " = " + tied.value.text() + " is no number";
      value = std::string("no number");
    }
    set(tied.key, value);
  }
  Settings split = split_settings(settings);
  out.machine = std::move(split.machine), out.workload = std::move(split.workload);
  out.mapping = std::move(split.mapping);
  return out;
}

}  // namespace vitality
