// Where the time of each layer goes, so that no cycle is booked twice.
//
// A layer's span begins with its first job that computes (schedule/layer_spans.h). The critical path gives every cycle
// of the run to one job, and so to one layer. If the path runs through a job of the layer in a cycle of the layer's
// span, this cycle was spent on the layer, and time_split says how:
//  compute, stationary_load, fill_drain   the layer's busiest unit worked: operands streamed; the matrix engine loaded
// a
//                                         stationary tile; the last operands passed through the array
//  dependency                             another unit of the layer worked (its pre- and post-processors)
//  dram                                   the layer's own operands came from DRAM, or its results went there
//  scratchpad, noc                        what a slow port or link added to the stream or to the load phase
// In every other cycle of the span the path ran through another layer's jobs: the layer lost nothing, and the cycle is
// `overlap`. The parts add up to the span.
//
// Loads before the span are the layer's prefetch. If the critical path runs through them, no other work hid them: these
// cycles are `exposed_cycles`. If it runs through the issue of the layer's jobs before the span, these cycles are
// `issue_exposed_cycles`. So, over all layers, the parts of time_split without overlap, plus both, add up to the run
// (except for cycles before the first step of the path); `dram` plus the exposed cycles add up to the DMA's part of the
// critical path.
//
// `bottleneck` is the largest part. `bound_cycles`: given what was prefetched, no schedule is faster on these arrays
// and this memory, because every product needs a PE for a cycle and every weight that was not prefetched must come from
// DRAM once. The roofline uses MACs per cycle over the span and the prefetch together, because bytes moved in both.
#pragma once

#include <vector>

#include "report/result.h"
#include "schedule/layer_spans.h"
#include "sim/account/critical_path.h"
#include "sim/account/run_record.h"

namespace vitality {

// Per layer of the schedule: the number of cycles of its span in which the critical path runs through its jobs.
std::vector<Cycles> cycles_on_path(const RunRecord& run, const std::vector<LayerSpan>& spans,
                                   const std::vector<PathStep>& path);

// Fills prefetch, time_split, bottleneck, bound_cycles and the roofline's fields of layers whose spans and counts are
// already set.
void describe_layer_time(const RunRecord& run, const std::vector<LayerSpan>& spans, const std::vector<PathStep>& path,
                         std::vector<LayerResult>& layers);

}  // namespace vitality
