// A Schedule: tile jobs with their units, buffers and dependencies. The mapper decides WHAT runs; the models decide
// WHEN.
//
// A job is one pass of one unit over one tile. It names the kind of its unit; where a machine has several of a kind,
// the controller decides which takes it. A unit takes, among the jobs whose dependencies are satisfied, the one with
// the smallest index. Dependencies carry data (read after write) and buffer reuse (write after read or write); the
// intra-layer pipeline is what they leave free: it is coded nowhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "schedule/job_kinds.h"
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
  kIm2col = 256,       // streamed operand gathered from an image strip: im2col_tiles[aux]
  kWide = 512,         // result kept in the wide intermediate format
  kOntoResult = 2048,  // last pass: the requantised sum is added to the wide result that is there
  kSwapped = 1024,     // addition of two layers: `streamed` is the layer's second input
  kNarrow = 4096,      // the streamed operand is in the storage format where the unit otherwise reads a wide one
  kGuardBit = 8192  // the result or an operand is K_hat, one bit wider than the format (in a fold: the transposed one)
};

constexpr std::int32_t kNone = -1;

// A place in the scratchpad; elements row-major.
struct Buffer {
  std::int32_t address, bytes;
};

// One DMA transfer of rows x cols elements between a tensor at (row, col) and a buffer. row_map != kNone: tensor row =
// row_maps[row_map][row + i]. geometry != kNone: the tensor is an image and the transfer gathers im2col rows (patch
// embedding).
struct Transfer {
  std::int32_t tensor, row, col, rows, cols;
  std::int32_t buffer, buffer_offset, buffer_stride;  // elements
  std::int32_t row_map = kNone, geometry = kNone;
  Bytes bytes;         // that cross the DRAM channel
  Bytes dram_address;  // where the first of them lies
};

// The streamed tile of a convolution's pass: rows = output pixels from first_output, columns = contraction indices from
// first_k of the strip that starts at input row first_input_row.
struct Im2colTile {
  std::int32_t geometry;  // index into Schedule::geometries
  std::int32_t first_output, first_input_row, first_k, first_group, groups;
};

// A dependency is satisfied when the other job is done, or, for a chain of passes that the array itself keeps in order,
// when it was issued, or, for the reuse of an operand buffer, when it has released its operands.
enum class DependencyKind : std::uint8_t { kDone, kReleased, kIssued };
struct Dependency {
  std::int32_t job : 30;
  std::uint32_t kind : 2;
};

struct Job {
  UnitKind unit;
  JobKind kind;
  std::uint16_t flags = 0;
  std::int32_t layer = 0, op = 0;
  std::int32_t m = 0, k = 0, n = 0;
  std::int32_t streamed = kNone, stationary = kNone, partial = kNone, result = kNone;  // buffers
  std::int32_t streamed_offset = 0, stationary_offset = 0, result_offset = 0;          // elements
  std::int32_t streamed_stride = 0, stationary_stride = 0, result_stride = 0;
  std::int32_t aux = 0;
  std::int32_t first_dependency = 0, dependency_count = 0;
  std::int32_t follows = kNone;  // runs on the unit that ran this job of its kind, one of its dependencies
};

// Does the pass find in the registers of its array what the pass before it left there: partial sums, or the tile that
// it multiplies with? Then it follows that pass, and no other pass of the array may come between.
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
// Classes of memory traffic: loads have the role of their tensor; all stores are one more class behind the roles.
constexpr int kStoredOperand = kTensorRoles, kTrafficOperands = kTensorRoles + 1;
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
  Count kept = 0, used_rows = 0, fresh_rows = 0;  // entries; rows with an entry; rows whose first entry is here
  Count sub_rows = 0, passes = 0;
  Count whole_columns = 0, used_columns = 0;  // ViTCoD: columns of the denser engine; others with an entry
  // Places for an entry: in the sub-rows that the entries were packed into; in the passes that took the sub-rows.
  Count slots = 0, capacity = 0;
  bool transposed =
      false;  // packed by columns: rows are keys and columns queries, sub-rows parts of columns of the mask
};

// Buffers of one optimiser step. The new weights replace the master weights; their copy in the storage format goes to
// Job::result (kNone: the master weights are in that format). second: AdamW's second moment.
struct ScheduledUpdate {
  std::int32_t master, gradient, first, second;
  bool decay;  // weight decay: applied to matrices, not to biases and norms
};
// What a training step leaves in memory for the comparison with the reference. layer: its index in the forward model.
struct ScheduledGradient {
  enum class Kind : std::uint8_t { kOutput, kParameter, kUpdated } kind;
  int layer;
  std::string parameter;  // name of the tensor; "" for outputs
  std::int32_t tensor, row, rows, cols;
};

struct Schedule {
  std::vector<Job> jobs;
  std::vector<Dependency> dependencies;  // job j has dependency_count of them, from first_dependency on
  std::vector<Transfer> transfers;
  std::vector<Buffer> buffers;
  std::vector<ScheduledTensor> tensors;
  std::vector<ScheduledOperator> operators;
  std::vector<Conv2d> geometries;
  std::vector<Im2colTile> im2col_tiles;
  std::vector<std::vector<std::int32_t>> row_maps;
  std::vector<ScheduledMask> masks;
  std::vector<MaskTile> mask_tiles;
  std::vector<ScheduledUpdate> updates;
  std::vector<ScheduledGradient> gradients;  // training steps only
  std::vector<std::int32_t>
      layer_output;  // tensor of every layer's output; kNone where an epilogue consumed it on chip
  std::vector<std::string> layer_mapping;  // how each layer was mapped, for people
  Bytes scratchpad_high_water = 0, dram_footprint = 0;
  Bytes saved_activation_bytes = 0;  // what the forward pass keeps in DRAM for the backward pass
};

}  // namespace vitality
