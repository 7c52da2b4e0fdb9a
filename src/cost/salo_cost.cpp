// SALO (Shen et al., DAC 2022): an array of PEs that a sliding window passes diagonally, with one global row and one
// global column of PEs beside it. A pass takes as many queries as there are rows and as many places of their window as
// there are columns, and does everything in place: scores, exponential, their sum along the row, its inverse, values
// (sjtu-zhao-lab/SALO @ 07252a8: performance_model/performance_model.py). Dilated windows become contiguous by taking
// the queries residue by residue.
#include <algorithm>
#include <set>
#include <vector>

#include "cost/lane_cost.h"
#include "cost/machine_units.h"
#include "cost/sparse_machine.h"

namespace vitality {

void salo_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile) {
  const ArrayShape array = sparse_array(config);
  const SparsityConfig& pattern = config.sparsity;
  std::vector<int> queries;  // without the global queries, which run on the global row
  for (int r = tile.row; r < tile.row + tile.rows; ++r)
    if (r >= pattern.global_tokens) queries.push_back(r);
  std::stable_sort(queries.begin(), queries.end(),
                   [&](int a, int b) { return a % pattern.dilation < b % pattern.dilation; });
  const int first_key = std::max(tile.col, pattern.global_tokens);
  const Count global_keys = std::max(0, std::min(tile.col + tile.cols, pattern.global_tokens) - tile.col),
              global_queries = tile.rows - static_cast<Count>(queries.size());
  Count window_entries = 0;
  for (std::size_t begin = 0; begin < queries.size(); begin += static_cast<std::size_t>(array.rows)) {
    std::set<int> groups;  // of window places, as wide as the array
    const std::size_t end = std::min(queries.size(), begin + static_cast<std::size_t>(array.rows));
    for (std::size_t i = begin; i < end; ++i) {
      std::set<int> own;
      for (int c = first_key; c < tile.col + tile.cols; ++c) {
        if (mask(queries[i], c) == 0) continue;
        ++window_entries;
        own.insert(((c - queries[i]) / pattern.dilation + pattern.window / 2) / array.cols);
      }
      tile.sub_rows += static_cast<Count>(own.size());
      groups.insert(own.begin(), own.end());
    }
    // The global column takes one key per pass for these queries.
    tile.passes += std::max(static_cast<Count>(groups.size()), global_keys);
  }
  // The global row takes, per pass, as many keys of one query as the array has columns.
  tile.passes = std::max(tile.passes, global_queries * ceil_div(tile.cols, array.cols));
  tile.slots = tile.sub_rows * array.cols + (tile.kept - window_entries);
  tile.capacity = tile.passes * (array.pes() + array.rows + array.cols);
}

JobCost salo_products(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ArrayShape array = sparse_array(config);
  const ElementSizes size = sizes_of(config);
  const bool sddmm = job.kind == JobKind::kSddmm;
  const Count depth = sddmm ? job.k : job.n;
  JobCost cost;
  count_products(job, tile, cost);
  // A pass loads its queries and the diagonal of keys (or values) that these queries see together.
  const Count keys = tile.passes * (array.rows + array.cols - 1);
  Bytes read = 0, write = 0;
  if (sddmm) {  // scores stay in the PEs
    cost.stream = tile.passes * depth;
    read = size.element * ((tile.sub_rows + keys) * depth + ((job.flags & kHasBias) != 0 ? tile.kept : 0));
  } else {
    const bool last = (job.flags & kLast) != 0;
    const Count merged = std::max<Count>(0, tile.sub_rows - tile.fresh_rows) * depth;
    cost.actions[Action::kAccumulate] = merged;
    cost.stream = tile.passes * (depth + 1);  // and one cycle to clear the PEs for the next pass
    cost.drain = Cycles{array.cols} + std::max(0, config.sparsity.global_tokens - 1);
    read = size.element * keys * depth + size.partial * merged;
    write = size.partial * merged + (last ? size.element * static_cast<Bytes>(job.m) * job.n : 0);
  }
  cost.stream = std::max<Cycles>(1, cost.stream);
  move(cost, read, write);
  limit_stream(cost, config, read, write);
  return cost;
}

JobCost salo_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  JobCost cost;
  count_probabilities(job, tile, cost);
  // A pass: exponential, its sum, the sum's way along the row, its inverse.
  cost.stream = std::max<Cycles>(1, tile.passes * (1 + 1 + sparse_array(config).cols + 1));
  return cost;
}

}  // namespace vitality
