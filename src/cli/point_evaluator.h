// Binds a sweep's points to the simulator.
#pragma once

#include "explore/evaluate.h"
#include "explore/sweep_spec.h"

namespace vitality::cli {

// One timing-only run, or with the spec's numerics on one whose values are computed and compared.
EvaluatePoint point_evaluator(const SweepSpec& spec);

}  // namespace vitality::cli
