// Builds a Schedule: DRAM placement, scratchpad buffers in a ring, and the dependencies that data and buffer reuse
// imply.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schedule/schedule.h"

namespace vitality {

// What a buffer of so many bytes takes of the scratchpad, whose lanes are 8 bytes wide.
constexpr Bytes aligned(Bytes bytes) {
  return ceil_div(bytes, Bytes{8}) * 8;
}
// Bytes of buffers of these sizes side by side.
Bytes aligned_sum(const std::vector<Bytes>& sizes);

class ScheduleBuilder {
 public:
  // passes_in_order: the matrix engine runs its passes in the schedule's order, because sums or a tile that stay in its
  // PEs from pass to pass (output stationary, G-stationary) must not meet a pass that happens to be ready in between.
  explicit ScheduleBuilder(Bytes scratchpad_bytes, bool passes_in_order = false)
      : capacity_(scratchpad_bytes), limit_(scratchpad_bytes), passes_in_order_(passes_in_order) {}

  // The machine has several units of this kind. Where passes are kept in order, a pass that finds sums or a tile in the
  // PEs then follows the pass before it; all others begin in the schedule's order, on any array. So no array waits for
  // a pass that it holds something for while that pass waits for another array.
  void expect_several(UnitKind kind) { several_[kind] = true; }

  // pipeline.intra_layer off: within a layer a unit's job waits for the job before it in the schedule, so that
  // pre-processing, passes and post-processing do not overlap. Loads and stores still run ahead.
  void run_layers_serially() { serial_ = true; }

  // shared_address: where its values lie already (DRAM); kNone = in a place of its own.
  TensorId add_tensor(std::string name, TensorRole role, int layer, int rows, int cols, Bytes bytes,
                      Bytes shared_address = kNone);
  OperatorId add_operator(OperatorRole role, int layer, int instance = 0, int head = 0);

  // Places buffers of one operator side by side behind the last ones (ring). Throws InfeasibleError when they exceed
  // the scratchpad. Buffers that lie where they are placed hand their pending accesses over, so the new content waits
  // for the old one's last use.
  std::vector<BufferId> allocate(const std::vector<Bytes>& sizes, const std::string& what);

  // Places buffers that stay until release(), at the end of the scratchpad or, where others are there, at its begin;
  // the ring has the rest, capacity() of it. The caller knows that they fit; there are never three such lots at a time.
  std::vector<BufferId> allocate_resident(const std::vector<Bytes>& sizes);
  void release(BufferId first_resident);

  // Starts a job; then its accesses; then finish() adds it to the schedule and returns its index.
  Job& begin(UnitKind unit, JobKind kind, int layer, OperatorId op);
  // With a streamed operand and a second one (kNone: none), both read, and a result, rows of shape.n elements.
  struct Shape {
    int m, k, n;
  };
  Job& begin(UnitKind unit, JobKind kind, int layer, OperatorId op, Shape shape, BufferId streamed, BufferId second,
             BufferId result, int flags);
  void read(BufferId buffer);  // operand: released early where the unit says so
  void write(BufferId buffer);
  // Partial sums of a chain of passes, which one array keeps in order. `first`: of the chain, whatever is there; it may
  // run on another array than the chain before it.
  void accumulate(BufferId buffer, bool first);
  void depend_on(JobId job, DependencyKind kind = DependencyKind::kDone);
  JobId finish();

  // A load or store with its transfers (the buffers' accesses included, and the tensors' regions). after: what it
  // leaves the memory to.
  JobId transfer(UnitKind unit, int layer, OperatorId op, const std::vector<Transfer>& transfers,
                 Dependency after = {kNone, DependencyKind::kDone});
  Transfer make_transfer(TensorId tensor, int row, int col, int rows, int cols, BufferId buffer, int buffer_offset = 0,
                         int buffer_stride = 0) const;
  // Tensor accesses of jobs that are no DMA (uncharged layers).
  void read_tensor(TensorId tensor, int row, int col, int rows, int cols);
  void write_tensor(TensorId tensor, int row, int col, int rows, int cols);

  // Room for so many more jobs.
  void reserve(std::size_t jobs);

  // The id of the job that finish() adds.
  JobId next_job() const { return schedule_.jobs.next(); }
  Bytes capacity() const { return limit_ - base_; }     // of the ring
  Bytes scratchpad_bytes() const { return capacity_; }  // with what is resident
  Schedule& schedule() { return schedule_; }
  const Schedule& schedule() const { return schedule_; }

 private:
  struct Access {
    JobId writer = kNone;             // last job that wrote the content
    bool accumulating = false;        // the last writer belongs to a chain of passes
    std::vector<Dependency> readers;  // since then
  };
  struct Region {
    std::int32_t row, col, rows, cols;
    JobId job;
  };

  // Buffers side by side from `begin` on; what lies there loses its place.
  std::vector<BufferId> place(Bytes begin, const std::vector<Bytes>& sizes);

  Bytes capacity_, base_ = 0, limit_, ring_ = 0;           // the ring lies in [base_, limit_)
  BufferId resident_low_ = kNone, resident_high_ = kNone;  // first buffer of what lies below and above it
  void keep_passes_in_order();
  void keep_layer_serial();

  bool passes_in_order_ = false;
  EnumArray<UnitKind, bool> several_{};
  JobId last_pass_ = kNone, last_in_order_ = kNone;  // in order: all, but what follows another pass
  std::vector<JobId> between_passes_;                // jobs of the matrix engine since then that may change places
  bool serial_ = false;
  // The last job that is no transfer; where there are several units of its kind, all since a job of another kind.
  std::vector<JobId> last_computed_;
  Schedule schedule_;
  IdVector<BufferId, Access> access_;  // per buffer
  std::vector<BufferId> live_;         // buffers that own their place
  IdVector<TensorId, std::vector<Region>> writers_;
  Job job_{};
  std::vector<std::uint32_t> pending_;  // of the job: 4 * other job + kind, which sort fast
};

}  // namespace vitality
