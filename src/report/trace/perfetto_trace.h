// A run as a trace for https://ui.perfetto.dev or chrome://tracing (Trace Event Format, JSON): one track per unit and
// one span per job; counters of memory, NoC, MACs and power; arrows to each job from the job that it waited for last.
//
// Times are microseconds of the machine's clock. Spans of one track never overlap: a unit that holds several jobs at
// once has further tracks `UNIT [2]`, ... There are at most kCounterBins equal intervals: rates are their means,
// outstanding bytes their maximum. At most kMaxArrows arrows are drawn, evenly chosen (otherData has the number of all
// arrows).
#pragma once

#include <cstdio>

#include "report/trace/timeline.h"

namespace vitality {

constexpr int kCounterBins = 1000, kMaxArrows = 10000;

// Errors are kept in the stream.
void write_perfetto_trace(std::FILE* stream, const Timeline& timeline);

}  // namespace vitality
