#include "report/comparison.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "report/comparison_tables.h"
#include "tensor/functions.h"

namespace vitality {

namespace {

// A machine that claims no energy or no peak (because it was only timed) reports 0.
double known(double value) {
  return value > 0 ? value : kUnknown;
}

void fill_scope(const PointTotals& t, ComparedScope& scope) {
  scope.latency_ms = t[Total::kLatencyMs];
  scope.energy_mj = known(t[Total::kEnergyMj]);
  scope.on_chip_energy_mj = known(t[Total::kOnChipPowerW] * scope.latency_ms);
  scope.gops = t[Total::kGops];
  scope.gops_per_w = known(t[Total::kGopsPerW]);
  scope.utilization = known(t[Total::kUtilization]);
  scope.macs = t[Total::kMacs];
  scope.energy = t.energy;
}

}  // namespace

void fill_pair(const PointResult& result, ComparedPair& pair) {
  pair.status = result.status;
  pair.reason = result.reason;
  if (result.status != PointStatus::kOk) return;
  const PointTotals& t = result.totals;
  fill_scope(t, pair.whole);
  pair.power_w = known(t[Total::kAveragePowerW]);
  ComparedScope& attention = pair.attention;
  if (t[Total::kAttentionLatencyMs] > 0) {
    attention.latency_ms = t[Total::kAttentionLatencyMs];
    attention.energy_mj = known(t[Total::kAttentionEnergyMj]);
    attention.on_chip_energy_mj = known(t[Total::kAttentionOnChipPowerW] * attention.latency_ms);
    attention.macs = t[Total::kAttentionMacs];
    attention.utilization = known(t[Total::kAttentionUtilization]);
    attention.gops = 2e-6 * attention.macs / attention.latency_ms;
    attention.gops_per_w = 2e-6 * attention.macs / attention.energy_mj;
  }
  pair.density = t[Total::kDensity];
  pair.kept_density = t[Total::kKeptDensity];
  pair.attention_error = t[Total::kApproximationMaxRelError];
  pair.outside_tolerance = t[Total::kWithinTolerance] == 0;
}

void fill_attention(const PointResult& result, ComparedPair& pair) {
  pair.attention = {};
  if (pair.status != PointStatus::kOk) return;
  if (result.status == PointStatus::kOk) return fill_scope(result.totals, pair.attention);
  pair.attention_reason = std::string(to_string(result.status)) + ": " + result.reason;
}

namespace {

void relate(const ComparedScope& first, ComparedScope& scope) {
  scope.speedup = first.latency_ms / scope.latency_ms;
  scope.efficiency_gain = first.energy_mj / scope.energy_mj;
  scope.on_chip_gain = first.on_chip_energy_mj / scope.on_chip_energy_mj;
}

void relate_ranges(const ComparedMachine& first, const ComparedScope& base, const ComparedMachine& machine,
                   ComparedScope& scope) {
  if (base.energy.compute <= 0 || scope.energy.compute <= 0) return;
  const UncertainEnergy a{base.energy, first.factors}, b{scope.energy, machine.factors};
  scope.on_chip_range = energy_ratio_range(a, b, RatioOf::kChip);
  scope.efficiency_range =
      energy_ratio_range(a, b, first.dram == machine.dram ? RatioOf::kWithSameDram : RatioOf::kWithOtherDram);
}

void find_range(const ComparedMachine& machine, ComparedScope& scope) {
  if (scope.energy.compute <= 0) return;
  const EnergyRange range = energy_range(scope.energy, machine.factors, true);
  scope.energy_range_mj = {range[0] * 1e-9, range[1] * 1e-9};
}

// The geometric mean of the known values; unknown when there is none.
double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  std::size_t count = 0;
  for (const double value : values) {
    if (!(value > 0) || !std::isfinite(value)) continue;
    sum += logarithm(value);
    ++count;
  }
  return count == 0 ? kUnknown : exponential(sum / static_cast<double>(count));
}

}  // namespace

void complete(Comparison& comparison) {
  for (std::size_t m = 0; m < comparison.machines.size(); ++m) {
    ComparedMachine& machine = comparison.machines[m];
    machine.compared_models = 0;
    for (std::size_t w = 0; w < comparison.workloads.size(); ++w) {
      const ComparedPair& first = comparison.pair(0, w);
      ComparedPair& pair = comparison.pair(m, w);
      find_range(machine, pair.whole);
      find_range(machine, pair.attention);
      if (first.status != PointStatus::kOk || pair.status != PointStatus::kOk) continue;
      relate(first.whole, pair.whole);
      relate(first.attention, pair.attention);
      relate_ranges(comparison.machines[0], first.whole, machine, pair.whole);
      relate_ranges(comparison.machines[0], first.attention, machine, pair.attention);
      ++machine.compared_models;
    }
    const auto mean = [&](ComparedScope ComparedPair::*scope, double ComparedScope::*ratio) {
      std::vector<double> values;
      for (std::size_t w = 0; w < comparison.workloads.size(); ++w)
        values.push_back(comparison.pair(m, w).*scope.*ratio);
      return geometric_mean(values);
    };
    machine.speedup = mean(&ComparedPair::whole, &ComparedScope::speedup);
    machine.efficiency_gain = mean(&ComparedPair::whole, &ComparedScope::efficiency_gain);
    machine.on_chip_gain = mean(&ComparedPair::whole, &ComparedScope::on_chip_gain);
    machine.attention_speedup = mean(&ComparedPair::attention, &ComparedScope::speedup);
    machine.attention_efficiency_gain = mean(&ComparedPair::attention, &ComparedScope::efficiency_gain);
    machine.attention_on_chip_gain = mean(&ComparedPair::attention, &ComparedScope::on_chip_gain);
    for (const std::size_t end : {0, 1}) {
      std::vector<double> chip, whole;
      for (std::size_t w = 0; w < comparison.workloads.size(); ++w) {
        chip.push_back(comparison.pair(m, w).whole.on_chip_range[end]);
        whole.push_back(comparison.pair(m, w).whole.efficiency_range[end]);
      }
      machine.on_chip_range[end] = geometric_mean(chip);
      machine.efficiency_range[end] = geometric_mean(whole);
    }
  }
}

namespace {

std::string padded(const std::string& text, std::size_t width, bool left) {
  const std::string blank(width > text.size() ? width - text.size() : 0, ' ');
  return left ? text + blank : blank + text;
}

std::string markdown_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string csv_number(double value) {
  return std::isfinite(value) ? json_number(value) : "";
}

}  // namespace

std::string comparison_text(const Comparison& original, const TableView& view) {
  const Comparison comparison = shown(original, view);
  std::string out;
  for (const ComparisonTable& table : tables_of(comparison, view)) {
    std::vector<std::size_t> width;
    for (const std::string& head : table.head) width.push_back(head.size());
    for (const auto& row : table.rows)
      for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
    const auto line = [&](const std::vector<std::string>& cells) {
      for (std::size_t c = 0; c < cells.size(); ++c) {
        const bool left = c == 0 || c + 1 == cells.size();
        out += (c == 0 ? "" : "  ") + (c + 1 == cells.size() ? cells[c] : padded(cells[c], width[c], left));
      }
      out += "\n";
    };
    out += table.title + "\n";
    line(table.head);
    for (const auto& row : table.rows) line(row);
    out += "\n";
  }
  for (const std::string& remark : remarks_of(comparison)) out += remark + "\n";
  return out;
}

std::string comparison_markdown(const Comparison& original, const TableView& view) {
  const Comparison comparison = shown(original, view);
  std::string out;
  for (const ComparisonTable& table : tables_of(comparison, view)) {
    out += "### " + table.title + "\n\n";
    const auto line = [&](const std::vector<std::string>& cells) {
      out += "|";
      for (const std::string& text : cells) out += " " + markdown_escaped(text) + " |";
      out += "\n";
    };
    line(table.head);
    out += "|---|";
    for (std::size_t c = 1; c < table.head.size(); ++c) out += c + 1 == table.head.size() ? "---|" : "---:|";
    out += "\n";
    for (const auto& row : table.rows) line(row);
    out += "\n";
  }
  for (const std::string& remark : remarks_of(comparison)) out += "- " + remark + "\n";
  return out;
}

std::string comparison_csv(const Comparison& comparison) {
  std::string out =
      "workload,machine,scope,status,tag,latency_ms,speedup,energy_mj,inferences_per_j,efficiency_gain,on_chip_energy_"
      "mj,on_chip_gain,gops,gops_per_w,"
      "utilization,macs,"
      "average_power_w,area_mm2,density,kept_density,attention_error,reason\n";
  for (std::size_t w = 0; w < comparison.workloads.size(); ++w) {
    for (std::size_t m = 0; m < comparison.machines.size(); ++m) {
      const ComparedPair& pair = comparison.pair(m, w);
      const ComparedMachine& machine = comparison.machines[m];
      for (const bool attention : {true, false}) {
        const ComparedScope& s = attention ? pair.attention : pair.whole;
        out += csv_cell(comparison.workloads[w]) + "," + csv_cell(machine.name) + "," +
               (attention ? "attention" : "end_to_end") + "," + to_string(pair.status) + "," + machine.tag;
        for (const double value :
             {s.latency_ms, s.speedup, s.energy_mj, 1e3 / s.energy_mj, s.efficiency_gain, s.on_chip_energy_mj,
              s.on_chip_gain, s.gops, s.gops_per_w, s.utilization, s.macs, attention ? kUnknown : pair.power_w,
              machine.area_mm2, pair.density, pair.kept_density, pair.attention_error})
          out += "," + csv_number(value);
        out += "," + csv_cell(pair.reason) + "\n";
      }
    }
  }
  return out;
}

}  // namespace vitality
