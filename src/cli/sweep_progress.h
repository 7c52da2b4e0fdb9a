// The one line that a running sweep keeps up to date on a terminal.
#pragma once

#include <chrono>
#include <string>

#include "cli/progress_line.h"
#include "explore/sweep.h"

namespace vitality::cli {

// Prints to stderr, at most ten times a second; with kAuto only when stderr is a terminal.
class SweepProgressLine {
 public:
  explicit SweepProgressLine(ProgressMode mode);
  ~SweepProgressLine();  // clears the line
  SweepProgressLine(const SweepProgressLine&) = delete;
  SweepProgressLine& operator=(const SweepProgressLine&) = delete;

  void show(const SweepProgress& progress);

 private:
  bool on_, shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

// "412/512 points, 431 points/s, 00:12 left, 3 infeasible, 1 failed"
std::string progress_text(const SweepProgress& progress);
std::string duration_text(double seconds);  // 00:12, 1:02:03

}  // namespace vitality::cli
