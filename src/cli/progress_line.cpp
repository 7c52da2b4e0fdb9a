#include "cli/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "base/text.h"
#include "cli/options.h"

namespace vitality::cli {

ProgressMode parse_progress(const std::string& word) {
  return static_cast<ProgressMode>(choice(word, "progress", {"auto", "always", "never"}));
}

ProgressLine::ProgressLine(ProgressMode mode, bool quiet)
    : shown_(mode == ProgressMode::kAlways || (mode == ProgressMode::kAuto && !quiet && isatty(STDERR_FILENO) == 1)) {}

ProgressLine::~ProgressLine() {
  if (started_) fmt::print(stderr, "\r\033[K");
}

void ProgressLine::show(const std::string& phase, double fraction) {
  const auto now = std::chrono::steady_clock::now();
  if (started_ && fraction < 1 && now - last_ < std::chrono::milliseconds(50)) return;
  last_ = now, started_ = true;
  fmt::print(stderr, "\r\033[K{}: {:.0f} %", harmless(phase), 100 * fraction);
  std::fflush(stderr);
}

}  // namespace vitality::cli
