#include "models/compute/systolic_array.h"

#include <algorithm>

#include "cost/array_cost.h"

namespace vitality {

SystolicArray::SystolicArray(sc_core::sc_module_name name, const MachineClock& clock, TileExecutor* executor,
                             const MatrixEngineConfig& config)
    : ComputeUnit(name, clock, executor), config_(config) {}

void SystolicArray::end_of_elaboration() {
  if (config_.rows < 1 || config_.cols < 1)
    SC_REPORT_ERROR("/vitality/systolic_array", "an array has at least one row and one column of PEs");
}

void SystolicArray::schedule_job(const JobOrder& order, Cycles now) {
  const Job& job = *order.job;
  const JobCost& cost = *order.cost;
  JobTimes& times = *order.times;
  if ((job.flags & kOutputStationary) != 0) {
    times.stream = std::max({times.stream, now, stream_end_});
    times.released = times.stream + stream(order, times.stream);
    times.free = times.released + cost.drain;
    // The results leave through the shadow registers while the next tile runs.
    times.done =
        times.free + (cost.drain > 0 && (job.flags & kResultHeld) == 0 ? output_stationary_drain(config_.rows) : 0);
    stream_start_ = times.stream, stream_end_ = times.free;
    return;
  }
  if (!config_.stationary_prefetch) {
    ComputeUnit::schedule_job(order, now);
    stream_start_ = times.stream, stream_end_ = times.free;
    return;
  }
  times.stream = std::max({times.stream, std::max(now, stream_start_) + cost.load, stream_end_});
  times.released = times.stream + stream(order, times.stream);
  times.done = times.released + cost.drain;
  // As soon as this tile streams, the shadow register is free for the next one.
  times.free = times.stream;
  stream_start_ = times.stream, stream_end_ = times.released;
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
