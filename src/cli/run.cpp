// `vitality run`: one model on one machine; a table for people, and the result as JSON and CSV.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>
#include <system_error>

#include "base/error.h"
#include "base/output_file.h"
#include "cli/simulation.h"
#include "report/result_csv.h"
#include "report/result_json.h"
#include "report/result_text.h"

namespace vitality::cli {
namespace {

namespace fs = std::filesystem;

// Files that appear together: all are written before the first is renamed.
class OutputSet {
 public:
  void add(const std::string& path, const std::string& text) {
    files_.push_back(std::make_unique<OutputFile>(path));
    std::fwrite(text.data(), 1, text.size(), files_.back()->stream());
  }
  void commit() {
    for (const auto& file : files_) {
      if (std::fflush(file->stream()) != 0) throw InputError("", "", "a file cannot be written: the disk is full?");
    }
    for (const auto& file : files_) file->commit();
  }

 private:
  std::vector<std::unique_ptr<OutputFile>> files_;
};

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
  const std::string* const paths[] = {&request.result, &request.trace, &request.vcd};
  for (std::size_t i = 0; i < 3; ++i) {
    if (paths[i]->empty()) continue;
    for (std::size_t k = 0; k < i; ++k) {
      if (*paths[k] == *paths[i] && fs::is_regular_file(*paths[i]))
        throw InputError(*paths[i], "", "two outputs of one run have this name");
    }
    OutputFile probe(*paths[i]);
  }
  if (!request.csv.empty()) MadeFolder probe(request.csv);
}

void write_files(const RunRequest& request, const SimulationResult& result) {
  std::unique_ptr<MadeFolder> folder;  // before the files: it outlives them
  OutputSet files;
  if (!request.csv.empty()) {
    folder = std::make_unique<MadeFolder>(request.csv);
    for (const auto& [name, text] : csv_tables(result)) files.add((fs::path(request.csv) / name).string(), text);
  }
  if (!request.result.empty()) files.add(request.result, write_json(result));
  files.commit();
}

}  // namespace

int run_command(const Arguments& arguments) {
  RunRequest request;
  if (!parse_run(arguments, request)) return kDone;
  if (!request.trace.empty()) throw InputError("", "", "option --trace: not available in this version");
  if (!request.vcd.empty()) throw InputError("", "", "option --vcd: not available in this version");
  check_writable(request);
  const ExitOnInterrupt interrupts;
  const FinishedSimulation run = run_simulation(request);
  {
    const InterruptsWait wait;
    write_files(request, run.result);
  }
  if (!request.quiet) std::cout << write_text(run.result, run.config);
  const NumericsResult& numerics = run.result.numerics;
  if (!numerics.checked || numerics.passed) return kDone;
  std::cout.flush();
  std::cerr << fmt::format("error: values outside tolerance: largest error {:.3g} of a layer's largest value, tolerance {:.3g}\n",
                           numerics.max_rel_error, numerics.tolerance);
  return kOutsideTolerance;
}

}  // namespace vitality::cli
