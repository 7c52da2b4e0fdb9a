#include "report/result_json.h"

#include <nlohmann/json.hpp>

#include "report/energy_bars.h"

namespace vitality {
namespace {

using Json = nlohmann::ordered_json;

void add_members(Json::object_t&) {}
template <class Value, class... Rest>
void add_members(Json::object_t& members, const char* name, Value&& value, Rest&&... rest) {
  members.emplace_back(name, std::forward<Value>(value));
  add_members(members, std::forward<Rest>(rest)...);
}
// record("a", x, "b", y): an object, made in place. Different names.
template <class... Members>
Json record(Members&&... members) {
  Json json = Json::object();
  auto& list = json.get_ref<Json::object_t&>();
  list.reserve(sizeof...(members) / 2);
  add_members(list, std::forward<Members>(members)...);
  return json;
}

template <class Value>
Json object(const std::vector<std::pair<std::string, Value>>& members) {
  Json json = Json::object();
  for (const auto& [name, value] : members) json[name] = value;
  return json;
}

Json to_json(const OperationCounts& counts) {
  return record("mul", counts.mul, "add", counts.add, "div", counts.div, "exp", counts.exp, "cmp", counts.cmp);
}

Json to_json(const EnergyBreakdown& energy) {
  return record("compute", energy.compute, "sram", energy.sram, "noc", energy.noc, "dram", energy.dram, "leakage",
                energy.leakage);
}

Json to_json(const Manifest& manifest) {
  Json json =
      record("version", manifest.version, "command", manifest.command, "arguments", manifest.arguments, "seed",
             manifest.seed, "config_sha256", manifest.config_sha256, "workload_sha256", manifest.workload_sha256);
  if (!manifest.inputs_sha256.empty()) json["inputs_sha256"] = manifest.inputs_sha256;
  json["kernels"] = manifest.kernels;
  json["host_seconds"] = manifest.host_seconds;
  return json;
}

Json to_json(const NumericsResult& numerics) {
  Json json = record("checked", numerics.checked, "seeded_tensors", numerics.seeded_tensors, "seeded_weights",
                     numerics.seeded_weights);
  if (!numerics.checked) {
    for (const char* name : {"max_abs_error", "max_rel_error", "cosine_similarity", "tolerance", "passed"})
      json[name] = nullptr;
  } else {
    json["max_abs_error"] = numerics.max_abs_error;
    json["max_rel_error"] = numerics.max_rel_error;
    json["cosine_similarity"] = numerics.cosine_similarity;
    json["tolerance"] = numerics.tolerance;
    json["passed"] = numerics.passed;
  }
  if (numerics.has_approximation) {
    json["approximation"] = record("against", "softmax", "max_rel_error", numerics.approximation_max_rel_error,
                                   "cosine_similarity", numerics.approximation_cosine_similarity);
  }
  return json;
}

Json to_json(const Totals& totals) {
  return record("cycles", totals.cycles, "latency_ms", totals.latency_ms, "energy_mj", totals.energy_mj,
                "average_power_w", totals.average_power_w, "on_chip_power_w", totals.on_chip_power_w, "area_mm2",
                totals.area_mm2, "macs", totals.macs, "gops", totals.gops, "gops_per_w", totals.gops_per_w,
                "utilization", totals.utilization, "dram_read_bytes", totals.dram_read_bytes, "dram_write_bytes",
                totals.dram_write_bytes, "sram_read_bytes", totals.sram_read_bytes, "sram_write_bytes",
                totals.sram_write_bytes, "noc_byte_hops", totals.noc_byte_hops, "operations",
                to_json(totals.operations));
}

Json by_operand_and_cause(const std::vector<DramTraffic>& traffic) {
  Json json = Json::object();
  for (const DramTraffic& t : traffic) json[t.operand][t.cause] = t.bytes;
  return json;
}

Json to_json(const LayerResult& layer) {
  Json json = record("name", layer.name, "kind", layer.kind, "charged", layer.charged, "executed", layer.executed,
                     "mapping", layer.mapping, "start_cycle", layer.start_cycle, "end_cycle", layer.end_cycle, "macs",
                     layer.macs, "operations", to_json(layer.operations), "energy_pj", layer.energy.total(),
                     "energy_breakdown_pj", to_json(layer.energy));
  json["bytes"] = record("dram_read", layer.dram_read_bytes, "dram_write", layer.dram_write_bytes, "dram_by_operand",
                         object(layer.dram_bytes_by_operand), "dram_by_cause", by_operand_and_cause(layer.dram_traffic),
                         "sram_read", layer.sram_read_bytes, "sram_write", layer.sram_write_bytes, "sram_by_cause",
                         object(layer.scratchpad_traffic), "noc_byte_hops", layer.noc_byte_hops);
  json["macs_per_dram_byte"] = layer.macs_per_dram_byte;
  if (!layer.roofline_bound.empty())
    json["roofline"] =
        record("bound", layer.roofline_bound, "attainable_macs_per_cycle", layer.attainable_macs_per_cycle,
               "achieved_macs_per_cycle", layer.achieved_macs_per_cycle);
  json["prefetch"] = record("start_cycle", layer.prefetch.start_cycle, "cycles", layer.prefetch.cycles,
                            "exposed_cycles", layer.prefetch.exposed_cycles, "bytes", layer.prefetch.bytes);
  json["bottleneck"] = layer.bottleneck;
  json["bound_cycles"] = layer.bound_cycles;
  json["time_split"] = object(layer.time_split);
  if (layer.has_mask) {
    json["mask"] =
        record("density", layer.mask_density, "kept_density", layer.mask_kept_density, "pack_utilization",
               layer.pack_utilization, "load_balance", layer.load_balance, "fallback_rows", layer.fallback_rows);
  }
  if (layer.has_error) {
    json["numerics"] = record("max_abs_error", layer.max_abs_error, "max_rel_error", layer.max_rel_error,
                              "cosine_similarity", layer.cosine_similarity);
  }
  return json;
}

Json to_json(const UnitResult& unit) {
  return record("name", unit.name, "kind", unit.kind, "busy_cycles", unit.busy_cycles, "stall_cycles",
                object(unit.stall_cycles), "idle_cycles", unit.idle_cycles, "utilization", unit.utilization, "actions",
                object(unit.actions), "energy_pj", unit.energy_pj, "area_um2", unit.area_um2);
}

Json to_json(const PhaseResult& phase) {
  return record("name", phase.name, "start_cycle", phase.start_cycle, "end_cycle", phase.end_cycle, "cycles",
                phase.cycles, "macs", phase.macs, "operations", to_json(phase.operations), "energy_pj",
                phase.energy.total(), "energy_breakdown_pj", to_json(phase.energy), "dram_read_bytes",
                phase.dram_read_bytes, "dram_write_bytes", phase.dram_write_bytes);
}

Json to_json(const GradientError& error) {
  return record("kind", error.kind, "tensors", error.tensors, "max_rel_error", error.max_rel_error, "worst",
                error.worst, "tolerance", error.tolerance, "passed", error.max_rel_error <= error.tolerance);
}

Json timeline_json(const SimulationResult& result) {
  Json units = Json::object();
  for (const UnitResult& unit : result.units)
    if (!unit.occupied.empty()) units[unit.name] = unit.occupied;
  return record("bin_cycles", result.bin_cycles, "occupied_cycles", std::move(units));
}

template <class Item>
Json list(const std::vector<Item>& items) {
  Json json = Json::array();
  for (const Item& item : items) json.push_back(to_json(item));
  return json;
}

}  // namespace

std::string write_json(const SimulationResult& result) {
  Json json;
  json["schema_version"] = 1;
  json["manifest"] = to_json(result.manifest);
  json["config"] = Json::parse(result.config_json);
  json["workload"] = {
      {"name", result.workload_name}, {"parameters", result.workload_parameters}, {"macs", result.workload_macs}};
  json["mode"] = result.mode;
  const double images = result.images, latency_ms = result.totals.latency_ms;
  json["batch"] = record("images", result.images, "latency_ms_per_image", latency_ms / images, "images_per_second",
                         latency_ms > 0 ? 1e3 * images / latency_ms : 0);
  json["numerics"] = to_json(result.numerics);
  json["totals"] = to_json(result.totals);
  json["attention_totals"] = to_json(result.attention_totals);
  if (result.is_device) {
    for (const char* totals : {"totals", "attention_totals"}) {
      for (const char* unknown : {"on_chip_power_w", "area_mm2"}) json[totals][unknown] = nullptr;
    }
  }
  if (result.training.present) {
    const TrainingResult& t = result.training;
    json["training"] = record("optimizer", t.optimizer, "loss_scale", t.loss_scale, "time_per_step_ms",
                              t.time_per_step_ms, "images_per_second", t.images_per_second, "saved_activation_bytes",
                              t.saved_activation_bytes, "phases", list(t.phases));
    if (!t.errors.empty()) json["training"]["loss"] = t.loss, json["training"]["errors"] = list(t.errors);
  }
  json["layers"] = list(result.layers);
  json["units"] = list(result.units);
  if (result.bin_cycles > 0) json["timeline"] = timeline_json(result);
  json["energy_breakdown_pj"] = to_json(result.energy);
  json["clock_energy_pj"] = result.clock_energy;
  json["action_energy_pj"] = object(result.action_prices);
  for (const EnergyBar& bar : energy_bars(result.energy)) {
    if (result.energy.total() <= 0 || result.is_device) break;
    json["energy_uncertainty"].push_back(record("class", bar.name, "knob", bar.knob, "relative", kEnergyUncertainty,
                                                "energy_mj_low", bar.low_mj, "energy_mj_high", bar.high_mj));
  }
  if (result.roofline.peak_macs_per_cycle > 0)
    json["roofline"] =
        record("peak_macs_per_cycle", result.roofline.peak_macs_per_cycle, "dram_bytes_per_cycle",
               result.roofline.dram_bytes_per_cycle, "ridge_macs_per_dram_byte", result.roofline.ridge());
  if (!result.mask_source.empty()) {
    json["mask_source"] = result.mask_source;
    json["mask_density"] = result.mask_density;
    json["mask_kept_density"] = result.mask_kept_density;
    json["mask_fallback_rows"] = result.fallback_rows;
  }
  json["not_charged"] = result.not_charged;
  json["critical_path_cycles"] = object(result.critical_path);
  if (!result.attention_choices.empty()) {
    json["attention_choices"] = Json::array();
    for (const AttentionChoice& c : result.attention_choices)
      json["attention_choices"].push_back(
          record("layer", c.layer, "taylor_cycles", c.taylor_cycles, "softmax_cycles", c.softmax_cycles));
  }
  if (!result.what_if.empty()) {
    json["what_if"] = Json::array();
    for (const WhatIf& w : result.what_if)
      json["what_if"].push_back(record("resource", w.resource, "change", w.change, "cycles", w.cycles));
  }
  json["jobs"] = result.jobs;
  return json.dump(2) + "\n";
}

}  // namespace vitality
