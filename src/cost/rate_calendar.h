// A resource that streams share by rate: the scratchpad's read and write ports.
//
// Requests are served in time order, first come first served: a stream keeps the rate that it was granted until it
// ends; a newcomer gets what is left of the capacity at every instant, up to its own demand, and so may take longer
// than alone. Decided when the stream starts, exactly, without events: O(streams in flight).
#pragma once

#include <vector>

#include "base/units.h"

namespace vitality {

class RateCalendar {
 public:
  // Bytes a cycle for reads and for writes.
  RateCalendar(double read_capacity, double write_capacity)
      : read_capacity_(read_capacity), write_capacity_(write_capacity) {}

  // A stream that would run from `start` for `cycles` at (read, write) bytes a cycle. Returns the cycles it takes, >=
  // cycles. Calls must not go back before streams that have been forgotten: `now` is the current cycle, start >= now.
  Cycles reserve(Cycles now, Cycles start, Cycles cycles, double read, double write);

 private:
  struct Grant {
    Cycles begin, end;
    double read, write;
  };
  double read_capacity_, write_capacity_;
  std::vector<Grant> grants_;
  std::vector<Cycles> edges_;
};

}  // namespace vitality
