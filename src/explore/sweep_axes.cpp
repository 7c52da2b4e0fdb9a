#include "explore/sweep_axes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>

#include "config/hardware_config_json.h"
#include "explore/evaluate.h"
#include "explore/point_settings.h"
#include "explore/sweep_keys.h"
#include "tensor/functions.h"
#include "workload/batch.h"
#include "workload/settings.h"

namespace vitality {
namespace {

using Type = JsonValue::Type;

bool is_scalar(const JsonValue& value) {
  return value.type() != Type::kNull && value.type() != Type::kArray && value.type() != Type::kObject;
}

// A geometric range (50 to 800 in factors of two) without the errors of exp and log in the last digits.
double rounded(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.12g", value);
  return std::strtod(text, nullptr);
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
  bool good = read_key(reader, key_of(keys, "from"), from);
  good = read_key(reader, key_of(keys, "to"), to) && good;
  good = read_key(reader, key_of(keys, "steps"), steps) && good;
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
    if (!is_scalar(items[i])) {
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

// {"choices": {name: {key: value, ...}, ...}}: an axis of parts of a machine, each with a name.
Axis read_choices(const std::string& key, const JsonValue& choices, const std::string& pointer,
                  Diagnostics& diagnostics) {
  Axis axis{key, {}, {}};
  if (choices.type() != Type::kObject || choices.members().empty())
    diagnostics.add(pointer, "expected names with their settings, {\"small\": {\"dram.channels\": 1}, ...}, found " +
                                 describe(choices));
  for (const auto& [name, settings] : choices.members()) {
    axis.values.emplace_back(std::string(name));
    axis.settings.emplace_back();
    const std::string place = pointer_of(pointer, name);
    if (settings.type() != Type::kObject || settings.members().empty())
      diagnostics.add(place, "expected keys with their values, found " + describe(settings));
    for (const auto& [setting, value] : settings.members()) {
      if (!is_scalar(value))
        diagnostics.add(pointer_of(place, setting),
                        "expected a number, a string or a boolean, found " + describe(value));
      else
        axis.settings.back().push_back(std::string(setting) + "=" + to_string(axis_value_of(value)));
    }
  }
  return axis;
}

}  // namespace

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

std::string axis_value_json(const AxisValue& value) {
  if (const std::string* text = std::get_if<std::string>(&value)) return json_string(*text);
  if (const double* number = std::get_if<double>(&value)) return number_text(*number);
  return to_string(value);
}

std::optional<Expression> read_expression(const std::string& text, const std::string& pointer,
                                          Diagnostics& diagnostics) {
  try {
    return Expression::parse(text);
  } catch (const InputError& error) {
    diagnostics.add(pointer, error.message());
    return std::nullopt;
  }
}

void read_axes(const JsonValue& axes, Diagnostics& diagnostics, SweepSpec& spec) {
  if (axes.type() != Type::kObject)
    return diagnostics.add("/axes", "expected an object of axes, found " + describe(axes));
  for (const auto& [name, value] : axes.members()) {
    const std::string key(name), pointer = pointer_of("/axes", key);
    if (value.type() == Type::kArray) {
      spec.axes.push_back({key, read_list(value, pointer, diagnostics), {}});
    } else if (value.type() == Type::kString) {
      if (const auto expression = read_expression(std::string(value.text()), pointer, diagnostics))
        spec.tied.push_back({key, *expression});
    } else if (value.type() == Type::kObject && value.find(kChoices)) {
      ObjectReader reader(value, pointer, diagnostics);
      const JsonValue* choices = get_key(reader, other_key(kChoices, "{}"));
      spec.axes.push_back(read_choices(key, *choices, pointer_of(pointer, std::string(kChoices)), diagnostics));
      reader.finish();
    } else if (value.type() == Type::kObject) {
      spec.axes.push_back({key, read_range(value, pointer, diagnostics), {}});
    } else {
      diagnostics.add(pointer,
                      "expected a list of values, {\"from\", \"to\", \"scale\", \"steps\"}, {\"choices\"} or an "
                      "expression over other axes, found " +
                          describe(value));
    }
  }
}

// ---- As the store keeps them ----

std::string derived_axes_json(const SweepSpec& spec) {
  std::string tied, choices;
  for (const TiedKey& key : spec.tied)
    tied += (tied.empty() ? "" : ",") + json_string(key.key) + ":" + json_string(key.value.text());
  for (const Axis& axis : spec.axes) {
    if (axis.settings.empty()) continue;
    std::string names;
    for (std::size_t i = 0; i < axis.values.size(); ++i) {
      std::string settings;
      for (const std::string& setting : axis.settings[i])
        settings += (settings.empty() ? "" : ",") + json_string(setting);
      names += (i ? "," : "") + axis_value_json(axis.values[i]) + ":[" + settings + "]";
    }
    choices += (choices.empty() ? "" : ",") + json_string(axis.key) + ":{" + names + "}";
  }
  return (tied.empty() ? "" : ",\"tied\":{" + tied + "}") + (choices.empty() ? "" : ",\"choices\":{" + choices + "}");
}

void read_derived_axes(const JsonValue& stored, Diagnostics& diagnostics, SweepSpec& spec) {
  if (const JsonValue* tied = stored.find("tied"))
    for (const auto& [key, text] : tied->members())
      if (const auto expression = read_expression(std::string(text.text()), pointer_of("/tied", key), diagnostics))
        spec.tied.push_back({std::string(key), *expression});
  const JsonValue* choices = stored.find("choices");
  if (!choices) return;
  for (Axis& axis : spec.axes) {
    const JsonValue* names = choices->find(axis.key);
    for (std::size_t i = 0; names && i < axis.values.size(); ++i) {
      axis.settings.emplace_back();
      if (const JsonValue* settings = names->find(to_string(axis.values[i])))
        for (const JsonValue& setting : settings->items()) axis.settings.back().emplace_back(setting.text());
    }
  }
}

}  // namespace vitality
