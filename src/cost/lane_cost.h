// What the cost formulas of all units share: element sizes, what a stream may take from the scratchpad and its link,
// and the time of a lane array over a tile.
#pragma once

#include "cost/array_cost.h"
#include "cost/job_cost.h"

namespace vitality {

struct ElementSizes {  // bytes as the scratchpad stores them: an operand, a partial sum, a wide intermediate
  Bytes element, partial, wide;
};
ElementSizes sizes_of(const HardwareConfig& config);

// A stream is limited by its link and by the scratchpad's ports. The unit itself needs cost.stream cycles; if `read`
// and `write` bytes cannot cross in that time, the stream takes longer. conflicts: cycles lost because reads needed the
// same lane more often than others; in such a cycle all ports are blocked (cost/scratchpad_lanes.h).
void limit_stream(JobCost& cost, const HardwareConfig& config, Bytes read, Bytes write, Cycles conflicts = 0);
// The same for the stationary operand on its way into an array: `read` bytes in `moving` of the cost.load cycles.
void limit_load(JobCost& cost, const HardwareConfig& config, Bytes read, Cycles moving, Cycles conflicts);

void move(JobCost& cost, Bytes read, Bytes write);

// K_hat's extra bit beyond the operand format (kGuardBit) is stored in a bit plane of its own behind the tile: the
// bytes for `elements` such bits.
Bytes guard_bytes(const Job& job, Count elements);

// Bytes of the streamed operand and of the result that cross the scratchpad's ports: none of rows that come or go
// through a FIFO.
constexpr Bytes ported_operand(const Job& job, Bytes bytes) {
  return (job.flags & kRowsIn) != 0 ? 0 : bytes;
}
constexpr Bytes ported_result(const Job& job, Bytes bytes) {
  return (job.flags & kRowsOut) != 0 ? 0 : bytes;
}

// A job of a lane array that reads `read` and writes `write` bytes in all.
void lanes(JobCost& cost, const HardwareConfig& config, const JobTiming& timing, Bytes read, Bytes write);

}  // namespace vitality
