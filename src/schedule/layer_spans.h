// The time span of each layer of a run, found from the times of its jobs.
//
// A layer's span begins with its first job that computes, and ends with its last result (in memory, if it goes there).
// What its loads fetched before the span is its prefetch, which may have run beside any other layer, however early. A
// layer that only moves data begins with its first job that moves more than its own weights. A layer whose jobs take no
// time (UnitKind::kUncharged) begins and ends when its input is there.
#pragma once

#include <vector>

#include "schedule/job_times.h"
#include "schedule/schedule.h"

namespace vitality {

struct LayerSpan {
  bool executed = false;  // it has jobs
  Cycles begin = 0, end = 0;
};

// One span per layer, for `layers` layers; 0 to 0 for a layer without jobs.
std::vector<LayerSpan> layer_spans(const Schedule& schedule, const IdVector<JobId, JobTimes>& times,
                                   std::size_t layers);

// Whether this is a load of the layer's prefetch. If part of it remains when the span begins, that part belongs to the
// span.
inline bool is_prefetch(const Job& job, const JobTimes& times, const LayerSpan& span) {
  return job.unit == UnitKind::kDmaLoad && times.start < span.begin;
}

}  // namespace vitality
