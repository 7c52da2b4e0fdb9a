// Builds a Schedule: DRAM placement, scratchpad buffers in a ring, and the dependencies that data and buffer reuse
// imply.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/pieces.h"
#include "schedule/schedule.h"

namespace vitality {

// The bytes that a buffer occupies in the scratchpad, whose lanes are 8 bytes wide.
constexpr Bytes aligned(Bytes bytes) {
  return ceil_div(bytes, Bytes{8}) * 8;
}
// The bytes that buffers of these sizes occupy side by side.
Bytes aligned_sum(const std::vector<Bytes>& sizes);

enum class ScratchpadEnd : std::uint8_t { kLow, kHigh };

// Where a tile lies; stride 0: of its own columns.
struct TilePlace {
  BufferId buffer;
  int offset = 0, stride = 0;  // elements

  TilePlace() = default;
  TilePlace(None) {}
  TilePlace(BufferId in, int from = 0, int row = 0) : buffer(in), offset(from), stride(row) {}
  Elements elements(int rows, int cols) const { return Elements::of(offset, rows, cols, stride); }
};

class ScheduleBuilder {
 public:
  // passes_in_order: the matrix engine runs its passes in the schedule's order. Sums or a tile may stay in its PEs from
  // pass to pass (output stationary, G-stationary), and a pass that happens to be ready must not come between.
  explicit ScheduleBuilder(Bytes scratchpad_bytes, bool passes_in_order = false)
      : capacity_(scratchpad_bytes), limit_(scratchpad_bytes), passes_in_order_(passes_in_order) {}

  // The machine has several units of this kind. If passes are kept in order, a pass that needs sums or a tile in the
  // PEs then follows the pass that left them there; all other passes begin in the schedule's order, on any array. So no
  // array waits for a pass that is itself waiting for another array.
  void expect_several(UnitKind kind) { several_[kind] = true; }

  // pipeline.intra_layer off: within a layer, the job of a unit waits for the job before it in the schedule, so that
  // pre-processing, passes and post-processing do not overlap. Loads and stores still run ahead.
  void run_layers_serially() { serial_ = true; }

  // shared_address: where its values already lie (in DRAM); kNone: the tensor gets a place of its own.
  TensorId add_tensor(std::string name, TensorRole role, int layer, int rows, int cols, Bytes bytes,
                      Bytes shared_address = kNone);
  OperatorId add_operator(OperatorRole role, int layer, int instance = 0, int head = 0);

  // Places buffers of one operator behind the last ones, in a ring: those that do not fit in front of its end lie at
  // its beginning. Throws InfeasibleError if they exceed the scratchpad. Older buffers at these places pass on their
  // pending accesses, so that the new content waits for the last use of the old content.
  std::vector<BufferId> allocate(const std::vector<Bytes>& sizes, const std::string& what);

  // Places buffers that stay until release(), at one end of the scratchpad, next to those that are there. The ring has
  // the remaining capacity(). The caller ensures that they fit, and that the last ones of an end are released first.
  // matrices: one of each buffer.
  std::vector<BufferId> allocate_resident(const std::vector<Bytes>& sizes, const std::vector<ResidentMatrix>& matrices,
                                          ScratchpadEnd end);
  bool stays(BufferId buffer) const { return resident_.count(buffer.value) > 0; }
  void release(BufferId first_resident);

  // Starts a job. Declare its accesses next; then finish() adds it to the schedule and returns its index.
  Job& begin(UnitKind unit, JobKind kind, int layer, OperatorId op);
  // The same with a streamed operand with rows of n elements (of a dot product k) and a second one (kNone: none), which
  // are read, and a result with rows of n elements.
  struct Shape {
    int m, k, n;
  };
  Job& begin(UnitKind unit, JobKind kind, int layer, OperatorId op, Shape shape, TilePlace streamed, BufferId second,
             TilePlace result, int flags);
  // An operand: it is released early if the unit does so. Of a buffer that stays (allocate_resident), accesses to other
  // rows and bands do not wait for each other; of all others, all accesses are to the whole buffer.
  void read(BufferId buffer, Elements elements = {});
  void write(BufferId buffer, Elements elements = {});
  // Partial sums of a chain of passes, which one array keeps in order. `first`: the first pass of a chain, which
  // ignores what is in the buffer, and may run on another array than the chain before it.
  void accumulate(BufferId buffer, bool first);
  void depend_on(JobId job, DependencyKind kind = DependencyKind::kDone);
  JobId finish();

  // A load or store with its transfers; includes the accesses to their buffers and tensors. after: the job that gets
  // the memory first.
  JobId transfer(UnitKind unit, int layer, OperatorId op, const std::vector<Transfer>& transfers,
                 Dependency after = {kNone, DependencyKind::kDone});
  // What an uncharged layer computes from a tensor comes into a buffer, or goes from one, without moving a byte.
  JobId show(JobKind kind, int layer, OperatorId op, Transfer transfer);
  Transfer make_transfer(TensorId tensor, int row, int col, int rows, int cols, BufferId buffer, int buffer_offset = 0,
                         int buffer_stride = 0) const;
  // Accesses to tensors by jobs that are not DMA jobs (uncharged layers).
  void read_tensor(TensorId tensor, int row, int col, int rows, int cols);
  void write_tensor(TensorId tensor, int row, int col, int rows, int cols);

  // Reserves memory for `jobs` further jobs.
  void reserve(std::size_t jobs);

  // The id of the job that the next finish() adds.
  JobId next_job() const { return schedule_.jobs.next(); }
  // The last job of the matrix engine so far; kNone: there is none.
  JobId last_on_array() const { return last_on_array_; }
  // The same when these elements of a buffer that stays were written.
  JobId last_on_array(BufferId buffer, Elements elements);
  Bytes capacity() const { return limit_ - base_; }     // of the ring
  Bytes scratchpad_bytes() const { return capacity_; }  // with what is resident
  Schedule& schedule() { return schedule_; }
  const Schedule& schedule() const { return schedule_; }

 private:
  struct Access {
    JobId writer = kNone;             // last job that wrote the content
    bool accumulating = false;        // the last writer belongs to a chain of passes
    std::vector<Dependency> readers;  // jobs that read it since then
    JobId pass = kNone;               // the matrix engine's last job when the content was written
  };
  struct Region {
    std::int32_t row, col, rows, cols;
    JobId job;
  };

  // Places buffers side by side from `begin` on; older buffers there lose their place.
  std::vector<BufferId> place(Bytes begin, const std::vector<Bytes>& sizes);
  JobId add_transfers(UnitKind unit, JobKind kind, int layer, OperatorId op, const std::vector<Transfer>& transfers,
                      Dependency after);

  // What stays at one end of the scratchpad, in the order in which it came.
  struct Resident {
    BufferId first;
    Bytes bytes;
    bool released = false;
  };

  Bytes capacity_, base_ = 0, limit_, ring_ = 0;  // the ring lies in [base_, limit_)
  std::vector<Resident> low_, high_;
  void keep_passes_in_order();
  void keep_layer_serial();

  bool passes_in_order_ = false;
  EnumArray<UnitKind, bool> several_{};
  JobId last_pass_ = kNone, last_in_order_ = kNone;  // in order: all, but what follows another pass
  std::vector<JobId> between_passes_;                // jobs of the matrix engine since then whose order is free
  JobId last_on_array_ = kNone;
  bool serial_ = false;
  // The last job that is not a transfer; if there are several units of its kind, all jobs since a job of another kind.
  std::vector<JobId> last_computed_;
  Schedule schedule_;
  // visit(Access&) of these elements.
  template <class Visit>
  void each_access(BufferId buffer, Elements elements, const Visit& visit);
  struct ResidentAccess {
    ResidentMatrix matrix;
    Pieces<Access> pieces;
  };
  IdVector<BufferId, Access> access_;       // per buffer
  std::map<int, ResidentAccess> resident_;  // of buffers that stay, in place of access_
  std::vector<BufferId> live_;              // buffers that own their place
  IdVector<TensorId, std::vector<Region>> writers_;
  Job job_{};
  std::vector<std::uint32_t> pending_;  // of the current job: 4 * other job + kind, a form that sorts fast
};

}  // namespace vitality
