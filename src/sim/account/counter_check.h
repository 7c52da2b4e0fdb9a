// The modules count while they run; the accounts compute the same figures from the times and costs of the jobs. These
// are two ways to one answer, so a difference is a fault in one of them.
#pragma once

#include <string>
#include <vector>

#include "report/result.h"
#include "schedule/unit_counters.h"
#include "sim/account/run_record.h"

namespace vitality {

// "" if they agree, else a line for each difference. counted: one per unit of the machine. Only for whole runs: if
// blocks are missing (RunRecord::repetition), the accounts contain more than the modules saw.
std::string compare_counters(const std::vector<UnitCounters>& counted, const RunRecord& run,
                             const std::vector<UnitResult>& units);

}  // namespace vitality
