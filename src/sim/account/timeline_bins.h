// When a unit was occupied, in coarse steps: the run is cut into equal bins, and each bin counts the cycles in which
// the unit held a job.
#pragma once

#include <algorithm>
#include <vector>

#include "base/units.h"

namespace vitality {

constexpr Cycles kTimelineBins = 120;

// Width of one bin, in cycles, for a run of `run` cycles.
inline Cycles timeline_bin_cycles(Cycles run) {
  return std::max<Cycles>(1, ceil_div(run, kTimelineBins));
}

class TimelineBins {
 public:
  explicit TimelineBins(Cycles run) : width_(timeline_bin_cycles(run)) {
    bins_.resize(static_cast<std::size_t>(ceil_div(run, width_)));
  }

  // Adds the interval [from, to) of the run; intervals must not overlap.
  void add(Cycles from, Cycles to) {
    for (Cycles bin = from / width_; from < to; ++bin) {
      const Cycles end = std::min(to, (bin + 1) * width_);
      bins_[static_cast<std::size_t>(bin)] += end - from;
      from = end;
    }
  }
  std::vector<Cycles> take() { return std::move(bins_); }

 private:
  Cycles width_;
  std::vector<Cycles> bins_;
};

}  // namespace vitality
