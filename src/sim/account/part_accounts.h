// Area and energy of a machine's parts in a run. Actions go to the parts that do them, leakage by area, clocks by
// flip-flops; what no part of its unit does is a row of its own. The rows add up to the chip's area and to its energy
// without the DRAM's.
#pragma once

#include <vector>

#include "cost/energy.h"
#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

std::vector<PartResult> account_parts(const RunRecord& run, const EnergyModel& prices,
                                      const std::vector<ShapeCount>& shapes, const EnergyBreakdown& energy);

}  // namespace vitality
