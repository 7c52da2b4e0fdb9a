#include "cli/sweep_progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cmath>
#include <iostream>

namespace vitality::cli {

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::ceil(seconds));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

std::string progress_text(const SweepProgress& p) {
  std::string text = fmt::format("{}/{:.0f} points", p.done, p.total);
  if (p.simulated > 0 && p.seconds > 0) {
    const double rate = static_cast<double>(p.simulated) / p.seconds;
    text += fmt::format(", {:.{}f} points/s, {} left", rate, rate < 10 ? 2 : 0,
                        duration_text((p.total - static_cast<double>(p.done)) / rate));
  }
  if (p.infeasible > 0) text += fmt::format(", {} infeasible", p.infeasible);
  if (p.failed > 0) text += fmt::format(", {} failed", p.failed);
  if (p.lost > 0) text += fmt::format(", {} without a result", p.lost);
  return text;
}

SweepProgressLine::SweepProgressLine(ProgressMode mode)
    : on_(mode == ProgressMode::kAlways || (mode == ProgressMode::kAuto && isatty(STDERR_FILENO) == 1)) {}

SweepProgressLine::~SweepProgressLine() {
  if (shown_) std::cerr << "\r\x1b[K" << std::flush;
}

void SweepProgressLine::show(const SweepProgress& progress) {
  if (!on_) return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  shown_ = true;
  std::cerr << "\r\x1b[K" << progress_text(progress) << std::flush;
}

}  // namespace vitality::cli
