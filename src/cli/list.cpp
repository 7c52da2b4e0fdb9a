// `vitality list workloads|configs|operators|tensors`: the files that are shipped, the layers of workload files, and a
// workload's tensors.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "analytic/analytic_result.h"
#include "base/folder.h"
#include "base/search_path.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "cost/sparse_machine.h"
#include "mapping/mapper.h"
#include "tensor/npy.h"
#include "workload/layer_json.h"
#include "workload/parameters.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

std::vector<fs::path> json_files(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> out;
  for (const fs::path& entry : entries_of(folder, error))
    if (entry.extension() == ".json") out.push_back(entry);
  if (error) throw InputError(folder.string(), "", "no such folder: name the one that holds it with --dir");
  std::sort(out.begin(), out.end());
  return out;
}

fs::path default_folder(const std::string& holds) {
  std::error_code error;
  if (!fs::is_directory(holds, error))
    for (const std::string& folder : shipped_folders())
      if (fs::is_directory(fs::path(folder) / holds, error)) return folder;
  return ".";
}

void list_workloads(const fs::path& folder) {
  const std::vector<fs::path> files = json_files(folder / "workloads");
  std::cout << std::left << std::setw(18) << "name" << std::right << std::setw(8) << "layers" << std::setw(14)
            << "parameters" << std::setw(16) << "MACs"
            << "  description\n";
  for (const fs::path& path : files) {
    const VitModel model = read_workload(path.string());
    std::cout << std::left << std::setw(18) << path.stem().string() << std::right << std::setw(8) << model.layers.size()
              << std::setw(14) << parameter_count(model) << std::setw(16) << macs(model) << "  " << model.description
              << "\n";
  }
}

void list_configs(const fs::path& folder) {
  const std::vector<fs::path> files = json_files(folder / "configs");
  std::cout << std::left << std::setw(24) << "name" << std::setw(10) << "machine" << std::setw(16) << "attention"
            << "description\n";
  for (const fs::path& path : files) {
    const HardwareConfig config = read_hardware_config(path.string());
    std::cout << std::left << std::setw(24) << path.stem().string() << std::setw(10) << to_string(config.machine)
              << std::setw(16) << to_string(config.attention) << config.description << "\n";
  }
}

void add_word(std::string& list, const std::string& word) {
  list += (list.empty() ? "" : ", ") + word;
}

// Whether `run` accepts this kind of attention on this kind of machine, as the mapper and the formulas decide.
bool runs(MachineKind machine, AttentionKind attention) {
  if (!is_mapped(machine)) return has_layer_work(attention);
  // `auto` is replaced before the mapper sees it.
  return is_mapped(machine, attention == AttentionKind::kAuto ? AttentionKind::kTaylor : attention);
}

void list_machines() {
  std::cout << "\nkinds of machines (config key `machine`) and of attention (`attention`) that `run` takes:\n";
  std::string nowhere;
  const std::vector<std::string> machines = enum_names<MachineKind>(), attentions = enum_names<AttentionKind>();
  for (std::size_t m = 0; m < machines.size(); ++m) {
    const auto machine = static_cast<MachineKind>(m);
    std::string always, with_unit;
    for (std::size_t a = 0; a < attentions.size(); ++a) {
      const auto attention = static_cast<AttentionKind>(a);
      if (!runs(machine, attention)) continue;
      add_word(needs_sparse_unit(machine, attention) ? with_unit : always, attentions[a]);
    }
    std::cout << "  " << std::left << std::setw(10) << machines[m] << always;
    if (!with_unit.empty()) std::cout << "; with sparse_unit.enabled also " << with_unit;
    if (traits(machine).sparse_baseline) {
      HardwareConfig config;
      config.machine = machine;
      std::cout << "; " << sparse_machine(config).masks.words;
    }
    if (!is_mapped(machine)) std::cout << " (not simulated)";
    std::cout << "\n";
  }
  for (std::size_t a = 0; a < attentions.size(); ++a) {
    bool anywhere = false;
    for (std::size_t m = 0; m < machines.size(); ++m)
      anywhere = anywhere || runs(static_cast<MachineKind>(m), static_cast<AttentionKind>(a));
    if (!anywhere) add_word(nowhere, attentions[a]);
  }
  std::cout << "  auto takes the cheaper of taylor and softmax, layer by layer\n";
  if (!nowhere.empty()) std::cout << "  values only, by `vitality attention`: " << nowhere << "\n";
}

// The kinds of layers that have a backward pass.
template <std::size_t... kind>
std::string trainable_layers(std::index_sequence<kind...>) {
  std::string out;
  for (const LayerParameters& parameters : {LayerParameters(std::in_place_index<kind>)...}) {
    Layer layer;
    layer.parameters = parameters;
    if (is_trainable(parameters)) add_word(out, kind_name(layer));
  }
  return out;
}

void list_training() {
  std::string machines, attentions;
  const std::vector<std::string> machine_names = enum_names<MachineKind>(),
                                 attention_names = enum_names<AttentionKind>();
  for (std::size_t m = 0; m < machine_names.size(); ++m)
    if (traits(static_cast<MachineKind>(m)).trains) add_word(machines, machine_names[m]);
  for (std::size_t a = 0; a < attention_names.size(); ++a)
    if (is_trainable(static_cast<AttentionKind>(a))) add_word(attentions, attention_names[a]);
  const std::string layers = trainable_layers(std::make_index_sequence<std::variant_size_v<LayerParameters>>());
  std::cout << "\n`run --mode training` takes:\n  machines   " << machines << "; an input-stationary matrix engine, "
            << "special functions that are charged, 16 bits or more\n  attention  " << attentions
            << ", without a score bias\n  layers     " << layers << "; conv2d as a patch embedding of the image\n";
}

void list_operators() {
  std::cout << "kinds of layers in a workload, their keys ([optional = default]) and meaning:\n";
  for (const LayerKind& kind : layer_kinds()) {
    std::cout << "  " << std::left << std::setw(20) << kind.name << kind.meaning << "\n";
    if (!kind.keys.empty())
      std::cout << "  " << std::setw(20) << ""
                << "  " << key_summary(kind.keys) << "\n";
  }
  list_machines();
  list_training();
}

void list_tensors(const std::string& workload) {
  const VitModel model = read_workload(workload);
  std::cout << "tensors of " << model.name
            << ", each a file NAME.npy of `run --inputs DIR`: float32 or float64, C order "
            << "(row after row);\na tensor of one row may have one dimension. Image i of a batch is input.i.npy.\n\n";
  std::size_t name = 4, layout = 6;
  const std::vector<ParameterInfo> tensors = distinct_parameters_of(model);
  for (const ParameterInfo& info : tensors)
    name = std::max(name, info.name.size()), layout = std::max(layout, std::strlen(info.layout));
  const auto line = [&](const std::string& what, const std::string& shape, const char* order, const char* meaning) {
    std::cout << std::left << std::setw(static_cast<int>(name) + 2) << what << std::setw(18) << shape
              << std::setw(static_cast<int>(layout) + 2) << order << meaning << "\n";
  };
  line("name", "shape", "layout", "meaning");
  for (const ParameterInfo& info : tensors)
    line(info.name, to_string(NpyShape{info.rows, info.cols}), info.layout, info.meaning);
}

}  // namespace

int list_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()("what", po::value<std::vector<std::string>>(), "workloads, configs, operators or tensors")(
      "dir", po::value<std::string>(),
      "the folder that holds workloads/ and configs/ (without it the present one where it does, else what ships)")(
      "workload", po::value<std::string>(), "the model of list tensors");
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality list workloads|configs|operators\n       vitality list tensors --workload W.json\n\n"
          "Lists what ships, what is supported, and the tensors that run --inputs takes.",
          options, "what", values)) {
    return kDone;
  }
  const auto what = values.count("what") ? values["what"].as<std::vector<std::string>>() : std::vector<std::string>{};
  const std::vector<std::string> known{"workloads", "configs", "operators", "tensors"};
  if (what.size() != 1) throw InputError("", "", "expected one of workloads, configs, operators, tensors");
  const fs::path folder = values.count("dir") ? fs::path(values["dir"].as<std::string>())
                                              : default_folder(what[0] == "workloads" ? what[0] : "configs");
  if (values.count("workload") && what[0] != "tensors")
    throw InputError("", "", "option --workload: belongs to list tensors");
  if (what[0] == "workloads") {
    list_workloads(folder);
  } else if (what[0] == "configs") {
    list_configs(folder);
  } else if (what[0] == "operators") {
    list_operators();
  } else if (what[0] == "tensors") {
    list_tensors(required(values, "workload"));
  } else {
    throw InputError("", "",
                     "expected one of workloads, configs, operators, tensors; found " + quoted(what[0]) +
                         suggestion(what[0], known));
  }
  return kDone;
}

}  // namespace vitality::cli
