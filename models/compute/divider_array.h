// The divider array (paper: Section IV). It has two modes, and the kind of a job says which one it uses: with a single
// divisor register that all lanes share, for the mean of K (step 1); with many divisors, which move along a chain of
// registers, one lane per cycle, as the array delivers its rows, for dividing Z by T_D (step 6). Pipelined: the next
// job enters behind the last row, and the result is there after the divider's latency. A mean, which all lanes take at
// once, does not begin while divisors are on their way along the chain. Parameters: LaneConfig dividers (lanes,
// latency_cycles, initiation_interval). Ports, counters: ComputeUnit. Cycles: lane_timing and divider_chain_timing
// (cost/array_cost.h); docs/validation-array.md.
#pragma once

#include <algorithm>

#include "config/hardware_config.h"
#include "models/compute/compute_unit.h"

namespace vitality {

class DividerArray : public ComputeUnit {
 public:
  DividerArray(sc_core::sc_module_name name, const MachineClock& clock, TileExecutor* executor, bool load_ports,
               const LaneConfig& config)
      : ComputeUnit(name, clock, executor, load_ports), config_(config) {}

 protected:
  Cycles stream_begin(const JobOrder& order, Cycles loaded) const override {
    const Cycles begin = ComputeUnit::stream_begin(order, loaded);
    return order.job->kind == JobKind::kMeanDivide ? std::max(begin, chain_end_) : begin;
  }
  void schedule_job(const JobOrder& order, Cycles streaming) override {
    ComputeUnit::schedule_job(order, streaming);
    if (order.job->kind == JobKind::kRowDivide)
      chain_end_ = order.times->done - config_.latency_cycles + config_.initiation_interval;
  }
  void delay_by(JobTimes& times, Cycles wait, Cycles held) override {
    ComputeUnit::delay_by(times, wait, held);
    chain_end_ += wait;
  }

 private:
  const LaneConfig config_;
  Cycles chain_end_ = 0;  // from here on no lane works on a row of the chain
};

}  // namespace vitality
