// Cycles of the ViTALiTy accelerator's compute arrays: the systolic arrays SA-General and SA-Diag, and the accumulator,
// divider and adder arrays (paper: Section IV, accelerator architecture). docs/validation-array.md compares with
// published systolic simulators.
//
// What is counted. Operands stand in registers at the border of the unit before the first counted clock edge. Counting
// starts with the first edge at which a register inside the unit takes a value and ends with the edge at which the last
// result is in its register (bottom row of partial sums, accumulator, output register of a lane); both edges count.
// docs/validation-array.md derives every formula from the clocked model in tests/models, which agrees exactly.
// (Published systolic simulators number the cycles from 0 and report the number of the last one: one less for a whole
// GEMM.)
//
// Each job has two numbers: `latency`, from the first edge to the last result, and `interval`, after which the unit can
// start the next job of the same kind. The whole unit costs time even when a tile does not fill it: data also pass
// through idle rows and columns.
//
// All arguments are >= 1 unless said otherwise (callers have checked).
#pragma once

#include "base/units.h"
#include "config/hardware_config.h"

namespace vitality {

struct JobTiming {
  Cycles latency, interval;
};

// One pass of R x C PEs over one stationary tile, `streamed` rows of the moving operand (SA-Diag: cols = 1).
struct FoldTiming {
  Cycles load;    // R: the stationary tile enters row by row from the top; 0 when it is already in place (G-stationary)
  Cycles stream;  // M: one row of the moving operand a cycle, row r of PEs r cycles late
  Cycles drain;   // R + C - 2: skew of the last row of PEs and of the last column
  // Without prefetch the phases of successive folds do not overlap: each fold takes 2R + C + M - 2 cycles. With a
  // second stationary register per PE, the next tile is loaded behind the running one and the streams follow each
  // other: one fold every max(R, M) cycles.
  Cycles interval;
  Cycles latency() const { return load + stream + drain; }
};
FoldTiming input_stationary_fold(int rows, int cols, Count streamed, bool prefetch, bool already_loaded = false);

// One R x C tile of results, `depth` = K products each: K + R + C - 2. The results leave through a shadow chain down
// the columns in the R cycles after the fold, while the next fold runs (R <= K + R + C - 2 always);
// output_stationary_drain counts them.
FoldTiming output_stationary_fold(int rows, int cols, Count depth);
Cycles output_stationary_drain(int rows);

// A whole GEMM, compute alone: the streamed operand M x K, the stationary one K x N.
//   input stationary:  ceil(K/R) ceil(N/C) folds that stream M rows; sums over several K folds are added outside the
//   array; output stationary: ceil(M/R) ceil(N/C) folds of depth K (stationary_prefetch changes nothing: no operand is
//   stationary).
// utilization = macs / (R C cycles). Throws InputError when a size is < 1 or the cycles or MACs exceed 2^63 - 1.
struct GemmTiming {
  Cycles cycles;
  Count macs, folds;
  double utilization;
};
GemmTiming gemm_timing(Dataflow dataflow, int rows, int cols, bool prefetch, Count m, Count k, Count n);
GemmTiming gemm_timing(const MatrixEngineConfig& engine, Count m, Count k, Count n);

// Accumulator array: column sums of a rows x cols tile. Each lane sums one column; a row of up to `lanes` elements
// enters per interval; columns beyond the lanes need further passes. Each addition needs the sum before it, so a lane
// takes one element every max(latency, initiation interval).
JobTiming accumulator_timing(const LaneConfig& unit, Count rows, Count cols);

// Elementwise lanes (the adder array; the divider array with a single divisor register that all lanes share): a row of
// up to `lanes` elements per interval, ceil(cols / lanes) passes per row.
JobTiming lane_timing(const LaneConfig& unit, Count rows, Count cols);

// Divider array in multiple-divisor mode: row i of the tile is divided by divisor i. The divisors move along a chain of
// registers, one lane per cycle, so lane j works on row i j cycles after lane 0; the systolic array delivers its rows
// in the same way. For columns beyond the lanes, the whole column of divisors passes again.
JobTiming divider_chain_timing(const LaneConfig& unit, Count rows, Count cols);

}  // namespace vitality
