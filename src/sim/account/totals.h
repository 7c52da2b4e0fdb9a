// Sums over the layers of a run, for the whole model and for its attention layers alone.
//
// The cycles of the attention layers are those cycles of their spans that the run spent on them
// (sim/account/layer_time.h: without `overlap`). They contain neither what was prefetched for these layers nor what the
// run spent on other layers meanwhile.
#pragma once

#include "cost/energy.h"
#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

// Fills totals, attention_totals, energy, clock_energy, action_prices and bin_cycles from result.layers.
void count_totals(const RunRecord& run, const EnergyModel& prices, Cycles attention_cycles, SimulationResult& result);

}  // namespace vitality
