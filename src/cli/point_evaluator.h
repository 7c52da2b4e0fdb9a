// Binds the points of sweeps and comparisons to the simulator.
#pragma once

#include "explore/evaluate.h"
#include "explore/sweep_spec.h"
#include "report/result.h"

namespace vitality::cli {

// What a sweep or a comparison keeps of a run.
PointTotals totals_of(const SimulationResult& result);

// One timing-only run, or with the spec's numerics on one whose values are computed and compared. Of equal blocks as
// many as tell the time of the rest (sim/block_repetition.h), where shortcuts are allowed and not `every_block`.
EvaluatePoint point_evaluator(const SweepSpec& spec, bool every_block);

}  // namespace vitality::cli
