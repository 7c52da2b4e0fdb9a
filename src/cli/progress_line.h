// A line on stderr that is overwritten, and removed when the work ends.
#pragma once

#include <chrono>
#include <string>

namespace vitality::cli {

enum class ProgressMode { kAuto, kAlways, kNever };
// "auto", "always" or "never"; InputError otherwise.
ProgressMode parse_progress(const std::string& word);

class ProgressLine {
 public:
  ProgressLine(ProgressMode mode, bool quiet);  // kAuto: shown on a terminal, unless quiet
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  bool shown() const { return shown_; }
  void show(const std::string& phase, double fraction);

 private:
  bool shown_, started_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace vitality::cli
