// `vitality gemm`: one GEMM on the machine's matrix engine, only its compute cycles, as JSON on stdout.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "cost/array_cost.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
constexpr std::int64_t kMaxSize = 1000000000, kMaxArray = 65536;

Dataflow parse_dataflow(const std::string& name) {
  const auto& names = enum_names<Dataflow>();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Dataflow>(found - names.begin());
  throw InputError("", "",
                   "option --dataflow: expected input_stationary or output_stationary, found \"" + name + "\"" +
                       suggestion(name, names));
}

std::int64_t size_option(const po::variables_map& values, const char* name, std::int64_t high) {
  if (!values.count(name)) throw InputError("", "", std::string("option --") + name + " is required; see --help");
  const auto value = values[name].as<std::int64_t>();
  check_range(std::string("--") + name, value, 1, high);
  return value;
}

// The engine of the config (if there is none, the published one), changed by the options.
MatrixEngineConfig matrix_engine(const po::variables_map& values) {
  const auto overrides =
      values.count("set") ? values["set"].as<std::vector<std::string>>() : std::vector<std::string>();
  const HardwareConfig config = values.count("config")
                                    ? read_hardware_config(values["config"].as<std::string>(), overrides)
                                    : parse_hardware_config("{}", "", overrides);
  if (traits(config.machine).evaluation != MachineEvaluation::kSimulated)
    throw InfeasibleError("machine \"" + config.name + "\" is a roofline: it has no matrix engine");
  MatrixEngineConfig engine = config.matrix_engine;
  if (values.count("rows")) engine.rows = static_cast<int>(size_option(values, "rows", kMaxArray));
  if (values.count("cols")) engine.cols = static_cast<int>(size_option(values, "cols", kMaxArray));
  if (values.count("dataflow")) engine.dataflow = parse_dataflow(values["dataflow"].as<std::string>());
  return engine;
}

}  // namespace

int gemm_command(const Arguments& arguments) {
  po::options_description options("options");
  const auto size = [] { return po::value<std::int64_t>(); };
  // clang-format off
  options.add_options()
      ("m", size(), "rows of the streamed operand (M x K)")
      ("k", size(), "the contraction")
      ("n", size(), "columns of the stationary operand (K x N)")
      ("config", po::value<std::string>(), "hardware config whose matrix engine is meant (default: the published one)")
      ("set", po::value<std::vector<std::string>>()->composing(), "dotted.key=value: overrides a value of the config (repeatable)")
      ("rows", size(), "rows of the array, in place of the config's")
      ("cols", size(), "columns of the array, likewise")
      ("result", po::value<std::string>()->default_value("-"), "writes the JSON here and not to stdout (-)")
      ("dataflow", po::value<std::string>(), "input_stationary (SCALE-Sim's weight stationary) or output_stationary, likewise");
  // clang-format on
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality gemm --m M --k K --n N [OPTIONS]\n\nCompute cycles of one GEMM, no memory; JSON on stdout.",
          options, "", values)) {
    return kDone;
  }
  const Count m = size_option(values, "m", kMaxSize), k = size_option(values, "k", kMaxSize),
              n = size_option(values, "n", kMaxSize);
  const GemmTiming timing = gemm_timing(matrix_engine(values), m, k, n);
  nlohmann::ordered_json json;
  json["cycles"] = timing.cycles;
  json["macs"] = timing.macs;
  json["folds"] = timing.folds;
  json["utilization"] = timing.utilization;
  OutputSet files;
  files.add(values["result"].as<std::string>(), json.dump(2) + "\n");
  files.commit();
  return kDone;
}

}  // namespace vitality::cli
