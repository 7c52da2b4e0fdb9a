// From the record of when jobs ran to the result tree: per unit, per layer, in total. Pure arithmetic on plain data.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "config/hardware_config.h"
#include "cost/dram_model.h"
#include "cost/job_cost.h"
#include "report/result.h"
#include "schedule/job_times.h"
#include "schedule/schedule.h"
#include "sim/account/block_repetition.h"
#include "workload/model.h"

namespace vitality {

struct RunRecord {
  const VitModel& model;
  const HardwareConfig& config;
  const Schedule& schedule;
  const std::vector<JobTimes>& times;
  const CostTable& costs;
  const std::array<std::vector<std::int32_t>, kUnitKinds>& order;  // jobs of a unit as they were issued
  Cycles cycles;
  DramStatistics dram;
  DramEnergy dram_energy;
  std::vector<int> hops;  // per unit kind
  bool totals_only = false;
  std::optional<BlockRepetition> repetition = {};  // with totals_only: blocks that the schedule has not, in `cycles`
                                                   // and the memory's counts already
};

// So many jobs of one layer that share an entry of the cost table.
struct ShapeCount {
  std::int32_t layer, entry;
  UnitKind unit;
  JobKind kind;
  Count jobs;
};

// Fills totals, attention_totals, layers, units, energy, not_charged and critical_path; with totals_only neither units
// nor critical_path, and of layers what the totals sum up.
void account(const RunRecord& run, SimulationResult& result);

}  // namespace vitality
