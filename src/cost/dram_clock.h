// Machine cycles and device clocks against one time base of integer femtoseconds: cycle c is at c * period, clock d at
// d * tck. The only place where the two are converted.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/units.h"

namespace vitality {

class DramClock {
 public:
  DramClock(double clock_mhz, double tck_ns)
      : period_fs_(std::llround(1e9 / clock_mhz)), tck_fs_(std::llround(tck_ns * 1e6)) {}
  // The last device clock at or before machine cycle c.
  std::int64_t device_floor(Cycles c) const { return c * period_fs_ / tck_fs_; }
  // The first device clock at or after machine cycle c.
  std::int64_t device_ceil(Cycles c) const { return ceil_div(c * period_fs_, tck_fs_); }
  // The first machine cycle at or after device clock d.
  Cycles machine_ceil(std::int64_t d) const { return ceil_div(d * tck_fs_, period_fs_); }
  // A span of device clocks in machine cycles.
  double machine_span(double clocks) const {
    return clocks * static_cast<double>(tck_fs_) / static_cast<double>(period_fs_);
  }

 private:
  std::int64_t period_fs_, tck_fs_;
};

}  // namespace vitality
