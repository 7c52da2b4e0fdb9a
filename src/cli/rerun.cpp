// `vitality rerun RESULT.json`: repeats a run from its manifest and says whether every byte but host_seconds and
// kernels agrees.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/simulation.h"
#include "report/result_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxResultBytes = std::size_t{1} << 30, kMaxShown = 12;

// The words of the run, from /manifest/arguments.
Arguments recorded_arguments(const std::string& text, const std::string& file) {
  const JsonValue document = parse_json(text, file);
  const JsonValue* const schema = document.find("schema_version");
  if (schema == nullptr || schema->type != JsonValue::Type::kInteger || schema->integer != 1) {
    throw InputError(file, "/schema_version",
                     "expected 1, found " + (schema == nullptr ? "nothing" : describe(*schema)) +
                         ": this is no result of vitality run");
  }
  const JsonValue* const manifest = document.find("manifest");
  const JsonValue* const command = manifest == nullptr ? nullptr : manifest->find("command");
  if (command != nullptr && command->type == JsonValue::Type::kString && command->text.rfind("vitality run ", 0) != 0)
    throw InputError(file, "/manifest/command",
                     "expected a result of vitality run, found one of " + quoted(command->text));
  const JsonValue* const list = manifest == nullptr ? nullptr : manifest->find("arguments");
  if (list == nullptr || list->type != JsonValue::Type::kArray)
    throw InputError(file, "/manifest/arguments", "expected the words of a run as an array of strings");
  Arguments arguments;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    if (list->items[i].type != JsonValue::Type::kString)
      throw InputError(file, pointer_of("/manifest/arguments", i),
                       "expected a string, found " + describe(list->items[i]));
    arguments.push_back(list->items[i].text);
  }
  return arguments;
}

RunRequest recorded_request(const std::string& text, const std::string& file) {
  const Arguments arguments = recorded_arguments(text, file);
  RunRequest request;
  try {
    for (const std::string& word : arguments) {
      if (word == "--help" || word == "-h") throw InputError("", "", "a run does not ask for help");
    }
    parse_run(arguments, request);
  } catch (const InputError& error) {
    throw InputError(file, "/manifest/arguments", error.what());
  }
  return request;
}

constexpr const char* kMayDiffer[] = {"host_seconds", "kernels"};

// The text without the values that may differ. In a string the key's closing quote would be escaped.
std::string without_host(std::string text) {
  for (const char* const name : kMayDiffer) {
    const std::string key = "\"" + std::string(name) + "\": ";
    const std::size_t at = text.find(key);
    if (at == std::string::npos) continue;
    const std::size_t begin = at + key.size();
    text.erase(begin, text.find_first_of(",}\n", begin) - begin);
  }
  return text;
}

std::string shown(const Json& value) {
  const std::string text = value.dump();
  return text.size() <= 60 ? text : text.substr(0, 57) + "...";
}

// Where the two differ, as JSON pointers with the recorded and the new value.
void print_differences(const std::string& recorded_text, const std::string& repeated_text) {
  Json recorded = Json::parse(recorded_text), repeated = Json::parse(repeated_text);
  for (const char* const name : kMayDiffer) recorded["manifest"].erase(name), repeated["manifest"].erase(name);
  const Json changes = Json::diff(recorded, repeated);
  if (changes.empty()) {
    std::cout << "every value agrees, but the file is not written as vitality writes it\n";
    return;
  }
  for (std::size_t i = 0; i < std::min(kMaxShown, changes.size()); ++i) {
    const std::string path = changes[i]["path"], op = changes[i]["op"];
    const Json::json_pointer pointer(path);
    std::cout << "  " << path << ": " << (op == "add" ? "nothing" : shown(recorded.at(pointer))) << " -> "
              << (op == "remove" ? "nothing" : shown(changes[i]["value"])) << "\n";
  }
  if (changes.size() > kMaxShown) std::cout << "  and " << changes.size() - kMaxShown << " more\n";
}

}  // namespace

int rerun_command(const Arguments& arguments) {
  po::options_description options("options");
  options.add_options()("result", po::value<std::vector<std::string>>(), "the result of a run")(
      "progress", po::value<std::string>()->default_value("auto"), "auto (on a terminal), always or never; on stderr");
  po::variables_map values;
  if (!parse_options(
          arguments,
          "usage: vitality rerun RESULT.json\n\nRepeats the run that wrote RESULT.json, from its manifest, in "
          "the folder it ran in. Exit code 0 when every byte but host_seconds and kernels agrees, 3 when not.",
          options, "result", values)) {
    return kDone;
  }
  const auto files =
      values.count("result") ? values["result"].as<std::vector<std::string>>() : std::vector<std::string>{};
  if (files.size() != 1) throw InputError("", "", "expected one result file; see --help");
  const std::string recorded = read_text_file(files[0], kMaxResultBytes);
  RunRequest request = recorded_request(recorded, files[0]);
  request.progress = parse_progress(values["progress"].as<std::string>());

  const ExitOnInterrupt interrupts;
  const std::string repeated = write_json(run_simulation(request).result);
  std::cout << command_line("run", request.arguments()) << "\n";
  if (without_host(recorded) == without_host(repeated)) {
    std::cout << files[0] << ": every byte but host_seconds and kernels agrees\n";
    return kDone;
  }
  std::cout << files[0] << ": DIFFERS (recorded -> now)\n";
  print_differences(recorded, repeated);
  return kOutsideTolerance;
}

}  // namespace vitality::cli
