#include "cost/dot_product_engine.h"

#include <algorithm>
#include <cmath>

#include "cost/lane_cost.h"
#include "cost/machine_units.h"
#include "cost/sparse_machine.h"
#include "tensor/kronecker.h"
#include "tensor/top_k.h"

namespace vitality {
namespace {

constexpr int kTreesOfModule = 2;
// Scores: SRAM, multiplier and adder tree. Values: SRAM, multiplier and accumulator (SpAtten's released simulator).
constexpr Cycles kScoreLatency = 11, kValueLatency = 3;

Count modules_of(const HardwareConfig& config) {
  return std::max<Count>(1, sparse_array(config).cols / kTreesOfModule);
}

// How many steps one entry takes through a tree, and how many entries share a tree.
struct Folding {
  Count steps, packed;
};
Folding folding(const HardwareConfig& config, Count depth) {
  const Count width = sparse_array(config).rows;
  const bool packs = traits(config.machine).packs_short_vectors;
  return {ceil_div(depth, width), packs ? std::max<Count>(1, width / depth) : 1};
}

}  // namespace

void modules_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile) {
  const Count modules = modules_of(config);
  std::vector<Count> keys(static_cast<std::size_t>(modules));
  for (int r = 0; r < tile.rows; ++r) {
    const std::uint8_t* row = mask.row(tile.row + r);
    std::fill(keys.begin(), keys.end(), 0);
    for (int c = tile.col; c < tile.col + tile.cols; ++c) keys[static_cast<std::size_t>(c % modules)] += row[c];
    tile.passes += *std::max_element(keys.begin(), keys.end());
  }
  tile.sub_rows = tile.kept;
  tile.slots = tile.kept;
  tile.capacity = tile.passes * modules;
}

void lanes_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile) {
  const int lanes = sparse_array(config).cols;
  std::vector<std::uint8_t> shared(static_cast<std::size_t>(tile.cols));
  for (int first = 0; first < tile.rows; first += lanes) {
    std::fill(shared.begin(), shared.end(), std::uint8_t{0});
    Count longest = 0;
    for (int r = first; r < std::min(tile.rows, first + lanes); ++r) {
      const std::uint8_t* row = mask.row(tile.row + r) + tile.col;
      Count kept = 0;
      for (int c = 0; c < tile.cols; ++c) kept += row[c], shared[static_cast<std::size_t>(c)] |= row[c];
      longest = std::max(longest, kept);
    }
    tile.passes += longest;
    tile.sub_rows += std::count(shared.begin(), shared.end(), 1);
  }
  tile.slots = tile.kept;
  tile.capacity = tile.passes * lanes;
}

JobCost dot_product_cost(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const bool sddmm = job.kind == JobKind::kSddmm, lanes = traits(config.machine).queries_share_keys;
  const Count depth = sddmm ? job.k : job.n;
  const Folding fold = folding(config, depth);
  JobCost cost;
  count_products(job, tile, cost);
  Bytes read = ceil_div(static_cast<Count>(tile.rows) * tile.cols, 8), write = 0;
  if (sddmm) {
    read += size.element * ((tile.sub_rows + tile.used_rows) * depth + ((job.flags & kHasBias) != 0 ? tile.kept : 0));
    write = size.wide * tile.kept;
  } else {
    const Bytes sums = size.partial * static_cast<Bytes>(job.m) * job.n;
    const bool first = (job.flags & kFirst) != 0, last = (job.flags & kLast) != 0;
    read += size.element * (tile.kept + tile.sub_rows * depth) + (first ? 0 : sums);
    write = last ? size.element * static_cast<Bytes>(job.m) * job.n : sums;
  }
  const Count trees = lanes ? 1 : std::min<Count>(kTreesOfModule, sparse_array(config).cols);
  cost.stream = std::max<Cycles>(1, ceil_div(tile.passes * fold.steps, trees * fold.packed));
  cost.drain = sddmm ? kScoreLatency : kValueLatency;
  move(cost, read, write);
  limit_stream(cost, config, read, write);
  return cost;
}

Cycles quick_select_cycles(Count n, Count parallel) {
  Cycles cycles = ceil_div(n, parallel);               // the final pass, which drops the others
  for (Count left = n; left > 1; left = left * 2 / 3)  // a random pivot leaves about two thirds
    cycles += ceil_div(left, parallel) + 3;
  return cycles;
}

// Once per head and block of keys. The paper selects only once per layer, which costs even less.
JobCost spatten_predict(const Job& job, const HardwareConfig& config) {
  JobCost cost;
  cost.stream = quick_select_cycles(job.n, config.sparse_unit.predictor_cols);
  cost.latency = 1;
  cost.actions[Action::kCompare] = 4 * static_cast<Count>(job.n);  // n (1 + 2/3 + 4/9 + ...) + n
  const Bytes importance = sizes_of(config).wide * static_cast<Bytes>(job.n);
  move(cost, importance, ceil_div(static_cast<Count>(job.m) * job.n, 8));
  limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
  return cost;
}

JobCost spatten_probabilities(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  JobCost cost = exp_unit_probabilities(job, tile, config);
  cost.actions[Action::kAccumulate] += tile.kept;  // importance of the tokens, behind the division
  if (config.sparsity.source == SparsitySource::kPredicted && config.sparsity.value_keep < 1 &&
      tile.used_rows > 0) {  // the strongest of every row, beside the next one's exp
    const Cycles select =
        tile.used_rows * quick_select_cycles(ceil_div(tile.kept, tile.used_rows), config.sparse_unit.predictor_cols);
    cost.stream = std::max(cost.stream - cost.scratchpad_stall - cost.noc_stall, select);
    limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
    cost.actions[Action::kCompare] += 4 * tile.kept;
  }
  return cost;
}

JobCost elsa_predict(const Job& job, const HardwareConfig& config) {
  const SparseUnitConfig& unit = config.sparse_unit;
  const Count multipliers = Count{unit.predictor_rows} * unit.predictor_cols;
  const Count pairs = static_cast<Count>(job.m) * job.n, d = job.k;
  Count factors = 0;
  for (const int factor : kronecker_factors(job.k)) factors += factor;
  const Count hash = d * factors;                                 // products of one vector's hash
  const Count keys = job.n * (hash + d), queries = job.m * hash;  // for keys, the norm too
  JobCost cost;
  // Keys first; then the next queries are hashed while this query's keys are selected.
  cost.stream = ceil_div(keys, multipliers) +
                std::max(ceil_div(queries, multipliers), ceil_div(pairs, Count{unit.predictor_cols}));
  cost.latency = 4;  // distance, table, multiplication, comparison
  cost.actions[Action::kLowPrecisionMac] = keys + queries;
  cost.actions[Action::kAdd] = pairs * ceil_div(d, 16);  // d single bits counted as d / 16 additions of 16 bits
  cost.actions[Action::kMultiply] = pairs;
  cost.actions[Action::kCompare] = pairs;
  const Bytes element = storage_bytes(config.precision);
  move(cost, element * (static_cast<Bytes>(job.m) + job.n) * d, ceil_div(pairs, 8));
  limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
  return cost;
}

JobCost dota_predict(const Job& job, const HardwareConfig& config) {
  const SparseUnitConfig& unit = config.sparse_unit;
  const Count pairs = static_cast<Count>(job.m) * job.n, vectors = static_cast<Count>(job.m) + job.n;
  const Count rank = kept_count(config.sparsity.detector_rank, job.k);
  const Cycles projections = ceil_div(vectors, unit.predictor_rows) * ceil_div(rank, unit.predictor_cols) * job.k;
  const Cycles products = ceil_div(job.m, unit.predictor_rows) * ceil_div(job.n, unit.predictor_cols) * rank;
  JobCost cost;
  cost.stream = projections + std::max(products, ceil_div(3 * pairs, Count{unit.predictor_cols}));
  cost.drain = Cycles{unit.predictor_rows} + unit.predictor_cols - 2;
  cost.actions[Action::kLowPrecisionMac] = vectors * job.k * rank + pairs * rank;
  cost.actions[Action::kCompare] = 3 * pairs;
  const Bytes element = storage_bytes(config.precision);
  move(cost, element * vectors * job.k, ceil_div(pairs, 8));
  limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
  return cost;
}

}  // namespace vitality
