// Cycles of the ViTALiTy accelerator's compute arrays: the systolic arrays SA-General and SA-Diag, and the accumulator,
// divider and adder arrays (paper: Section IV, accelerator architecture). docs/validation-array.md compares with
// published systolic simulators.
//
// What is counted. Operands stand in registers at the unit's border before the first counted edge. Counting starts with
// the first clock edge at which a register inside the unit takes a value and ends with the edge at which the last
// result is in its register (bottom row of partial sums, accumulator, output register of a lane), both included.
// docs/validation-array.md derives every formula from the clocked model in tests/models, which equals them exactly.
// (Published systolic simulators number the cycles from 0 and report the last number: one less for a whole GEMM.)
//
// Two numbers each: `latency`, first edge to last result, and `interval`, after which the unit can start the next job
// of the same kind. A unit's size is a cost even when a tile does not fill it: data passes through idle rows and
// columns too.
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
  // Without prefetch the phases of successive folds do not overlap: 2R + C + M - 2 each. With a second stationary
  // register a PE the next tile is loaded behind the running one and streams follow each other: one fold every max(R,
  // M).
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

// Accumulator array: column sums of a rows x cols tile, one column a lane, one row of `lanes` elements an interval;
// columns beyond the lanes follow as further passes. A sum needs its predecessor, so a lane takes an element every
// max(latency, initiation interval).
JobTiming accumulator_timing(const LaneConfig& unit, Count rows, Count cols);

// Elementwise lanes (adder array; divider array with the single divisor register that all lanes share): one row of up
// to `lanes` elements an interval, ceil(cols / lanes) passes a row.
JobTiming lane_timing(const LaneConfig& unit, Count rows, Count cols);

// Divider array in multiple-divisor mode, row i of the tile divided by divisor i: the divisors move along the chain of
// divisor registers, one lane a cycle, so lane j works on row i j cycles after lane 0, which is how the systolic array
// delivers its rows. Columns beyond the lanes: the whole column of divisors passes again.
JobTiming divider_chain_timing(const LaneConfig& unit, Count rows, Count cols);

}  // namespace vitality
