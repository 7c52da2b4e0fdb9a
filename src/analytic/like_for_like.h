// Machines made comparable with the first of them: its memory, its clock, its budget (analytic/normalize.h).
//
// What is measured or computed by a published formula has no memory, no clock and no size to change: it stays as it is,
// and where a budget is asked for it is refused.
#pragma once

#include <string>
#include <vector>

#include "analytic/normalize.h"

namespace vitality {

struct LikeForLike {
  Normalization normalization = Normalization::kNone;
  bool same_memory = false, same_clock = false;
};

// A machine of the comparison: what will be run, or why nothing can be.
struct ComparableMachine {
  HardwareConfig config;
  std::string how;      // what was changed, in words; "" when nothing was
  std::string refusal;  // "" when it can be run
  bool resized = false;
};

// One a machine, in order; the first is the reference and stays as it is. Throws InputError when a budget is asked for
// and the first machine has none.
std::vector<ComparableMachine> like_for_like(const std::vector<HardwareConfig>& machines, const LikeForLike& wanted);

}  // namespace vitality
