// How long a GEMM takes on an input stationary array when it is cut and ordered in a given way, what it moves, and how
// much room it needs; and what no plan with given tiles goes below. It knows only sizes, no tensors and no buffers.
// docs/mapping.md explains the loops and the estimates. Internal to the mapping room.
//
// The streamed operand is M x K, the stationary one K x N. A step works on m_tile rows, k_group contraction tiles and
// n_group column tiles; each pair of a contraction tile and a column tile is one pass of the array.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "config/hardware_config.h"
#include "cost/energy.h"
#include "schedule/layer_mapping.h"

namespace vitality {

// What a layer takes when it is mapped in a given way.
struct PlanEstimate {
  double cycles = 0, energy_pj = 0;
  Bytes dram_bytes = 0;  // read and written, as the schedule will move them
  Bytes buffers = 0;     // bytes of all its buffers
};

struct GemmPlan : InputStationaryMapping, PlanEstimate {};

struct GemmProblem {
  int m, k, n;
  int images = 1;                         // of m rows each; a row tile has rows of one image
  int row_unit = 1;                       // row tiles are multiples of it
  std::vector<int> contraction, columns;  // sizes of the tiles when they are as large as the array
  int groups = 1;                         // of a convolution: n / groups columns each, k is the contraction of one
  int packed_groups = 1;                  // of them, in one pass
  bool column_cuts = true;                // columns may be cut smaller
  Bytes element, partial, result;         // bytes of an element of an operand, a sum, a result
  int adds = 0;                           // second operands of the epilogue
  int functions = 0;                      // of the epilogue, that take time
  bool bias = false, column_sums = false;
  std::optional<Conv2d> strip;  // the streamed operand is an image strip for each row tile
  // The streamed operand is already in the scratchpad. The results stay there, with all rows of a column tile in one
  // buffer that does not belong to the plan; results_in_memory: they are (also) written to memory. One second operand
  // of the epilogue is already in these buffers, and the results take its place.
  bool streamed_on_chip = false, results_on_chip = false, results_in_memory = true, added_in_place = false;
  bool shared_result_tiles = false;  // several column tiles lie in one of these buffers
  int fetched_adds() const { return adds - (added_in_place ? 1 : 0); }
  // Whether results have tiles of the plan, which can be those of the partial sums.
  bool has_result_tiles() const { return !results_on_chip || added_in_place; }
  // Fused with a neighbour (fused_plans.h): the loop that has to be the outermost one (of columns, one tile in each
  // iteration), and the rows of a row tile (0: any).
  std::optional<GemmLoop> outermost;
  int fixed_rows = 0;

  // A key that is equal for problems with the same plans.
  std::vector<std::int64_t> key(Bytes capacity) const;
};

// Sizes that follow from a plan.
struct GemmLoops {
  std::array<int, 3> tiles{};                    // by GemmLoop: row tiles, column groups, contraction groups
  int columns = 0, contraction = 0;              // tiles of the stationary operand along N and K
  int streamed_sweep = 1, stationary_sweep = 1;  // tiles of a sweep (OperandBuffers)
  int partials = 0, column_sums = 0;             // buffers
  Bytes streamed_tile = 0, stationary_tile = 0;  // bytes of one buffer
  Bytes partial_tile = 0, sums_tile = 0, out_tile = 0;
  int of(GemmLoop loop) const { return tiles[static_cast<std::size_t>(loop)]; }
};

// Cycles of a request to the memory in addition to its bytes.
double request_latency(const HardwareConfig& config);

// What mapping.objective makes small.
class PlanScore {
 public:
  PlanScore(const HardwareConfig& config, const EnergyModel& prices, double dram_bytes_per_cycle);
  double operator()(double cycles, Picojoules energy, Bytes dram_bytes) const;
  double operator()(const PlanEstimate& plan) const { return (*this)(plan.cycles, plan.energy_pj, plan.dram_bytes); }

 private:
  MappingObjective objective_;
  double cycles_per_byte_;
  Picojoules pj_per_byte_;
};

struct GemmPass {
  double interval = 0;  // cycles from one pass to the next
  double drain = 0;     // of these, cycles at the end in which the operands may already be overwritten
};

// What all plans with the same tiles share.
struct GemmCut {
  int tile_rows, tile_cols, m_tile;
  int columns, contraction;  // tiles of the stationary operand along N and K
  int width;                 // of the widest column tile
  GemmPass pass, last_pass;  // of a whole row tile, and of the last one if it has fewer rows
  Bytes streamed_once;       // bytes of the whole streamed operand
  double on_chip_energy;     // products, passes, sums outside the array, scratchpad bytes that do not come from memory
};

// Positions of loops in an order.
inline int position(const GemmOrder& order, GemmLoop loop) {
  return static_cast<int>(std::find(order.begin(), order.end(), loop) - order.begin());
}
// Of three loops, one is inside another if it is the last or the other the first.
inline bool inside(const GemmOrder& order, GemmLoop inner, GemmLoop outer) {
  return inner != outer && (order[2] == inner || order[0] == outer);
}

// Sizes of the tiles with none larger than `most`.
std::vector<int> cut_tiles(const std::vector<int>& sizes, int most);

class GemmEstimator {
 public:
  // Keeps references.
  GemmEstimator(const GemmProblem& problem, const HardwareConfig& config, const EnergyModel& prices, Bytes capacity,
                double dram_bytes_per_cycle);

  // The cut with passes as fast as the array alone, which is a bound; add_ports() makes them as fast as the
  // scratchpad's ports allow.
  GemmCut cut(int tile_rows, int tile_cols, int m_tile) const;
  void add_ports(GemmCut& cut) const;
  GemmLoops loops(const InputStationaryMapping& plan) const;
  GemmLoops loops(const InputStationaryMapping& plan, const GemmCut& cut) const;
  // Buffers in this order: streamed (kept, in turn), stationary (kept, in turn), partial sums, column sums, results
  // each with its second operands. Their sum, rounded up to the scratchpad's alignment, is bytes_of().
  std::vector<Bytes> buffer_list(const InputStationaryMapping& plan) const;
  Bytes bytes_of(const InputStationaryMapping& plan, const GemmLoops& loops) const;
  // Result tiles and second operands in the scratchpad.
  int out_tiles(const InputStationaryMapping& plan) const {
    return std::max(1, plan.out_sets) * problem_.fetched_adds() + (problem_.has_result_tiles() ? plan.out_sets : 0);
  }
  // Whether out_sets may be 0.
  bool can_place_results_in_sums(const GemmLoops& loops) const {
    return loops.partials > 0 && problem_.has_result_tiles() && loops.partial_tile >= loops.out_tile;
  }

  // Fills in the plan's estimates.
  void evaluate(GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops) const;
  // What mapping.objective minimises.
  double score(const GemmPlan& plan) const { return score(plan.cycles, plan.energy_pj, plan.dram_bytes); }
  // No plan with these tiles has a lower score; no plan with these tiles, groups and this order of the loops has one,
  // whatever its buffers are. Infinite if no such plan fits.
  double least_score(const GemmCut& cut) const;
  double least_score(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops) const;
  // Cycles of all passes of the array.
  double compute_cycles(const GemmCut& cut, int n_group) const;

 private:
  struct TileCounts {
    int columns, contraction, width;
  };
  struct Traffic {
    Bytes streamed, stationary, results, added;
    double streamed_loads, stationary_loads;
    Bytes total() const { return streamed + stationary + results + added; }
  };

  TileCounts count_tiles(int tile_rows, int tile_cols) const;
  GemmLoops loops(const InputStationaryMapping& plan, const TileCounts& counts) const;
  double score(double cycles, double energy, Bytes bytes) const;
  Bytes streamed_bytes(int m_tile) const;  // of the whole operand, once
  Traffic traffic(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops) const;
  int arrays(int n_group) const;
  double passes_in_turn(const GemmCut& cut, int n_group) const;
  template <typename PassOf>
  void set_passes(GemmCut& cut, const PassOf& pass_of) const;
  double result_waits(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops) const;
  double change_waits(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops, double step, double lead) const;
  double end_of_results(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops) const;
  double epilogue_cycles(const GemmCut& cut) const;
  double largest_step(const GemmPlan& plan, const GemmLoops& loops) const;
  double sum_waits(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& loops) const;
  double energy(const GemmPlan& plan, const GemmCut& cut) const;
  double on_chip_energy(int row_tiles, int columns, int contraction) const;

  const GemmProblem& problem_;
  const HardwareConfig& config_;
  const EnergyModel& prices_;
  Bytes capacity_;
  double bandwidth_, latency_;   // bytes per cycle; cycles of a request in addition to its bytes
  double memory_pj_, cycle_pj_;  // of a byte between memory and scratchpad; of a cycle beside actions and passes
};

}  // namespace vitality
