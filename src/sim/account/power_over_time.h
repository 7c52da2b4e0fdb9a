// Power of a run over time: each job's energy spread over the time in which it holds its unit, leakage and ungated
// clocks over all of it. The bins' energies add up to the run's.
#pragma once

#include "cost/energy.h"
#include "report/result.h"
#include "sim/account/run_record.h"

namespace vitality {

PowerOverTime power_over_time(const RunRecord& run, const EnergyModel& prices);

}  // namespace vitality
