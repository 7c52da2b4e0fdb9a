#include "models/interconnect/row_fifos.h"

#include <algorithm>
#include <utility>

namespace vitality {
namespace {

constexpr Cycles kNever = Cycles{1} << 60;  // when a stage takes its first row that has not begun

}  // namespace

RowFifos::RowFifos(sc_core::sc_module_name name, const Schedule& schedule, Count rows)
    : sc_module(name), rows_to_(schedule.rows_to), depth_(rows) {
  const IdVector<JobId, JobId>& next = rows_to_;
  if (next.empty()) return;
  chain_of_.assign(next.size(), kNone);
  for (JobId job{0}; job < next.next(); ++job.value) {  // a chain's jobs come in its order
    if (next[job] == kNone) continue;
    if (chain_of_[job] == kNone) {
      chain_of_[job] = static_cast<std::int32_t>(chains_.size());
      chains_.emplace_back().rows = schedule.jobs[job].m;
    }
    chain_of_[next[job]] = chain_of_[job];
  }
}

void RowFifos::end_of_elaboration() {
  if (depth_ < 1) SC_REPORT_ERROR("/vitality/row_fifos", "a FIFO holds at least one row");
}

// At least the rows that find a place behind the first stage while nobody takes any from the last FIFO.
Count RowFifos::room_behind_first(const Chain& chain) const {
  Count room = depth_;
  for (std::size_t s = 1; s < chain.begun.size(); ++s) {
    const RowStage& stage = chain.begun[s].stage;
    room += depth_ + 2 + stage.latency * chain.rows / std::max<Cycles>(1, stage.stream);
  }
  return room;
}

void RowFifos::begin(const JobOrder& order, RowUnitIf& unit) {
  const JobTimes& times = *order.times;
  Chain& chain = chains_[static_cast<std::size_t>(chain_of_[order.id])];
  std::vector<Member>& begun = chain.begun;
  begun.push_back(
      {&unit, {times.stream, times.released - times.stream, times.done - times.released}, times.released, times.done});
  const bool open = gives_rows(order.id) && chain.rows > depth_;  // the unit behind can hold this one
  if (open && chain.rows > room_behind_first(chain)) return;
  std::vector<RowStage> stages;
  stages.reserve(begun.size() + 1);
  for (const Member& member : begun) stages.push_back(member.stage);
  if (open) stages.push_back({kNever, chain.rows, 0});
  const std::vector<RowStageEnd> ends = flow_rows(stages, chain.rows, depth_);
  for (std::size_t s = 0; s < begun.size(); ++s) {
    Member& member = begun[s];
    if (ends[s].done >= kNever) continue;
    if (RowUnitIf* const settled = std::exchange(member.unit, nullptr))
      settled->settle(ends[s].done - member.done, ends[s].released - member.released);
  }
  if (!gives_rows(order.id)) begun.clear(), begun.shrink_to_fit();
}

Cycles RowFifos::certain_until(JobId job) const {
  const Chain& chain = chains_[static_cast<std::size_t>(chain_of_[job])];
  return first_halt(chain.begun.back().stage, chain.rows, depth_);
}

}  // namespace vitality
