// The critical path of a run: the chain of jobs and waits that ends with the last result. It is walked backwards.
// (1) A job that began when its last dependency was satisfied waited for the job that it depends on.
// (2) A job that was ready before waited for its unit, and so for the job that made room there; or for the controller,
//     and so for the job issued before; or for its descriptor.
// (3) A pass that waited in the array waited for the pass before it.
// Every cycle of the run lies on one step of the path, except those that may be left before the first job.
//
// Blocks that are missing in the schedule (block_repetition.h) run like the last block but one, each a period after the
// other. So when the path leaves that block, it enters the block's end again, a period later, once for every missing
// block.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/account/run_record.h"

namespace vitality {

// Only jobs of the matrix engine have a load and a drain. kNoc: the way of the result over the NoC
// (JobTimes::noc_latency). kIssue: the controller fetches the job's descriptor or decodes it (controller.*).
enum class PathPhase { kLoad, kStream, kDrain, kNoc, kIssue };
constexpr int kPathPhases = 5;

struct PathStep {
  JobId job;
  PathPhase phase;
  Cycles begin, end;  // end > begin
};

// The last step first; each step begins where the next one ends, and the first ends with the run. If blocks are
// missing, times are those of the schedule, and a repeated step is listed several times.
std::vector<PathStep> find_critical_path(const RunRecord& run);

// Cycles by unit (the matrix engine's by phase), largest first; they add up to the run.
std::vector<std::pair<std::string, Cycles>> cycles_by_unit(const RunRecord& run, const std::vector<PathStep>& path);

}  // namespace vitality
