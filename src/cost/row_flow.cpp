#include "cost/row_flow.h"

#include <algorithm>

namespace vitality {
namespace {

// A stage in its own time, which passes only while it moves: a row that enters at `t` leaves at `t` plus its share of
// the stream plus the latency. Real time is behind it by the halts so far.
class Stage {
 public:
  Stage(const RowStage& stage, Count rows) : stage_(stage), rows_(rows), halts_(static_cast<std::size_t>(rows)) {}

  // Row `row` enters at this real time or later; returns when.
  Cycles enter(Count row, Cycles there) {
    own_ = row == 0 ? 0 : own_ + share(row - 1);
    pass_halts(own_);
    while (real() < there) {
      const Cycles missing = there - real();
      if (next_ < leaves_.size() && leaves_[next_] <= own_ + missing)
        own_ = leaves_[next_];
      else
        own_ += missing;
      pass_halts(own_);
    }
    leaves_.push_back(own_ + share(row) + stage_.latency);
    return real();
  }
  // The row just entered leaves when the FIFO has room from this real time on; returns when.
  Cycles leave(Count row, Cycles room) {
    const Cycles due = stage_.start + leaves_[static_cast<std::size_t>(row)] + all_halts_;
    const Cycles halt = std::max<Cycles>(0, room - due);
    halts_[static_cast<std::size_t>(row)] = halt;
    all_halts_ += halt;
    return due + halt;
  }
  // The real time at which the last row that entered has had its share of the stream.
  Cycles released(Count row) const {
    const Cycles own = own_ + share(row);
    Cycles halted = passed_;
    for (std::size_t k = next_; k < leaves_.size() && leaves_[k] < own; ++k) halted += halts_[k];
    return stage_.start + own + halted;
  }

 private:
  Cycles share(Count row) const {
    return ceil_div((row + 1) * stage_.stream, rows_) - ceil_div(row * stage_.stream, rows_);
  }
  Cycles real() const { return stage_.start + own_ + passed_; }
  // Nothing enters while a row that is due cannot leave.
  void pass_halts(Cycles own) {
    for (; next_ < leaves_.size() && leaves_[next_] <= own; ++next_) passed_ += halts_[next_];
  }

  RowStage stage_;
  Count rows_;
  std::vector<Cycles> leaves_, halts_;  // of each row: its own time of leaving; how long it waited then
  std::size_t next_ = 0;                // rows before it have left by own_
  Cycles own_ = 0, passed_ = 0, all_halts_ = 0;
};

}  // namespace

Cycles first_halt(const RowStage& stage, Count rows, Count depth) {
  return stage.start + ceil_div((depth + 1) * stage.stream, rows) + stage.latency;
}

std::vector<RowStageEnd> flow_rows(const std::vector<RowStage>& stages, Count rows, Count depth) {
  std::vector<Stage> flow;
  for (const RowStage& stage : stages) flow.emplace_back(stage, rows);
  // entered[s][i]: when stage s took row i from the FIFO in front of it.
  std::vector<std::vector<Cycles>> entered(stages.size());
  std::vector<RowStageEnd> ends(stages.size());
  for (Count row = 0; row < rows; ++row) {
    Cycles there = 0;
    for (std::size_t s = 0; s < stages.size(); ++s) {
      entered[s].push_back(flow[s].enter(row, there));
      const bool may_be_full = s + 1 < stages.size() && row >= depth;
      there = flow[s].leave(row, may_be_full ? entered[s + 1][static_cast<std::size_t>(row - depth)] : 0);
      ends[s].done = there;
    }
  }
  for (std::size_t s = 0; s < stages.size(); ++s) ends[s].released = flow[s].released(rows - 1);
  return ends;
}

}  // namespace vitality
