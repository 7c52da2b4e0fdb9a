// A resource that streams share by rate: the scratchpad's read and write ports.
//
// Requests are served in time order, first come first served. A stream keeps the rate that it was granted until it
// ends. A new stream gets what is left of the capacity at every instant, up to its own demand, so it may take longer
// than alone. All of this is decided exactly when the stream starts, without events, in O(streams in flight).
//
// Held against clocked banks (tests/models/clocked_banks_test.cpp): the earlier stream's cycles are exact to one cycle,
// where its rows cross stripes; those of the later one are at most ceil(lanes / free lanes) + 2 too few, because a word
// waits until the earlier stream's sweep leaves its lane, and rates do not know which lanes are free.
#pragma once

#include <vector>

#include "base/units.h"

namespace vitality {

class RateCalendar {
 public:
  // Bytes a cycle for reads and for writes.
  RateCalendar(double read_capacity, double write_capacity)
      : read_capacity_(read_capacity), write_capacity_(write_capacity) {}

  // What others than streams take of the capacity (less than all) from now on, nobody knows how long: streams that are
  // reserved from now on get it at no time.
  void set_taken(double read, double write) { taken_read_ = read, taken_write_ = write; }

  // Reserves a stream that alone would run from `start` for `cycles` at (read, write) bytes per cycle. Returns the
  // cycles that it takes, >= cycles. `now` is the current cycle; start >= now. Streams that ended before `now` are
  // forgotten, so `now` must not decrease.
  Cycles reserve(Cycles now, Cycles start, Cycles cycles, double read, double write);

 private:
  struct Grant {
    Cycles begin, end;
    double read, write;
  };
  double read_capacity_, write_capacity_;
  double taken_read_ = 0, taken_write_ = 0;
  std::vector<Grant> grants_;
  std::vector<Cycles> edges_;
};

}  // namespace vitality
