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

// Streams are limited by their link and by the scratchpad's ports: bytes that must cross in a cycle of the unit's own
// rate. conflicts: cycles of all ports that reads lose to lanes asked twice (cost/scratchpad_lanes.h).
void limit_stream(JobCost& cost, const HardwareConfig& config, double read_per_cycle, double write_per_cycle,
                  Cycles conflicts = 0);
// Likewise the stationary operand on its way into an array: `load` cycles at its own rate.
void limit_load(JobCost& cost, const HardwareConfig& config, double read_per_cycle, Cycles conflicts);

void move(JobCost& cost, Bytes read, Bytes write);

// K_hat's bit beyond the operand format (kGuardBit) lies in a plane of its own behind the tile: bytes of so many
// elements.
Bytes guard_bytes(const Job& job, Count elements);

// A lane array over a rows x cols tile with so many bytes read and written an element.
void lanes(JobCost& cost, const HardwareConfig& config, const LaneConfig& unit, const JobTiming& timing, Count elements,
           Bytes read, Bytes write);

LaneConfig special_lanes(const HardwareConfig& config);

}  // namespace vitality
