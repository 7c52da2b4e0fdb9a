#include "cost/array_cost.h"

#include <algorithm>

#include "base/error.h"

namespace vitality {
namespace {

Count checked_multiply(Count a, Count b) {
  Count product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    throw InputError("", "", "the GEMM is too large: its cycles or MACs exceed 2^63 - 1");
  return product;
}

Count checked_add(Count a, Count b) {
  Count sum = 0;
  if (__builtin_add_overflow(a, b, &sum))
    throw InputError("", "", "the GEMM is too large: its cycles or MACs exceed 2^63 - 1");
  return sum;
}

// (a + b - 1) / b, written so that the sum cannot overflow.
Count passes(Count a, Count b) {
  return (a - 1) / b + 1;
}

}  // namespace

FoldTiming input_stationary_fold(int rows, int cols, Count streamed, bool prefetch, bool already_loaded) {
  FoldTiming fold{already_loaded ? 0 : rows, streamed, Cycles{rows} + cols - 2, 0};
  fold.interval = prefetch ? std::max(fold.load, fold.stream) : fold.latency();
  return fold;
}

FoldTiming output_stationary_fold(int rows, int cols, Count depth) {
  FoldTiming fold{0, depth, Cycles{rows} + cols - 2, 0};
  fold.interval = fold.latency();
  return fold;
}

Cycles output_stationary_drain(int rows) {
  return rows;
}

// More than 6 parameters: what an array is, then the sizes of the product.
GemmTiming gemm_timing(Dataflow dataflow, int rows, int cols, bool prefetch, Count m, Count k, Count n) {
  if (rows < 1 || cols < 1 || m < 1 || k < 1 || n < 1)
    throw InputError("", "", "a GEMM and its array need sizes of at least 1");
  const bool input_stationary = dataflow == Dataflow::kInputStationary;
  const Count streamed = input_stationary ? m : k;
  checked_add(streamed, Count{2} * rows + cols);  // so that no sum inside a fold overflows
  const FoldTiming fold = input_stationary ? input_stationary_fold(rows, cols, streamed, prefetch)
                                           : output_stationary_fold(rows, cols, streamed);
  GemmTiming timing{};
  timing.macs = checked_multiply(checked_multiply(m, k), n);
  timing.folds = checked_multiply(passes(input_stationary ? k : m, rows), passes(n, cols));
  timing.cycles = checked_add(checked_multiply(timing.folds - 1, fold.interval), fold.latency());
  timing.utilization = static_cast<double>(timing.macs) /
                       (static_cast<double>(rows) * static_cast<double>(cols) * static_cast<double>(timing.cycles));
  return timing;
}

GemmTiming gemm_timing(const MatrixEngineConfig& engine, Count m, Count k, Count n) {
  return gemm_timing(engine.dataflow, engine.rows, engine.cols, engine.stationary_prefetch, m, k, n);
}

JobTiming accumulator_timing(const LaneConfig& unit, Count rows, Count cols) {
  LaneConfig recurrent = unit;
  recurrent.initiation_interval = std::max(unit.latency_cycles, unit.initiation_interval);
  return lane_timing(recurrent, rows, cols);
}

JobTiming lane_timing(const LaneConfig& unit, Count rows, Count cols) {
  const Count slots = rows * passes(cols, unit.lanes);
  return {(slots - 1) * unit.initiation_interval + unit.latency_cycles, slots * unit.initiation_interval};
}

JobTiming divider_chain_timing(const LaneConfig& unit, Count rows, Count cols) {
  JobTiming timing = lane_timing(unit, rows, cols);
  const Count last_pass = (cols - 1) % unit.lanes + 1;  // columns of the last pass
  Cycles skew = last_pass - 1;
  // The pass before the last is full, so its last lanes may end later than a narrow last pass.
  if (cols > unit.lanes) skew = std::max(skew, Cycles{unit.lanes} - 1 - rows * unit.initiation_interval);
  timing.latency += skew;
  return timing;
}

}  // namespace vitality
