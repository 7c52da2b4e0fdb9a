#include "report/read/read_result.h"

#include <algorithm>
#include <limits>

namespace vitality {
namespace {

using Presence = ObjectReader::Presence;
constexpr auto kRequired = Presence::kRequired;
constexpr double kMost = std::numeric_limits<double>::max();

// One object of the result; null counts as absent, because that is how a result says "not measured".
class Reader {
 public:
  Reader(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics)
      : object_(value, pointer, diagnostics) {}

  const JsonValue* get(const char* key, Presence presence = Presence::kOptional) {
    const JsonValue* value = object_.get(key, presence);
    const bool absent =
        value == nullptr || (value->type() == JsonValue::Type::kNull && presence == Presence::kOptional);
    return absent ? nullptr : value;
  }
  void count(const char* key, std::int64_t& out, Presence presence = Presence::kOptional) {
    if (const JsonValue* value = get(key, presence))
      read_integer(*value, pointer(key), 0, std::numeric_limits<std::int64_t>::max(), diagnostics(), out);
  }
  void number(const char* key, double& out, Presence presence = Presence::kOptional, double low = 0) {
    if (const JsonValue* value = get(key, presence)) read_number(*value, pointer(key), low, kMost, diagnostics(), out);
  }
  void text(const char* key, std::string& out, Presence presence = Presence::kOptional) {
    if (const JsonValue* value = get(key, presence)) read_text(*value, pointer(key), diagnostics(), out);
  }
  void boolean(const char* key, bool& out) {
    if (const JsonValue* value = get(key)) read_boolean(*value, pointer(key), diagnostics(), out);
  }
  // Names with a count each, in the file's order.
  void counts(const char* key, std::vector<std::pair<std::string, std::int64_t>>& out) {
    const JsonValue* value = get(key);
    if (value == nullptr) return;
    if (value->type() != JsonValue::Type::kObject)
      return diagnostics().add(pointer(key), "expected an object, found " + describe(*value));
    for (const auto& [name, item] : value->members()) {
      out.emplace_back(name, 0);
      read_integer(item, pointer_of(pointer(key), name), 0, std::numeric_limits<std::int64_t>::max(), diagnostics(),
                   out.back().second);
    }
  }
  template <class Visit>  // visit(const JsonValue&, pointer)
  void each(const char* key, Presence presence, const Visit& visit) {
    const JsonValue* value = get(key, presence);
    if (value == nullptr) return;
    if (value->type() != JsonValue::Type::kArray)
      return diagnostics().add(pointer(key), "expected a list, found " + describe(*value));
    for (std::size_t i = 0; i < value->items().size(); ++i) visit(value->items()[i], pointer_of(pointer(key), i));
  }

  std::string pointer(const char* key) const { return object_.pointer_to(key); }
  Diagnostics& diagnostics() { return object_.diagnostics(); }

 private:
  ObjectReader object_;
};

void read(const JsonValue* value, const std::string& pointer, Diagnostics& diagnostics, OperationCounts& out) {
  if (value == nullptr) return;
  Reader reader(*value, pointer, diagnostics);
  reader.count("mul", out.mul), reader.count("add", out.add), reader.count("div", out.div);
  reader.count("exp", out.exp), reader.count("cmp", out.cmp);
}

void read(const JsonValue* value, const std::string& pointer, Diagnostics& diagnostics, EnergyBreakdown& out) {
  if (value == nullptr) return;
  Reader reader(*value, pointer, diagnostics);
  reader.number("compute", out.compute), reader.number("sram", out.sram), reader.number("noc", out.noc);
  reader.number("dram", out.dram), reader.number("leakage", out.leakage);
}

void read(const JsonValue* value, const std::string& pointer, Diagnostics& diagnostics, Presence times, Totals& out) {
  if (value == nullptr) return;
  Reader reader(*value, pointer, diagnostics);
  reader.count("cycles", out.cycles, times), reader.number("latency_ms", out.latency_ms, times);
  reader.number("energy_mj", out.energy_mj), reader.number("average_power_w", out.average_power_w);
  reader.number("on_chip_power_w", out.on_chip_power_w), reader.number("area_mm2", out.area_mm2);
  reader.count("macs", out.macs), reader.number("gops", out.gops), reader.number("gops_per_w", out.gops_per_w);
  reader.number("utilization", out.utilization);
  reader.count("dram_read_bytes", out.dram_read_bytes), reader.count("dram_write_bytes", out.dram_write_bytes);
  reader.count("sram_read_bytes", out.sram_read_bytes), reader.count("sram_write_bytes", out.sram_write_bytes);
  reader.count("noc_byte_hops", out.noc_byte_hops);
  read(reader.get("operations"), reader.pointer("operations"), diagnostics, out.operations);
}

void read_traffic(const JsonValue* value, const std::string& pointer, Diagnostics& diagnostics, LayerResult& out) {
  if (value == nullptr) return;
  Reader reader(*value, pointer, diagnostics);
  reader.count("dram_read", out.dram_read_bytes), reader.count("dram_write", out.dram_write_bytes);
  reader.count("sram_read", out.sram_read_bytes), reader.count("sram_write", out.sram_write_bytes);
  reader.count("noc_byte_hops", out.noc_byte_hops);
  reader.counts("dram_by_operand", out.dram_bytes_by_operand);
  reader.counts("sram_by_cause", out.scratchpad_traffic);
  if (const JsonValue* causes = reader.get("dram_by_cause")) {
    Reader operands(*causes, reader.pointer("dram_by_cause"), diagnostics);
    for (const auto& [name, ignored] : causes->members()) {
      const std::string operand(name);
      std::vector<std::pair<std::string, Count>> moved;
      operands.counts(operand.c_str(), moved);
      for (const auto& [cause, bytes] : moved) out.dram_traffic.push_back({operand, cause, bytes});
    }
  }
}

void read_mask(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics, LayerResult& out) {
  Reader mask(value, pointer, diagnostics);
  out.has_mask = true;
  mask.number("density", out.mask_density), mask.number("kept_density", out.mask_kept_density);
  mask.number("pack_utilization", out.pack_utilization);
  mask.number("load_balance", out.load_balance), mask.count("fallback_rows", out.fallback_rows);
}

LayerResult read_layer(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  LayerResult out;
  Reader reader(value, pointer, diagnostics);
  reader.text("name", out.name, kRequired), reader.text("kind", out.kind, kRequired);
  reader.text("mapping", out.mapping), reader.boolean("charged", out.charged), reader.boolean("executed", out.executed);
  reader.count("start_cycle", out.start_cycle, kRequired), reader.count("end_cycle", out.end_cycle, kRequired);
  if (out.end_cycle < out.start_cycle) diagnostics.add(reader.pointer("end_cycle"), "expected start_cycle or later");
  out.prefetch.start_cycle = out.start_cycle;  // results of before have none
  if (const JsonValue* prefetch = reader.get("prefetch")) {
    Reader loads(*prefetch, reader.pointer("prefetch"), diagnostics);
    loads.count("start_cycle", out.prefetch.start_cycle), loads.count("cycles", out.prefetch.cycles);
    loads.count("exposed_cycles", out.prefetch.exposed_cycles), loads.count("bytes", out.prefetch.bytes);
  }
  reader.count("macs", out.macs);
  read(reader.get("operations"), reader.pointer("operations"), diagnostics, out.operations);
  const JsonValue* parts = reader.get("energy_breakdown_pj");
  read(parts, reader.pointer("energy_breakdown_pj"), diagnostics, out.energy);
  if (parts == nullptr) reader.number("energy_pj", out.energy.compute);  // not split: all of it as compute
  read_traffic(reader.get("bytes"), reader.pointer("bytes"), diagnostics, out);
  reader.text("bottleneck", out.bottleneck), reader.count("bound_cycles", out.bound_cycles);
  reader.number("macs_per_dram_byte", out.macs_per_dram_byte);
  if (const JsonValue* roofline = reader.get("roofline")) {
    Reader limits(*roofline, reader.pointer("roofline"), diagnostics);
    limits.text("bound", out.roofline_bound);
    limits.number("attainable_macs_per_cycle", out.attainable_macs_per_cycle);
    limits.number("achieved_macs_per_cycle", out.achieved_macs_per_cycle);
  }
  reader.counts("time_split", out.time_split);
  if (const JsonValue* mask = reader.get("mask")) read_mask(*mask, reader.pointer("mask"), diagnostics, out);
  if (const JsonValue* numerics = reader.get("numerics")) {
    Reader errors(*numerics, reader.pointer("numerics"), diagnostics);
    out.has_error = true;
    errors.number("max_abs_error", out.max_abs_error), errors.number("max_rel_error", out.max_rel_error);
    errors.number("cosine_similarity", out.cosine_similarity, Presence::kOptional, -2);
  }
  return out;
}

UnitResult read_unit(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  UnitResult out;
  Reader reader(value, pointer, diagnostics);
  reader.text("name", out.name, kRequired), reader.text("kind", out.kind);
  reader.count("busy_cycles", out.busy_cycles, kRequired), reader.count("idle_cycles", out.idle_cycles, kRequired);
  reader.counts("stall_cycles", out.stall_cycles), reader.counts("actions", out.actions);
  reader.number("utilization", out.utilization), reader.number("energy_pj", out.energy_pj);
  reader.number("area_um2", out.area_um2);
  return out;
}

// The units' occupied cycles; the page divides by bin_cycles.
void read_timeline(const JsonValue& value, Diagnostics& diagnostics, SimulationResult& out) {
  constexpr std::size_t kMostBins = 10000;
  const std::string pointer = "/timeline";
  Reader reader(value, pointer, diagnostics);
  if (const JsonValue* bin = reader.get("bin_cycles", kRequired))
    read_integer(*bin, reader.pointer("bin_cycles"), 1, std::numeric_limits<std::int64_t>::max(), diagnostics,
                 out.bin_cycles);
  for (UnitResult& unit : out.units) {
    const JsonValue* units = reader.get("occupied_cycles", kRequired);
    const JsonValue* bins = units != nullptr ? units->find(unit.name) : nullptr;
    if (bins == nullptr) continue;
    const std::string at = pointer_of(reader.pointer("occupied_cycles"), unit.name);
    if (bins->type() != JsonValue::Type::kArray || bins->items().size() > kMostBins) {
      diagnostics.add(at, "expected a list of at most 10000 counts, found " + describe(*bins));
      continue;
    }
    for (std::size_t i = 0; i < bins->items().size(); ++i) {
      unit.occupied.push_back(0);
      read_integer(bins->items()[i], pointer_of(at, i), 0, out.bin_cycles, diagnostics, unit.occupied.back());
    }
  }
}

void read_manifest(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics, Manifest& out) {
  Reader reader(value, pointer, diagnostics);
  reader.text("version", out.version), reader.text("command", out.command);
  reader.text("config_sha256", out.config_sha256), reader.text("workload_sha256", out.workload_sha256);
  reader.text("kernels", out.kernels, Presence::kOptional);
  std::int64_t seed = 1;
  reader.count("seed", seed);
  out.seed = static_cast<std::uint64_t>(seed);
}

void read_numerics(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics, NumericsResult& out) {
  Reader reader(value, pointer, diagnostics);
  reader.boolean("checked", out.checked), reader.boolean("passed", out.passed);
  reader.number("max_abs_error", out.max_abs_error), reader.number("max_rel_error", out.max_rel_error);
  reader.number("cosine_similarity", out.cosine_similarity, Presence::kOptional, -2);
  reader.number("tolerance", out.tolerance);
  reader.count("seeded_tensors", out.seeded_tensors), reader.count("seeded_weights", out.seeded_weights);
  if (const JsonValue* approximation = reader.get("approximation")) {
    Reader errors(*approximation, reader.pointer("approximation"), diagnostics);
    out.has_approximation = true;
    errors.number("max_rel_error", out.approximation_max_rel_error);
    errors.number("cosine_similarity", out.approximation_cosine_similarity, Presence::kOptional, -2);
  }
}

PhaseResult read_phase(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  PhaseResult out;
  Reader reader(value, pointer, diagnostics);
  reader.text("name", out.name, kRequired);
  reader.count("start_cycle", out.start_cycle), reader.count("end_cycle", out.end_cycle);
  reader.count("cycles", out.cycles, kRequired), reader.count("macs", out.macs);
  read(reader.get("operations"), reader.pointer("operations"), diagnostics, out.operations);
  read(reader.get("energy_breakdown_pj"), reader.pointer("energy_breakdown_pj"), diagnostics, out.energy);
  reader.count("dram_read_bytes", out.dram_read_bytes), reader.count("dram_write_bytes", out.dram_write_bytes);
  return out;
}

GradientError read_gradient_error(const JsonValue& value, const std::string& pointer, Diagnostics& diagnostics) {
  GradientError out;
  Reader reader(value, pointer, diagnostics);
  reader.text("kind", out.kind, kRequired), reader.text("worst", out.worst), reader.count("tensors", out.tensors);
  reader.number("max_rel_error", out.max_rel_error), reader.number("tolerance", out.tolerance);
  return out;
}

void read_training(const JsonValue& value, Diagnostics& diagnostics, TrainingResult& out) {
  Reader reader(value, "/training", diagnostics);
  out.present = true;
  reader.text("optimizer", out.optimizer), reader.number("loss_scale", out.loss_scale);
  reader.number("time_per_step_ms", out.time_per_step_ms), reader.number("images_per_second", out.images_per_second);
  reader.count("saved_activation_bytes", out.saved_activation_bytes), reader.number("loss", out.loss);
  reader.each("phases", Presence::kOptional, [&](const JsonValue& phase, const std::string& pointer) {
    out.phases.push_back(read_phase(phase, pointer, diagnostics));
  });
  reader.each("errors", Presence::kOptional, [&](const JsonValue& error, const std::string& pointer) {
    out.errors.push_back(read_gradient_error(error, pointer, diagnostics));
  });
}

// Cycles that are -1 where a machine cannot run.
void read_cycles(Reader& reader, const char* key, Cycles& out) {
  if (const JsonValue* value = reader.get(key, kRequired))
    read_integer(*value, reader.pointer(key), -1, std::numeric_limits<std::int64_t>::max(), reader.diagnostics(), out);
}

void read_alternatives(Reader& result, Diagnostics& diagnostics, SimulationResult& out) {
  result.each("what_if", Presence::kOptional, [&](const JsonValue& value, const std::string& pointer) {
    Reader reader(value, pointer, diagnostics);
    WhatIf answer;
    reader.text("resource", answer.resource, kRequired), reader.text("change", answer.change);
    read_cycles(reader, "cycles", answer.cycles);
    out.what_if.push_back(std::move(answer));
  });
  result.each("attention_choices", Presence::kOptional, [&](const JsonValue& value, const std::string& pointer) {
    Reader reader(value, pointer, diagnostics);
    AttentionChoice choice{};
    reader.text("layer", choice.layer, kRequired);
    read_cycles(reader, "taylor_cycles", choice.taylor_cycles);
    read_cycles(reader, "softmax_cycles", choice.softmax_cycles);
    out.attention_choices.push_back(std::move(choice));
  });
}

}  // namespace

SimulationResult read_result(const JsonValue& document, Diagnostics& diagnostics) {
  SimulationResult out;
  Reader reader(document, "", diagnostics);
  if (const JsonValue* version = reader.get("schema_version", kRequired)) {
    std::int64_t number = 0;
    read_integer(*version, reader.pointer("schema_version"), 1, 1, diagnostics, number);
  }
  if (const JsonValue* manifest = reader.get("manifest"))
    read_manifest(*manifest, "/manifest", diagnostics, out.manifest);
  if (const JsonValue* workload = reader.get("workload", kRequired)) {
    Reader model(*workload, "/workload", diagnostics);
    model.text("name", out.workload_name, kRequired);
    model.count("parameters", out.workload_parameters), model.count("macs", out.workload_macs);
  }
  reader.text("mode", out.mode);
  if (const JsonValue* batch = reader.get("batch")) {
    std::int64_t images = 1;
    Reader(*batch, "/batch", diagnostics).count("images", images);
    out.images = static_cast<int>(std::min<std::int64_t>(images, std::numeric_limits<int>::max()));
  }
  if (const JsonValue* numerics = reader.get("numerics"))
    read_numerics(*numerics, "/numerics", diagnostics, out.numerics);
  read(reader.get("totals", kRequired), "/totals", diagnostics, kRequired, out.totals);
  read(reader.get("attention_totals"), "/attention_totals", diagnostics, Presence::kOptional, out.attention_totals);
  if (const JsonValue* layers = reader.get("layers", kRequired)) out.layers.reserve(layers->items().size());
  reader.each("layers", kRequired, [&](const JsonValue& layer, const std::string& pointer) {
    out.layers.push_back(read_layer(layer, pointer, diagnostics));
  });
  reader.each("units", kRequired, [&](const JsonValue& unit, const std::string& pointer) {
    out.units.push_back(read_unit(unit, pointer, diagnostics));
  });
  if (const JsonValue* timeline = reader.get("timeline")) read_timeline(*timeline, diagnostics, out);
  read(reader.get("energy_breakdown_pj"), "/energy_breakdown_pj", diagnostics, out.energy);
  reader.each("not_charged", Presence::kOptional, [&](const JsonValue& kind, const std::string& pointer) {
    constexpr std::size_t kMaxKinds = 1000;
    if (out.not_charged.size() == kMaxKinds)
      return diagnostics.add(pointer, "expected at most " + std::to_string(kMaxKinds) + " kinds of layers");
    out.not_charged.emplace_back();
    read_text(kind, pointer, diagnostics, out.not_charged.back());
  });
  if (const JsonValue* training = reader.get("training")) read_training(*training, diagnostics, out.training);
  read_alternatives(reader, diagnostics, out);
  reader.counts("critical_path_cycles", out.critical_path);
  reader.count("jobs", out.jobs);
  return out;
}

}  // namespace vitality
