#include "models/memory/dma.h"

#include <algorithm>

namespace vitality {

namespace {

// The bytes that the memory moves from the end of a transfer's service to its answer, and one burst longer.
Bytes bytes_in_latency(const DramConfig& dram) {
  const DramDevice& device = dram.device;
  const Bytes bursts = ceil_div(device.first_burst_clocks() + device.burst_cycles, device.burst_cycles);
  return dram.channels * bursts * device.burst_bytes();
}
// The controller orders the bursts in its queues, so these are kept full.
Bytes bytes_in_queues(const DramConfig& dram) {
  return dram.model == DramModel::kBanked ? Bytes{dram.channels} * dram.queue_depth * dram.device.burst_bytes() : 0;
}

}  // namespace

Dma::Dma(sc_core::sc_module_name name, const MachineClock& clock, const DmaConfig& config, const DramConfig& dram,
         TileExecutor* executor)
    : sc_module(name),
      job_socket("job_socket"),
      phase_socket("phase_socket"),
      memory_socket("memory_socket"),
      memory("memory", clock, config.policy == DmaPolicy::kInOrder,
             [this](std::int32_t slot) { end_transfer(static_cast<std::size_t>(slot)); }),
      clock_(clock),
      executor_(executor),
      in_order_(config.policy == DmaPolicy::kInOrder),
      window_(bytes_in_latency(dram) + bytes_in_queues(dram)),
      slots_(static_cast<std::size_t>(config.max_outstanding)) {
  job_socket.register_b_transport(this, &Dma::take);
}

void Dma::take(const JobOrder& order, sc_core::sc_time&) {
  ++counters_.jobs;
  queue_.push(order);
  go_on();
}

void Dma::go_on() {
  Slot* from = may_request() ? next_to_request() : nullptr;
  while (from != nullptr) {
    const auto slot = static_cast<std::size_t>(from - slots_.data());
    const Transfer& transfer = *from->next++;
    const bool read = from->order.job->kind == JobKind::kLoad;
    if (in_order_) {
      if (!requested_.empty()) behind_ += transfer.bytes;
      requested_.push_back({slot, transfer.bytes});
    }
    from = may_request() ? next_to_request() : nullptr;
    memory.request(transfer.dram_address, transfer.bytes, read, static_cast<std::int32_t>(slot), from != nullptr);
  }
}

// The job that comes first in the program, of those in flight and in the queue.
Dma::Slot* Dma::next_to_request() {
  Slot *first = nullptr, *free = nullptr;
  for (Slot& slot : slots_) {
    if (slot.is_free()) free = &slot;
    if (slot.has_next() && (first == nullptr || slot.order.id < first->order.id)) first = &slot;
  }
  if (free == nullptr || queue_.empty() || (first != nullptr && first->order.id < queue_.top().id)) return first;
  begin(queue_.top(), *free);
  queue_.pop();
  return free;
}

void Dma::begin(const JobOrder& order, Slot& slot) {
  order.times->start = order.times->stream = clock_.now();
  if (jobs_inside_++ == 0) occupied_from_ = order.times->start;
  if (!moving_) announce(order.job->kind == JobKind::kLoad, 1);
  slot = {order, order.transfers.first, static_cast<int>(order.transfers.last - order.transfers.first)};
}

void Dma::end_transfer(std::size_t index) {
  if (in_order_) {
    const auto ended = std::find_if(requested_.begin(), requested_.end(),
                                    [index](const Requested& each) { return each.slot == index; });
    if (ended == requested_.begin()) {
      requested_.pop_front();
      if (!requested_.empty()) behind_ -= requested_.front().bytes;
    } else {
      behind_ -= ended->bytes;
      requested_.erase(ended);
    }
  }
  const bool filling = slots_[index].order.job->kind == JobKind::kLoad;
  if (--slots_[index].waiting == 0) finish_job(slots_[index]);
  go_on();
  if (jobs_inside_ == 0) announce(filling, -1);
}

void Dma::announce(bool filling, int change) {
  moving_ = change > 0;
  StreamAccess access;
  (filling ? access.filling : access.emptying) = change;
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  memory_socket->b_transport(access, delay);
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
