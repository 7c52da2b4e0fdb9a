// Makes machines comparable with the first one: with its memory, its clock, or its budget (analytic/normalize.h).
//
// A machine that is measured, or computed by a published formula, has no memory, clock or size that can be changed: it
// is left unchanged, and refused if a budget is asked for.
#pragma once

#include <string>
#include <vector>

#include "analytic/normalize.h"

namespace vitality {

struct LikeForLike {
  Normalization normalization = Normalization::kNone;
  bool same_memory = false, same_clock = false;
};

// One machine of the comparison: what will be run, or why nothing can be run.
struct ComparableMachine {
  HardwareConfig config;
  std::string how;      // what was changed, in words; "" when nothing was
  std::string refusal;  // "" when it can be run
  bool resized = false;
};

// Returns one entry per machine, in order; the first is the reference and is unchanged. Throws InputError if a budget
// is asked for and the first machine has none.
std::vector<ComparableMachine> like_for_like(const std::vector<HardwareConfig>& machines, const LikeForLike& wanted);

}  // namespace vitality
