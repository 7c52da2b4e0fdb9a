// `vitality list workloads|configs|operators`: what ships, and what a workload may be made of.
#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "mapping/mapper.h"
#include "workload/layer_json.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

std::vector<fs::path> json_files(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> out;
  fs::directory_iterator it(folder, error);
  if (error) throw InputError(folder.string(), "", "no such folder: run in the project's folder or name it with --dir");
  for (fs::directory_iterator end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".json") out.push_back(it->path());
  }
  std::sort(out.begin(), out.end());
  return out;
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

bool is_simulated(MachineKind machine) {
  return is_mapped(machine);
}
// `auto` is decided before the mapper sees a kind.
bool is_simulated(AttentionKind attention) {
  return traits(attention).mapped || attention == AttentionKind::kAuto;
}

// The names of an enum's values that `run` simulates, and of the others.
template <class Kind>
void list_mapped(const char* what, const std::vector<std::string>& names) {
  std::string mapped, others;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string& list = is_simulated(static_cast<Kind>(i)) ? mapped : others;
    list += (list.empty() ? "" : ", ") + names[i];
  }
  std::cout << "\n" << what << " that `run` simulates: " << mapped << "\n";
  if (!others.empty()) std::cout << "  known to configs, not simulated in this version: " << others << "\n";
}

void list_operators() {
  std::cout << "kinds of layers in a workload, their keys ([optional = default]) and meaning:\n";
  for (const LayerKind& kind : layer_kinds()) {
    std::cout << "  " << std::left << std::setw(20) << kind.name << kind.meaning << "\n";
    if (*kind.keys)
      std::cout << "  " << std::setw(20) << ""
                << "  " << kind.keys << "\n";
  }
  list_mapped<MachineKind>("machines", enum_names<MachineKind>());
  list_mapped<AttentionKind>("kinds of attention", enum_names<AttentionKind>());
  std::cout
      << "  sparse, unified and unified_additive need a sparse unit (configs/vitality_training.json); auto takes the "
         "cheaper of taylor and softmax, layer by layer\n"
         "  run --mode training: taylor, softmax, sparse, unified, unified_additive, in models of patch embedding, "
         "linear, "
         "layer_norm, activation, add, position_embedding, concat_token and attention\n";
}

}  // namespace

int list_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()("what", po::value<std::vector<std::string>>(), "workloads, configs or operators")(
      "dir", po::value<std::string>()->default_value("."), "the folder that holds workloads/ and configs/");
  po::variables_map values;
  if (!parse_options(arguments,
                     "usage: vitality list workloads|configs|operators\n\nLists what ships and what is supported.",
                     options, "what", values)) {
    return kDone;
  }
  const auto what = values.count("what") ? values["what"].as<std::vector<std::string>>() : std::vector<std::string>{};
  if (what.size() != 1) throw InputError("", "", "expected one of workloads, configs, operators");
  const fs::path folder = values["dir"].as<std::string>();
  if (what[0] == "workloads") {
    list_workloads(folder);
  } else if (what[0] == "configs") {
    list_configs(folder);
  } else if (what[0] == "operators") {
    list_operators();
  } else {
    throw InputError("", "",
                     "expected one of workloads, configs, operators; found " + quoted(what[0]) +
                         suggestion(what[0], {"workloads", "configs", "operators"}));
  }
  return kDone;
}

}  // namespace vitality::cli
