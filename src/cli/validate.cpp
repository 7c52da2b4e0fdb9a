// `vitality validate FILE...`: checks any config, workload, sweep spec, DRAM device, energy table or mapping; prints OK
// or every error.
#include <algorithm>
#include <functional>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/search_path.h"
#include "base/text.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "explore/sweep_spec.h"
#include "mapping/mapping_json.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

// A kind of document: the top-level keys by which it is recognised, and a check that returns a description for "OK".
struct DocumentKind {
  std::string name;
  std::vector<std::string> keys;
  std::function<std::string(const JsonDocument&, const std::vector<std::string>& overrides, Diagnostics&)> check;
};

std::string check_config(const JsonDocument& document, const std::vector<std::string>& overrides,
                         Diagnostics& diagnostics) {
  return read_hardware_config(document, overrides, diagnostics).name;
}

std::string check_workload(const JsonDocument& document, const std::vector<std::string>&, Diagnostics& diagnostics) {
  const VitModel model = read_workload(document, {}, diagnostics);
  if (!diagnostics.ok()) return "";
  return model.name + ": " + std::to_string(model.layers.size()) + " layers, " +
         std::to_string(parameter_count(model)) + " parameters, " + std::to_string(macs(model)) + " MACs";
}

std::string check_device(const JsonDocument& document, const std::vector<std::string>&, Diagnostics& diagnostics) {
  return read_dram_device(document, diagnostics).name;
}

std::string check_energy(const JsonDocument& document, const std::vector<std::string>&, Diagnostics& diagnostics) {
  return read_energy_table(document, diagnostics).name;
}

std::string check_sweep(const JsonDocument& document, const std::vector<std::string>& overrides,
                        Diagnostics& diagnostics) {
  const SweepSpec spec = read_sweep_spec(document, overrides, diagnostics);
  return diagnostics.ok()
             ? std::to_string(spec.axes.size()) + " axes, at most " + json_number(spec.row_limit()) + " points"
             : "";
}

std::string check_mapping(const JsonDocument& document, const std::vector<std::string>&, Diagnostics& diagnostics) {
  return std::to_string(read_mapping(document, nullptr, diagnostics).layers.size()) + " layers";
}

std::vector<std::string> config_keys() {
  std::vector<std::string> keys;
  for (const std::string& dotted : hardware_config_keys()) {
    const std::string key = dotted.substr(0, dotted.find('.'));
    if (key != "name" && key != "description" && std::find(keys.begin(), keys.end(), key) == keys.end())
      keys.push_back(key);
  }
  return keys;
}

// The kinds that validate knows. A new kind is one more row.
const std::vector<DocumentKind>& kinds() {
  static const std::vector<DocumentKind> table{
      {"config", config_keys(), check_config},
      {"workload", {"image", "dims", "blocks", "layers"}, check_workload},
      {"sweep spec", {"base", "workloads", "axes", "sampler", "constraints", "objectives", "numerics"}, check_sweep},
      {"DRAM device",
       {"tck_ns", "cl", "cwl", "trcd", "trp", "tras", "trc", "trefi", "burst_length", "bus_bits"},
       check_device},
      {"energy table",
       {"format", "flip_flop_fj", "sram_two_port", "noc_wire_fj_per_bit_mm", "knob_compute"},
       check_energy},
      {"mapping", {"machine", "workload", "layers"}, check_mapping},
  };
  return table;
}

constexpr std::size_t kMaxTellingKeys = 100;

// The kind with the most keys in the document; a misspelt key counts for the kind with the most similar key.
const DocumentKind& kind_of(const JsonValue& document, const std::string& file) {
  if (document.type() != JsonValue::Type::kObject)
    throw InputError(file, "", "expected an object, found " + describe(document));
  const DocumentKind* best = nullptr;
  int best_score = 0;
  for (const DocumentKind& kind : kinds()) {
    int score = 0;
    const auto members = document.members();
    for (std::size_t i = 0; i < std::min(members.size(), kMaxTellingKeys); ++i) {
      const std::string key(members[i].key);
      const bool exact = std::find(kind.keys.begin(), kind.keys.end(), key) != kind.keys.end();
      score += exact ? 2 : (!nearest_name(key, kind.keys).empty() ? 1 : 0);
    }
    if (score > best_score) best_score = score, best = &kind;
  }
  if (best) return *best;
  std::string names;
  for (const DocumentKind& kind : kinds()) names += (names.empty() ? "" : ", ") + kind.name;
  throw InputError(file, "", "expected one of " + names + "; none of its keys belongs to any of them");
}

// A given file if it exists, otherwise the shipped one with this name.
std::string shipped_or_given(const std::string& name) {
  for (const char* const folder : {"configs", "workloads", "configs/sweeps"}) {
    try {
      return find_file(name, folder);
    } catch (const InputError&) {  // not found anywhere: the reader of the file reports it
    }
  }
  return name;
}

// Returns true if the file has no errors.
bool validate(const std::string& file, const std::vector<std::string>& overrides) {
  Diagnostics diagnostics(file, Diagnostics::Mode::kCollect);
  std::string what;
  try {
    const JsonDocument document = read_json_file(file);
    const DocumentKind& kind = kind_of(document, file);
    what = kind.check(document, overrides, diagnostics);
    if (diagnostics.ok())
      std::cout << harmless(file) << ": OK (" << kind.name << harmless(what.empty() ? "" : " " + what) << ")\n";
  } catch (const InputError& error) {
    diagnostics.add(error);
  }
  std::cout.flush();
  for (const InputError& error : diagnostics.errors()) std::cerr << "error: " << harmless(error.what()) << "\n";
  if (diagnostics.errors().size() >= Diagnostics::kMaxErrors)
    std::cerr << "error: " << harmless(file) << ": more errors are not shown\n";
  return diagnostics.ok();
}

}  // namespace

int validate_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()("file", po::value<std::vector<std::string>>(), "a file to check (repeatable)")(
      "set", po::value<std::vector<std::string>>(),
      "dotted.key=value: a value of the configs to change before checking (repeatable)");
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality validate FILE...\n\nChecks configs, workloads, sweep specs, DRAM devices, energy tables "
          "and mappings; prints OK or "
          "every error. Exit code 2 when there is any.",
          options, "file", values)) {
    return kDone;
  }
  if (!values.count("file")) throw InputError("", "", "expected one file or more; see --help");
  std::vector<std::string> overrides;
  if (values.count("set")) overrides = values["set"].as<std::vector<std::string>>();
  bool ok = true;
  for (const std::string& name : values["file"].as<std::vector<std::string>>())
    ok = validate(shipped_or_given(name), overrides) && ok;
  return ok ? kDone : kBadInput;
}

}  // namespace vitality::cli
