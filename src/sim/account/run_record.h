// What the accounts need to know of a run: the schedule, the times of its jobs, and what the memory counted.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "config/hardware_config.h"
#include "cost/dram_model.h"
#include "cost/job_cost.h"
#include "cost/machine_units.h"
#include "schedule/job_times.h"
#include "schedule/schedule.h"
#include "sim/account/block_repetition.h"
#include "workload/model.h"

namespace vitality {

struct RunRecord {
  const VitModel& model;
  const HardwareConfig& config;
  const Schedule& schedule;
  const IdVector<JobId, JobTimes>& times;
  const CostTable& costs;
  const MachineUnits& units;
  const std::vector<std::vector<JobId>>& order;  // per unit: its jobs as they began
  Cycles cycles;
  DramStatistics dram;
  DramEnergy dram_energy;
  std::vector<int> hops;  // per unit
  bool totals_only = false;
  std::optional<BlockRepetition> repetition = {};  // only with totals_only: the blocks that were left out of the
                                                   // schedule; `cycles` and `dram` already include them
  const IdVector<JobId, DescriptorFetch>* fetches = nullptr;  // null: no job has a descriptor

  std::size_t unit_of(JobId job) const { return static_cast<std::size_t>(times_of(job).unit.value); }
  const Job& job(JobId index) const { return schedule.jobs[index]; }
  const JobTimes& times_of(JobId index) const { return times[index]; }
  // The end of the time in which the unit cannot start other work. With prefetch this includes the drain of a pass, in
  // case no other pass follows it.
  Cycles busy_end(JobId index) const {
    const JobTimes& t = times_of(index);
    if (job(index).unit != UnitKind::kMatrixEngine) return t.free;
    return std::max(t.free, t.released + costs.of(index).drain);
  }
  // The cycles of the job's stationary load, and the parts of them that ports and links of the NoC have added.
  struct StationaryLoad {
    Cycles cycles, scratchpad, noc;
    // Of `cycles` in which the unit was seen loading, what ports and links have added; first all others are counted.
    std::pair<Cycles, Cycles> added_in(Cycles seen) const {
      const Cycles added = std::clamp<Cycles>(seen - (cycles - scratchpad - noc), 0, scratchpad + noc);
      return {std::min(added, scratchpad), added - std::min(added, scratchpad)};
    }
  };
  StationaryLoad load_of(JobId index) const {
    const JobCost& cost = costs.of(index);
    const JobTimes& t = times_of(index);
    return {cost.load + t.load_contention + t.load_noc_contention, cost.load_scratchpad_stall + t.load_contention,
            cost.load_noc_stall + t.load_noc_contention};
  }
  // Bytes of descriptors of jobs of one kind of unit.
  Bytes descriptor_bytes(UnitKind unit, Count jobs) const {
    return unit == UnitKind::kUncharged ? 0 : jobs * config.controller.descriptor_bytes;
  }
  double peak_macs() const { return processing_elements(config); }  // per cycle
  double dram_bytes_per_cycle() const { return peak_dram_bytes_per_cycle(config); }
};

// How many jobs of one layer and one unit share one entry of the cost table.
struct ShapeCount {
  std::int32_t layer, entry;
  UnitId unit;  // none if uncharged
  UnitKind unit_kind;
  JobKind kind;
  Count jobs;
};

}  // namespace vitality
