#include "report/page/page_data.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

// null if not finite; whole numbers without ".0".
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

// ---- Text for a <script> of the page.

// Writes members or items with the separators between them.
class Sequence {
 public:
  Sequence(const TextSink& out, char open, char close) : out_(out), close_(close) { out_({&open, 1}); }
  void next() {
    if (!first_) out_(",");
    first_ = false;
  }
  void key(std::string_view name);
  void end() { out_({&close_, 1}); }

 private:
  const TextSink& out_;
  const char close_;
  bool first_ = true;
};

// A `<` can only be inside a string. It is escaped, so the text contains no "</script" and no "<!--". File names may
// hold any bytes: invalid UTF-8 becomes U+FFFD.
void append(const Json& json, const TextSink& out) {
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::size_t from = 0;
  for (std::size_t at; (at = text.find('<', from)) != std::string::npos; from = at + 1) {
    out(std::string_view(text).substr(from, at - from));
    out("\\u003c");
  }
  out(std::string_view(text).substr(from));
}

void Sequence::key(std::string_view name) {
  next();
  append(Json(std::string(name)), out_);
  out_(":");
}

// A file of hundreds of MiB may be shown, so it is written value by value, without building a tree or a text of it.
void append(const JsonValue& value, const TextSink& out) {
  switch (value.type()) {
    case JsonValue::Type::kNull:
      return out("null");
    case JsonValue::Type::kBoolean:
      return out(value.boolean() ? "true" : "false");
    case JsonValue::Type::kInteger:
      return out(std::to_string(value.integer()));
    case JsonValue::Type::kNumber:
      return append(number(value.number()), out);
    case JsonValue::Type::kString:
      return append(Json(value.text()), out);
    case JsonValue::Type::kArray: {
      Sequence list(out, '[', ']');
      for (const JsonValue& item : value.items()) {
        list.next();
        append(item, out);
      }
      return list.end();
    }
    case JsonValue::Type::kObject: {
      Sequence object(out, '{', '}');
      for (const auto& [name, item] : value.members()) {
        object.key(name);
        append(item, out);
      }
      return object.end();
    }
  }
}

// The whole document, so that everything in a result is on its page, whatever version wrote it (result.js).
void append(const ReportResult& item, const TextSink& out) {
  const std::pair<const char*, Json> members[] = {{"file", item.file},           {"label", item.label},
                                                  {"machine", item.machine},     {"is_device", item.result.is_device},
                                                  {"clock_mhz", item.clock_mhz}, {"peak_gops", item.peak_gops},
                                                  {"dram_gb_s", item.dram_gb_s}};
  Sequence object(out, '{', '}');
  for (const auto& [name, value] : members) {
    object.key(name);
    append(value, out);
  }
  object.key("result");
  append(item.document, out);
  object.end();
}

void append(const ReportEvaluation& item, const TextSink& out) {
  Sequence object(out, '{', '}');
  object.key("file");
  append(Json(item.file), out);
  object.key("evaluation");
  append(item.document, out);
  object.end();
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

// A single value if all are the same.
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
    if (!sweep.axes[a].settings.empty()) json["axes"].back()["settings"] = sweep.axes[a].settings;
  }
  json["tied"] = Json::array();
  for (std::size_t t = 0; t < sweep.tied.size(); ++t)
    json["tied"].push_back(
        {{"key", sweep.tied[t]}, {"column", column(sweep.points, [t](const Point& p) { return to_json(p.tied[t]); })}});
  json["base"] = sweep.base;
  json["mapping"] = sweep.mapping;
  json["settings"] = sweep.settings;
  json["workload_files"] = sweep.workload_files;
  json["numerics"] = sweep.numerics;
  json["workload"] = column(sweep.points, [](const Point& p) { return Json(p.workload); });
  json["reason"] = column(sweep.points, [](const Point& p) { return Json(p.reason); });
  json["status"] = column(sweep.points, [](const Point& p) { return Json(static_cast<int>(p.status)); });
  json["pareto"] = column(sweep.points, [](const Point& p) { return Json(p.pareto ? 1 : 0); });
  json["convergence"] = Json::array();
  for (const ConvergenceStep& step : sweep.convergence)
    json["convergence"].push_back({step.designs, rounded(step.hypervolume)});
  json["totals"] = Json::array();
  for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
    json["totals"].push_back(column(sweep.points, [m](const Point& p) { return rounded(p.totals[m]); }));
  return json;
}

void append(const ReportComparison& comparison, const TextSink& out) {
  append(to_json(comparison), out);
}
void append(const ReportSweep& sweep, const TextSink& out) {
  append(to_json(sweep), out);
}

template <class Item>
void append(const std::vector<Item>& items, const TextSink& out) {
  Sequence list(out, '[', ']');
  for (const Item& item : items) {
    list.next();
    append(item, out);
  }
  list.end();
}

}  // namespace

void write_page_data(const ReportInput& input, const std::string& title, const TextSink& out) {
  Sequence page(out, '{', '}');
  page.key("title");
  append(Json(title), out);
  page.key("version");
  append(Json(VITALITY_VERSION), out);
  page.key("results");
  append(input.results, out);
  page.key("comparisons");
  append(input.comparisons, out);
  page.key("evaluations");
  append(input.evaluations, out);
  page.key("sweeps");
  append(input.sweeps, out);
  page.end();
}

}  // namespace vitality
