// When every job of a run held its unit, as spans on tracks: what traces draw.
#pragma once

#include <vector>

#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "cost/machine_units.h"
#include "report/result.h"
#include "schedule/job_times.h"
#include "schedule/layer_spans.h"
#include "schedule/schedule.h"
#include "workload/model.h"

namespace vitality {

struct Timeline {
  const VitModel& model;
  const HardwareConfig& config;
  const Schedule& schedule;
  const IdVector<JobId, JobTimes>& times;
  const CostTable& costs;
  MachineUnits units = MachineUnits(config);
  const PowerOverTime* power = nullptr;  // null: not drawn
};

// The cycles in which a job holds its unit: until its last row has left the array or, for DMA, until its last byte.
struct JobSpan {
  JobId job;
  Cycles begin, end;
  int lane;  // jobs that hold one unit at the same time (DMA, stationary prefetch) have lanes 0, 1, ...
};
// The spans of one unit, sorted by begin (then by job).
std::vector<JobSpan> unit_spans(const Timeline& timeline, UnitId unit);
int lane_count(const std::vector<JobSpan>& spans);
// Per layer of the model.
std::vector<LayerSpan> layer_spans(const Timeline& timeline);
// The end of the last job.
Cycles last_cycle(const Timeline& timeline);

}  // namespace vitality
