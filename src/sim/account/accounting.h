// From the record of when jobs ran to the result tree: per unit, per layer, in total. Pure arithmetic on plain data.
#pragma once

#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

// Fills totals, attention_totals, layers, units, energy, not_charged and critical_path; with totals_only neither units
// nor critical_path, and of layers what the totals sum up.
void account(const RunRecord& run, SimulationResult& result);

}  // namespace vitality
