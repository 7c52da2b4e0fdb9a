// Schedules written by hand, run on the accelerator's modules: when did each job run?
#pragma once

#include <string>
#include <vector>

#include "mapping/forward/schedule_builder.h"
#include "models/host.h"
#include "tests/support/fork_simulation.h"

namespace vitality::test {

struct JobSpan {
  Cycles ready, start, stream, released, free, done;
};

// A machine whose NoC takes no time and whose memory is easy to count: one 64-byte burst a machine cycle, `latency`
// cycles before the first: a transfer of b bursts issued at t alone is complete at t + 1 + b + latency (it competes
// from t + 1 on).
inline HardwareConfig plain_machine(int rows, int cols, int latency) {
  HardwareConfig config;
  config.matrix_engine.rows = rows, config.matrix_engine.cols = cols;
  config.diagonal_engine.rows = rows;
  config.dram.channels = 1;
  config.dma.policy = DmaPolicy::kFair;
  config.noc.hop_latency_cycles = 0;
  DramDevice& device = config.dram.device;
  device.tck_ns = 2;  // 500 MHz, as the machine
  device.burst_cycles = 1;
  device.trcd = latency, device.cl = 0, device.trfc = 0;
  return config;
}

inline IdVector<JobId, JobTimes> run_times(const HardwareConfig& config, const Schedule& schedule) {
  const MachineParameters parameters(config, schedule);
  HostedAccelerator machine("machine", parameters);
  sc_core::sc_start();
  if (!machine.chunk.controller.finished()) throw std::runtime_error(machine.chunk.controller.describe_unfinished());
  return machine.chunk.controller.times();
}
inline std::vector<JobSpan> run_schedule(const HardwareConfig& config, const Schedule& schedule) {
  std::vector<JobSpan> spans;
  for (const JobTimes& t : run_times(config, schedule))
    spans.push_back({t.ready, t.start, t.stream, t.released, t.free, t.done});
  return spans;
}

inline IdVector<JobId, JobSpan> simulate_schedule(const HardwareConfig& config, const Schedule& schedule) {
  const std::vector<JobSpan> spans = fork_simulation<JobSpan>([&] {
                                       return Simulated<JobSpan>{0, run_schedule(config, schedule)};
                                     }).values;
  return {spans.begin(), spans.end()};
}

// A schedule of layer 0 (and of what layer() names), buffers of any number, and jobs in a line or two each.
class HandSchedule {
 public:
  explicit HandSchedule(bool passes_in_order = false) : builder_(1 << 20, passes_in_order) {
    op_ = builder_.add_operator(OperatorRole::kGemm, 0);
  }
  // What follows belongs to this layer.
  void layer(int index) {
    layer_ = index;
    op_ = builder_.add_operator(OperatorRole::kGemm, index);
  }
  BufferId buffer(Bytes bytes) { return builder_.allocate({bytes}, "test")[0]; }
  TensorId tensor(int rows, int cols) {
    return builder_.add_tensor("tensor", TensorRole::kInput, layer_, rows, cols, Bytes{2} * rows * cols);
  }

  JobId load(TensorId tensor, int rows, int cols, BufferId buffer) {
    return builder_.transfer(UnitKind::kDmaLoad, layer_, op_,
                             {builder_.make_transfer(tensor, 0, 0, rows, cols, buffer)});
  }
  JobId store(TensorId tensor, int rows, int cols, BufferId buffer) {
    return builder_.transfer(UnitKind::kDmaStore, layer_, op_,
                             {builder_.make_transfer(tensor, 0, 0, rows, cols, buffer)});
  }
  // One pass m x k x n; `partial` kNone: a single pass.
  JobId fold(int m, int k, int n, BufferId streamed, BufferId stationary, BufferId result, BufferId partial = kNone,
             int flags = kFirst | kLast) {
    Job& job = begin(UnitKind::kMatrixEngine, JobKind::kFold, m, k, n, streamed, stationary,
                     (flags & kLast) != 0 ? result : kNone, flags);
    job.streamed_stride = k;
    if (partial != kNone) {
      job.partial = partial;
      builder_.accumulate(partial, (flags & kFirst) != 0);
    }
    if ((flags & kLast) != 0) builder_.write(result);
    return builder_.finish();
  }
  JobId unit_job(UnitKind unit, JobKind kind, int m, int k, int n, BufferId streamed, BufferId second, BufferId result,
                 int flags = 0) {
    begin(unit, kind, m, k, n, streamed, second, result, flags);
    builder_.write(result);
    return builder_.finish();
  }
  const Schedule& schedule() const { return builder_.schedule(); }
  ScheduleBuilder& builder() { return builder_; }

 private:
  Job& begin(UnitKind unit, JobKind kind, int m, int k, int n, BufferId streamed, BufferId second, BufferId result,
             int flags) {
    Job& job = builder_.begin(unit, kind, layer_, op_);
    job.m = m, job.k = k, job.n = n;
    job.flags = static_cast<std::uint16_t>(flags);
    job.streamed = streamed, job.stationary = second, job.result = result;
    job.streamed_stride = job.stationary_stride = job.result_stride = n;
    if (streamed != kNone) builder_.read(streamed);
    if (second != kNone) builder_.read(second);
    return job;
  }
  ScheduleBuilder builder_;
  int layer_ = 0;
  OperatorId op_;
};

}  // namespace vitality::test
