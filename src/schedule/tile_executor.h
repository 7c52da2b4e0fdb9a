// Computes the values of a job on the tiles in the scratchpad. A timing-only run has no executor and is otherwise
// identical.
#pragma once

#include "schedule/schedule.h"

namespace vitality {

class TileExecutor {
 public:
  virtual ~TileExecutor() = default;
  // unit: registers keep values from pass to pass, and each unit has its own.
  virtual void execute(const Job& job, UnitId unit) = 0;
};

}  // namespace vitality
