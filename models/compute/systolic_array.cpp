#include "models/compute/systolic_array.h"

#include <algorithm>

#include "cost/array_cost.h"

namespace vitality {

SystolicArray::SystolicArray(sc_core::sc_module_name name, const MachineClock& clock, TileExecutor* executor,
                             bool load_ports, const MatrixEngineConfig& config)
    : ComputeUnit(name, clock, executor, load_ports), config_(config) {}

void SystolicArray::end_of_elaboration() {
  if (config_.rows < 1 || config_.cols < 1)
    SC_REPORT_ERROR("/vitality/systolic_array", "an array has at least one row and one column of PEs");
}

// With prefetch the shadow register is free as soon as the tile before streams.
Cycles SystolicArray::load_begin(const JobOrder& order, Cycles taken) const {
  const bool stationary = (order.job->flags & kOutputStationary) == 0;
  return config_.stationary_prefetch && stationary ? std::max(taken, stream_start_) : taken;
}

// Behind the stream of the pass before. Without a second register the array takes a pass when that one has left it.
Cycles SystolicArray::stream_begin(const JobOrder& order, Cycles loaded) const {
  const Cycles begin = ComputeUnit::stream_begin(order, loaded);
  return config_.stationary_prefetch ? std::max(begin, stream_end_) : begin;
}

void SystolicArray::schedule_job(const JobOrder& order, Cycles streaming) {
  const Job& job = *order.job;
  const JobCost& cost = *order.cost;
  JobTimes& times = *order.times;
  ComputeUnit::schedule_job(order, streaming);
  stream_start_ = times.stream, stream_end_ = times.free;
  if ((job.flags & kOutputStationary) != 0) {
    // The results leave through the shadow registers while the next tile runs.
    times.done =
        times.free + (cost.drain > 0 && (job.flags & kResultHeld) == 0 ? output_stationary_drain(config_.rows) : 0);
  } else if (config_.stationary_prefetch) {
    times.done = times.free;
    times.free = times.stream;
    stream_end_ = times.released;
  }
}

// Rows that cannot leave hold the whole array, and what the next pass streams into it; its shadow register is free for
// the next tile all the same.
void SystolicArray::delay_by(JobTimes& times, Cycles wait, Cycles held) {
  const bool prefetch = config_.stationary_prefetch;
  const Cycles free = times.free, stream_end = times.released + wait;
  ComputeUnit::delay_by(times, wait, held);
  if (prefetch) times.free = free;
  stream_end_ = prefetch ? stream_end : times.free;
}

}  // namespace vitality
