// Computes the values of a job on the tiles in the scratchpad. A timing-only run has no executor; all else is equal.
#pragma once

#include "schedule/schedule.h"

namespace vitality {

class TileExecutor {
 public:
  virtual ~TileExecutor() = default;
  // unit: what its registers hold from pass to pass is its own.
  virtual void execute(const Job& job, UnitId unit) = 0;
};

}  // namespace vitality
