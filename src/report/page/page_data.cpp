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

Json object(const std::vector<std::pair<std::string, std::int64_t>>& members) {
  Json json = Json::object();
  for (const auto& [name, value] : members) json[name] = value;
  return json;
}

Json to_json(const OperationCounts& counts) {
  return {{"mul", counts.mul}, {"add", counts.add}, {"div", counts.div}, {"exp", counts.exp}, {"cmp", counts.cmp}};
}

Json to_json(const EnergyBreakdown& energy) {
  return {{"compute", energy.compute},
          {"sram", energy.sram},
          {"noc", energy.noc},
          {"dram", energy.dram},
          {"leakage", energy.leakage}};
}

Json to_json(const Totals& totals) {
  return {{"cycles", totals.cycles},
          {"latency_ms", totals.latency_ms},
          {"energy_mj", totals.energy_mj},
          {"average_power_w", totals.average_power_w},
          {"on_chip_power_w", totals.on_chip_power_w},
          {"area_mm2", totals.area_mm2},
          {"macs", totals.macs},
          {"gops", totals.gops},
          {"gops_per_w", totals.gops_per_w},
          {"utilization", totals.utilization},
          {"dram_read_bytes", totals.dram_read_bytes},
          {"dram_write_bytes", totals.dram_write_bytes},
          {"sram_read_bytes", totals.sram_read_bytes},
          {"sram_write_bytes", totals.sram_write_bytes},
          {"noc_byte_hops", totals.noc_byte_hops},
          {"operations", to_json(totals.operations)}};
}

// DRAM bytes by operand and cause: "weights, refetch".
Json moves(const LayerResult& layer) {
  Json json = Json::object();
  for (const DramTraffic& t : layer.dram_traffic) json[t.operand + ", " + t.cause] = t.bytes;
  return json;
}

Json to_json(const LayerResult& layer) {
  Json json = {{"name", layer.name},
               {"kind", layer.kind},
               {"mapping", layer.mapping},
               {"charged", layer.charged},
               {"executed", layer.executed},
               {"start", layer.start_cycle},
               {"end", layer.end_cycle},
               {"macs", layer.macs},
               {"operations", to_json(layer.operations)},
               {"energy", to_json(layer.energy)},
               {"dram_read", layer.dram_read_bytes},
               {"dram_write", layer.dram_write_bytes},
               {"sram_read", layer.sram_read_bytes},
               {"sram_write", layer.sram_write_bytes},
               {"intensity", layer.macs_per_dram_byte},
               {"moved", moves(layer)},
               {"bottleneck", layer.bottleneck},
               {"bound", layer.bound_cycles},
               {"split", object(layer.time_split)}};
  if (layer.has_error) {
    json["max_rel_error"] = layer.max_rel_error;
    json["tolerance"] = layer.tolerance;
    json["rms_rel_error"] = layer.rms_rel_error, json["rms_tolerance"] = layer.rms_tolerance;
    json["mean_rel_error"] = layer.mean_rel_error, json["mean_tolerance"] = layer.mean_tolerance;
    json["cosine_similarity"] = layer.cosine_similarity;
  }
  return json;
}

Json to_json(const UnitResult& unit) {
  return {{"name", unit.name},
          {"kind", unit.kind},
          {"busy", unit.busy_cycles},
          {"stalls", object(unit.stall_cycles)},
          {"idle", unit.idle_cycles},
          {"utilization", unit.utilization},
          {"actions", object(unit.actions)},
          {"energy_pj", unit.energy_pj},
          {"area_um2", unit.area_um2},
          {"occupied", unit.occupied}};
}

Json to_json(const NumericsResult& numerics) {
  Json json = {{"checked", numerics.checked}};
  if (!numerics.checked) return json;
  json["passed"] = numerics.passed;
  json["max_abs_error"] = numerics.max_abs_error;
  json["max_rel_error"] = numerics.max_rel_error;
  json["cosine_similarity"] = numerics.cosine_similarity;
  json["tolerance"] = numerics.tolerance;
  json["worst_layer"] = numerics.worst_layer;
  return json;
}

std::string scalar_text(const JsonValue& value) {
  switch (value.type) {
    case JsonValue::Type::kNull:
      return "null";
    case JsonValue::Type::kBoolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Type::kInteger:
      return std::to_string(value.integer);
    case JsonValue::Type::kNumber:
      return json_number(value.number);
    case JsonValue::Type::kString:
    case JsonValue::Type::kArray:
    case JsonValue::Type::kObject:
      break;
  }
  return value.text;
}

// [dotted key, value] of everything below; `sources` (where a value comes from) are left out.
void flatten(const JsonValue& value, const std::string& key, Json& rows) {
  if (value.type == JsonValue::Type::kObject) {
    const std::string prefix = key.empty() ? "" : key + ".";
    for (const auto& [name, item] : value.members) {
      if (name == "sources") continue;
      std::string dotted = prefix;
      dotted += name;
      flatten(item, dotted, rows);
    }
  } else if (value.type == JsonValue::Type::kArray) {
    for (std::size_t i = 0; i < value.items.size(); ++i) flatten(value.items[i], key + "." + std::to_string(i), rows);
  } else if (!key.empty()) {
    rows.push_back({key, scalar_text(value)});
  }
}

Json to_json(const ReportResult& item) {
  const SimulationResult& result = item.result;
  Json json = {{"file", item.file},
               {"label", item.label},
               {"machine", item.machine},
               {"workload", result.workload_name},
               {"parameters", result.workload_parameters},
               {"mode", result.mode},
               {"command", result.manifest.command},
               {"version", result.manifest.version},
               {"seed", result.manifest.seed},
               {"config_sha256", result.manifest.config_sha256},
               {"workload_sha256", result.manifest.workload_sha256},
               {"clock_mhz", item.clock_mhz},
               {"peak_gops", item.peak_gops},
               {"dram_gb_s", item.dram_gb_s},
               {"numerics", to_json(result.numerics)},
               {"totals", to_json(result.totals)},
               {"attention", to_json(result.attention_totals)},
               {"energy", to_json(result.energy)},
               {"critical_path", object(result.critical_path)},
               {"bin_cycles", result.bin_cycles},
               {"not_charged", result.not_charged}};
  json["config"] = Json::array();
  flatten(item.config, "", json["config"]);
  json["layers"] = Json::array();
  for (const LayerResult& layer : result.layers) json["layers"].push_back(to_json(layer));
  json["units"] = Json::array();
  for (const UnitResult& unit : result.units) json["units"].push_back(to_json(unit));
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
