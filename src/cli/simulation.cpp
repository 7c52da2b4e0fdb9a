#include "cli/simulation.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/checkpoint.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_settings.h"
#include "base/search_path.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/vectorised.h"
#include "cli/given_tensors.h"
#include "cli/progress_line.h"
#include "config/hardware_config_json.h"
#include "explore/program_identity.h"
#include "mapping/mapping_json.h"
#include "sim/analytic_machines.h"
#include "sim/child_simulation.h"
#include "workload/batch.h"
#include "workload/settings.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

// The layers of the model whose names match the pattern, in every image of the batch. A batch norm that is folded into
// another layer's weights comes with it, and it with the norm.
std::vector<bool> select_layers(const VitModel& model, const std::string& pattern, int images, bool batch_norm_folded) {
  std::vector<bool> selected;
  if (pattern.empty()) return selected;
  std::vector<bool> once = layers_named(model, pattern, "layers");
  const auto weights_in = [&](std::size_t layer) {
    const auto* norm = batch_norm_folded ? std::get_if<BatchNorm>(&model.layers[layer].parameters) : nullptr;
    return norm != nullptr ? static_cast<std::size_t>(norm->folded_into) : layer;
  };
  std::vector<bool> named(once.size());
  for (std::size_t i = 0; i < once.size(); ++i)
    if (once[i]) named[weights_in(i)] = true;
  for (std::size_t i = 0; i < once.size(); ++i) once[i] = named[weights_in(i)];
  for (int i = 0; i < images; ++i) selected.insert(selected.end(), once.begin(), once.end());
  return selected;
}

// Refuses requests that only a simulation can answer.
void check_simulated(const RunRequest& request, const HardwareConfig& config) {
  if (!request.mapping.empty() && request.what_if)
    throw InputError("", "", "option --what-if: answers for machines that the search maps, expected no --mapping");
  if (!is_simulated(config)) {
    if (request.what_if)
      throw InputError("", "",
                       "option --what-if: " + config.name +
                           " is not simulated and has no resource to double, expected a simulated machine");
    for (const auto& [option, file] : {std::pair<const char*, const std::string&>{"--trace", request.trace},
                                       {"--vcd", request.vcd},
                                       {"--mapping", request.mapping},
                                       {"--mapping-out", request.mapping_out},
                                       {"--outputs", request.outputs},
                                       {"--dram-commands", request.dram_commands}})
      if (!file.empty())
        throw InputError("", "",
                         std::string("option ") + option + ": " + config.name +
                             " is not simulated and has neither a mapping, nor a timeline, nor values, expected a "
                             "simulated machine");
  }
  if (!request.dram_commands.empty() && config.dram.model != DramModel::kBanked)
    throw InputError("", "",
                     "option --dram-commands: only dram.model banked issues commands (--set dram.model=banked)");
}

// "": no file, an empty mapping.
GivenMapping read_mapping_file(const std::string& file, const std::vector<std::string>& settings, const VitModel& model,
                               std::string& sha256) {
  if (file.empty() && !settings.empty())
    throw InputError("--set " + settings.front(), "", "a pointer changes a mapping file, expected --mapping");
  if (file.empty()) return {};
  const std::string text = read_text_file(file, kMaxMappingBytes);
  sha256 = sha256_hex(text);
  Diagnostics diagnostics(file);
  JsonDocument document = parse_json(text, file);
  set_values(document, settings, "--set", diagnostics);
  return read_mapping(document, &model, diagnostics);
}

}  // namespace

std::vector<bool> layers_named(const VitModel& model, const std::string& pattern, const char* option) {
  std::vector<bool> selected;
  std::vector<std::string> names;
  bool any = false;
  for (const Layer& layer : model.layers) {
    selected.push_back(fnmatch(pattern.c_str(), layer.name.c_str(), 0) == 0);
    any = any || selected.back();
    // A pattern usually means the last parts of a name.
    for (std::size_t at = 0; at != std::string::npos; at = layer.name.find('.', at + 1))
      names.push_back(layer.name.substr(at == 0 ? 0 : at + 1));
  }
  if (any) return selected;
  std::string letters;
  for (const char c : pattern) letters += c == '*' || c == '?' || c == '[' || c == ']' ? "" : std::string(1, c);
  throw InputError("", "",
                   std::string("option --") + option + ": no layer of workload " + model.name + " matches " +
                       quoted(pattern) + suggestion(letters, names));
}

// Of all that decides what the search finds, but the budget: with a larger one it goes on.
std::string search_identity(const RunRequest& request, const HardwareConfig& config, const std::string& workload,
                            const std::string& inputs_sha256, const std::string& mapping_sha256) {
  std::string dims;
  const Settings settings = split_settings(request.overrides);
  for (const std::string& dim : settings.workload) dims += "\nworkload." + dim;
  for (const std::string& setting : settings.mapping) dims += "\n" + setting;
  return sha256_hex(std::string(kProgramIdentity) + "\n" + write_json(config) + "\n" + workload + "\n" + inputs_sha256 +
                    "\n" + mapping_sha256 + "\n" + std::to_string(request.seed) + "\n" +
                    std::to_string(request.images) + "\n" + request.layers + dims);
}

void check_request(const RunRequest& request, const HardwareConfig& config) {
  if (request.training && !request.layers.empty())
    throw InputError("", "", "option --layers: a training step runs all layers; --mode inference runs a part");
  if (request.training && request.what_if)
    throw InputError("", "", "option --what-if: answers for --mode inference only");
  if (!request.checkpoint.empty() && (request.training || config.mapping.search != MappingSearch::kSimulate))
    throw InputError("", "",
                     "option --checkpoint: expected mapping.search simulate and --mode inference, whose simulations it "
                     "keeps");
  check_simulated(request, config);
}

FinishedSimulation run_simulation(
    const RunRequest& request, std::function<void(const FinishedRun&, const VitModel&, const HardwareConfig&)> observe,
    const DramCommandObserver& dram_commands) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string workload_file = find_file(request.workload, "workloads");
  const Settings settings = split_settings(request.overrides);
  FinishedSimulation run{read_hardware_config(request.config, settings.machine), {}};
  check_request(request, run.config);
  const std::string workload_text = read_text_file(workload_file);
  const VitModel one = parse_workload(workload_text, workload_file, settings.workload);
  const VitModel model = batched(one, request.images);
  SimulationOptions options;
  options.numerics = request.numerics;
  options.check = request.check;
  options.training = request.training;
  options.seed = request.seed;
  options.search_budget = request.search_budget;
  options.selected = select_layers(one, request.layers, request.images, run.config.batch_norm_folded);
  if (!request.outputs_of.empty()) layers_named(one, request.outputs_of, "outputs-of");
  std::string mapping_sha256;
  const GivenMapping mapping = read_mapping_file(request.mapping, settings.mapping, model, mapping_sha256);
  options.mapping = request.mapping.empty() ? nullptr : &mapping;
  const SeededParameters seeded(request.seed);
  GivenTensors inputs;
  if (!request.inputs.empty()) {
    inputs = read_inputs(request.inputs, model, request.allow_seeded, seeded);
    options.parameters = inputs.parameters.get();
  }
  {
    Checkpoint checkpoint(request.checkpoint, "mapping search",
                          search_identity(request, run.config, workload_text, inputs.sha256, mapping_sha256));
    options.search_checkpoint = &checkpoint;
    ProgressLine line(request.progress, request.quiet);
    if (line.shown())
      options.progress = [&line](const std::string& phase, double fraction) { line.show(phase, fraction); };
    if (observe) options.observe = [&](const FinishedRun& finished) { observe(finished, finished.model, run.config); };
    options.dram_commands = dram_commands;
    std::vector<WhatIf> answers;  // first the child processes: this process can simulate only once
    if (request.what_if) answers = what_if(run.config, model, options.selected);
    run.result = simulate(run.config, model, options);
    run.result.what_if = std::move(answers);
  }

  SimulationResult& result = run.result;
  count_seeded(inputs.parameters.get(), model, result.numerics);
  result.config_json = write_json(run.config);
  result.mode = request.training ? "training" : "inference";
  Manifest& manifest = result.manifest;
  manifest.version = VITALITY_VERSION;
  manifest.arguments = request.arguments();
  manifest.command = command_line("run", manifest.arguments);
  manifest.seed = request.seed;
  manifest.config_sha256 = sha256_hex(result.config_json);
  manifest.workload_sha256 = sha256_hex(workload_text);
  manifest.inputs_sha256 = inputs.sha256;
  manifest.mapping_sha256 = mapping_sha256;
  manifest.kernels = to_string(instruction_set());
  manifest.host_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return run;
}

int report_numerics(const SimulationResult& result) {
  const NumericsResult& numerics = result.numerics;
  if (!numerics.checked || numerics.passed) return kDone;
  std::fflush(stdout);
  for (const GradientError& e : result.training.errors) {
    if (e.max_rel_error <= e.tolerance) continue;
    fmt::print(
        stderr,
        "error: values outside tolerance: {}: largest error {:.3g} of the largest value of {}, tolerance {:.3g}\n",
        e.kind, e.max_rel_error, e.worst, e.tolerance);
  }
  for (const LayerResult& layer : result.layers) {
    if (layer.rms_tolerance == 0) continue;  // gradients of a training step; already reported above
    const auto say = [&layer](const char* what, double error, double tolerance) {
      if (error <= tolerance) return;
      fmt::print(stderr,
                 "error: values outside tolerance: layer {}: {} error {:.3g} of its largest value, tolerance {:.3g}\n",
                 layer.name, what, error, tolerance);
    };
    say("largest", layer.max_rel_error, layer.tolerance), say("rms", layer.rms_rel_error, layer.rms_tolerance);
    say("mean", layer.mean_rel_error, layer.mean_tolerance);
  }
  return kOutsideTolerance;
}

}  // namespace vitality::cli
