// The machine's clock. Cycles are integers; sc_time is used only towards the SystemC kernel.
#pragma once

#include <systemc>

#include "base/units.h"

namespace vitality {

class MachineClock {
 public:
  explicit MachineClock(double mhz) : MachineClock(sc_core::sc_time(1e6 / mhz, sc_core::SC_PS)) {}
  explicit MachineClock(const sc_core::sc_time& period) : period_(period.value()) {}

  Cycles now() const {
    const sc_dt::uint64 time = sc_core::sc_time_stamp().value();
    if (time != time_) time_ = time, cycle_ = static_cast<Cycles>(time / period_);
    return cycle_;
  }
  // The time from now to the beginning of a cycle; zero for a cycle that has begun.
  sc_core::sc_time until(Cycles cycle) const {
    const Cycles left = cycle - now();
    return sc_core::sc_time::from_value(left > 0 ? static_cast<sc_dt::uint64>(left) * period_ : 0);
  }
  // The time from now to the first edge of the clock at or after now + delay.
  sc_core::sc_time until_edge(const sc_core::sc_time& delay) const {
    const sc_dt::uint64 now = sc_core::sc_time_stamp().value(), time = now + delay.value();
    return sc_core::sc_time::from_value((time + period_ - 1) / period_ * period_ - now);
  }

 private:
  sc_dt::uint64 period_;
  // Cache of now(): many calls fall in the same instant, and each would cost a 64-bit division.
  mutable sc_dt::uint64 time_ = 0;
  mutable Cycles cycle_ = 0;
};

}  // namespace vitality
