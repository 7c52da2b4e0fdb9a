// `vitality run`: one model on one machine; a table for people, and the result as JSON and CSV.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/simulation.h"
#include "report/result_csv.h"
#include "report/result_json.h"
#include "report/result_text.h"
#include "report/trace/dram_commands.h"
#include "report/trace/perfetto_trace.h"
#include "report/trace/vcd.h"

namespace vitality::cli {
namespace {

namespace fs = std::filesystem;

// A folder that goes again when nothing came to lie in it.
class MadeFolder {
 public:
  explicit MadeFolder(const std::string& path) : path_(path) {
    std::error_code error;
    made_ = fs::create_directories(path, error);
    if (error || !fs::is_directory(path)) throw InputError(path, "", "cannot be made a folder: " + error.message());
  }
  ~MadeFolder() {
    std::error_code ignored;
    if (made_ && fs::is_empty(path_, ignored)) fs::remove(path_, ignored);
  }
  MadeFolder(const MadeFolder&) = delete;
  MadeFolder& operator=(const MadeFolder&) = delete;

 private:
  fs::path path_;
  bool made_ = false;
};

// Says before a long run what would fail after it.
void check_writable(const RunRequest& request) {
  const std::string* const paths[] = {&request.result, &request.trace, &request.vcd, &request.dram_commands};
  for (std::size_t i = 0; i < 4; ++i) {
    if (paths[i]->empty()) continue;
    for (std::size_t k = 0; k < i; ++k) {
      if (*paths[k] == *paths[i] && fs::is_regular_file(*paths[i]))
        throw InputError(*paths[i], "", "two outputs of one run have this name");
    }
    OutputFile probe(*paths[i]);
  }
  if (!request.csv.empty()) MadeFolder probe(request.csv);
}

// What the finished machine knows and the result does not.
void write_timelines(const RunRequest& request, const Timeline& timeline, OutputSet& files) {
  if (!request.trace.empty()) write_perfetto_trace(files.add(request.trace), timeline);
  if (!request.vcd.empty()) write_vcd(files.add(request.vcd), timeline);
}

void write_dram_commands(std::FILE* stream, const std::vector<std::pair<int, DramCommandRecord>>& commands) {
  write_dram_command_heading(stream);
  for (const auto& [channel, command] : commands) write_dram_command(stream, channel, command);
}

void write_result(const RunRequest& request, const SimulationResult& result, std::optional<MadeFolder>& folder,
                  OutputSet& files) {
  if (!request.csv.empty()) {
    folder.emplace(request.csv);
    for (const auto& [name, text] : csv_tables(result)) files.add((fs::path(request.csv) / name).string(), text);
  }
  if (!request.result.empty()) files.add(request.result, write_json(result));
  files.commit();
}

}  // namespace

int run_command(const Arguments& arguments) {
  RunRequest request;
  if (!parse_run(arguments, request)) return kDone;
  check_writable(request);
  const ExitOnInterrupt interrupts;
  std::optional<InterruptsWait>
      wait;  // before folder and files: they outlive what is in them, and nothing stays half-written
  std::optional<MadeFolder> folder;
  OutputSet files;
  std::function<void(const FinishedRun&, const VitModel&, const HardwareConfig&)> observe;
  if (!request.trace.empty() || !request.vcd.empty()) {
    observe = [&](const FinishedRun& run, const VitModel& model, const HardwareConfig& config) {
      wait.emplace();
      write_timelines(request, {model, config, run.schedule, run.times, run.costs}, files);
    };
  }
  // Kept until the end: a run that is interrupted leaves no file behind.
  std::vector<std::pair<int, DramCommandRecord>> commands;
  DramCommandObserver record;
  if (!request.dram_commands.empty())
    record = [&commands](int channel, const DramCommandRecord& command) { commands.emplace_back(channel, command); };
  const FinishedSimulation run = run_simulation(request, observe, record);
  if (!wait) wait.emplace();
  if (record) write_dram_commands(files.add(request.dram_commands), commands);
  write_result(request, run.result, folder, files);
  wait.reset();
  if (!request.quiet) std::cout << write_text(run.result, run.config);
  return report_numerics(run.result);
}

}  // namespace vitality::cli
