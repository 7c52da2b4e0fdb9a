// What every module of one machine sees: the schedule, the configuration, the clock, and the record of when jobs ran.
#pragma once

#include <array>
#include <systemc>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "cost/job_times.h"
#include "mapping/schedule.h"

namespace vitality {

// Computes a job's values on the tiles in the scratchpad; absent in timing-only runs, which differ in nothing else.
class TileExecutor {
 public:
  virtual ~TileExecutor() = default;
  virtual void execute(const Job& job) = 0;
};

struct MachineContext {
  const Schedule& schedule;
  const HardwareConfig& config;
  TileExecutor* executor;  // may be null
  sc_core::sc_time period;
  CostTable costs;
  std::vector<JobTimes> times = {};                              // per job
  std::array<std::vector<std::int32_t>, kUnitKinds> order = {};  // per unit, in the order of issue

  // Integer cycles inside, sc_time only at the kernel's edge.
  Cycles now() const { return static_cast<Cycles>(sc_core::sc_time_stamp().value() / period.value()); }
  sc_core::sc_time until(Cycles cycle) const { return static_cast<double>(cycle - now()) * period; }
};

}  // namespace vitality
