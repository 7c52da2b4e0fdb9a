// A run as a trace for https://ui.perfetto.dev or chrome://tracing (Trace Event Format, JSON): a track a unit with a
// span a job, counters of memory, NoC and MACs, arrows from the job that a job waited for last.
//
// Times are microseconds of the machine's clock. Spans of one track never overlap: a unit that holds several jobs at
// once has further tracks `UNIT [2]`, ... Rates are means, outstanding bytes the most, of at most kCounterBins equal
// intervals; of the arrows at most kMaxArrows are drawn, evenly chosen (otherData says of how many).
#pragma once

#include <cstdio>

#include "report/trace/timeline.h"

namespace vitality {

constexpr int kCounterBins = 1000, kMaxArrows = 10000;

// The stream keeps the error state.
void write_perfetto_trace(std::FILE* stream, const Timeline& timeline);

}  // namespace vitality
