// When rows pass a chain of units with a FIFO between each two (pipeline.row_streaming): the timing rule of
// models/interconnect/row_fifos.h. Pure arithmetic, exact to the cycle for units that take rows evenly.
//
// Row i of a stage is begun when (1) the unit before has given it, (2) its predecessor has passed: row i of m starts
// ceil(i T / m) cycles behind the first where the tile takes T cycles, and (3) the FIFO behind has room for it when it
// comes out: row i - depth has been taken. A stage that waits for room stands still as a whole, with the rows in it.
#pragma once

#include <vector>

#include "base/units.h"

namespace vitality {

struct RowStage {
  Cycles start;    // the unit begins the first row not before
  Cycles stream;   // T
  Cycles latency;  // from the end of a row's share of T to the row's being there
};

struct RowStageEnd {
  Cycles released;  // the unit has taken the last row's share of T
  Cycles done;      // the last row is there
};

// The first cycle in which a full FIFO can hold the stage, whatever comes behind it.
Cycles first_halt(const RowStage& stage, Count rows, Count depth);

// Ends of the stages, in their order. rows, depth >= 1. A stage behind the last one is taken to have room.
std::vector<RowStageEnd> flow_rows(const std::vector<RowStage>& stages, Count rows, Count depth);

}  // namespace vitality
