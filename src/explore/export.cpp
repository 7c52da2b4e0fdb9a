#include "explore/export.h"

#include <cmath>
#include <filesystem>

#include "base/folder.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/text.h"
#include "explore/pareto.h"
#include "explore/plan.h"

namespace vitality {
namespace {

struct Table {
  std::vector<std::string> csv_lines, json_points;             // without line ends; json without its closing brace
  std::map<std::string, std::vector<std::size_t>> candidates;  // by workload: lines with known objectives
  std::vector<ObjectiveVector> objectives;                     // by line; empty for the rest
};

std::string csv_header(const SweepSpec& spec) {
  std::string line;
  for (const Axis& axis : spec.axes) line += csv_cell(axis.key) + ",";
  line += "workload,status,reason";
  for (const TotalInfo& total : total_infos()) line += std::string(",") + total.name;
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
  for (std::size_t a = 0; a < values.items().size() && a < spec.axes.size(); ++a) {
    const AxisValue value = axis_value_of(values.items()[a]);
    csv += csv_cell(to_string(value)) + ",";
    axes += (a ? "," : "") + json_string(spec.axes[a].key) + ":" + axis_value_json(value);
  }
  csv += csv_cell(row.planned.workload) + "," + to_string(judgement.status) + "," + csv_cell(judgement.reason);
  for (std::size_t i = 0; i < kTotalCount; ++i) {
    const double total = row.result ? row.result->totals.value[i] : std::nan("");
    const std::string text = std::isfinite(total) ? number_text(total) : "";
    csv += "," + text;
    if (!text.empty()) totals += (totals.empty() ? "" : ",") + json_string(total_infos()[i].name) + ":" + text;
  }
  const std::size_t line = table.csv_lines.size();
  if (judgement.status == PointStatus::kOk && !judgement.objectives.empty())
    table.candidates[row.planned.workload].push_back(line);
  table.objectives.push_back(judgement.objectives);
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

std::string json_of(const Table& table, const std::vector<bool>& on_front, const SweepSpec& spec) {
  std::string json = "{\"schema_version\":1,\"spec\":" + write_json(spec) + ",\"points\":[";
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
    for (const std::string table : {".results.csv.", ".pareto.csv.", ".results.json."})
      if (name.compare(0, table.size(), table) == 0 && entry.extension() == ".part") leftovers.push_back(entry);
  }
  for (const auto& path : leftovers) std::filesystem::remove(path, error);
}

}  // namespace

std::string results_json(const ResultStore& store, const SweepSpec& spec) {
  ExportSummary summary;
  const Table table = read_table(store, spec, summary);
  return json_of(table, front_lines(table), spec);
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
  files.add(directory + "/results.json", json_of(table, on_front, spec));
  files.commit();
  return summary;
}

}  // namespace vitality
