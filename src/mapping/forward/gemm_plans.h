// How a GEMM runs on an input stationary array: the cut into tiles, the order of the loops, and what stays in the
// scratchpad; how much room, traffic and time a plan needs; and the search for the best plan. It knows only sizes, no
// tensors and no buffers. docs/mapping.md explains the loops and the estimates. Internal to the mapping room.
//
// The streamed operand is M x K, the stationary one K x N. A step works on m_tile rows, k_group contraction tiles and
// n_group column tiles; each pair of a contraction tile and a column tile is one pass of the array.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <vector>

#include "config/hardware_config.h"
#include "cost/energy.h"
#include "schedule/layer_mapping.h"

namespace vitality {

struct GemmPlan : InputStationaryMapping {
  double cycles = 0, energy_pj = 0;  // estimates
  Bytes dram_bytes = 0;              // read and written, as the schedule will move them
};

struct GemmProblem {
  int m, k, n;
  int images = 1;                         // of m rows each; a row tile has rows of one image
  int row_unit = 1;                       // row tiles are multiples of it
  std::vector<int> contraction, columns;  // sizes of the tiles when they are as large as the array
  int packed_groups = 1;                  // groups of a convolution in one pass
  bool column_cuts = true;                // columns may be cut smaller
  Bytes element, partial, result;         // bytes of an element of an operand, a sum, a result
  int adds = 0;                           // second operands of the epilogue
  bool bias = false, column_sums = false;
  std::optional<Conv2d> strip;  // the streamed operand is an image strip for each row tile
  // The streamed operand is already in the scratchpad. The results stay there, with all rows of a column tile in one
  // buffer that does not belong to the plan; results_in_memory: they are (also) written to memory. One second operand
  // of the epilogue is already in these buffers, and the results take its place.
  bool streamed_on_chip = false, results_on_chip = false, results_in_memory = true, added_in_place = false;
  int fetched_adds() const { return adds - (added_in_place ? 1 : 0); }
  // Whether results have tiles of the plan, which can be those of the partial sums.
  bool has_result_tiles() const { return !results_on_chip || added_in_place; }

  // A key that is equal for problems with the same plans.
  std::vector<std::int64_t> key(Bytes capacity) const;
};

struct GemmChoice {
  std::optional<GemmPlan> plan;  // empty if nothing fits
  Bytes smallest = 0;            // bytes of the plan that needs the fewest
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

// The quantity that mapping.objective minimises. transfer_cycles: time of all bytes from and to DRAM, hidden or not.
double plan_score(MappingObjective objective, double cycles, Picojoules energy, double transfer_cycles);

class GemmPlanner {
 public:
  GemmPlanner(const GemmProblem& problem, const HardwareConfig& config, Bytes capacity, double dram_bytes_per_cycle);

  // The best plan by mapping.objective. If nothing fits it is empty; smallest() then says how many bytes the smallest
  // plan needs.
  std::optional<GemmPlan> choose();
  // choose()'s plan, and up to kMostPlans - 1 that differ in more than in what they keep and are not much worse, the
  // better ones first. None if nothing fits.
  std::vector<GemmPlan> choose_several();
  static constexpr std::size_t kMostPlans = 12;
  Bytes smallest() const { return smallest_; }

  GemmLoops loops(const InputStationaryMapping& plan) const;
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
  void evaluate(GemmPlan& plan, const GemmLoops& loops);

 private:
  struct Cut {  // what all plans with these tiles share
    int tile_rows, tile_cols, m_tile;
    double compute;  // cycles of all passes, without the effect of grouping
  };
  struct Traffic {
    Bytes streamed, stationary, results, added;
    double streamed_loads, stationary_loads;
  };

  std::vector<Cut> cuts();
  void search(const Cut& cut);
  void search_buffers(GemmPlan plan);
  void consider(GemmPlan plan, const GemmLoops& loops);
  void consider_kept(GemmPlan plan, const GemmLoops& loops);
  double score(double cycles, double energy, Bytes bytes) const;
  Bytes streamed_bytes(int m_tile) const;  // of the whole operand, once
  Traffic traffic(const GemmPlan& plan, const GemmLoops& loops) const;
  double passes_in_turn(const GemmLoops& loops, int n_group) const;
  double compute_cycles(const GemmPlan& plan, const GemmLoops& loops);
  struct Pass {
    double interval;  // cycles from one pass to the next
    double drain;     // of these, cycles at the end in which the operands may already be overwritten
  };
  Pass pass(int rows, const GemmPlan& plan);
  double pass_interval(int rows, const GemmPlan& plan) { return pass(rows, plan).interval; }
  double result_waits(const GemmPlan& plan, const GemmLoops& loops);
  double change_waits(const GemmPlan& plan, const GemmLoops& loops, double step, double lead);
  double sum_waits(const GemmPlan& plan, const GemmLoops& loops);
  double energy(const GemmPlan& plan, const GemmLoops& loops) const;
  double on_chip_energy(int row_tiles, int columns, int contraction) const;

  const GemmProblem& problem_;
  const HardwareConfig& config_;
  EnergyModel prices_;
  Bytes capacity_;
  double bandwidth_, latency_;  // bytes per cycle; cycles of a request in addition to its bytes
  std::optional<GemmPlan> best_;
  double best_score_ = 0;
  // choose_several(): the best plan of each form, with its score.
  using Form = std::array<int, 10>;
  static Form form_of(const GemmPlan& plan);
  std::optional<std::map<Form, std::pair<double, GemmPlan>>> forms_;
  Bytes smallest_ = 0;
  std::map<std::array<int, 3>, Pass> passes_;  // by rows and tile
};

// Sizes of the tiles with none larger than `most`.
std::vector<int> cut_tiles(const std::vector<int>& sizes, int most);

}  // namespace vitality
