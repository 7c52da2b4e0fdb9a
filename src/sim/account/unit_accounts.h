// What every unit did in every cycle of the run: busy + stalls by cause + idle = all cycles.
//
// A unit stalls when a job waits for it to begin and the job is under way: from the first cycle of the layer's time
// (for DMA: of its prefetch), or from the moment at which what the job waited for last began, if that is earlier.
// Before that the unit is idle.
#pragma once

#include <vector>

#include "cost/energy.h"
#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

// The machine's units, then DRAM, scratchpad and NoC; of layers that have their spans, counts and prefetch.
std::vector<UnitResult> account_units(const RunRecord& run, const EnergyModel& prices,
                                      const std::vector<ShapeCount>& shapes, const std::vector<LayerResult>& layers);

}  // namespace vitality
