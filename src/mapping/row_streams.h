// pipeline.row_streaming: rows of a result go through a FIFO to the unit that works on them next, as the paper draws
// its adders and dividers behind SA-General, instead of through the scratchpad after the last one. A pass over a
// finished schedule.
//
// A job C takes the rows of the job P that wrote its streamed operand where
// 1. C works on exactly the tile that P writes, row after row, each row once;
// 2. C's unit comes behind P's in the fixed order of kUnits, so that no circle of units waits on each other's FIFOs;
// 3. all else that C waits for comes before P and is no transfer: P then waits for it too, so that P, once begun, is
//    held by nothing but C's unit being busy.
// Chains (array, adders, dividers) are streams too. Where C works in place and nobody else reads P's result, P does not
// write it to the scratchpad.
#pragma once

#include "config/hardware_config.h"
#include "schedule/schedule.h"

namespace vitality {

void stream_rows(Schedule& schedule, const HardwareConfig& config);

}  // namespace vitality
