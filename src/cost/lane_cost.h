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

// A stream is limited by its link and by the scratchpad's ports: it reads and writes so many bytes in the cost.stream
// cycles that the unit itself needs, and takes longer where they cannot cross in that time. conflicts: cycles of all
// ports that reads lose to lanes asked twice (cost/scratchpad_lanes.h).
void limit_stream(JobCost& cost, const HardwareConfig& config, Bytes read, Bytes write, Cycles conflicts = 0);
// Likewise the stationary operand on its way into an array: `read` bytes in `moving` of the cost.load cycles.
void limit_load(JobCost& cost, const HardwareConfig& config, Bytes read, Cycles moving, Cycles conflicts);

void move(JobCost& cost, Bytes read, Bytes write);

// K_hat's bit beyond the operand format (kGuardBit) lies in a plane of its own behind the tile: bytes of so many
// elements.
Bytes guard_bytes(const Job& job, Count elements);

// A lane array's job, which reads and writes so many bytes in all.
void lanes(JobCost& cost, const HardwareConfig& config, const JobTiming& timing, Bytes read, Bytes write);

}  // namespace vitality
