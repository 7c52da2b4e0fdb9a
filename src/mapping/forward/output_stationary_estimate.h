// How long a GEMM takes on an output stationary array when it is cut and ordered in a given way, what it moves, and how
// much room it needs. It knows only sizes, no tensors and no buffers. docs/mapping.md explains the form. Internal to
// the mapping room.
//
// An M x N result is cut into tiles, each of which stays in the array while its contraction goes by in segments, a pass
// each. Operands come in steps, of a segment each, which take turns in two sets of buffers. If the outer loop's operand
// is kept, it has a buffer for each segment of its whole contraction, which the next outer tile's segment takes when
// its last pass has read it.
#pragma once

#include <map>
#include <vector>

#include "mapping/forward/output_stationary_walk.h"

namespace vitality {

struct OutputStationaryPlan : OutputStationaryMapping, PlanEstimate {};

class OutputStationaryEstimator {
 public:
  // problem: of one image, streamed in the order in which it is stored. Keeps references.
  OutputStationaryEstimator(const GemmProblem& problem, const HardwareConfig& config, const EnergyModel& prices,
                            Bytes capacity, double dram_bytes_per_cycle);

  // Number of result tiles along the columns; contraction indices of the segments. Groups are not packed: a tile has
  // columns of one group. A segment of rows that lie in the scratchpad is in one of the tiles there.
  Count column_tiles(const OutputStationaryMapping& plan) const;
  std::vector<int> segments(const OutputStationaryMapping& plan) const;
  // Buffers in this order: the image strip, or the kept outer operand's segments; two steps of rows and columns; result
  // tiles, each with its second operands.
  std::vector<Bytes> buffer_list(const OutputStationaryMapping& plan) const;
  // Whether the rows, or the columns, are operands of a step.
  bool rows_in_step(const OutputStationaryMapping& plan) const;
  bool columns_in_step(const OutputStationaryMapping& plan) const;
  // Whether the outer loop's operand has buffers for its whole contraction.
  bool keeps_outer(const OutputStationaryMapping& plan) const {
    return plan.outer_resident && !problem_.strip && (plan.columns_outer || !problem_.streamed_on_chip);
  }

  // Room in which the next layer's first tile can be fetched ahead, taken to be like this one's.
  Bytes next_tile(const OutputStationaryMapping& plan) const;

  // Fills in the plan's estimates. The cycles are those of a walk through the schedule: loads and stores share the
  // memory, a pass waits for its operands, the last one of a tile for a place for the results.
  void evaluate(OutputStationaryPlan& plan);
  double score(const OutputStationaryPlan& plan) const;
  // No plan with these tiles and this outer operand has a lower score, whatever its segments and result buffers are.
  double least_score(const OutputStationaryMapping& plan) const;

 private:
  Count row_tiles(const OutputStationaryMapping& plan) const { return ceil_div(problem_.m, plan.tile_rows); }
  Bytes bytes_moved(const OutputStationaryMapping& plan) const;
  double energy(const OutputStationaryPlan& plan) const;
  struct Strips {
    Bytes largest = 0, all = 0;
  };
  const Strips& strips(int tile_rows) const;
  double score(double cycles, double energy, Bytes bytes) const;

  const GemmProblem& problem_;
  const HardwareConfig& config_;
  const EnergyModel& prices_;
  OutputStationaryPasses passes_;
  mutable std::map<int, Strips> strips_;  // by the rows of a tile
  Bytes capacity_;
  double bandwidth_, latency_;  // bytes per cycle; cycles of a request in addition to its bytes
};

}  // namespace vitality
