// Connects the points of sweeps and comparisons with the simulator.
#pragma once

#include "explore/evaluate.h"
#include "explore/sweep_spec.h"
#include "report/result.h"

namespace vitality::cli {

// The numbers of a run that a sweep or a comparison keeps.
PointTotals totals_of(const SimulationResult& result);

// Each point is one timing-only run or, with the spec's numerics, one whose values are computed and compared. If
// shortcuts are allowed and `every_block` is not set, only as many equal blocks are simulated as give the time of the
// others (sim/account/block_repetition.h).
EvaluatePoint point_evaluator(const SweepSpec& spec, bool every_block);

}  // namespace vitality::cli
