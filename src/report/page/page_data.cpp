#include "report/page/page_data.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

// Not finite: null. Whole numbers without ".0".
Json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

Json rounded(double value) {
  Json whole = number(value);
  if (whole.is_null() || whole.is_number_integer()) return whole;
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.7g", value);
  return number(std::strtod(digits, nullptr));
}

// Any JSON, as it is.
Json to_json(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return nullptr;
    case JsonValue::Type::kBoolean:
      return value.boolean();
    case JsonValue::Type::kInteger:
      return value.integer();
    case JsonValue::Type::kNumber:
      return number(value.number());
    case JsonValue::Type::kString:
      return value.text();
    case JsonValue::Type::kArray: {
      Json list = Json::array();
      for (const JsonValue& item : value.items()) list.push_back(to_json(item));
      return list;
    }
    case JsonValue::Type::kObject: {
      Json object = Json::object();
      for (const auto& [name, item] : value.members())
        object.get_ref<Json::object_t&>().emplace_back(std::string(name), to_json(item));
      return object;
    }
  }
  return nullptr;
}

std::string scalar_text(const JsonValue& value) {
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return "null";
    case JsonValue::Type::kBoolean:
      return value.boolean() ? "true" : "false";
    case JsonValue::Type::kInteger:
      return std::to_string(value.integer());
    case JsonValue::Type::kNumber:
      return json_number(value.number());
    case JsonValue::Type::kString:
    case JsonValue::Type::kArray:
    case JsonValue::Type::kObject:
      break;
  }
  return value.text();
}

// [dotted key, value] of everything below.
void flatten(const JsonValue& value, const std::string& key, Json& rows) {
  if (value.type() == JsonValue::Type::kObject) {
    const std::string prefix = key.empty() ? "" : key + ".";
    for (const auto& [name, item] : value.members()) {
      std::string dotted = prefix;
      dotted += name;
      flatten(item, dotted, rows);
    }
  } else if (value.type() == JsonValue::Type::kArray) {
    for (std::size_t i = 0; i < value.items().size(); ++i)
      flatten(value.items()[i], key + "." + std::to_string(i), rows);
  } else if (!key.empty()) {
    rows.push_back({key, scalar_text(value)});
  }
}

Json without_config(const JsonValue& document) {
  Json json = Json::object();
  for (const auto& [name, item] : document.members())
    if (name != "config") json.get_ref<Json::object_t&>().emplace_back(std::string(name), to_json(item));
  return json;
}

// The whole document: what a result holds is on its page, whichever version wrote it (result.js).
Json to_json(const ReportResult& item) {
  Json json = {{"file", item.file},           {"label", item.label},
               {"machine", item.machine},     {"is_device", item.result.is_device},
               {"clock_mhz", item.clock_mhz}, {"peak_gops", item.peak_gops},
               {"dram_gb_s", item.dram_gb_s}, {"result", without_config(item.document)}};
  json["config"] = Json::array();
  flatten(item.config, "", json["config"]);
  return json;
}

Json to_json(const ReportComparedPair::Scope& scope) {
  return {{"latency_ms", number(scope.latency_ms)},
          {"energy_mj", number(scope.energy_mj)},
          {"speedup", number(scope.speedup)},
          {"efficiency_gain", number(scope.efficiency_gain)},
          {"gops", number(scope.gops)},
          {"gops_per_w", number(scope.gops_per_w)}};
}

Json to_json(const ReportComparison& comparison) {
  Json json = {{"file", comparison.file},
               {"command", comparison.command},
               {"normalize", comparison.normalize},
               {"workloads", comparison.workloads}};
  json["machines"] = Json::array();
  for (const auto& machine : comparison.machines)
    json["machines"].push_back(
        {{"name", machine.name}, {"tag", machine.tag}, {"how", machine.how}, {"notes", machine.notes}});
  json["pairs"] = Json::array();
  for (const ReportComparedPair& pair : comparison.pairs)
    json["pairs"].push_back({{"machine", pair.machine},
                             {"workload", pair.workload},
                             {"status", to_string(pair.status)},
                             {"reason", pair.reason},
                             {"whole", to_json(pair.whole)},
                             {"attention", to_json(pair.attention)}});
  return json;
}

Json to_json(const AxisValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return number(*real);
  return std::visit([](const auto& v) { return Json(v); }, value);
}

// One value where all are the same.
template <class Value>
Json column(const std::vector<ReportSweep::Point>& points, const Value& value) {
  Json json = Json::array();
  bool same = true;
  for (const ReportSweep::Point& point : points) {
    json.push_back(value(point));
    same = same && json.back() == json.front();
  }
  if (same && json.size() > 1) json.erase(json.begin() + 1, json.end());
  return json;
}

Json to_json(const ReportSweep& sweep) {
  using Point = ReportSweep::Point;
  Json json = {{"file", sweep.file},           {"points", sweep.points.size()}, {"constraints", sweep.constraints},
               {"workloads", sweep.workloads}, {"metrics", sweep.metrics},      {"reasons", sweep.reasons}};
  json["objectives"] = Json::array();
  for (const Objective& objective : sweep.objectives)
    json["objectives"].push_back({{"name", objective.name}, {"max", objective.maximize}});
  json["axes"] = Json::array();
  for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
    Json values = Json::array();
    for (const AxisValue& value : sweep.axes[a].values) values.push_back(to_json(value));
    json["axes"].push_back({{"key", sweep.axes[a].key},
                            {"values", std::move(values)},
                            {"column", column(sweep.points, [a](const Point& p) { return Json(p.design[a]); })}});
  }
  json["workload"] = column(sweep.points, [](const Point& p) { return Json(p.workload); });
  json["reason"] = column(sweep.points, [](const Point& p) { return Json(p.reason); });
  json["status"] = column(sweep.points, [](const Point& p) { return Json(static_cast<int>(p.status)); });
  json["pareto"] = column(sweep.points, [](const Point& p) { return Json(p.pareto ? 1 : 0); });
  json["totals"] = Json::array();
  for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
    json["totals"].push_back(column(sweep.points, [m](const Point& p) { return rounded(p.totals[m]); }));
  return json;
}

template <class Item>
Json list(const std::vector<Item>& items) {
  Json json = Json::array();
  for (const Item& item : items) json.push_back(to_json(item));
  return json;
}

}  // namespace

std::string page_data(const ReportInput& input, const std::string& title) {
  const Json json = {{"title", title},
                     {"version", VITALITY_VERSION},
                     {"results", list(input.results)},
                     {"comparisons", list(input.comparisons)},
                     {"sweeps", list(input.sweeps)}};
  // File names may hold any bytes: what is not UTF-8 becomes U+FFFD.
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<')
      out += "\\u003c";  // no "</script" and no "<!--"; a `<` can only be inside a string
    else
      out += c;
  }
  return out;
}

}  // namespace vitality
