// `vitality schema config|result`: JSON Schema (draft 2020-12) of a file format, on stdout.
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "cli/options.h"
#include "config/hardware_config_json.h"
#include "report/result_schema.h"

namespace vitality::cli {

namespace po = boost::program_options;

int schema_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()("what", po::value<std::vector<std::string>>(), "config or result");
  po::variables_map values;
  if (!parse_options(arguments,
                     "usage: vitality schema config|result\n\n"
                     "Prints the JSON Schema (draft 2020-12) of what configs/*.json or run --result holds: the type, "
                     "range,\nunit and meaning of every field.",
                     options, "what", values)) {
    return kDone;
  }
  const auto what = values.count("what") ? values["what"].as<std::vector<std::string>>() : std::vector<std::string>{};
  if (what.size() != 1) throw InputError("", "", "expected one of config, result");
  if (what[0] == "config") {
    std::cout << hardware_config_schema();
  } else if (what[0] == "result") {
    std::cout << result_schema();
  } else {
    throw InputError(
        "", "", "expected one of config, result; found " + quoted(what[0]) + suggestion(what[0], {"config", "result"}));
  }
  return kDone;
}

}  // namespace vitality::cli
