// What a machine is built from: its configuration, and the jobs that its controller holds instead of a list of
// descriptors in memory. Nothing here changes while the machine runs. Only the constructors of accelerator, chunk and
// controller see it; a unit is given the parameters of its own kind.
#pragma once

#include "config/hardware_config.h"
#include "cost/job_cost.h"
#include "cost/machine_units.h"
#include "schedule/schedule.h"
#include "schedule/tile_executor.h"

namespace vitality {

struct MachineParameters {
  MachineParameters(const HardwareConfig& machine, const Schedule& jobs, TileExecutor* values = nullptr)
      : config(machine), schedule(jobs), executor(values), units(machine), costs(jobs, machine) {}

  const HardwareConfig& config;
  const Schedule& schedule;
  TileExecutor* const executor;  // null in a run without values
  const MachineUnits units;
  const CostTable costs;
};

}  // namespace vitality
