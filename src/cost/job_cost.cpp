#include "cost/job_cost.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "cost/array_cost.h"
#include "cost/gradient_cost.h"
#include "cost/lane_cost.h"
#include "cost/machine_units.h"
#include "cost/scratchpad_lanes.h"
#include "cost/sparse_machine.h"

namespace vitality {
namespace {

// The number of steps of a stream that the operand FIFOs decouple: as many as elements fit in one lane.
Count window_of(const ScratchpadLanes& lanes, Bytes element) {
  return std::max<Count>(1, lanes.lane_bytes / element);
}

// Whether the rows of a tile that is read by rows lie apart in memory, not one directly behind the other.
bool rows_apart(std::int32_t stride, std::int32_t width) {
  return stride != 0 && stride != width;
}

// Number of elements in a row of the streamed tile as it is stored.
std::int32_t streamed_width(const Job& job) {
  return (job.flags & kTransposed) != 0 ? job.m : job.k;
}
bool by_columns(const Job& job) {
  return ((job.flags & kTransposed) != 0) != ((job.flags & kOutputStationary) != 0);
}

// Conflicts of a pass's streamed operand: m x k elements, read by rows, one per cycle (output stationary: by columns).
Cycles streamed_conflicts(const Job& job, const Schedule& schedule, const HardwareConfig& config, Bytes element) {
  const ScratchpadLanes lanes = scratchpad_lanes(config.scratchpad);
  const Count window = window_of(lanes, element);
  if ((job.flags & kIm2col) != 0) {
    const Im2colTile& tile = schedule.im2col_tiles[job.im2col_tile()];
    const Conv2d& conv = schedule.geometries[static_cast<std::size_t>(tile.geometry)];
    const GatherPattern pattern{conv, tile.first_k, job.k / tile.groups, tile.first_group, tile.groups};
    return lane_load(lanes, pattern, element, window).conflicts * ceil_div(job.m, conv.out_width);
  }
  const std::int32_t width = streamed_width(job), rows = (job.flags & kTransposed) != 0 ? job.k : job.m;
  const Bytes stride = element * (job.streamed_stride != 0 ? job.streamed_stride : width);
  const Bytes phase = element * job.streamed_offset % lanes.lane_bytes;
  if (by_columns(job)) return lane_load(lanes, {width, rows, element, element, stride, phase}, window).conflicts;
  if (!rows_apart(job.streamed_stride, width)) return 0;
  return lane_load(lanes, {rows, 1, element * width, stride, 0, phase}, window).conflicts;
}

// Conflicts of the pass's stationary operand: k x n elements, one row per cycle.
Cycles stationary_conflicts(const Job& job, const HardwareConfig& config, Bytes element) {
  const ScratchpadLanes lanes = scratchpad_lanes(config.scratchpad);
  const Count window = window_of(lanes, element);
  const bool transposed = (job.flags & kStationaryTransposed) != 0;
  const std::int32_t width = transposed ? job.k : job.n;
  const Bytes stride = element * (job.stationary_stride != 0 ? job.stationary_stride : width);
  const Bytes phase = element * job.stationary_offset % lanes.lane_bytes;
  if (transposed) return lane_load(lanes, {job.k, job.n, element, element, stride, phase}, window).conflicts;
  if (!rows_apart(job.stationary_stride, width)) return 0;
  return lane_load(lanes, {job.k, 1, element * width, stride, 0, phase}, window).conflicts;
}

JobCost fold_cost(const Job& job, const Schedule& schedule, const HardwareConfig& config) {
  const MatrixEngineConfig& engine = config.matrix_engine;
  const ElementSizes size = sizes_of(config);
  JobCost cost;
  const Count outputs = static_cast<Count>(job.m) * job.n;
  const bool grouped = (job.flags & kIm2col) != 0;
  const Count depth = grouped ? job.k / schedule.im2col_tiles[job.im2col_tile()].groups : job.k;
  const bool first = (job.flags & kFirst) != 0, last = (job.flags & kLast) != 0, bias = (job.flags & kHasBias) != 0;
  const bool output_stationary = (job.flags & kOutputStationary) != 0;
  const bool held = (job.flags & kStationaryHeld) != 0, result_held = (job.flags & kResultHeld) != 0;
  // With an output stationary array the sums stay in the PEs, unless chunks of the contraction are added outside it.
  const bool sums_in_array = output_stationary && (job.partial == kNone || result_held);
  cost.macs = outputs * depth;
  cost.operations.mul = cost.macs;
  cost.operations.add = outputs * (depth - 1) + (first ? 0 : outputs) + (bias ? outputs : 0);
  cost.actions[Action::kMac] = cost.macs;
  cost.actions[Action::kAccumulate] = (first || sums_in_array ? 0 : outputs) + (bias ? outputs : 0);
  const bool onto_result = last && (job.flags & kOntoResult) != 0;
  if (onto_result) cost.operations.add += outputs, cost.actions[Action::kAccumulate] += outputs;

  const Count streamed_elements = static_cast<Count>(job.m) * job.k,
              stationary_elements = static_cast<Count>(job.k) * job.n;
  const bool guarded_stationary = (job.flags & kStationaryTransposed) != 0;
  const Bytes streamed =
      size.element * streamed_elements + (guarded_stationary ? 0 : guard_bytes(job, streamed_elements));
  const Bytes stationary =
      held ? 0 : size.element * stationary_elements + (guarded_stationary ? guard_bytes(job, stationary_elements) : 0);
  cost.stationary_read = stationary + (bias ? size.partial * job.n : 0);
  Bytes write = 0;
  if (!sums_in_array && !first) cost.partial_read = size.partial * outputs;
  if (!last) {
    if (!sums_in_array) cost.partial_write = write = size.partial * outputs;
  } else if (!result_held) {
    write = ported_result(job, ((job.flags & kWide) != 0 ? size.wide : size.element) * outputs);
  }
  move(cost, streamed + cost.stationary_read + cost.partial_read, write);
  const Cycles streamed_lost = streamed_conflicts(job, schedule, config, size.element);
  const Cycles stationary_lost = held ? 0 : stationary_conflicts(job, config, size.element);
  if (output_stationary) {
    cost.stream = job.k;
    cost.drain = last || !sums_in_array ? Cycles{engine.rows} + engine.cols - 2 : 0;
    limit_stream(cost, config, streamed + stationary, 0, streamed_lost + stationary_lost);
  } else {
    const FoldTiming fold = input_stationary_fold(engine.rows, engine.cols, job.m, engine.stationary_prefetch, held);
    cost.load = fold.load, cost.stream = fold.stream, cost.drain = fold.drain;
    // The tile enters by rows, one per cycle; rows of PEs that the tile leaves idle take nothing.
    if (!held) limit_load(cost, config, stationary, job.k, stationary_lost);
    limit_stream(cost, config, streamed + cost.partial_read, write, streamed_lost);
  }
  return cost;
}

JobCost diagonal_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const bool own = job.unit == UnitKind::kDiagonalEngine;
  const int rows = own ? config.diagonal_engine.rows : config.matrix_engine.rows;
  const int cols = own ? 1 : config.matrix_engine.cols;
  JobCost cost;
  if (job.kind == JobKind::kScaleVector) {
    const Count elements = static_cast<Count>(job.m) * job.n;
    cost.stream = ceil_div(elements, rows);
    cost.operations.mul = elements;
    cost.actions[Action::kMultiply] = elements;
    move(cost, size.partial * elements, size.partial * elements);
    limit_stream(cost, config, cost.scratchpad_read, cost.scratchpad_write);
    return cost;
  }
  // A contraction longer than the column of PEs takes several passes; their sums are added outside. The operands are
  // released when the last pass has read them, so what other passes drain counts with the loads before.
  const Count passes = ceil_div(job.k, rows);
  const FoldTiming fold = input_stationary_fold(rows, cols, job.m, false);
  cost.load = passes * fold.load + (passes - 1) * fold.drain;
  cost.stream = passes * fold.stream, cost.drain = fold.drain;
  cost.macs = static_cast<Count>(job.m) * job.k;
  cost.operations.mul = cost.macs;
  cost.operations.add = static_cast<Count>(job.m) * (job.k - 1);
  cost.actions[Action::kMac] = cost.macs;
  cost.actions[Action::kAccumulate] = (passes - 1) * job.m;
  const Bytes stationary = size.partial * job.k;
  move(cost, size.element * job.m * job.k + stationary + size.partial * (passes - 1) * job.m,
       size.partial * passes * job.m);
  limit_load(cost, config, stationary, job.k, 0);
  limit_stream(cost, config, cost.scratchpad_read - stationary, cost.scratchpad_write);
  return cost;
}

JobCost softmax_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n, m = job.m;
  JobCost cost;
  cost.operations.mul = elements;
  cost.operations.add = elements + m * (job.n - 1);
  cost.operations.div = elements, cost.operations.exp = elements, cost.operations.cmp = m * (job.n - 1);
  cost.actions[Action::kMultiply] = elements;
  cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kDivide] = elements, cost.actions[Action::kExp] = elements,
  cost.actions[Action::kCompare] = cost.operations.cmp;
  // Three sweeps over a row: maximum (with the scale), exp and sum, divide. A row enters a sweep when its last slot of
  // the sweep before has left the pipeline, which matters where there are only a few short rows.
  const LaneConfig unit = unit_row(config, job.unit).lanes;
  const JobTiming sweep = lane_timing(unit, job.m, job.n);
  const Cycles depth = unit.latency_cycles + config.special_functions.exp_latency_cycles;
  // From the last slot of the first row to that row's first slot in the next sweep: the slots of all other rows.
  const Cycles others = sweep.interval - lane_timing(unit, 1, job.n).interval + unit.initiation_interval;
  const Cycles wait = std::max<Cycles>(0, depth - others);
  const Cycles stream = 3 * sweep.interval + 2 * wait;
  lanes(cost, config, {stream + (sweep.latency - sweep.interval) + config.special_functions.exp_latency_cycles, stream},
        3 * size.wide * elements, (2 * size.wide + size.element) * elements);
  return cost;
}

// Two sweeps of a tile: maximum (with the scale); exp and sum. Behind the first tile three sweeps of the row numbers:
// the new maximum, the factor, the rescaled sum.
JobCost online_softmax_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n, rows = (job.flags & kFirst) != 0 ? 0 : job.m;
  JobCost cost;
  cost.operations.mul = elements + rows;
  cost.operations.add = elements + static_cast<Count>(job.m) * (job.n - 1) + 2 * rows;
  cost.operations.exp = elements + rows;
  cost.operations.cmp = static_cast<Count>(job.m) * (job.n - 1) + rows;
  cost.actions[Action::kMultiply] = cost.operations.mul, cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kExp] = cost.operations.exp, cost.actions[Action::kCompare] = cost.operations.cmp;
  const LaneConfig unit = unit_row(config, job.unit).lanes;
  const JobTiming sweep = lane_timing(unit, job.m, job.n);
  const Cycles interval = 2 * sweep.interval + (rows > 0 ? 3 * lane_timing(unit, 1, rows).interval : 0);
  const Bytes numbers = 2 * size.wide + size.partial;
  lanes(cost, config,
        {interval + (sweep.latency - sweep.interval) + config.special_functions.exp_latency_cycles, interval},
        2 * size.wide * elements + numbers * rows, (size.wide + size.element) * elements + numbers * job.m);
  return cost;
}

// One sweep, with a number a row.
JobCost rescale_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  const bool divides = (job.flags & kLast) != 0;
  JobCost cost;
  (divides ? cost.operations.div : cost.operations.mul) = elements;
  cost.actions[divides ? Action::kDivide : Action::kMultiply] = elements;
  lanes(cost, config, lane_timing(unit_row(config, job.unit).lanes, job.m, job.n),
        size.partial * elements + (divides ? size.partial : size.wide) * job.m,
        (divides ? size.element : size.partial) * elements);
  return cost;
}

JobCost elementwise_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  JobCost cost;
  const LaneConfig unit = unit_row(config, job.unit).lanes;
  // One sweep for simple functions; layer norm takes three (mean, variance, normalise).
  const Count sweeps = std::get<ElementwiseStep>(job.detail).sweeps;
  const JobTiming sweep = lane_timing(unit, job.m, job.n);
  cost.operations.mul = (sweeps == 3 ? 3 : 2) * elements;
  cost.operations.add = (sweeps == 3 ? 4 : 1) * elements;
  if (sweeps == 3) {
    cost.operations.div = job.m;
  } else {
    cost.operations.exp = elements;
  }
  cost.actions[Action::kMultiply] = cost.operations.mul;
  cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kDivide] = cost.operations.div, cost.actions[Action::kExp] = cost.operations.exp;
  lanes(cost, config, {sweeps * sweep.interval + (sweep.latency - sweep.interval), sweeps * sweep.interval},
        sweeps * ported_operand(job, size.element * elements), ported_result(job, size.element * elements));
  return cost;
}

// One multiplication an element, in one sweep; operands: matrices that are read.
JobCost multiply_cost(const Job& job, const HardwareConfig& config, int operands) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  JobCost cost;
  cost.operations.mul = elements;
  cost.actions[Action::kMultiply] = elements;
  lanes(cost, config, lane_timing(unit_row(config, job.unit).lanes, job.m, job.n),
        ported_operand(job, size.element * elements) + (operands - 1) * size.element * elements,
        ported_result(job, size.element * elements));
  return cost;
}

JobCost column_sum_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  const bool first = (job.flags & kFirst) != 0;
  JobCost cost;
  cost.operations.add = elements - (first ? job.n : 0);
  cost.actions[Action::kAccumulate] = cost.operations.add;
  lanes(cost, config, accumulator_timing(config.accumulators, job.m, job.n),
        ported_operand(job,
                       ((job.flags & kWide) != 0 ? size.wide : size.element) * elements + guard_bytes(job, elements)) +
            (first ? 0 : size.partial * job.n),
        size.partial * job.n);
  cost.partial_read = first ? 0 : size.partial * job.n;
  return cost;
}

JobCost mean_divide_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  JobCost cost;
  cost.operations.div = job.n;
  cost.actions[Action::kDivide] = job.n;
  lanes(cost, config, lane_timing(config.dividers, 1, job.n), size.partial * job.n, size.element * job.n);
  return cost;
}

// A divisor takes a cycle from lane to lane, so a short tile may be finished sooner on fewer lanes in more passes. The
// job uses the number of lanes that finishes first; if several do, the largest of them.
JobCost row_divide_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  const Bytes read =
      ported_operand(job, ((job.flags & kNarrow) != 0 ? size.element : size.wide) * elements) + size.partial * job.m;
  const Bytes write = ported_result(job, ((job.flags & kWide) != 0 ? size.wide : size.element) * elements);
  JobCost counted;
  counted.operations.div = elements;
  counted.actions[Action::kDivide] = elements;
  JobCost cost = counted;
  LaneConfig unit = config.dividers;
  bool found = false;
  // Rows that come through a FIFO pass once.
  const bool once = (job.flags & (kRowsIn | kRowsOut)) != 0;
  for (unit.lanes = static_cast<int>(std::min<Count>(unit.lanes, job.n)); unit.lanes > 0 && !(once && found);
       --unit.lanes) {
    const JobTiming timing = divider_chain_timing(unit, job.m, job.n);
    // The time without the skew of the chain is a lower bound, and fewer lanes only make it larger: stop when it is no
    // better.
    if (found && timing.interval - unit.initiation_interval + unit.latency_cycles >= cost.stream + cost.latency) break;
    JobCost other = counted;
    lanes(other, config, timing, read, write);
    if (!found || other.stream + other.latency < cost.stream + cost.latency) cost = other;
    found = true;
  }
  return cost;
}

JobCost merge_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n;
  JobCost cost;
  cost.operations.add = elements;
  cost.actions[Action::kAdd] = elements;
  lanes(cost, config, lane_timing(config.adders, job.m, job.n), 2 * size.wide * elements, size.element * elements);
  return cost;
}

// A job of the adders: it reads `in` bytes per element and `second` bytes in all of the other summand, and writes `out`
// bytes per element.
JobCost adder_cost(const Job& job, const HardwareConfig& config, Bytes in, Bytes second, Bytes out) {
  const Count elements = static_cast<Count>(job.m) * job.n;
  JobCost cost;
  cost.operations.add = elements;
  cost.actions[Action::kAdd] = elements;
  // A column vector (t_D) is spread over the lanes by rows.
  const JobTiming timing = job.n == 1 ? lane_timing(config.adders, 1, job.m) : lane_timing(config.adders, job.m, job.n);
  lanes(cost, config, timing, ported_operand(job, in * elements) + second,
        ported_result(job, out * elements + guard_bytes(job, elements)));
  cost.stationary_read = second;
  return cost;
}

// A comparison with zero in place of an addition.
JobCost rectify_cost(const Job& job, const HardwareConfig& config) {
  JobCost cost = adder_cost(job, config, sizes_of(config).element, 0, sizes_of(config).element);
  std::swap(cost.operations.add, cost.operations.cmp);
  std::swap(cost.actions[Action::kAdd], cost.actions[Action::kCompare]);
  return cost;
}

JobCost transfer_cost(const Job& job, const Schedule& schedule) {
  Bytes bytes = 0;
  for (const Transfer& transfer : schedule.transfers_of(job)) bytes += transfer.bytes;
  JobCost cost;  // the memory system decides the time
  (job.kind == JobKind::kLoad ? cost.scratchpad_write : cost.scratchpad_read) = bytes;
  return cost;
}

const MaskTile& mask_tile(const Job& job, const Schedule& schedule) {
  return schedule.mask_tiles[job.mask_tile()];
}

// One row per kind, and no case for all others, so that the compiler names this place when a kind is added. Over 60
// lines: a row for each kind.
JobCost cost_of_kind(const Job& job, const Schedule& schedule, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  switch (job.kind) {
    case JobKind::kLoad:
    case JobKind::kStore:
      return transfer_cost(job, schedule);
    case JobKind::kFold:
      return fold_cost(job, schedule, config);
    case JobKind::kDotProduct:
    case JobKind::kScaleVector:
      return diagonal_cost(job, config);
    case JobKind::kColumnSum:
      return column_sum_cost(job, config);
    case JobKind::kMeanDivide:
      return mean_divide_cost(job, config);
    case JobKind::kRowDivide:
      return row_divide_cost(job, config);
    case JobKind::kSubtractRow:
      return adder_cost(job, config, size.element, size.partial * job.n, size.element);
    case JobKind::kAddRow:
      return adder_cost(job, config, size.wide, size.partial * job.n,
                        (job.flags & kLast) != 0 ? size.element : size.wide);
    case JobKind::kAddConstant:
      return adder_cost(job, config, size.partial, 0, size.partial);
    case JobKind::kRectify:
      return rectify_cost(job, config);
    case JobKind::kAddMatrix:
      return adder_cost(job, config, size.element, size.element * job.m * job.n, size.element);
    case JobKind::kSoftmaxRows:
      return softmax_cost(job, config);
    case JobKind::kOnlineSoftmax:
      return online_softmax_cost(job, config);
    case JobKind::kRescaleRows:
      return rescale_cost(job, config);
    case JobKind::kElementwise:
      return job.unit == UnitKind::kUncharged ? JobCost{} : elementwise_cost(job, config);
    case JobKind::kScaleColumns:
      return job.unit == UnitKind::kUncharged ? JobCost{} : multiply_cost(job, config, 1);
    case JobKind::kMultiplyMatrix:
      return job.unit == UnitKind::kUncharged ? JobCost{} : multiply_cost(job, config, 2);
    case JobKind::kPredict:
      return sparse_machine(config).predict(job, config);
    case JobKind::kSddmm:
    case JobKind::kSpmm:
    case JobKind::kSpmmTransposed:
      return sparse_machine(config).products(job, mask_tile(job, schedule), config);
    case JobKind::kRowSums:
      return row_sums_cost(job, config);
    case JobKind::kSparseSoftmax:
      return sparse_machine(config).probabilities(job, mask_tile(job, schedule), config);
    case JobKind::kMerge:
      return merge_cost(job, config);
    case JobKind::kCode:
      return vitcod_code(job, config);
    case JobKind::kClear:
      return clear_cost(job, config);
    case JobKind::kLossGradient:
      return loss_gradient_cost(job, config);
    case JobKind::kNormGradient:
      return norm_gradient_cost(job, config);
    case JobKind::kActivationGradient:
      return activation_gradient_cost(job, config);
    case JobKind::kSoftmaxGradient:
      return softmax_gradient_cost(job, config);
    case JobKind::kRowProducts:
      return row_products_cost(job, config);
    case JobKind::kAddOuter:
      return add_outer_cost(job, config);
    case JobKind::kUpdate:
      return update_cost(job, schedule.updates[std::get<UpdateId>(job.detail)], config);
    case JobKind::kSparseSoftmaxGradient:
      return sparse_softmax_gradient_cost(mask_tile(job, schedule), config);
    case JobKind::kRowTerms:
      return row_terms_cost(job, mask_tile(job, schedule), config);
    case JobKind::kUnifiedGradient:
      return unified_gradient_cost(job, mask_tile(job, schedule), config);
  }
  throw std::logic_error("a job without a kind");
}

}  // namespace

const char* action_name(Action action) {
  static const char* const names[kActions] = {"mac",
                                              "accumulate",
                                              "add",
                                              "multiply",
                                              "divide",
                                              "exp",
                                              "compare",
                                              "scratchpad_read_byte",
                                              "scratchpad_write_byte",
                                              "noc_byte_hop",
                                              "low_precision_mac",
                                              "bank_conflict"};
  return names[static_cast<int>(action)];
}

JobCost job_cost(const Job& job, const Schedule& schedule, const HardwareConfig& config) {
  JobCost cost = cost_of_kind(job, schedule, config);
  cost.actions[Action::kScratchpadRead] = cost.scratchpad_read;
  cost.actions[Action::kScratchpadWrite] = cost.scratchpad_write;
  return cost;
}

namespace {

constexpr std::int32_t kLaneElements = 8;  // a multiple of the elements that fit a lane

// Every property of a job that job_cost() reads: jobs with equal keys have equal costs.
struct CostKey {
  std::uint32_t what;            // unit, kind and flags in one word
  std::int32_t m, k, n, groups;  // groups: -1 where sums are added outside the array
  std::int32_t mask = 0;         // number of the mask tile's shape
  Bytes bytes;
  std::array<std::int32_t, 5> layout = {};  // the strides and offsets that decide bank conflicts
  friend bool operator==(const CostKey& a, const CostKey& b) {
    std::int32_t differences = 0;  // compared by hand, to avoid a call of memcmp
    for (std::size_t i = 0; i < a.layout.size(); ++i) differences |= a.layout[i] ^ b.layout[i];
    return a.what == b.what && a.m == b.m && a.k == b.k && a.n == b.n && a.groups == b.groups && a.mask == b.mask &&
           a.bytes == b.bytes && differences == 0;
  }
  std::uint64_t hash() const {
    const auto pair = [](auto high, std::int32_t low) {
      return static_cast<std::uint64_t>(static_cast<std::uint32_t>(high)) << 32 | static_cast<std::uint32_t>(low);
    };
    std::uint64_t sum = pair(what, m) * 0x9E3779B97F4A7C15ULL;
    sum += pair(k, n) * 0xC2B2AE3D27D4EB4FULL + pair(groups, mask) * 0x165667B19E3779F9ULL;
    sum +=
        static_cast<std::uint64_t>(bytes) * 0xFF51AFD7ED558CCDULL + pair(layout[0], layout[1]) * 0xC4CEB9FE1A85EC53ULL;
    sum += pair(layout[2], layout[3]) * 0xD6E8FEB86659FD93ULL +
           static_cast<std::uint32_t>(layout[4]) * 0xA0761D6478BD642FULL;
    sum ^= sum >> 32;
    return sum * 0x9E3779B97F4A7C15ULL >> 32;
  }
};

// Gives each distinct shape of a mask tile a number.
using MaskShapes = std::map<std::array<Count, 9>, std::int32_t>;

// Gives each distinct key a number. A hash table with open addressing, at most half full.
class CostKeys {
 public:
  CostKeys() : slots_(512, kNone) {}

  std::int32_t size() const { return static_cast<std::int32_t>(keys_.size()); }
  // The key's number; a new key gets the size() before the call.
  std::int32_t number_of(const CostKey& key) {
    std::int32_t& slot = slot_of(key);
    if (slot != kNone) return slot;
    const std::int32_t number = slot = size();
    keys_.push_back(key);
    if (2 * keys_.size() > slots_.size()) {
      slots_.assign(2 * slots_.size(), kNone);
      for (std::int32_t i = 0; i < size(); ++i) slot_of(keys_[static_cast<std::size_t>(i)]) = i;
    }
    return number;
  }

 private:
  std::int32_t& slot_of(const CostKey& key) {
    std::size_t at = key.hash() & (slots_.size() - 1);
    while (slots_[at] != kNone && !(keys_[static_cast<std::size_t>(slots_[at])] == key))
      at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  std::vector<CostKey> keys_;
  std::vector<std::int32_t> slots_;
};

CostKey key_of(const Job& job, const Schedule& schedule, MaskShapes& shapes) {
  const std::uint32_t what =
      static_cast<std::uint32_t>(job.unit) << 24 | static_cast<std::uint32_t>(job.kind) << 16 | job.flags;
  CostKey key{what, job.m, job.k, job.n, 0, 0, 0};
  if (job.kind == JobKind::kFold) {
    if ((job.flags & kIm2col) != 0) {
      const Im2colTile& tile = schedule.im2col_tiles[job.im2col_tile()];
      key.layout = {tile.geometry, tile.first_k, tile.first_group};
    } else if (by_columns(job) || rows_apart(job.streamed_stride, streamed_width(job))) {
      key.layout = {job.streamed_stride, job.streamed_offset % kLaneElements};
    }
    if ((job.flags & kStationaryTransposed) != 0 || rows_apart(job.stationary_stride, job.n))
      key.layout[3] = job.stationary_stride, key.layout[4] = job.stationary_offset % kLaneElements;
  }
  if (job.kind == JobKind::kLoad || job.kind == JobKind::kStore) {
    for (const Transfer& transfer : schedule.transfers_of(job)) key.bytes += transfer.bytes;
  } else if ((job.flags & kIm2col) != 0) {
    key.groups = schedule.im2col_tiles[job.im2col_tile()].groups;
  } else if (traits(job.kind).reads_mask_tile) {
    const MaskTile& tile = mask_tile(job, schedule);
    const auto fresh = static_cast<std::int32_t>(shapes.size());
    key.mask = shapes
                   .try_emplace({tile.kept, tile.fresh_rows, tile.sub_rows, tile.passes, tile.used_rows, tile.slots,
                                 tile.capacity, tile.whole_columns, tile.used_columns},
                                fresh)
                   .first->second;
    key.groups = (job.stationary != kNone ? 1 : 0) + (job.partial != kNone ? 2 : 0);
  } else if (job.kind == JobKind::kCode) {
    key.groups = std::get<CodedHeads>(job.detail).heads;
  } else if (const auto* step = std::get_if<ElementwiseStep>(&job.detail)) {
    key.groups = step->sweeps;
  } else if (job.kind == JobKind::kUpdate) {
    key.bytes = schedule.updates[std::get<UpdateId>(job.detail)].gradient_element;
  } else if (job.partial != kNone) {
    key.groups = -1;
  }
  return key;
}

}  // namespace

CostTable::CostTable(const Schedule& schedule, const HardwareConfig& config) {
  CostKeys known;
  MaskShapes shapes;
  index_.reserve(schedule.jobs.size());
  for (const Job& job : schedule.jobs) {
    const std::int32_t entry = known.number_of(key_of(job, schedule, shapes));
    if (static_cast<std::size_t>(entry) == costs_.size()) costs_.push_back(job_cost(job, schedule, config));
    index_.push_back(entry);
  }
}

}  // namespace vitality
