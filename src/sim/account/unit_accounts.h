// What every unit did in every cycle of the run: busy + stalls by cause + idle = all cycles.
//
// A unit stalls while it waits for a job that is under way. A job is under way from the first cycle of its layer's span
// (for DMA: of the layer's prefetch), or from the moment when the job that it waited for last began, if that is
// earlier. Before that the unit is idle.
#pragma once

#include <vector>

#include "cost/energy.h"
#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

// First the machine's units, then DRAM, scratchpad and NoC. The spans, counts and prefetch of the layers must be set.
std::vector<UnitResult> account_units(const RunRecord& run, const EnergyModel& prices,
                                      const std::vector<ShapeCount>& shapes, const std::vector<LayerResult>& layers);

}  // namespace vitality
