#include "cli/recorded_run.h"

#include "base/error.h"
#include "base/json.h"

namespace vitality::cli {
namespace {

// The arguments of the run, from /manifest/arguments.
Arguments recorded_arguments(const std::string& text, const std::string& file) {
  const JsonDocument document = parse_json(text, file);
  const JsonValue* const schema = document.find("schema_version");
  if (schema == nullptr || schema->type() != JsonValue::Type::kInteger ||
      (schema->integer() != 1 && schema->integer() != 2)) {
    throw InputError(file, "/schema_version",
                     "expected 1 or 2, found " + (schema == nullptr ? "nothing" : describe(*schema)) +
                         ": this is no result of vitality run");
  }
  const JsonValue* const manifest = document.find("manifest");
  const JsonValue* const command = manifest == nullptr ? nullptr : manifest->find("command");
  if (command != nullptr && command->type() == JsonValue::Type::kString &&
      command->text().rfind("vitality run ", 0) != 0)
    throw InputError(file, "/manifest/command",
                     "expected a result of vitality run, found one of " + quoted(command->text()));
  const JsonValue* const list = manifest == nullptr ? nullptr : manifest->find("arguments");
  if (list == nullptr || list->type() != JsonValue::Type::kArray)
    throw InputError(file, "/manifest/arguments", "expected the words of a run as an array of strings");
  Arguments arguments;
  for (std::size_t i = 0; i < list->items().size(); ++i) {
    if (list->items()[i].type() != JsonValue::Type::kString)
      throw InputError(file, pointer_of("/manifest/arguments", i),
                       "expected a string, found " + describe(list->items()[i]));
    arguments.push_back(list->items()[i].text());
  }
  return arguments;
}

}  // namespace

RunRequest recorded_request(const std::string& text, const std::string& file) {
  const Arguments arguments = recorded_arguments(text, file);
  RunRequest request;
  try {
    for (const std::string& word : arguments) {
      if (word == "--help" || word == "-h" || word == "--version")
        throw InputError("", "", "expected the options of a run, found " + quoted(word));
    }
    parse_run(arguments, request);
  } catch (const InputError& error) {
    throw InputError(file, "/manifest/arguments", error.what());
  }
  return request;
}

}  // namespace vitality::cli
