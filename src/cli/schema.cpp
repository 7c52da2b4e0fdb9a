// `vitality schema WHAT`: JSON Schema (draft 2020-12) of a file format, on stdout.
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "explore/sweep_spec.h"
#include "mapping/mapping_json.h"
#include "report/result_schema.h"
#include "workload/workload_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;

struct Format {
  const char* name;
  std::string (*schema)();
};
constexpr Format kFormats[] = {
    {"config", hardware_config_schema}, {"workload", workload_schema},  {"sweep", sweep_schema},
    {"energy", energy_table_schema},    {"memory", dram_device_schema}, {"result", result_schema},
    {"mapping", mapping_schema}};

}  // namespace

int schema_command(const Arguments& arguments) {
  std::vector<std::string> names;
  std::string list, usage;
  for (const Format& format : kFormats) {
    list += (names.empty() ? "" : ", ") + std::string(format.name);
    usage += (names.empty() ? "" : "|") + std::string(format.name);
    names.emplace_back(format.name);
  }
  po::options_description options("options");
  options.add_options()("what", po::value<std::vector<std::string>>(), ("one of " + list).c_str());
  po::variables_map values;
  if (!parse_options(arguments,
                     "usage: vitality schema " + usage +
                         "\n\nPrints the JSON Schema (draft 2020-12) of a config, a workload, a sweep spec, a file of "
                         "configs/energy or\nconfigs/memory, or of what run --result and run --mapping-out write: the "
                         "type, range and, of "
                         "results, unit and meaning of every field.",
                     options, "what", values)) {
    return kDone;
  }
  const auto what = values.count("what") ? values["what"].as<std::vector<std::string>>() : std::vector<std::string>{};
  const std::string expected = "expected one of " + list;
  if (what.size() != 1) throw InputError("", "", expected);
  for (const Format& format : kFormats) {
    if (what[0] != format.name) continue;
    std::cout << format.schema();
    return kDone;
  }
  throw InputError("", "", expected + "; found " + quoted(what[0]) + suggestion(what[0], names));
}

}  // namespace vitality::cli
