#include "explore/export.h"

#include <cmath>
#include <filesystem>
#include <set>

#include "base/folder.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/text.h"
#include "explore/convergence.h"
#include "explore/pareto.h"
#include "explore/plan.h"

namespace vitality {
namespace {

struct Table {
  std::vector<std::string> csv_lines, json_points;             // without line ends; json without its closing brace
  std::map<std::string, std::vector<std::size_t>> candidates;  // by workload: lines with known objectives
  std::vector<ObjectiveVector> objectives;                     // by line; empty for the rest
  std::vector<std::int64_t> positions;                         // by line
  std::set<std::string> workloads;
};

// Objectives that are neither a total nor a column: their values are columns of their own, behind the totals.
std::vector<const Objective*> derived_objectives(const SweepSpec& spec) {
  std::vector<const Objective*> derived;
  for (const Objective& objective : spec.objectives)
    if (objective.value.names() != std::vector<std::string>{objective.name}) derived.push_back(&objective);
  return derived;
}

std::string csv_header(const SweepSpec& spec) {
  std::string line;
  for (const std::string& key : spec.columns()) line += csv_cell(key) + ",";
  line += "workload,status,reason";
  for (const TotalInfo& total : total_infos()) line += std::string(",") + total.name;
  for (const Objective* objective : derived_objectives(spec)) line += "," + csv_cell(objective->name);
  return line + "\n";
}

void add_row(const StoredRow& row, const SweepSpec& spec, Table& table, ExportSummary& summary) {
  const Judgement judgement = judge(row, spec);
  switch (judgement.status) {
    case PointStatus::kOk:
      ++summary.ok;
      break;
    case PointStatus::kInfeasible:
      ++summary.infeasible;
      break;
    case PointStatus::kFailed:
      ++summary.failed;
      break;
    case PointStatus::kTimeout:
      ++summary.timeout;
      break;
  }
  if (judgement.status != PointStatus::kOk) ++summary.reasons[judgement.reason];

  std::string csv, axes, totals;
  const JsonDocument values = parse_json(row.planned.axes, spec.file);
  const std::vector<std::string> columns = spec.columns();
  for (std::size_t a = 0; a < values.items().size() && a < columns.size(); ++a) {
    const AxisValue value = axis_value_of(values.items()[a]);
    csv += csv_cell(to_string(value)) + ",";
    axes += (a ? "," : "") + json_string(columns[a]) + ":" + axis_value_json(value);
  }
  csv += csv_cell(row.planned.workload) + "," + to_string(judgement.status) + "," + csv_cell(judgement.reason);
  const auto add_number = [&](const std::string& name, double value) {
    const std::string text = std::isfinite(value) ? number_text(value) : "";
    csv += "," + text;
    if (!text.empty()) totals += (totals.empty() ? "" : ",") + json_string(name) + ":" + text;
  };
  for (std::size_t i = 0; i < kTotalCount; ++i)
    add_number(total_infos()[i].name, row.result ? row.result->totals.value[i] : std::nan(""));
  for (const Objective* objective : derived_objectives(spec)) {
    const auto place = static_cast<std::size_t>(objective - spec.objectives.data());
    const bool known = place < judgement.objectives.size();
    add_number(objective->name, !known                ? std::nan("")
                                : objective->maximize ? -judgement.objectives[place]
                                                      : judgement.objectives[place]);
  }
  const std::size_t line = table.csv_lines.size();
  if (judgement.status == PointStatus::kOk && !judgement.objectives.empty())
    table.candidates[row.planned.workload].push_back(line);
  table.objectives.push_back(judgement.status == PointStatus::kOk ? judgement.objectives : ObjectiveVector());
  table.positions.push_back(row.planned.position);
  table.workloads.insert(row.planned.workload);
  table.csv_lines.push_back(std::move(csv));
  table.json_points.push_back("{\"axes\":{" + axes + "},\"workload\":" + json_string(row.planned.workload) +
                              ",\"status\":\"" + to_string(judgement.status) +
                              "\",\"reason\":" + json_string(judgement.reason) + ",\"totals\":{" + totals + "}");
}

std::vector<bool> front_lines(const Table& table) {
  std::vector<bool> on_front(table.csv_lines.size(), false);
  for (const auto& [workload, lines] : table.candidates) {
    std::vector<ObjectiveVector> points;
    for (const std::size_t line : lines) points.push_back(table.objectives[line]);
    for (const std::size_t member : pareto_front(points)) on_front[lines[member]] = true;
  }
  return on_front;
}

}  // namespace

std::string ExportSummary::most_frequent_reason() const {
  const std::pair<const std::string, std::int64_t>* most = nullptr;
  for (const auto& reason : reasons)
    if (!most || reason.second > most->second) most = &reason;
  return most ? most->first : "";
}

namespace {

Table read_table(const ResultStore& store, const SweepSpec& spec, ExportSummary& summary) {
  Table table;
  store.for_each_row([&](const StoredRow& row) {
    if (row.planned.refusal.empty() && !row.result)
      ++summary.missing;
    else
      add_row(row, spec, table, summary);
  });
  return table;
}

// A design's objectives are the sums over the workloads, as the searches see them.
std::vector<ConvergenceStep> convergence_of(const Table& table) {
  std::vector<ObjectiveVector> designs;
  const auto workloads = static_cast<std::int64_t>(table.workloads.size());
  std::int64_t design = -1;
  bool whole = true;
  for (std::size_t line = 0; line < table.positions.size(); ++line) {
    const ObjectiveVector& own = table.objectives[line];
    const bool first = table.positions[line] / workloads != design;
    design = table.positions[line] / workloads;
    if (first) designs.emplace_back(own.size(), 0.0);
    whole = !own.empty() && (first || whole);
    if (!whole) designs.back().clear();
    for (std::size_t k = 0; whole && k < own.size(); ++k) designs.back()[k] += own[k];
  }
  return convergence(designs);
}

std::string convergence_csv(const std::vector<ConvergenceStep>& steps) {
  std::string csv = "designs,hypervolume\n";
  for (const ConvergenceStep& step : steps)
    csv += std::to_string(step.designs) + "," + number_text(step.hypervolume) + "\n";
  return csv;
}

// files: as files_json() wrote it; "" in stores of older programs.
std::string json_of(const Table& table, const std::vector<bool>& on_front, const SweepSpec& spec,
                    const std::string& files, const std::vector<ConvergenceStep>& steps) {
  std::string json = "{\"schema_version\":1,\"spec\":" + write_json(spec) +
                     (files.empty() ? "" : ",\"files\":" + files) + ",\"convergence\":[";
  const char* separator = "";
  for (const ConvergenceStep& step : steps) {
    json += separator + ("[" + std::to_string(step.designs)) + "," + number_text(step.hypervolume) + "]";
    separator = ",";
  }
  json += "],\"points\":[";
  for (std::size_t line = 0; line < table.json_points.size(); ++line) {
    json +=
        (line ? ",\n" : "\n") + table.json_points[line] + ",\"pareto\":" + (on_front[line] ? "true" : "false") + "}";
  }
  return json + "\n]}\n";
}

// Removes what a sweep left behind that was killed while it wrote its tables; the caller holds the folder's lock.
void remove_leftovers(const std::string& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> leftovers;
  for (const std::filesystem::path& entry : entries_of(directory, error)) {
    const std::string name = entry.filename().string();
    for (const std::string table : {".results.csv.", ".pareto.csv.", ".results.json.", ".convergence.csv."})
      if (name.compare(0, table.size(), table) == 0 && entry.extension() == ".part") leftovers.push_back(entry);
  }
  for (const auto& path : leftovers) std::filesystem::remove(path, error);
}

}  // namespace

std::string results_json(const ResultStore& store, const SweepSpec& spec) {
  ExportSummary summary;
  const Table table = read_table(store, spec, summary);
  return json_of(table, front_lines(table), spec, store.meta("files"), convergence_of(table));
}

ExportSummary export_results(const ResultStore& store, const SweepSpec& spec, const std::string& directory) {
  ExportSummary summary;
  const Table table = read_table(store, spec, summary);
  const std::vector<bool> on_front = front_lines(table);
  std::string results = csv_header(spec), pareto = csv_header(spec);
  for (std::size_t line = 0; line < table.csv_lines.size(); ++line) {
    results += table.csv_lines[line] + "\n";
    if (!on_front[line]) continue;
    pareto += table.csv_lines[line] + "\n";
    ++summary.pareto;
  }
  remove_leftovers(directory);
  OutputSet files;
  files.add(directory + "/results.csv", results);
  files.add(directory + "/pareto.csv", pareto);
  const std::vector<ConvergenceStep> steps = convergence_of(table);
  files.add(directory + "/convergence.csv", convergence_csv(steps));
  files.add(directory + "/results.json", json_of(table, on_front, spec, store.meta("files"), steps));
  files.commit();
  return summary;
}

}  // namespace vitality
