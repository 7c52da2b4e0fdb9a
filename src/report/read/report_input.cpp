#include "report/read/report_input.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "explore/export.h"
#include "explore/store.h"
#include "report/read/read_comparison.h"
#include "report/read/read_evaluation.h"
#include "report/read/read_result.h"
#include "report/read/read_sweep.h"

namespace vitality {
namespace {

namespace fs = std::filesystem;

double number_at(const JsonValue& value, std::initializer_list<const char*> path) {
  const JsonValue* at = &value;
  for (const char* key : path) {
    at = at->find(key);
    if (at == nullptr) return 0;
  }
  const bool number = at->type() == JsonValue::Type::kInteger || at->type() == JsonValue::Type::kNumber;
  return number && at->number() > 0 ? at->number() : 0;
}

// The data rate of the bus times the number of channels, or the bandwidth that a roofline machine states.
double dram_bandwidth(const JsonValue& config) {
  if (const double stated = number_at(config, {"roofline", "bandwidth_gb_s"}); stated > 0) return stated;
  const auto device = [&](const char* key) { return number_at(config, {"dram", "device", key}); };
  const double clocks = device("burst_cycles") * device("tck_ns");
  if (clocks <= 0) return 0;
  return device("bus_bits") / 8 * device("burst_length") / clocks * number_at(config, {"dram", "channels"});
}

ReportResult read_one_result(JsonDocument document, const std::string& file) {
  Diagnostics diagnostics(file);
  ReportResult out;
  out.file = file;
  out.result = read_result(document, diagnostics);
  out.document = std::move(document);
  static const JsonDocument kNone;
  const JsonValue* const found = out.document.find("config");
  const JsonValue& config = found != nullptr ? *found : kNone;
  if (const JsonValue* machine = config.find("machine"))
    out.result.is_device = machine->text() == "roofline" || machine->text() == "host";
  const JsonValue* name = config.find("name");
  out.machine =
      name != nullptr && name->type() == JsonValue::Type::kString ? name->text() : fs::path(file).stem().string();
  out.label = out.machine + ", " + out.result.workload_name;
  const Totals& totals = out.result.totals;
  if (totals.latency_ms > 0) out.clock_mhz = static_cast<double>(totals.cycles) / totals.latency_ms / 1e3;
  // utilization = MACs done / (peak MACs x cycles), docs/interface.md: the same for every kind of machine.
  if (totals.utilization > 0 && totals.latency_ms > 0)
    out.peak_gops = 2e-6 * static_cast<double>(totals.macs) / totals.latency_ms / totals.utilization;
  out.dram_gb_s = dram_bandwidth(config);
  return out;
}

std::size_t point_count(const ReportInput& input) {
  std::size_t count = 0;
  for (const ReportSweep& sweep : input.sweeps) count += sweep.points.size();
  return count;
}

std::string read_folder(const std::string& path) {
  const fs::path store = fs::path(path) / "results.sqlite", exported = fs::path(path) / "results.json";
  if (fs::exists(store)) {
    const ResultStore results(path, ResultStore::Mode::kRead);
    if (results.spec().empty()) throw InputError(store.string(), "", "holds no sweep yet");
    return results_json(results, parse_stored_spec(results.spec(), store.string()));
  }
  if (fs::exists(exported)) return read_text_file(exported.string(), kMaxReportBytes);
  throw InputError(path, "", "no folder of a sweep: expected results.sqlite or results.json in it");
}

}  // namespace

void add_report_document(std::string text, const std::string& file, ReportInput& input) {
  JsonDocument document = parse_json(text, file);
  text = std::string();  // the file may be large
  const auto has = [&](const char* key) { return document.find(key) != nullptr; };
  const JsonValue* kind = document.find("kind");
  if (kind != nullptr && kind->text() == "comparison") {
    input.comparisons.push_back(read_comparison(document, file));
  } else if (has("spec") && has("points")) {
    input.sweeps.push_back(read_sweep(document, file));
    if (const std::size_t points = point_count(input); points > kMaxReportPoints)
      throw InputError(file, "/points",
                       std::to_string(points) + " points in all, expected at most " + std::to_string(kMaxReportPoints) +
                           " on one page; report shards of it one by one");
  } else if (has("evaluation")) {
    if (input.evaluations.size() == kMaxReportResults)
      throw InputError(file, "", "expected at most " + std::to_string(kMaxReportResults) + " evaluations on one page");
    check_evaluation(document, file);
    input.evaluations.push_back({file, std::move(document)});
  } else if (has("totals") && has("layers")) {
    if (input.results.size() == kMaxReportResults)
      throw InputError(file, "", "expected at most " + std::to_string(kMaxReportResults) + " results on one page");
    input.results.push_back(read_one_result(std::move(document), file));
  } else {
    throw InputError(
        file, "",
        "expected a result (of vitality run --result), a comparison (of vitality compare --json), an evaluation "
        "(of vitality evaluate --result) or the results.json of a sweep");
  }
}

ReportInput read_report_inputs(const std::vector<std::string>& paths) {
  ReportInput input;
  for (const std::string& path : paths) {
    std::error_code ignored;
    const bool folder = fs::is_directory(path, ignored);
    add_report_document(folder ? read_folder(path) : read_text_file(path, kMaxReportBytes), path, input);
  }
  std::map<std::string, int> seen;
  for (ReportResult& result : input.results) {
    const int count = ++seen[result.label];
    if (count > 1) result.label += " (" + std::to_string(count) + ")";
  }
  return input;
}

}  // namespace vitality
