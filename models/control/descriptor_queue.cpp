#include "models/control/descriptor_queue.h"

#include <algorithm>

namespace vitality {

DescriptorQueue::DescriptorQueue(sc_core::sc_module_name name, const MachineClock& clock,
                                 const ControllerConfig& config, const Schedule& schedule)
    : sc_module(name),
      memory("memory", clock, false, [this](std::int32_t) { arrive(); }),
      clock_(clock),
      bytes_(config.descriptor_bytes),
      room_(static_cast<std::size_t>(config.descriptor_queue)) {
  if (!fetches()) return;
  times_.resize(schedule.jobs.size());
  std::vector<bool> listed(schedule.jobs.size());
  for (JobId first{0}; first < schedule.jobs.next(); ++first.value) {
    for (JobId job = first; job != kNone && !listed[static_cast<std::size_t>(job.value)];
         job = schedule.rows_to.empty() ? JobId() : schedule.rows_to[job]) {
      listed[static_cast<std::size_t>(job.value)] = true;
      if (schedule.jobs[job].unit != UnitKind::kUncharged) list_.push_back(job);
    }
  }
}

void DescriptorQueue::end_of_elaboration() {
  if (fetches() && memory.socket.size() == 0)
    SC_REPORT_ERROR("/vitality/descriptor_queue", "there is no memory to fetch descriptors from");
  if (room_ == 0) SC_REPORT_ERROR("/vitality/descriptor_queue", "the queue holds at least one descriptor");
}

void DescriptorQueue::refill() {
  if (!fetches()) return;
  const std::size_t count = std::min(room_, list_.size() - requested_);
  if (count == 0 || arrived_ < requested_) return;
  for (std::size_t i = 0; i < count; ++i) times_[list_[requested_ + i]].begin = clock_.now();
  const Bytes first = address_ + static_cast<Bytes>(requested_) * bytes_;
  requested_ += count, room_ -= count;
  memory.request(first, static_cast<Bytes>(count) * bytes_, true, 0);
}

void DescriptorQueue::arrive() {
  const std::size_t begin = arrived_;
  arrived_ = requested_;
  for (std::size_t i = begin; i < arrived_; ++i) {
    times_[list_[i]].end = clock_.now();
    on_arrival(list_[i]);
  }
}

}  // namespace vitality
