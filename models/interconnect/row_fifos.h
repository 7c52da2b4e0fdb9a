// The FIFOs of rows between the array and the lanes behind it (the paper's picture has adders and dividers there).
// pipeline.row_streaming: a chain's jobs (mapping/row_streams.h) work at the same time, a row behind each other; each
// FIFO holds fifo_rows rows. A full FIFO holds the unit in front of it, an empty one the unit behind it:
// cost/row_flow.h says for how long. Rows carry no values here: a job's values are computed when its unit takes it.
//
// A chain's job is settled, its end known, when no later beginning of a unit behind it can hold it any more: when the
// last job of the chain has begun; or before, where FIFOs and the units that have begun take all its rows even if none
// leaves the last FIFO.
#pragma once

#include <systemc>
#include <vector>

#include "cost/row_flow.h"
#include "models/protocol/row_protocol.h"

namespace vitality {

class RowFifos : public sc_core::sc_module, public RowFifosIf {
 public:
  // The chains of the schedule (Schedule::rows_to), with FIFOs of `rows` rows.
  RowFifos(sc_core::sc_module_name name, const Schedule& schedule, Count rows);

  bool in_chain(JobId job) const override { return !chain_of_.empty() && chain_of_[job] != kNone; }
  bool gives_rows(JobId job) const override { return rows_to_[job] != kNone; }
  void begin(const JobOrder& order, RowUnitIf& unit) override;
  Cycles certain_until(JobId job) const override;

 private:
  void end_of_elaboration() override;
  struct Member {
    RowUnitIf* unit;  // null: settled
    RowStage stage;
    Cycles released, done;  // without waiting
  };
  struct Chain {
    Count rows = 0;
    std::vector<Member> begun;
  };
  Count room_behind_first(const Chain& chain) const;

  const IdVector<JobId, JobId>& rows_to_;
  Count depth_;
  IdVector<JobId, std::int32_t> chain_of_;  // kNone: in none
  std::vector<Chain> chains_;
};

}  // namespace vitality
