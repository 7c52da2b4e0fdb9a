// `vitality rerun RESULT.json`: repeats a run from its manifest and says whether every byte but host_seconds and
// kernels agrees.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/recorded_run.h"
#include "cli/simulation.h"
#include "report/result_json.h"

namespace vitality::cli {
namespace {

namespace po = boost::program_options;
constexpr std::size_t kMaxResultBytes = std::size_t{1} << 28, kMaxShown = 12;

constexpr const char* kMayDiffer[] = {"host_seconds", "kernels"};

// The text without the values that may differ. (Inside a string, the quote that closes the key would be escaped.)
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

// The places where two results differ, as JSON pointers with the recorded and the new value: the first ones, and the
// number of all.
class Differences {
 public:
  void compare(const JsonValue* recorded, const JsonValue* repeated, const std::string& pointer) {
    if (std::any_of(std::begin(kMayDiffer), std::end(kMayDiffer),
                    [&](const char* name) { return pointer == std::string("/manifest/") + name; }))
      return;
    if (recorded == nullptr || repeated == nullptr || recorded->type() != repeated->type())
      return compare_scalars(recorded, repeated, pointer);
    if (recorded->type() == JsonValue::Type::kObject) return compare_members(*recorded, *repeated, pointer);
    if (recorded->type() != JsonValue::Type::kArray) return compare_scalars(recorded, repeated, pointer);
    const Span<JsonValue> before = recorded->items(), now = repeated->items();
    for (std::size_t i = 0; i < std::max(before.size(), now.size()); ++i)
      compare(i < before.size() ? &before[i] : nullptr, i < now.size() ? &now[i] : nullptr, pointer_of(pointer, i));
  }
  void print() const {
    if (count_ == 0) std::cout << "every value agrees, but the file is not written as vitality writes it\n";
    for (const std::string& line : lines_) std::cout << "  " << line << "\n";
    if (count_ > lines_.size()) std::cout << "  and " << count_ - lines_.size() << " more\n";
  }

 private:
  void compare_members(const JsonValue& recorded, const JsonValue& repeated, const std::string& pointer) {
    for (const auto& [key, value] : recorded.members()) compare(&value, repeated.find(key), pointer_of(pointer, key));
    for (const auto& [key, value] : repeated.members())
      if (recorded.find(key) == nullptr) compare(nullptr, &value, pointer_of(pointer, key));
  }
  void compare_scalars(const JsonValue* recorded, const JsonValue* repeated, const std::string& pointer) {
    const auto number = [](const JsonValue* value) {
      return value && (value->type() == JsonValue::Type::kInteger || value->type() == JsonValue::Type::kNumber);
    };
    if (number(recorded) && number(repeated)) {
      if (recorded->number() == repeated->number() && recorded->integer() == repeated->integer()) return;
    } else if (recorded && repeated && recorded->type() == repeated->type()) {
      if (recorded->boolean() == repeated->boolean() && recorded->text() == repeated->text()) return;
    }
    if (++count_ > kMaxShown) return;
    const auto shown = [](const JsonValue* value) { return value ? describe(*value) : "nothing"; };
    lines_.push_back(harmless(pointer + ": " + shown(recorded) + " -> " + shown(repeated)));
  }

  std::size_t count_ = 0;
  std::vector<std::string> lines_;
};

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

  const std::string repeated = write_json(run_simulation(request).result);
  std::cout << harmless(command_line("run", request.arguments())) << "\n";
  if (without_host(recorded) == without_host(repeated)) {
    std::cout << harmless(files[0]) << ": every byte but host_seconds and kernels agrees\n";
    return kDone;
  }
  std::cout << harmless(files[0]) << ": DIFFERS (recorded -> now)\n";
  Differences differences;
  const JsonDocument before = parse_json(recorded, files[0]), now = parse_json(repeated, "");
  differences.compare(&before, &now, "");
  differences.print();
  return kOutsideTolerance;
}

}  // namespace vitality::cli
