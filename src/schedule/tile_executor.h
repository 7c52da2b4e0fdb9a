// Computes the values of a job on the tiles in the scratchpad. A timing-only run has no executor; all else is equal.
#pragma once

#include "schedule/schedule.h"

namespace vitality {

class TileExecutor {
 public:
  virtual ~TileExecutor() = default;
  virtual void execute(const Job& job) = 0;
};

}  // namespace vitality
