// Sanger (Lu et al., MICRO 2021): a low-precision array that predicts the mask, score-stationary rows of PEs on the
// packed and split mask, exp lanes. Also the structure of ViTALiTy's training unit.
#include <algorithm>

#include "cost/lane_cost.h"
#include "cost/machine_units.h"
#include "cost/mask_entries.h"
#include "cost/sparse_machine.h"

namespace vitality {

void sanger_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile) {
  const ArrayShape array = sparse_array(config);
  for (int first = 0; first < tile.cols; first += kSangerVectorColumns) {
    Count sub_rows = 0;
    for (int r = 0; r < tile.rows; ++r) {
      const std::uint8_t* row = mask.row(tile.row + r) + tile.col;
      const Count ones = entries_between(row + first, row + std::min(tile.cols, first + kSangerVectorColumns));
      if (ones > 0) sub_rows += ones <= array.cols ? 1 : ceil_div(ones, array.cols);
    }
    tile.sub_rows += sub_rows;
    tile.passes += ceil_div(sub_rows, array.rows);
  }
  tile.slots = tile.sub_rows * array.cols;
  tile.capacity = tile.passes * array.pes();
}

// Low-precision scores on 64 x 64 tiles; while they are computed, exp, row sum and threshold follow at one column of
// the array per cycle. The threshold is compared with T * sum, so there is no division. Low-precision work does not
// count as full-precision operations: it appears only as actions.
JobCost sanger_predict(const Job& job, const HardwareConfig& config) {
  const SparseUnitConfig& unit = config.sparse_unit;
  const Count scores = static_cast<Count>(job.m) * job.n;
  const Bytes element = storage_bytes(config.precision);
  JobCost cost;
  const Cycles products = ceil_div(job.m, unit.predictor_rows) * ceil_div(job.n, unit.predictor_cols) * job.k;
  cost.stream = std::max(products, ceil_div(scores, unit.predictor_cols));
  cost.drain = Cycles{unit.predictor_rows} + unit.predictor_cols - 2;
  cost.latency = unit.exp_latency_cycles + 1;
  cost.actions[Action::kLowPrecisionMac] = scores * job.k;
  cost.actions[Action::kExp] = scores;
  cost.actions[Action::kAdd] = scores;
  cost.actions[Action::kCompare] = 2 * scores;       // row maximum, threshold
  cost.actions[Action::kMultiply] = scores + job.m;  // scale; T * sum
  if (config.sparsity.normalize_qk) {                // norms of the rows, and back
    const Count squares = static_cast<Count>(job.m + job.n) * job.k;
    cost.actions[Action::kMultiply] += squares + scores;
    cost.actions[Action::kAdd] += squares;
  }
  move(cost, element * (static_cast<Bytes>(job.m) + job.n) * job.k, ceil_div(scores, 8));
  limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
  return cost;
}

// A pass holds a sub-row of entries in each PE row, all from one block of columns. SDDMM streams the d features of
// their queries and keys, SpMM the e columns of their values. Passes follow each other directly, so the skew is paid
// once.
JobCost sanger_products(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ArrayShape array = sparse_array(config);
  const ElementSizes size = sizes_of(config);
  const bool sddmm = job.kind == JobKind::kSddmm;
  const Count depth = sddmm ? job.k : job.n;
  const Count block =
      tile.passes * std::min<Count>(tile.cols, kSangerVectorColumns);  // columns that come in, over all passes
  JobCost cost;
  count_products(job, tile, cost);
  if (tile.passes == 0 && sddmm) return cost;
  const Bytes mask_bits = ceil_div(static_cast<Count>(tile.rows) * tile.cols, 8);
  Bytes read = mask_bits, write = 0;
  if (sddmm) {
    read += size.element * ((tile.sub_rows + block) * depth + ((job.flags & kHasBias) != 0 ? tile.kept : 0)) +
            guard_bytes(job, block * depth);
    write = size.wide * tile.kept;
  } else {
    const bool last = (job.flags & kLast) != 0;
    // Each sub-row adds its sums to those of its row, except the first sub-row of a row.
    const Count merged = (tile.sub_rows - tile.fresh_rows) * depth;
    cost.actions[Action::kAccumulate] = merged;
    read += size.element * (tile.kept + block * depth) + size.partial * merged;
    write = size.partial * (tile.sub_rows - (last ? tile.used_rows : 0)) * depth;
    if (last) write += ((job.flags & kWide) != 0 ? size.wide : size.element) * static_cast<Bytes>(job.m) * job.n;
  }
  cost.stream = std::max<Cycles>(1, tile.passes * depth);
  cost.drain = Cycles{array.rows} + array.cols - 2;
  move(cost, read, write);
  limit_stream(cost, config, read, write);
  return cost;
}

namespace {

// `sweeps` over the elements on the exp unit's lanes, followed by a division if the job has one.
void exp_sweeps(JobCost& cost, const HardwareConfig& config, Count elements, Count sweeps, Bytes read, Bytes write) {
  const LaneConfig unit{config.sparse_unit.exp_lanes, config.sparse_unit.exp_latency_cycles, 1};
  const Cycles interval = std::max<Cycles>(1, sweeps * ceil_div(elements, unit.lanes));
  const Cycles divide = cost.operations.div > 0 ? config.dividers.latency_cycles : 0;
  lanes(cost, config, {interval + unit.latency_cycles + divide, interval}, read, write);
}

}  // namespace

JobCost exp_unit_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const bool dense_sums = job.stationary != kNone, residual = job.partial != kNone;
  const Count sweeps = dense_sums ? 1 : 3;  // maximum; exp and sum; divide
  JobCost cost;
  count_probabilities(job, tile, cost);
  exp_sweeps(cost, config, tile.kept, sweeps,
             size.wide * (sweeps * tile.kept + (dense_sums ? 2 * job.m : 0)) + (residual ? size.partial * job.m : 0),
             (sweeps - 1) * size.wide * tile.kept + size.element * tile.kept);
  return cost;
}

JobCost row_sums_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  const bool first = (job.flags & kFirst) != 0;
  JobCost cost;
  cost.operations.mul = elements, cost.operations.exp = elements;
  cost.operations.cmp = elements - (first ? job.m : 0);
  cost.operations.add = elements + cost.operations.cmp;  // x - maximum; the sum
  cost.actions[Action::kMultiply] = cost.operations.mul, cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kExp] = cost.operations.exp, cost.actions[Action::kCompare] = cost.operations.cmp;
  exp_sweeps(cost, config, elements, 2, size.wide * (2 * elements + (first ? 0 : 2 * job.m)), 2 * size.wide * job.m);
  return cost;
}

}  // namespace vitality
