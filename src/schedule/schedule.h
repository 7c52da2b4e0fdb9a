// A Schedule: tile jobs with their units, buffers and dependencies. The mapper decides WHAT runs; the models decide
// WHEN.
//
// A job is one pass of one unit over one tile. It names the kind of its unit; if a machine has several units of a kind,
// the controller decides which one takes it. Among the jobs whose dependencies are satisfied, a unit takes the one with
// the smallest index. Dependencies carry data (read after write) and reuse of buffers (write after read or write). The
// pipelining within a layer is not programmed anywhere: it results from the dependencies.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/pieces.h"
#include "base/units.h"
#include "schedule/job_kinds.h"
#include "schedule/layer_mapping.h"
#include "schedule/operator_roles.h"
#include "schedule/unit_kinds.h"
#include "tensor/mask.h"
#include "workload/model.h"

namespace vitality {

enum JobFlag : std::uint16_t {
  kFirst = 1,       // first pass of an accumulation: sums start from zero (or the bias behind the stationary tile)
  kLast = 2,        // last pass: the sum is requantised into `result`
  kTransposed = 4,  // streamed operand stored k x m (K_hat^T)
  kStationaryTransposed = 8,  // stationary operand stored n x k (softmax scores: K)
  kStationaryHeld = 16,       // the stationary operand is in the array already: no load phase
  kResultHeld = 32,           // sums and result stay in the array (G-stationary)
  kOutputStationary = 64,
  kHasBias = 128,
  kIm2col = 256,       // streamed operand gathered from rows of an image, as its Im2colTile says
  kWide = 512,         // result kept in the wide intermediate format
  kOntoResult = 2048,  // last pass: the requantised sum is added to the wide result that is there
  kSwapped = 1024,     // addition of two layers: `streamed` is the layer's second input
  kNarrow = 4096,      // the streamed operand is in the storage format where the unit otherwise reads a wide one
  kGuardBit = 8192,  // the result or an operand is K_hat, one bit wider than the format (in a fold: the transposed one)
  // pipeline.row_streaming: the streamed operand comes row by row through a FIFO from the job that computes it; that
  // job's result goes nowhere else, so it is not written to the scratchpad.
  kRowsIn = 16384,
  kRowsOut = 32768
};

// The value for "there is none", for every kind of id and for indices that are plain numbers.
struct None {
  template <class Tag>
  constexpr operator Id<Tag>() const {
    return {};
  }
  constexpr operator std::int32_t() const { return -1; }
};
constexpr None kNone;

using BufferId = Id<struct BufferTag>;
using TensorId = Id<struct TensorTag>;
using OperatorId = Id<struct OperatorTag>;
using JobId = Id<struct JobTag>;
using Im2colTileId = Id<struct Im2colTileTag>;
using MaskTileId = Id<struct MaskTileTag>;
using UpdateId = Id<struct UpdateTag>;

// A matrix that stays in a buffer for other layers, row by row. `elements`: of the whole matrix; 0: nothing stays
// there. Its readers take its columns `band` at a time (heads of attention), so jobs wait for each other only where
// they use the same rows of the same band. Their tiles have the matrix's rows as their stride.
struct ResidentMatrix {
  std::int32_t elements = 0, cols = 1, band = 1;

  // visit(first, end) for the parts of a line that these elements have, a band's rows behind each other: every row and
  // column from the first to the last of the elements.
  template <class Visit>
  void each_part(Elements e, const Visit& visit) const {
    e = {std::min(e.first, elements), std::min(e.end, elements)};
    if (e.first >= e.end) return;
    const int rows = static_cast<int>(ceil_div(elements, cols)), row = e.first / cols, row_end = (e.end - 1) / cols + 1;
    int col = e.first % cols, col_end = (e.end - 1) % cols + 1;
    if (col >= col_end) col = 0, col_end = cols;  // no tile of the matrix
    for (int b = col / band; b <= (col_end - 1) / band; ++b) visit(b * rows + row, b * rows + row_end);
  }
};

// A place in the scratchpad; elements row-major.
struct Buffer {
  std::int32_t address, bytes;
  ResidentMatrix stays = {};
};

// One DMA transfer of rows x cols elements between a tensor at (row, col) and a buffer. If row_map is not kNone, the
// tensor's row is row_maps[row_map][row + i]. If geometry is not kNone, the tensor is an image and the transfer gathers
// im2col rows (patch embedding).
struct Transfer {
  TensorId tensor;
  std::int32_t row, col, rows, cols;
  BufferId buffer;
  std::int32_t buffer_offset, buffer_stride;  // elements
  std::int32_t row_map = kNone, geometry = kNone;
  Bytes bytes;         // that cross the DRAM channel
  Bytes dram_address;  // where the first of these bytes lies
};

// The streamed tile of a convolution's pass: rows = output pixels from first_output, columns = contraction indices from
// first_k. It is gathered from rows of the image that begin with first_input_row: a strip, or all of them in a buffer
// that stays. The geometry's channels and groups are those that lie there.
struct Im2colTile {
  std::int32_t geometry;  // index into Schedule::geometries
  std::int32_t first_output, first_input_row, first_k, first_group, groups;
};

// The elements of that buffer that a pass of m rows gathers: whole rows of the image.
Elements gathered_elements(const Conv2d& geometry, const Im2colTile& tile, int m);

// When a dependency is satisfied: when the other job is done (kDone); when it has released its operands, so that their
// buffer may be reused (kReleased); when it was issued, for a chain of passes that the array itself keeps in order
// (kIssued); or when the first row of its result is in a FIFO (kFirstRow).
enum class DependencyKind : std::uint8_t { kDone, kReleased, kIssued, kFirstRow };
class Dependency {
 public:
  Dependency() = default;
  Dependency(JobId job, DependencyKind kind) : job_(job.value), kind_(static_cast<std::uint32_t>(kind)) {}
  JobId job() const { return {job_}; }
  DependencyKind kind() const { return static_cast<DependencyKind>(kind_); }

 private:
  std::int32_t job_ : 30;
  std::uint32_t kind_ : 2;
};

// What a job needs besides its tiles, depending on its kind; job_kinds.h says which kind has which of these.
struct TransferRange {
  std::int32_t first = 0, count = 0;  // of Schedule::transfers
};
struct TensorPair {  // an uncharged job works between two tensors in DRAM, without buffers
  TensorId source, target;
  TensorId second = {};  // another source, of layers with two inputs
};
struct ElementwiseStep {
  std::int32_t first_channel = 0;  // of the tile's columns: parameters may be per channel
  std::int32_t sweeps = 1;         // number of sweeps over a row
};
struct MeanOver {
  std::int32_t rows = 1;
};
struct CodedHeads {
  std::int32_t heads = 1;  // number of heads whose sum makes one coded head
};
struct LossLabel {
  std::int32_t label = 0;
};
struct ScoreRows {  // whose keys are masked: the instance of attention, and the job's first query in it
  std::int32_t instance = 0, first_query = 0;
};
using JobDetail = std::variant<std::monostate, TransferRange, TensorPair, Im2colTileId, MaskTileId, ElementwiseStep,
                               MeanOver, CodedHeads, LossLabel, UpdateId, ScoreRows>;

struct Job {
  UnitKind unit;
  JobKind kind;
  std::uint16_t flags = 0;
  std::int32_t layer = 0;
  OperatorId op;
  std::int32_t m = 0, k = 0, n = 0;
  BufferId streamed, stationary, partial, result;
  std::int32_t streamed_offset = 0, stationary_offset = 0, partial_offset = 0, result_offset = 0;  // elements
  // partial_stride 0: as result_stride.
  std::int32_t streamed_stride = 0, stationary_stride = 0, result_stride = 0, partial_stride = 0;
  JobDetail detail;
  std::int32_t first_dependency = 0, dependency_count = 0;
  JobId follows;  // must run on the unit that ran this job (of the same kind, and one of its dependencies)

  MaskTileId mask_tile() const { return std::get<MaskTileId>(detail); }
  Im2colTileId im2col_tile() const { return std::get<Im2colTileId>(detail); }
};

// Whether the pass uses what the pass before it left in the registers of the array: partial sums, or the tile that it
// multiplies with. If so, it runs directly after that pass, with no other pass of the array between them.
inline bool continues_in_registers(const Job& job) {
  const bool sums_stay =
      (job.flags & kOutputStationary) != 0 && (job.partial == kNone || (job.flags & kResultHeld) != 0);
  return (job.flags & kStationaryHeld) != 0 || (sums_stay && (job.flags & kFirst) == 0);
}

struct ScheduledOperator {
  OperatorRole role;
  std::int32_t layer;
  std::int32_t instance = 0, head = 0;
};

// kState: master weights and moments of the optimiser.
enum class TensorRole : std::uint8_t { kInput, kWeight, kActivation, kMask, kGradient, kState };
constexpr int kTensorRoles = 6;
// Classes of memory traffic: a load has the role of its tensor; all stores together are one further class, and the
// descriptors of jobs another one.
constexpr int kStoredOperand = kTensorRoles, kDescriptorOperand = kTensorRoles + 1, kTrafficOperands = kTensorRoles + 2;
const char* operand_name(int operand);
struct ScheduledTensor {
  std::string name;
  TensorRole role;
  std::int32_t layer;  // producer (kModelInput: the image), or owner of the weight
  std::int32_t rows, cols;
  Bytes dram_address, bytes;
};

// The mask of one head of attention as the machine uses it.
struct ScheduledMask {
  std::int32_t layer, instance, head;
  Mask mask;
  Mask values;                     // entries whose probability is multiplied with V; empty: all
  Count kept = 0;                  // entries of the mask before empty rows became dense
  std::int32_t fallback_rows = 0;  // empty rows that became dense ones
};

// A block of a mask as the machine's engine works on it (cost/sparse_machine.h: how it becomes sub-rows and passes).
struct MaskTile {
  std::int32_t mask, row, col, rows, cols;
  Count kept = 0, used_rows = 0, fresh_rows = 0;  // entries; rows with an entry; rows whose first entry is in this
                                                  // tile
  Count sub_rows = 0, passes = 0;
  Count whole_columns = 0, used_columns = 0;  // ViTCoD: columns of the denser engine; other columns with an entry
  // Places for entries: in the sub-rows into which the entries were packed; in the passes that took these sub-rows.
  Count slots = 0, capacity = 0;
  bool transposed =
      false;  // packed by columns: rows are keys and columns queries, sub-rows parts of columns of the mask
};

// Buffers of one optimiser step. The new weights replace the master weights; their copy in the storage format goes to
// Job::result (kNone: the master weights are already in that format). second: AdamW's second moment.
struct ScheduledUpdate {
  BufferId master, gradient, first, second;
  Bytes gradient_element;  // wide, or in the storage format
  bool decay;              // weight decay: applied to matrices, not to biases and norms
};
// What a training step leaves in memory for the comparison with the reference. layer: its index in the forward model.
struct ScheduledGradient {
  enum class Kind : std::uint8_t { kOutput, kParameter, kUpdated } kind;
  int layer;
  std::string parameter;  // name of the tensor; "" for outputs
  TensorId tensor;
  std::int32_t row, rows, cols;
};

// A range of a schedule's transfers, for loops.
struct TransferSpan {
  const Transfer *first, *last;
  const Transfer* begin() const { return first; }
  const Transfer* end() const { return last; }
};

struct Schedule {
  IdVector<JobId, Job> jobs;
  std::vector<Dependency> dependencies;  // job j has dependency_count of them, from first_dependency on
  std::vector<Transfer> transfers;
  IdVector<BufferId, Buffer> buffers;
  IdVector<TensorId, ScheduledTensor> tensors;
  IdVector<OperatorId, ScheduledOperator> operators;
  std::vector<Conv2d> geometries;
  IdVector<Im2colTileId, Im2colTile> im2col_tiles;
  std::vector<std::vector<std::int32_t>> row_maps;
  std::vector<ScheduledMask> masks;
  IdVector<MaskTileId, MaskTile> mask_tiles;
  IdVector<UpdateId, ScheduledUpdate> updates;
  std::vector<ScheduledGradient> gradients;  // training steps only
  // pipeline.row_streaming: of each job the one that takes its rows from a FIFO. Empty: no job does.
  IdVector<JobId, JobId> rows_to;
  std::vector<TensorId> layer_output;      // of every layer; kNone where an epilogue consumed it on chip
  std::vector<LayerMapping> mappings;      // of every layer
  std::vector<std::string> layer_mapping;  // the same as text for people
  BatchOrder batch_order = BatchOrder::kImageByImage;
  int scratchpad_kib = 0;  // the part of the scratchpad that it was mapped for; 0: all of it
  Bytes scratchpad_high_water = 0, dram_footprint = 0;
  Bytes saved_activation_bytes = 0;  // bytes that the forward pass keeps in DRAM for the backward pass

  // The transfers of a DMA job.
  TransferSpan transfers_of(const Job& job) const {
    const auto& range = std::get<TransferRange>(job.detail);
    const Transfer* const begin = transfers.data() + range.first;
    return {begin, begin + range.count};
  }
};

}  // namespace vitality
