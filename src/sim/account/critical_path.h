// The critical path of a run: the chain of jobs and waits that ends with the last result. It is walked backwards: a job
// that began when its last dependency was satisfied waited for that job; a job that was ready before waited for its
// unit, and so for the job that made room there, or for the controller, and so for the job issued before; a pass that
// waited in the array waited for the pass before it. Every cycle of the run lies on one step of the path, but for what
// may be left before the first job.
//
// Blocks that the schedule has not (block_repetition.h) run as the block before the last does, one period after each
// other: where the path leaves that block, it enters its end again, a period later, as often as blocks are missing.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/account/run_record.h"

namespace vitality {

// Only the matrix engine's jobs have a load and a drain. kNoc: the result's way over the NoC (JobTimes::noc_latency).
// kIssue: the controller decodes the job (controller.issue_cycles).
enum class PathPhase { kLoad, kStream, kDrain, kNoc, kIssue };
constexpr int kPathPhases = 5;

struct PathStep {
  JobId job;
  PathPhase phase;
  Cycles begin, end;  // end > begin
};

// The last step first; each begins where the next one ends, and the first ends with the run. With missing blocks times
// are those of the schedule, and a step that is repeated lies there several times.
std::vector<PathStep> find_critical_path(const RunRecord& run);

// Cycles by unit (and the matrix engine's phase), most first; they add up to the run.
std::vector<std::pair<std::string, Cycles>> cycles_by_unit(const RunRecord& run, const std::vector<PathStep>& path);

}  // namespace vitality
