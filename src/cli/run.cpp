// `vitality run`: one model on one machine; a table for people, and the result as JSON and CSV.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/simulation.h"
#include "report/result_csv.h"
#include "report/result_json.h"
#include "report/result_text.h"
#include "report/trace/dram_commands.h"
#include "report/trace/perfetto_trace.h"
#include "report/trace/vcd.h"

namespace vitality::cli {
namespace {

// All that the request names, before a long run: what would fail after it fails now.
void reserve_outputs(const RunRequest& request, OutputSet& files) {
  note_input(request.config);
  note_input(request.workload);
  for (const std::string* path : {&request.result, &request.trace, &request.vcd, &request.dram_commands})
    if (!path->empty()) files.reserve(*path);
  if (!request.csv.empty()) files.make_folder(request.csv);
}

// What the finished machine knows and the result does not.
void write_timelines(const RunRequest& request, const Timeline& timeline, OutputSet& files) {
  if (!request.trace.empty()) write_perfetto_trace(files.add(request.trace), timeline);
  if (!request.vcd.empty()) write_vcd(files.add(request.vcd), timeline);
}

void write_dram_commands(std::FILE* stream, const std::vector<std::pair<int, DramCommandRecord>>& commands) {
  write_dram_command_heading(stream);
  for (const auto& [channel, command] : commands) write_dram_command(stream, channel, command);
}

void write_result(const RunRequest& request, const SimulationResult& result, OutputSet& files) {
  if (!request.csv.empty())
    for (const auto& [name, text] : csv_tables(result))
      files.add((std::filesystem::path(request.csv) / name).string(), text);
  if (!request.result.empty()) files.add(request.result, write_json(result));
  files.commit();
}

bool writes_to_stdout(const RunRequest& request) {
  return is_standard_output(request.result) || is_standard_output(request.trace) || is_standard_output(request.vcd) ||
         is_standard_output(request.dram_commands);
}

}  // namespace

int run_command(const Arguments& arguments) {
  RunRequest request;
  if (!parse_run(arguments, request)) return kDone;
  OutputSet files;
  reserve_outputs(request, files);
  std::function<void(const FinishedRun&, const VitModel&, const HardwareConfig&)> observe;
  if (!request.trace.empty() || !request.vcd.empty()) {
    observe = [&](const FinishedRun& run, const VitModel& model, const HardwareConfig& config) {
      write_timelines(request, {model, config, run.schedule, run.times, run.costs}, files);
    };
  }
  // Kept until the end: a run that is interrupted leaves no file behind.
  std::vector<std::pair<int, DramCommandRecord>> commands;
  DramCommandObserver record;
  if (!request.dram_commands.empty())
    record = [&commands](int channel, const DramCommandRecord& command) { commands.emplace_back(channel, command); };
  const FinishedSimulation run = run_simulation(request, observe, record);
  if (record) write_dram_commands(files.add(request.dram_commands), commands);
  write_result(request, run.result, files);
  if (!request.quiet && !writes_to_stdout(request)) std::cout << write_text(run.result, run.config);
  return report_numerics(run.result);
}

}  // namespace vitality::cli
