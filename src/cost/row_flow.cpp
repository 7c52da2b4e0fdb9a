#include "cost/row_flow.h"

#include <algorithm>

namespace vitality {

Cycles first_halt(const RowStage& stage, Count rows, Count depth) {
  return stage.start + ceil_div((depth + 1) * stage.stream, rows) + stage.latency;
}

std::vector<RowStageEnd> flow_rows(const std::vector<RowStage>& stages, Count rows, Count depth) {
  const std::size_t last = stages.size() - 1;
  const auto share = [&](std::size_t s, Count row) { return ceil_div(row * stages[s].stream, rows); };
  // begun[s][i]: cycle in which stage s begins row i.
  std::vector<std::vector<Cycles>> begun(stages.size(), std::vector<Cycles>(static_cast<std::size_t>(rows)));
  const auto at = [&](std::size_t s, Count row) -> Cycles& { return begun[s][static_cast<std::size_t>(row)]; };
  const auto out = [&](std::size_t s, Count row) {
    return at(s, row) + share(s, row + 1) - share(s, row) + stages[s].latency;
  };
  for (Count row = 0; row < rows; ++row) {
    for (std::size_t s = 0; s <= last; ++s) {
      Cycles begin = row == 0 ? stages[s].start : at(s, row - 1) + share(s, row) - share(s, row - 1);
      if (s > 0) begin = std::max(begin, out(s - 1, row));
      at(s, row) = begin;
      if (s < last && row >= depth) at(s, row) += std::max<Cycles>(0, at(s + 1, row - depth) - out(s, row));
    }
  }
  std::vector<RowStageEnd> ends;
  for (std::size_t s = 0; s <= last; ++s) ends.push_back({out(s, rows - 1) - stages[s].latency, out(s, rows - 1)});
  // Rows that are in the first stage stand still with it: its last row entered before halts that came later.
  const RowStage& first = stages[0];
  Cycles halts = 0;
  for (Count row = 0; row < rows && share(0, row + 1) + first.latency <= first.stream; ++row)
    halts = out(0, row) - (first.start + share(0, row + 1) + first.latency);
  ends[0].released = first.start + first.stream + halts;
  return ends;
}

}  // namespace vitality
