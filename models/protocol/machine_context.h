// What every module of one machine sees: the schedule, the configuration, the clock, and the record of when jobs ran.
#pragma once

#include <systemc>
#include <vector>

#include "base/units.h"
#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "cost/machine_units.h"
#include "schedule/job_times.h"
#include "schedule/schedule.h"
#include "schedule/tile_executor.h"

namespace vitality {

struct MachineContext {
  const Schedule& schedule;
  const HardwareConfig& config;
  TileExecutor* executor;  // may be null
  sc_core::sc_time period;
  CostTable costs;
  IdVector<JobId, JobTimes> times = {};  // per job
  MachineUnits units = MachineUnits(config);
  std::vector<std::vector<JobId>> order{units.size()};  // per unit: its jobs in the order of issue

  // Cycles are integers; sc_time is used only towards the SystemC kernel.
  Cycles now() const {
    const sc_dt::uint64 time = sc_core::sc_time_stamp().value();
    if (time != time_) time_ = time, cycle_ = static_cast<Cycles>(time / period.value());
    return cycle_;
  }
  sc_core::sc_time until(Cycles cycle) const {
    return sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(cycle - now()) * period.value());
  }

  // Cache of now(): many calls fall in the same instant, and each would cost a 64-bit division.
  mutable sc_dt::uint64 time_ = 0;
  mutable Cycles cycle_ = 0;
};

}  // namespace vitality
