// `vitality gemm`: one GEMM on the machine's matrix engine, compute cycles alone, as JSON on stdout.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/options.h"
#include "cost/array_cost.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
constexpr std::int64_t kMaxSize = 1000000000, kMaxArray = 65536;

Dataflow parse_dataflow(const std::string& name) {
  if (name == "input_stationary") return Dataflow::kInputStationary;
  if (name == "output_stationary") return Dataflow::kOutputStationary;
  throw InputError("", "",
                   "option --dataflow: expected input_stationary or output_stationary, found \"" + name + "\"" +
                       suggestion(name, {"input_stationary", "output_stationary"}));
}

std::int64_t size_option(const po::variables_map& values, const char* name, std::int64_t high) {
  if (!values.count(name)) throw InputError("", "", std::string("option --") + name + " is required; see --help");
  const auto value = values[name].as<std::int64_t>();
  check_range(std::string("--") + name, value, 1, high);
  return value;
}

MatrixEngineConfig matrix_engine(const po::variables_map& values) {
  MatrixEngineConfig engine;
  if (values.count("rows")) engine.rows = static_cast<int>(size_option(values, "rows", kMaxArray));
  if (values.count("cols")) engine.cols = static_cast<int>(size_option(values, "cols", kMaxArray));
  if (values.count("dataflow")) engine.dataflow = parse_dataflow(values["dataflow"].as<std::string>());
  return engine;
}

}  // namespace

int gemm_command(const Arguments& arguments) {
  po::options_description options("options");
  const auto size = [] { return po::value<std::int64_t>(); };
  options.add_options()("m", size(), "rows of the streamed operand (M x K)")("k", size(), "the contraction")(
      "n", size(), "columns of the stationary operand (K x N)")("rows", size(), "rows of the array")(
      "cols", size(), "columns of the array")("dataflow", po::value<std::string>(),
                                              "input_stationary (SCALE-Sim's weight stationary) or output_stationary");
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality gemm --m M --k K --n N [OPTIONS]\n\nCompute cycles of one GEMM, no memory; JSON on stdout.",
          options, "", values)) {
    return kDone;
  }
  const GemmTiming timing = gemm_timing(matrix_engine(values), size_option(values, "m", kMaxSize),
                                        size_option(values, "k", kMaxSize), size_option(values, "n", kMaxSize));
  nlohmann::ordered_json json;
  json["cycles"] = timing.cycles;
  json["macs"] = timing.macs;
  json["folds"] = timing.folds;
  json["utilization"] = timing.utilization;
  std::cout << json.dump(2) << "\n";
  return kDone;
}

}  // namespace vitality::cli
