// What a tile job costs on its unit: cycles, operations, bytes, actions. Pure: reads shapes, formats and the machine,
// never values.
#pragma once

#include <array>

#include "base/units.h"
#include "config/hardware_config.h"
#include "schedule/schedule.h"
#include "workload/attention_ops.h"

namespace vitality {

// What a unit does and the energy table prices.
enum class Action : std::uint8_t {
  kMac,
  kAccumulate,
  kAdd,
  kMultiply,
  kDivide,
  kExp,
  kCompare,
  kScratchpadRead,
  kScratchpadWrite,
  kNocByteHop,
  kLowPrecisionMac,
  kBankConflict  // a cycle in which a lane of the scratchpad is behind, because accesses are not spread evenly;
                 // costs time only
};
constexpr int kActions = 12;
const char* action_name(Action action);

struct ActionCounts {
  std::array<Count, kActions> count{};
  Count& operator[](Action a) { return count[static_cast<std::size_t>(a)]; }
  Count operator[](Action a) const { return count[static_cast<std::size_t>(a)]; }
  ActionCounts& operator+=(const ActionCounts& other) {
    for (int i = 0; i < kActions; ++i) count[static_cast<std::size_t>(i)] += other.count[static_cast<std::size_t>(i)];
    return *this;
  }
};

struct JobCost {
  // Phases of a pass on an array; other units have only `stream`. Without prefetch their sum is the time for which the
  // unit is busy.
  Cycles load = 0, stream = 0, drain = 0;
  // The part of `stream` by which the scratchpad's ports, or the NoC's link, slow the unit down; below, the same for
  // `load`.
  Cycles scratchpad_stall = 0, noc_stall = 0;
  Cycles load_scratchpad_stall = 0, load_noc_stall = 0;
  Cycles latency = 0;  // from the cycle in which the unit is free again to the cycle in which the result is there
                       // (pipelined units)
  Count macs = 0;
  OperationCounts operations;
  ActionCounts actions;
  Bytes scratchpad_read = 0, scratchpad_write = 0;
  // Parts of scratchpad_read and scratchpad_write. The remaining reads are the streamed operand, the remaining writes
  // are results.
  Bytes stationary_read = 0, partial_read = 0, partial_write = 0;
  // Bytes that cross the scratchpad's ports per cycle of `stream`.
  double read_rate = 0, write_rate = 0;
  // The part of scratchpad_read that crosses the ports in the first load_moving cycles of `load`.
  Bytes load_read = 0;
  Cycles load_moving = 0;
};

JobCost job_cost(const Job& job, const Schedule& schedule, const HardwareConfig& config);

// The costs of a schedule's jobs. Jobs of the same shape share one entry: a model has tens of thousands of jobs, but
// only tens of shapes.
class CostTable {
 public:
  CostTable(const Schedule& schedule, const HardwareConfig& config);
  const JobCost& of(JobId job) const { return costs_[static_cast<std::size_t>(index_[job])]; }
  std::int32_t entry(JobId job) const { return index_[job]; }
  const std::vector<JobCost>& entries() const { return costs_; }

 private:
  IdVector<JobId, std::int32_t> index_;
  std::vector<JobCost> costs_;
};

}  // namespace vitality
