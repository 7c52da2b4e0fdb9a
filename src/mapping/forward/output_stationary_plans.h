// The search for the best way to run a GEMM output stationary: tiles, the order of both loops, and which operand is
// fetched once. docs/mapping.md explains the form. Internal to the mapping room.
#pragma once

#include <optional>
#include <vector>

#include "cost/energy.h"
#include "mapping/forward/gemm_mapper.h"

namespace vitality {

struct OutputStationaryPlan : OutputStationaryMapping {
  double cycles = 0, energy_pj = 0;  // estimates
  Bytes dram_bytes = 0;              // read and written
};
struct OutputStationaryChoice {
  std::optional<OutputStationaryPlan> plan;  // empty if nothing fits
  Bytes smallest = 0;                        // bytes of the plan that needs the fewest
};

class OutputStationaryPlanner {
 public:
  // conv: of a convolution in image strips, else unused. adds: second operands of the epilogue. Keeps references.
  OutputStationaryPlanner(const MappingContext& context, const Gemm& gemm, const Conv2d* conv, int adds);

  // Result tiles as large as the array, and smaller ones (in a corner of the array) for scratchpads without more room.
  OutputStationaryChoice choose(Bytes capacity);
  // The buffers: the outer operand (or an image strip), two steps, result tiles.
  std::vector<Bytes> buffer_list(const OutputStationaryMapping& plan) const;

 private:
  // Groups are not packed: a pass works on the columns of one group.
  int widest() const { return std::min(config_.matrix_engine.cols, gemm_.n / gemm_.groups); }
  int highest() const { return std::min(config_.matrix_engine.rows, gemm_.m); }
  Bytes strip_bytes(int height) const;
  void choose_tile(int rows, int cols, Bytes capacity, OutputStationaryChoice& best) const;
  void evaluate(OutputStationaryPlan& plan) const;
  double score(const OutputStationaryPlan& plan) const;

  const HardwareConfig& config_;
  const Gemm& gemm_;
  const Conv2d* conv_;
  int adds_;
  Bytes element_, partial_;
  double bandwidth_;  // DRAM bytes a cycle
  EnergyModel prices_;
};

// Whether an input stationary array can also hold results: the sums of a G-stationary array stay in its PEs.
bool holds_results_too(const MatrixEngineConfig& engine);
// On such an array: the output stationary plan within `room` bytes, if it is better by mapping.objective than this one
// (null: there is none). For operands and results in memory.
std::optional<OutputStationaryPlan> better_output_stationary(const MappingContext& context, const Gemm& gemm,
                                                             const Conv2d* conv, int adds, const GemmPlan* other,
                                                             Bytes room);

}  // namespace vitality
