// The modules count while they run; the accounts find the same figures from the jobs' times and costs. Two ways to one
// answer: a difference is a fault of one of them.
#pragma once

#include <string>
#include <vector>

#include "report/result.h"
#include "schedule/unit_counters.h"
#include "sim/account/run_record.h"

namespace vitality {

// "" where they agree, else a line for each difference. counted: per unit of the machine. Of whole runs: a run with
// missing blocks (RunRecord::repetition) has more in its accounts than its modules saw.
std::string compare_counters(const std::vector<UnitCounters>& counted, const RunRecord& run,
                             const std::vector<UnitResult>& units);

}  // namespace vitality
