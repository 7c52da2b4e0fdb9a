// `vitality run`: one model on one machine; a table for people, and the result as JSON and CSV.
#include <fmt/format.h>
#include <fnmatch.h>

#include <filesystem>
#include <iostream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "cli/simulation.h"
#include "mapping/mapping_json.h"
#include "report/result_csv.h"
#include "report/result_json.h"
#include "report/result_text.h"
#include "report/trace/dram_commands.h"
#include "report/trace/perfetto_trace.h"
#include "report/trace/vcd.h"
#include "sim/values/value_executor.h"
#include "tensor/npy.h"

namespace vitality::cli {
namespace {

// Reserves all outputs that the request names before a long run, so that what would fail after it fails now.
void reserve_outputs(const RunRequest& request, OutputSet& files) {
  note_input(request.config);
  note_input(request.workload);
  if (!request.mapping.empty()) note_input(request.mapping);
  for (const std::string* path :
       {&request.result, &request.trace, &request.vcd, &request.dram_commands, &request.mapping_out})
    if (!path->empty()) files.reserve(*path);
  if (!request.csv.empty()) files.make_folder(request.csv);
  if (!request.outputs.empty()) files.make_folder(request.outputs);
}

// Where a layer's output is written: LAYER.npy; for a batch, in one folder per image.
std::filesystem::path output_file(const RunRequest& request, const Layer& layer, bool batch, OutputSet& files) {
  std::filesystem::path folder(request.outputs);
  std::string name = layer.name;
  if (batch) {  // workload/batch.h: imagei/LAYER
    const std::size_t slash = name.find('/');
    folder /= name.substr(0, slash);
    name = name.substr(slash + 1);
    files.make_folder(folder.string());
  }
  if (name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    throw InputError("", "", "option --outputs: layer " + vitality::quoted(name) + " has a name that no file can have");
  return folder / (name + ".npy");
}

// Writes what the machine computed, in real values.
void write_outputs(const RunRequest& request, const FinishedRun& run, const VitModel& model, OutputSet& files) {
  const std::size_t count = model.layers.size(), every = count / static_cast<std::size_t>(model.images);
  std::vector<bool> wanted(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& name = model.layers[i].name;
    const std::string once = model.images > 1 ? name.substr(name.find('/') + 1) : name;
    wanted[i] =
        request.outputs_of.empty() ? i % every == every - 1 : fnmatch(request.outputs_of.c_str(), once.c_str(), 0) == 0;
  }
  std::string merged;
  bool any = false;
  for (std::size_t i = 0; i < count; ++i) {
    if (!wanted[i]) continue;
    const TensorId tensor = run.schedule.layer_output[i];
    if (tensor == kNone || run.schedule.tensors[tensor].role == TensorRole::kInput) {
      merged = model.layers[i].name;
      continue;
    }
    const std::string path = output_file(request, model.layers[i], model.images > 1, files).string();
    write_npy(files.add(path), run.values->real_values(tensor));
    files.finish(path);
    any = true;
  }
  if (!any)
    throw InputError("", "",
                     "option --outputs-of: the output of layer " + merged +
                         " does not leave the chip (the layer behind it takes it there) or was left out");
}

// Writes what the finished machine knows but the result does not contain.
void write_timelines(const RunRequest& request, const Timeline& timeline, OutputSet& files) {
  if (!request.trace.empty()) write_perfetto_trace(files.add(request.trace), timeline);
  if (!request.vcd.empty()) write_vcd(files.add(request.vcd), timeline);
}

void write_dram_commands(std::FILE* stream, const std::vector<std::pair<int, DramCommandRecord>>& commands) {
  write_dram_command_heading(stream);
  for (const auto& [channel, command] : commands) write_dram_command(stream, channel, command);
}

std::string mapping_file(const FinishedSimulation& run) {
  MappingFile file{run.config.name, run.result.workload_name, {}, run.result.batch_order, run.result.mapped_kib};
  for (const LayerResult& layer : run.result.layers) file.layers.emplace_back(layer.name, layer.mapping);
  return write_json(file);
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
         is_standard_output(request.dram_commands) || is_standard_output(request.mapping_out);
}

}  // namespace

int run_command(const Arguments& arguments) {
  RunRequest request;
  if (!parse_run(arguments, request)) return kDone;
  OutputSet files;
  reserve_outputs(request, files);
  std::function<void(const FinishedRun&, const VitModel&, const HardwareConfig&)> observe;
  if (!request.trace.empty() || !request.vcd.empty() || !request.outputs.empty()) {
    observe = [&](const FinishedRun& run, const VitModel& model, const HardwareConfig& config) {
      if (!request.outputs.empty()) write_outputs(request, run, model, files);
      Timeline timeline{model, config, run.schedule, run.times, run.costs};
      timeline.power = &run.result.power;
      write_timelines(request, timeline, files);
    };
  }
  // Kept until the end, so that an interrupted run leaves no file behind.
  std::vector<std::pair<int, DramCommandRecord>> commands;
  DramCommandObserver record;
  if (!request.dram_commands.empty())
    record = [&commands](int channel, const DramCommandRecord& command) { commands.emplace_back(channel, command); };
  const FinishedSimulation run = run_simulation(request, observe, record);
  if (record) write_dram_commands(files.add(request.dram_commands), commands);
  if (!request.mapping_out.empty()) files.add(request.mapping_out, mapping_file(run));
  write_result(request, run.result, files);
  if (!request.quiet && !writes_to_stdout(request)) std::cout << write_text(run.result, run.config);
  return report_numerics(run.result);
}

}  // namespace vitality::cli
