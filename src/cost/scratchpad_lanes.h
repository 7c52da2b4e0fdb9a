// Bank conflicts in the scratchpad: how evenly an operand's accesses spread over the lanes of the banks.
//
// Organisation. A bank is port_bytes wide and made of lanes of 8 bytes (the port that the energy table prices), each
// with an address, a read and a write port of its own. Addresses run through all lanes of all banks (a stripe of banks
// x port_bytes), then on to the next line. scratchpad.layout: `skewed` rotates every stripe by one lane against the
// one before, so that the rows and the columns of a tile both meet different lanes (Budnik and Kuck, 1971); `linear`
// does not, and a column whose stride is a multiple of the stripe meets one lane again and again.
//
// Timing. The edge register of an operand holds the lane words that it read, so a word is read once as long as
// consecutive steps need it. A FIFO decouples the steps of a window: as many steps as elements fit in one lane. Within
// a window the lanes work in parallel and each serves one access per cycle, so the window costs the accesses of its
// busiest lane. The excess over an even spread is called conflicts: cycles that the stream loses if the ports have none
// to spare.
#pragma once

#include "base/units.h"
#include "config/hardware_config.h"
#include "schedule/schedule.h"

namespace vitality {

struct ScratchpadLanes {
  Bytes lane_bytes;
  int lanes;
  bool skewed;
  // Lane of the word number address / lane_bytes.
  int lane_of(Bytes word) const { return static_cast<int>((word + (skewed ? word / lanes : 0)) % lanes); }
};
ScratchpadLanes scratchpad_lanes(const ScratchpadConfig& config);

// In step s an operand reads `runs` runs of run_bytes bytes at phase + s * step_stride + r * run_stride.
// Rows of a tile: one run a step; columns: a run of one element for every row.
struct AccessPattern {
  Count steps, runs;
  Bytes run_bytes, step_stride, run_stride, phase;
};

struct LaneLoad {
  Count accesses = 0;    // lane words read
  Cycles busiest = 0;    // accesses of the busiest lane, summed over the windows
  Cycles conflicts = 0;  // the part of them above an even spread of each window's accesses
};

// window: steps that the FIFO decouples, > 0.
LaneLoad lane_load(const ScratchpadLanes& lanes, const AccessPattern& pattern, Count window);

// The streamed rows of a convolution's pass, gathered from the image strip: one row of outputs in the middle of the
// image, contraction [first_k, first_k + depth) of `groups` groups from first_group on. It stands for every row of
// outputs.
struct GatherPattern {
  const Conv2d& conv;
  int first_k, depth, first_group, groups;
};
LaneLoad lane_load(const ScratchpadLanes& lanes, const GatherPattern& pattern, Bytes element_bytes, Count window);

}  // namespace vitality
