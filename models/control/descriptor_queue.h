// The controller's queue of job descriptors. The host has put the list into memory; the queue reads it through a memory
// port of its own and holds up to controller.descriptor_queue descriptors of jobs that have not been issued. Whenever
// it has room and no request is outstanding, it requests as many as it has room for, once for all jobs that are issued
// in one instant. A job cannot be issued before its
// descriptor is there.
//
// The list is in the order of the jobs, but a job that takes rows from another one (Schedule::rows_to) stands directly
// behind it. A started job can wait for the beginning of the job behind it, so a queue full of other jobs between the
// two would stop the machine. With this order, whatever a started job waits for is in the queue or comes next, and
// issuing has made room for it. Jobs without a unit have no descriptor.
#pragma once

#include <functional>
#include <systemc>
#include <vector>

#include "models/memory/memory_port.h"
#include "schedule/job_times.h"
#include "schedule/schedule.h"

namespace vitality {

class DescriptorQueue : public sc_core::sc_module {
 public:
  MemoryPort memory;

  // With descriptor_bytes 0 nothing is fetched.
  DescriptorQueue(sc_core::sc_module_name name, const MachineClock& clock, const ControllerConfig& config,
                  const Schedule& schedule);
  bool fetches() const { return bytes_ > 0; }
  // Where the list begins.
  void set_address(Bytes address) { address_ = address; }
  // A job has been issued: its place is free.
  void leave() { ++room_; }
  // Requests what there is room for.
  void refill();
  std::function<void(JobId)> on_arrival;  // called for every descriptor that has come

  // When each job's descriptor was requested and when it came; empty if nothing is fetched.
  const IdVector<JobId, DescriptorFetch>& times() const { return times_; }

 private:
  void end_of_elaboration() override;
  void arrive();

  MachineClock clock_;
  Bytes bytes_, address_ = 0;
  std::size_t room_;
  std::vector<JobId> list_;
  std::size_t arrived_ = 0, requested_ = 0;  // of the list
  IdVector<JobId, DescriptorFetch> times_;
};

}  // namespace vitality
