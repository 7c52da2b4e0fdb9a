#include "report/comparison_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "report/result.h"
#include "report/significant.h"

namespace vitality {
namespace {

struct Column {
  const char* key;
  const char* head;
  bool attention_only;
  std::string (*cell)(const ComparedScope& scope, const ComparedPair& pair);
  std::array<double, 2> ComparedScope::*range = nullptr;
};
const Column kColumns[] = {
    {"latency_ms", "latency ms", false,
     [](const ComparedScope& s, const ComparedPair&) { return significant(s.latency_ms); }},
    {"speedup", "speedup", false, [](const ComparedScope& s, const ComparedPair&) { return ratio_text(s.speedup); }},
    {"energy_mj", "energy mJ", false,
     [](const ComparedScope& s, const ComparedPair&) { return significant(s.energy_mj); },
     &ComparedScope::energy_range_mj},
    {"inf_per_j", "inf/J", false,
     [](const ComparedScope& s, const ComparedPair&) { return significant(1e3 / s.energy_mj); }},
    {"gain", "gain", false, [](const ComparedScope& s, const ComparedPair&) { return ratio_text(s.efficiency_gain); },
     &ComparedScope::efficiency_range},
    {"chip_gain", "chip gain", false,
     [](const ComparedScope& s, const ComparedPair&) { return ratio_text(s.on_chip_gain); },
     &ComparedScope::on_chip_range},
    {"gops", "GOP/s", false, [](const ComparedScope& s, const ComparedPair&) { return significant(s.gops); }},
    {"gops_per_w", "GOP/s/W", false,
     [](const ComparedScope& s, const ComparedPair&) { return significant(s.gops_per_w); }},
    {"util", "util %", false,
     [](const ComparedScope& s, const ComparedPair&) { return significant(100 * s.utilization, 3); }},
    {"density", "density %", true,
     [](const ComparedScope&, const ComparedPair& p) { return significant(100 * p.density); }},
    {"kept", "kept %", true,
     [](const ComparedScope&, const ComparedPair& p) { return significant(100 * p.kept_density); }},
    {"error", "error", true,
     [](const ComparedScope&, const ComparedPair& p) { return significant(p.attention_error, 3); }},
};

// Three digits: the ends are estimates. Nothing for a machine's ratio to itself, which has no range.
std::string range_text(const std::array<double, 2>& range) {
  if (!std::isfinite(range[0]) || range[0] >= range[1]) return "";
  return " (" + significant(range[0], 3) + "--" + significant(range[1], 3) + ")";
}

ComparisonTable mean_table(const Comparison& comparison) {
  ComparisonTable table{
      fmt::format("geometric means over the models that both ran ({} asked for)", comparison.workloads.size()),
      {"machine", "models", "speedup", "gain", "chip gain", "attention speedup", "attention gain",
       "attention chip gain", "area mm2", "peak GOP/s", "tag"},
      {}};
  for (const ComparedMachine& machine : comparison.machines) {
    table.rows.push_back({machine.name, std::to_string(machine.compared_models), ratio_text(machine.speedup),
                          ratio_text(machine.efficiency_gain), ratio_text(machine.on_chip_gain),
                          ratio_text(machine.attention_speedup), ratio_text(machine.attention_efficiency_gain),
                          ratio_text(machine.attention_on_chip_gain), significant(machine.area_mm2),
                          significant(machine.peak_gops), machine.tag});
  }
  return table;
}

Comparison harmless_names(Comparison comparison) {
  comparison.reference = harmless(comparison.reference);
  for (std::string& name : comparison.workloads) name = harmless(name);
  for (ComparedMachine& machine : comparison.machines) {
    for (std::string* text : {&machine.name, &machine.tag, &machine.how}) *text = harmless(*text);
    for (std::string& note : machine.notes) note = harmless(note);
  }
  for (ComparedPair& pair : comparison.pairs)
    for (std::string* text : {&pair.reason, &pair.attention_reason}) *text = harmless(*text);
  return comparison;
}

}  // namespace

std::string ratio_text(double value) {
  return std::isfinite(value) ? significant(value) + "x" : "-";
}

const std::vector<std::string>& comparison_columns() {
  static const std::vector<std::string> keys = [] {
    std::vector<std::string> out;
    for (const Column& column : kColumns) out.emplace_back(column.key);
    return out;
  }();
  return keys;
}

void check_view(const TableView& view, const std::vector<std::string>& machine_names) {
  const auto check = [](const char* option, const std::vector<std::string>& asked,
                        const std::vector<std::string>& known) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const std::string where = std::string("option --") + option + ": ";
      if (std::find(known.begin(), known.end(), asked[i]) == known.end()) {
        std::string list;
        for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
        throw InputError(
            "", "", where + "expected some of " + list + "; found " + quoted(asked[i]) + suggestion(asked[i], known));
      }
      if (std::find(asked.begin(), asked.begin() + static_cast<std::ptrdiff_t>(i), asked[i]) !=
          asked.begin() + static_cast<std::ptrdiff_t>(i))
        throw InputError("", "", where + quoted(asked[i]) + " is there twice");
    }
  };
  check("columns", view.columns, comparison_columns());
  check("machines", view.machines, machine_names);
  const std::size_t count = view.machines.empty() ? machine_names.size() : view.machines.size();
  if (!view.labels.empty() && view.labels.size() != count)
    throw InputError("", "",
                     fmt::format("option --labels: {} labels for {} machines, expected one for each in their order",
                                 view.labels.size(), count));
}

Comparison shown(Comparison comparison, const TableView& view) {
  Comparison out = comparison;
  out.machines.clear(), out.pairs.clear();
  const auto label = [&](std::size_t place, const std::string& name) {
    return place < view.labels.size() ? view.labels[place] : name;
  };
  for (std::size_t i = 0; i < (view.machines.empty() ? comparison.machines.size() : view.machines.size()); ++i) {
    std::size_t from = i;
    for (std::size_t m = 0; !view.machines.empty() && m < comparison.machines.size(); ++m)
      if (comparison.machines[m].name == view.machines[i]) from = m;
    out.machines.push_back(comparison.machines[from]);
    out.machines.back().name = label(i, comparison.machines[from].name);
    if (from == 0) out.reference = out.machines.back().name;
    for (std::size_t w = 0; w < comparison.workloads.size(); ++w) {
      out.pairs.push_back(comparison.pair(from, w));
      out.pairs.back().machine = i;
    }
  }
  if (out.reference.empty()) out.reference = comparison.machines[0].name;
  return harmless_names(std::move(out));
}

ComparisonTable scope_table(const Comparison& comparison, std::size_t workload, bool attention,
                            const std::vector<std::string>& columns, bool ranges) {
  ComparisonTable table{
      comparison.workloads[workload] + (attention ? ", attention alone" : ", end to end"), {"machine"}, {}};
  std::vector<const Column*> chosen;
  for (const std::string& key : columns.empty() ? comparison_columns() : columns)
    for (const Column& column : kColumns)
      if (column.key == key && (attention || !column.attention_only)) chosen.push_back(&column);
  for (const Column* column : chosen) table.head.emplace_back(column->head);
  table.head.emplace_back("tag");
  for (std::size_t m = 0; m < comparison.machines.size(); ++m) {
    const ComparedPair& pair = comparison.pair(m, workload);
    std::vector<std::string> row{comparison.machines[m].name};
    const ComparedScope& scope = attention ? pair.attention : pair.whole;
    for (const Column* column : chosen)
      row.push_back(column->cell(scope, pair) +
                    (ranges && column->range != nullptr ? range_text(scope.*column->range) : ""));
    row.push_back(pair.status == PointStatus::kOk ? comparison.machines[m].tag : to_string(pair.status));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::vector<ComparisonTable> tables_of(const Comparison& comparison, const TableView& view) {
  std::vector<ComparisonTable> tables;
  for (std::size_t w = 0; w < comparison.workloads.size(); ++w) {
    tables.push_back(scope_table(comparison, w, true, view.columns));
    tables.push_back(scope_table(comparison, w, false, view.columns));
  }
  tables.push_back(mean_table(comparison));
  return tables;
}

// What must be said below the tables: one line each.
std::vector<std::string> remarks_of(const Comparison& comparison) {
  std::vector<std::string> lines;
  const std::string& first = comparison.reference.empty() ? comparison.machines[0].name : comparison.reference;
  lines.push_back("speedup, gain: against " + first +
                  " = 1.0, above 1 is better; gain: inferences a joule, chip gain: without the memory's energy; 1 MAC "
                  "= 2 operations, MACs done");
  lines.push_back(
      "error: largest error of a layer's attention against exact softmax on the same inputs, over the layer's largest "
      "value" +
      std::string(comparison.numerics ? "" : " (not computed: --numerics off)"));
  if (comparison.random_weights) lines.push_back(kRandomWeights);
  lines.push_back(
      "attention alone: of simulated machines a run of the attention layers only, Q, K and V from memory; of others "
      "these layers' share of the whole");
  for (const ComparedMachine& machine : comparison.machines) {
    lines.push_back(machine.name + ": " + machine.tag + (machine.how.empty() ? "" : ": " + machine.how));
    for (const std::string& note : machine.notes) lines.push_back(machine.name + ": " + note);
    if (machine.name != first && std::isfinite(machine.on_chip_range[0]))
      lines.push_back(fmt::format(
          "{}: chip gain {} ({} to {}), gain {} ({} to {}): every class of prices off for both machines alike, "
          "registers of both gated or ungated",
          machine.name, ratio_text(machine.on_chip_gain), ratio_text(machine.on_chip_range[0]),
          ratio_text(machine.on_chip_range[1]), ratio_text(machine.efficiency_gain),
          ratio_text(machine.efficiency_range[0]), ratio_text(machine.efficiency_range[1])));
  }
  for (const ComparedPair& pair : comparison.pairs) {
    const std::string name = comparison.machines[pair.machine].name + " on " + comparison.workloads[pair.workload];
    if (pair.status != PointStatus::kOk) lines.push_back(name + ": " + to_string(pair.status) + ": " + pair.reason);
    if (!pair.attention_reason.empty()) lines.push_back(name + ", attention alone: " + pair.attention_reason);
    if (pair.outside_tolerance)
      lines.push_back(name + ": VALUES OUTSIDE TOLERANCE of the reference of its own algorithm");
  }
  return lines;
}

}  // namespace vitality
