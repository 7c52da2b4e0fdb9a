// Makes the result tree (per unit, per layer, in total) from the record of when jobs ran. Pure arithmetic on plain
// data.
#pragma once

#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

// Fills totals, attention_totals, layers, units, energy, not_charged and critical_path. With totals_only it fills
// neither units nor critical_path, and in the layers only what the totals sum up.
void account(const RunRecord& run, SimulationResult& result);

}  // namespace vitality
