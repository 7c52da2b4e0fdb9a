#include "models/memory/dma.h"

namespace vitality {

Dma::Dma(sc_core::sc_module_name name, const MachineClock& clock, const DmaConfig& config, TileExecutor* executor)
    : sc_module(name),
      job_socket("job_socket"),
      phase_socket("phase_socket"),
      memory_socket("memory_socket"),
      memory("memory", clock, config.policy == DmaPolicy::kInOrder,
             [this](std::int32_t slot) {
               if (--slots_[static_cast<std::size_t>(slot)].waiting == 0)
                 finish_job(slots_[static_cast<std::size_t>(slot)]);
             }),
      clock_(clock),
      executor_(executor),
      slots_(static_cast<std::size_t>(config.max_outstanding)) {
  job_socket.register_b_transport(this, &Dma::take);
}

void Dma::take(const JobOrder& order, sc_core::sc_time&) {
  order.times->start = order.times->stream = clock_.now();
  ++counters_.jobs;
  if (jobs_inside_++ == 0) occupied_from_ = order.times->start;
  std::size_t slot = 0;
  while (slots_[slot].waiting != 0) ++slot;
  slots_[slot] = {order, static_cast<int>(order.transfers.last - order.transfers.first)};
  for (const Transfer& transfer : order.transfers)
    memory.request(transfer.dram_address, transfer.bytes, order.job->kind == JobKind::kLoad,
                   static_cast<std::int32_t>(slot), &transfer + 1 != order.transfers.last);
}

void Dma::finish_job(const Slot& slot) {
  const JobOrder& order = slot.order;
  JobTimes& times = *order.times;
  times.released = times.free = times.done = clock_.now();
  if (--jobs_inside_ == 0) counters_.occupied += times.done - occupied_from_;
  if (executor_ != nullptr) executor_->execute(*order.job, times.unit);
  StreamAccess moved;
  moved.read_bytes = order.cost->scratchpad_read, moved.write_bytes = order.cost->scratchpad_write;
  counters_.read += moved.read_bytes, counters_.written += moved.write_bytes;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  memory_socket->b_transport(moved, delay);
  const PhaseReport report{order.id, kPhaseReleased | kPhaseFree | kPhaseDone};
  phase_socket->b_transport(report, delay);
}

}  // namespace vitality
