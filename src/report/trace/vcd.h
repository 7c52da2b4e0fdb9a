// Unit states of a run as a Value Change Dump (IEEE 1364-2005, clause 18), for GTKWave and other wave viewers.
//
// One scope per unit: `busy` (1 bit), `jobs` (how many it holds), `job` and `layer` (index of the job that it took last
// and still holds; x when idle). Time is in picoseconds. A comment names the layers.
#pragma once

#include <cstdio>

#include "report/trace/timeline.h"

namespace vitality {

// Errors are kept in the stream.
void write_vcd(std::FILE* stream, const Timeline& timeline);

}  // namespace vitality
