#include "models/interconnect/row_fifos.h"

#include <utility>

namespace vitality {

RowFifos::RowFifos(sc_core::sc_module_name name, MachineContext& context)
    : sc_module(name), context_(context), depth_(context.config.pipeline.fifo_rows) {
  const IdVector<JobId, JobId>& next = context_.schedule.rows_to;
  if (next.empty()) return;
  chain_of_.assign(next.size(), kNone);
  for (JobId job{0}; job < next.next(); ++job.value) {  // a chain's jobs come in its order
    if (next[job] == kNone) continue;
    if (chain_of_[job] == kNone) {
      chain_of_[job] = static_cast<std::int32_t>(chains_.size());
      chains_.emplace_back();
    }
    chain_of_[next[job]] = chain_of_[job];
  }
}

void RowFifos::begin(JobId job, RowUnitIf& unit) {
  const JobTimes& times = context_.times[job];
  std::vector<Member>& begun = chains_[static_cast<std::size_t>(chain_of_[job])].begun;
  begun.push_back({job,
                   &unit,
                   {times.stream, times.released - times.stream, times.done - times.released},
                   times.released,
                   times.done});
  const Count rows = context_.schedule.jobs[job].m;
  const bool is_last = context_.schedule.rows_to[job] == kNone;
  if (!is_last && rows > depth_) return;
  std::vector<RowStage> stages;
  for (const Member& member : begun) stages.push_back(member.stage);
  const std::vector<RowStageEnd> ends = flow_rows(stages, rows, depth_);
  for (std::size_t s = 0; s < begun.size(); ++s) {
    Member& member = begun[s];
    if (RowUnitIf* const settled = std::exchange(member.unit, nullptr))
      settled->settle(member.job, ends[s].done - member.done, ends[s].released - member.released);
  }
  if (is_last) begun.clear(), begun.shrink_to_fit();
}

Cycles RowFifos::certain_until(JobId job) const {
  const Member& last = chains_[static_cast<std::size_t>(chain_of_[job])].begun.back();
  return first_halt(last.stage, context_.schedule.jobs[job].m, depth_);
}

}  // namespace vitality
