// ViTCoD (You et al., HPCA 2023): lines of MACs, split between an engine for the whole columns of a polarised mask
// (global tokens) and one for the rest. Scores are formed with the keys in the lines (K stationary), values with the
// outputs in them (output stationary); work inside an engine is balanced, as in the authors' simulator
// (GATECH-EIC/ViTCoD @ b2f7fb5: Hardware/Simulator/ViTCoD.py). Differences from it: heads follow each other on all
// lines instead of sharing them, and every line has the eight MACs of the paper.
#include <algorithm>

#include "cost/lane_cost.h"
#include "cost/machine_units.h"
#include "cost/sparse_machine.h"

namespace vitality {

VitcodLines vitcod_lines(int lines, Count dense, Count sparse) {
  if (dense == 0) return {0, lines};
  if (sparse == 0) return {lines, 0};
  if (lines == 1) return {1, 1, true};
  const int share = static_cast<int>(lines * dense / (dense + sparse));
  const int denser = std::clamp(share, 1, lines - 1);
  return {denser, lines - denser};
}

namespace {

Count denser_entries(const MaskTile& tile) {
  return tile.whole_columns * tile.rows;
}
Count sparser_entries(const MaskTile& tile) {
  return tile.slots - denser_entries(tile);
}

}  // namespace

void vitcod_describe(const HardwareConfig& config, const Mask& mask, MaskTile& tile) {
  const int lines = sparse_array(config).rows;
  const Polarised columns = polarise(mask);
  Count sparse = 0;
  for (int c = tile.col; c < tile.col + tile.cols; ++c) {
    Count kept = 0;
    for (int r = tile.row; r < tile.row + tile.rows; ++r) kept += mask(r, c);
    if (columns.global[static_cast<std::size_t>(c)]) {
      ++tile.whole_columns;
    } else {
      sparse += kept;
      tile.used_columns += kept > 0;
    }
  }
  const Count dense = tile.whole_columns * tile.rows;
  const VitcodLines split = vitcod_lines(lines, dense, sparse);
  // The time of the slower engine, in entries per line.
  tile.passes = split.both(split.denser > 0 ? tile.whole_columns * ceil_div(tile.rows, split.denser) : 0,
                           split.sparser > 0 ? ceil_div(sparse, split.sparser) : 0);
  tile.slots = dense + sparse;
  tile.capacity = tile.passes * lines;
}

JobCost vitcod_products(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ArrayShape array = sparse_array(config);  // lines x MACs a line
  const ElementSizes size = sizes_of(config);
  const bool sddmm = job.kind == JobKind::kSddmm;
  const Count depth = sddmm ? job.k : job.n, dense = denser_entries(tile), sparse = sparser_entries(tile);
  const Count columns = tile.whole_columns + tile.used_columns;
  JobCost cost;
  count_products(job, tile, cost);
  // The denser engine ignores the mask: entries of its columns that the mask drops are computed too. They cost energy
  // and time, but do not count as work done.
  cost.actions[Action::kMac] = tile.slots * depth;
  Bytes read = ceil_div(static_cast<Count>(tile.rows) * tile.cols, 8), write = 0;
  if (sddmm) {
    cost.stream = tile.passes * ceil_div(depth, array.cols);
    read += size.element * (columns * depth + tile.slots * depth + ((job.flags & kHasBias) != 0 ? tile.kept : 0));
    write = size.wide * tile.kept;
  } else {
    const bool first = (job.flags & kFirst) != 0, last = (job.flags & kLast) != 0;
    const VitcodLines split = vitcod_lines(array.rows, dense, sparse);
    const Count outputs = static_cast<Count>(job.m) * job.n;
    cost.stream =
        split.both(split.denser > 0 ? ceil_div(dense * depth, static_cast<Count>(split.denser) * array.cols) : 0,
                   split.sparser > 0 ? ceil_div(sparse * depth, static_cast<Count>(split.sparser) * array.cols) : 0);
    // The row sums of both engines are added, and those of earlier chunks of keys.
    const Count merged = (dense > 0 && sparse > 0 ? outputs : 0) + (first ? 0 : outputs);
    cost.actions[Action::kAccumulate] = merged;
    read += size.element * (tile.kept + columns * depth + sparse * depth) + (first ? 0 : size.partial * outputs);
    write = last ? ((job.flags & kWide) != 0 ? size.wide : size.element) * outputs : size.partial * outputs;
  }
  cost.stream = std::max<Cycles>(1, cost.stream);
  cost.drain = array.cols - 1;  // a line adds up its MACs
  move(cost, read, write);
  limit_stream(cost, config, read, write);
  return cost;
}

JobCost vitcod_code(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  JobCost cost;
  cost.actions[Action::kMac] = elements * job.k;
  cost.stream = ceil_div(elements * job.k, static_cast<Count>(config.matrix_engine.rows) * config.matrix_engine.cols);
  const Bytes whole = size.element * elements,
              coded = size.element * ceil_div(elements * job.k, std::get<CodedHeads>(job.detail).heads);
  const bool encodes = (job.flags & kFirst) != 0;
  move(cost, encodes ? whole : coded, encodes ? coded : whole);
  limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
  return cost;
}

}  // namespace vitality
