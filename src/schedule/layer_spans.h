// When each layer of a run had its time, from the times of its jobs.
//
// A layer's time begins with its first job that computes, and ends with its last result, in memory where it goes there.
// What its loads fetched before that is its prefetch: it may have run beside any other layer, however early. A layer
// that only moves data begins with its first job that moves more than its own weights. A layer whose jobs take no time
// (UnitKind::kUncharged) begins and ends at the moment its input is there.
#pragma once

#include <vector>

#include "schedule/job_times.h"
#include "schedule/schedule.h"

namespace vitality {

struct LayerSpan {
  bool executed = false;  // it has jobs
  Cycles begin = 0, end = 0;
};

// One a layer, for `layers` layers; 0 to 0 where a layer has no jobs.
std::vector<LayerSpan> layer_spans(const Schedule& schedule, const IdVector<JobId, JobTimes>& times,
                                   std::size_t layers);

// A load of the layer's prefetch. What of it is left at the span's begin belongs to the span.
inline bool is_prefetch(const Job& job, const JobTimes& times, const LayerSpan& span) {
  return job.unit == UnitKind::kDmaLoad && times.start < span.begin;
}

}  // namespace vitality
