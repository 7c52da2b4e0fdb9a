#include "report/trace/timeline.h"

#include <algorithm>

namespace vitality {

std::vector<JobSpan> unit_spans(const Timeline& timeline, UnitId unit) {
  std::vector<JobSpan> spans;
  for (std::size_t i = 0; i < timeline.schedule.jobs.size(); ++i) {
    const JobTimes& t = timeline.times[i];
    if (t.unit != unit) continue;
    const JobId index{static_cast<std::int32_t>(i)};
    const Cycles end = timeline.units[unit].kind == UnitKind::kMatrixEngine
                           ? std::max(t.free, t.released + timeline.costs.of(index).drain)
                           : t.free;
    spans.push_back({index, t.start, end, 0});
  }
  std::sort(spans.begin(), spans.end(),
            [](const JobSpan& a, const JobSpan& b) { return a.begin != b.begin ? a.begin < b.begin : a.job < b.job; });
  std::vector<Cycles> lane_end;
  for (JobSpan& span : spans) {
    while (static_cast<std::size_t>(span.lane) < lane_end.size() &&
           lane_end[static_cast<std::size_t>(span.lane)] > span.begin)
      ++span.lane;
    if (static_cast<std::size_t>(span.lane) == lane_end.size()) lane_end.push_back(0);
    lane_end[static_cast<std::size_t>(span.lane)] = span.end;
  }
  return spans;
}

int lane_count(const std::vector<JobSpan>& spans) {
  int lanes = 0;
  for (const JobSpan& span : spans) lanes = std::max(lanes, span.lane + 1);
  return lanes;
}

std::vector<LayerSpan> layer_spans(const Timeline& timeline) {
  return layer_spans(timeline.schedule, timeline.times, timeline.model.layers.size());
}

Cycles last_cycle(const Timeline& timeline) {
  Cycles last = 0;
  for (const JobTimes& times : timeline.times) last = std::max(last, times.done);
  return last;
}

}  // namespace vitality
