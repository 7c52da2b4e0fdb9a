#include "cli/simulation.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "base/json.h"
#include "base/search_path.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/vectorised.h"
#include "config/hardware_config_json.h"
#include "sim/analytic_machines.h"
#include "sim/child_simulation.h"
#include "workload/batch.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

// The model's layers that the pattern takes, for every image of the batch.
std::vector<bool> select_layers(const VitModel& model, const std::string& pattern, int images) {
  if (pattern.empty()) return {};
  std::vector<bool> selected;
  std::vector<std::string> names;
  bool any = false;
  for (const Layer& layer : model.layers) {
    selected.push_back(fnmatch(pattern.c_str(), layer.name.c_str(), 0) == 0);
    any = any || selected.back();
    // A pattern most often means the last parts of a name.
    for (std::size_t at = 0; at != std::string::npos; at = layer.name.find('.', at + 1))
      names.push_back(layer.name.substr(at == 0 ? 0 : at + 1));
  }
  if (!any) {
    std::string letters;
    for (const char c : pattern) letters += c == '*' || c == '?' || c == '[' || c == ']' ? "" : std::string(1, c);
    throw InputError("", "",
                     "option --layers: no layer of workload " + model.name + " matches " + quoted(pattern) +
                         suggestion(letters, names));
  }
  const std::size_t count = selected.size();
  for (std::size_t i = count; i < count * static_cast<std::size_t>(images); ++i)
    selected.push_back(selected[i % count]);
  return selected;
}

// What the folder leaves to the seed must be wanted: a weight only with --allow-seeded, the images of a batch all or
// none.
void check_complete(const DirectoryParameters& inputs, const VitModel& model, const RunRequest& request) {
  std::string missing_image, given_image;
  for (const ParameterInfo& info : distinct_parameters_of(model)) {
    const bool given = !inputs.path_of(info.name).empty();
    if (info.role == ParameterRole::kImage) {
      std::string& first = given ? given_image : missing_image;
      if (first.empty()) first = info.name;
    } else if (!given && !request.allow_seeded) {
      throw InputError(request.inputs, "",
                       "no file " + info.name + ".npy, expected every weight of workload " + model.name +
                           " (--allow-seeded takes what is missing from --seed; vitality list tensors names them all)");
    }
  }
  if (!given_image.empty() && !missing_image.empty())
    throw InputError(request.inputs, "",
                     "no file " + missing_image + ".npy beside " + given_image + ".npy, expected the images of all " +
                         std::to_string(model.images) + " inputs of the batch or none");
}

void count_seeded(const DirectoryParameters* inputs, const VitModel& model, NumericsResult& numerics) {
  for (const ParameterInfo& info : distinct_parameters_of(model)) {
    if (inputs != nullptr && !inputs->path_of(info.name).empty()) continue;
    ++numerics.seeded_tensors;
    if (info.role != ParameterRole::kImage) ++numerics.seeded_weights;
  }
}

// Every file is read once before time starts, so that a bad one costs no simulation. Returns the identity of all.
std::string check_inputs(const DirectoryParameters& inputs, const VitModel& model) {
  std::string list;
  for (const ParameterInfo& info : parameters_of(model)) {
    const std::string path = inputs.path_of(info.name);
    if (path.empty()) continue;
    const MatrixD values = inputs.tensor(info);
    if (info.role == ParameterRole::kRunningVariance) {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values.data()[i] < 0)
          throw InputError(path, "", "a variance is negative: " + json_number(values.data()[i]));
      }
    }
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    list += info.name + " " + sha256_hex(bytes) + "\n";
  }
  return sha256_hex(list);
}

// What only a simulation can answer.
void check_simulated(const RunRequest& request, const HardwareConfig& config) {
  if (!is_simulated(config)) {
    if (request.what_if)
      throw InputError("", "",
                       "option --what-if: " + config.name +
                           " is not simulated and has no resource to double, expected a simulated machine");
    for (const auto& [option, file] : {std::pair<const char*, const std::string&>{"--trace", request.trace},
                                       {"--vcd", request.vcd},
                                       {"--dram-commands", request.dram_commands}})
      if (!file.empty())
        throw InputError("", "",
                         std::string("option ") + option + ": " + config.name +
                             " is not simulated and has no timeline, expected a simulated machine");
  }
  if (!request.dram_commands.empty() && config.dram.model != DramModel::kBanked)
    throw InputError("", "",
                     "option --dram-commands: only dram.model banked issues commands (--set dram.model=banked)");
}

// One line on stderr that is written over; gone when the run ends.
class ProgressLine {
 public:
  explicit ProgressLine(const RunRequest& request)
      : shown_(request.progress == ProgressMode::kAlways ||
               (request.progress == ProgressMode::kAuto && !request.quiet && isatty(STDERR_FILENO) == 1)) {}
  ~ProgressLine() {
    if (started_) fmt::print(stderr, "\r\033[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  bool shown() const { return shown_; }
  void show(const std::string& phase, double fraction) {
    const auto now = std::chrono::steady_clock::now();
    if (started_ && fraction < 1 && now - last_ < std::chrono::milliseconds(50)) return;
    last_ = now, started_ = true;
    fmt::print(stderr, "\r\033[K{}: {:.0f} %", harmless(phase), 100 * fraction);
    std::fflush(stderr);
  }

 private:
  bool shown_, started_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace

FinishedSimulation run_simulation(
    const RunRequest& request, std::function<void(const FinishedRun&, const VitModel&, const HardwareConfig&)> observe,
    const DramCommandObserver& dram_commands) {
  const auto begin = std::chrono::steady_clock::now();
  const bool training = request.mode == "training";
  if (training && !request.layers.empty())
    throw InputError("", "", "option --layers: a training step runs all layers; --mode inference runs a part");
  if (training && request.what_if) throw InputError("", "", "option --what-if: answers for --mode inference only");
  const std::string workload_file = find_file(request.workload, "workloads");
  FinishedSimulation run{read_hardware_config(request.config, request.overrides), {}};
  check_simulated(request, run.config);
  const std::string workload_text = read_text_file(workload_file);
  const VitModel one = parse_workload(workload_text, workload_file);
  const VitModel model = batched(one, request.images);

  SimulationOptions options;
  options.numerics = request.numerics;
  options.check = request.check;
  options.training = training;
  options.seed = request.seed;
  options.selected = select_layers(one, request.layers, request.images);
  const SeededParameters seeded(request.seed);
  std::unique_ptr<DirectoryParameters> inputs;
  std::string inputs_sha256;
  if (!request.inputs.empty()) {
    inputs = std::make_unique<DirectoryParameters>(model, request.inputs, seeded);
    inputs_sha256 = check_inputs(*inputs, model);
    check_complete(*inputs, model, request);
    options.parameters = inputs.get();
  }
  {
    ProgressLine line(request);
    if (line.shown())
      options.progress = [&line](const std::string& phase, double fraction) { line.show(phase, fraction); };
    if (observe) options.observe = [&](const FinishedRun& finished) { observe(finished, finished.model, run.config); };
    options.dram_commands = dram_commands;
    std::vector<WhatIf> answers;  // children first: this process can simulate once
    if (request.what_if) answers = what_if(run.config, model, options.selected);
    run.result = simulate(run.config, model, options);
    run.result.what_if = std::move(answers);
  }

  SimulationResult& result = run.result;
  count_seeded(inputs.get(), model, result.numerics);
  result.config_json = write_json(run.config);
  result.mode = request.mode;
  Manifest& manifest = result.manifest;
  manifest.version = VITALITY_VERSION;
  manifest.arguments = request.arguments();
  manifest.command = command_line("run", manifest.arguments);
  manifest.seed = request.seed;
  manifest.config_sha256 = sha256_hex(result.config_json);
  manifest.workload_sha256 = sha256_hex(workload_text);
  manifest.inputs_sha256 = inputs_sha256;
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
    if (layer.rms_tolerance == 0) continue;  // of a training step's gradients, above
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
