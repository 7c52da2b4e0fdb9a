#include "cli/options.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "base/error.h"
#include "base/json.h"

namespace vitality::cli {
namespace po = boost::program_options;

bool parse_options(const Arguments& arguments, const std::string& usage, po::options_description options,
                   const std::string& positional, po::variables_map& values) {
  options.add_options()("help,h", "print this help")("version", "print the version");
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back("--" + option->long_name());
  if (std::any_of(arguments.begin(), arguments.end(),
                  [](const auto& word) { return word == "--help" || word == "-h"; })) {
    std::cout << usage << "\n\n" << options;
    return false;
  }
  if (arguments.size() == 1 && arguments[0] == kListOptions) {
    for (const auto& option : options.options())
      std::cout << "--" << option->long_name() << "\t" << option->semantic()->max_tokens() << "\t"
                << option->description() << "\n";
    return false;
  }
  if (std::find(arguments.begin(), arguments.end(), "--version") != arguments.end()) {
    print_version();
    return false;
  }
  po::positional_options_description words;
  if (!positional.empty()) words.add(positional.c_str(), -1);
  namespace style = po::command_line_style;
  try {
    po::command_line_parser parser(arguments);
    parser.options(options).style(style::unix_style & ~style::allow_guessing);
    if (!positional.empty()) parser.positional(words);
    const po::parsed_options parsed = parser.run();
    for (const auto& option : parsed.options)
      if (option.position_key >= 0 && positional.empty() && !option.value.empty())
        throw InputError(
            "", "", "unexpected word " + quoted(option.value[0]) + ": this command takes options only; see --help");
    po::store(parsed, values);
    po::notify(values);
  } catch (const po::unknown_option& error) {
    const std::string name = error.get_option_name();
    throw InputError("", "", "unknown option " + name + suggestion(name, names));
  } catch (const po::error& error) {
    throw InputError("", "", error.what());
  }
  return true;
}

po::typed_value<double>* number_option(double value) {
  return po::value<double>()->default_value(value, json_number(value));
}

void print_version() {
  std::cout << "vitality " << VITALITY_VERSION << "\n";
}

std::string required(const po::variables_map& values, const char* option) {
  if (!values.count(option)) throw InputError("", "", std::string("option --") + option + " is required; see --help");
  return values[option].as<std::string>();
}

std::size_t choice(const std::string& word, const char* option, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  throw InputError("", "",
                   std::string("option --") + option + ": expected one of " + list + "; found " + quoted(word) +
                       suggestion(word, names));
}

void check_range(const std::string& option, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value >= low && value <= high) return;
  throw InputError("", "",
                   "option " + option + ": expected an integer from " + std::to_string(low) + " to " +
                       std::to_string(high) + ", found " + std::to_string(value));
}

void check_checkpoint(const std::string& checkpoint, const std::vector<std::string>& outputs) {
  const auto place = [](const std::string& path) {
    std::error_code none;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, none), none);
  };
  for (const std::string& path : outputs)
    if (!checkpoint.empty() && !path.empty() && place(path) == place(checkpoint))
      throw InputError(path, "", "is the checkpoint of this command, expected another file");
}

}  // namespace vitality::cli
