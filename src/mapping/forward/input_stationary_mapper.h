// The mapper of one GEMM on an input stationary array (the paper): each pass holds one stationary tile of the weights
// and streams the rows. gemm_plans.h chooses tiles, loops and what stays in the scratchpad; here the plan becomes jobs.
// Internal to the mapping room.
#pragma once

#include <array>
#include <vector>

#include "mapping/forward/gemm_mapper.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {

// The tiles of one operand and the buffers they lie in (OperandBuffers).
class OperandTiles {
 public:
  OperandTiles() = default;
  OperandTiles(std::vector<BufferId> kept, std::vector<BufferId> in_turn)
      : kept_(std::move(kept)), in_turn_(std::move(in_turn)), holds_(kept_.size() + in_turn_.size(), kNone) {}

  struct Place {
    BufferId buffer;
    bool fetch;  // the tile is not there yet
  };
  // tile: its number in the whole operand; position: its number in its sweep.
  Place place(int tile, int position) {
    std::size_t slot = static_cast<std::size_t>(position);
    if (slot >= kept_.size()) {
      slot = kept_.size();
      while (slot < holds_.size() && holds_[slot] != tile) ++slot;
      if (slot == holds_.size()) slot = kept_.size() + next_++ % in_turn_.size();
    }
    const bool fetch = holds_[slot] != tile;
    holds_[slot] = tile;
    return {slot < kept_.size() ? kept_[slot] : in_turn_[slot - kept_.size()], fetch};
  }

 private:
  std::vector<BufferId> kept_, in_turn_;
  std::vector<int> holds_;
  std::size_t next_ = 0;
};

class InputStationaryMapper : public GemmMapper {
 public:
  InputStationaryMapper(MappingContext& context, int layer, const Gemm& gemm,
                        const std::vector<EpilogueStage>& epilogue, TensorId output)
      : GemmMapper(context, layer, gemm, epilogue, output) {}

  void map() override;

  // The steps of map(), for layers that work in turn. First: what the layer has to do, and where its operands are.
  void describe() { GemmMapper::describe(given() ? &given()->results : nullptr); }
  const GemmProblem& problem() const { return problem_; }
  const InputStationaryMapping* given() const { return given_as<InputStationaryMapping>(context_, layer_); }
  // The laws of a given plan, once the results have their places.
  void check() const {
    if (given()) check_given(context_, layer_, problem_, *given());
  }
  // Takes this plan. The buffers that it needs are given next.
  std::vector<Bytes> start(const InputStationaryMapping& plan);
  void take_buffers(const std::vector<BufferId>& buffers);
  // Of the outermost loop.
  int iterations() const { return loops_.of(plan_.order[0]); }
  void emit_iteration(int outer);
  // From now on, results or streamed rows are those of the part that begins with this row.
  void begin_part_of_results(int row) { part_row_ = row; }
  void begin_part_of_rows(int row) { streamed_part_row_ = row; }

 private:
  struct Step {
    int row, m0, m;  // row: the row tile, counted over all images; rows [m0, m0 + m) of the image
    std::size_t c, c_end, k, k_end;
    BufferId streamed, stationary;
  };

  InputStationaryMapping choose();
  // Cuts the operands into the plan's tiles, which may be smaller than the array.
  void cut_operands();
  void note() const;
  // The number of a tile in its sweep: counts the loops inside `sweeps` that move the operand.
  int position(const std::array<int, 3>& at, GemmLoop sweeps, GemmLoop first, GemmLoop second) const;
  void emit_step(const std::array<int, 3>& at);
  void fetch(const Step& s, bool streamed, bool stationary);
  void load(Dependency after);
  void add_stationary(const Step& s);
  int stationary_offset(const Step& s, std::size_t i, std::size_t j) const;
  void emit_pass(const Step& s, std::size_t i, std::size_t j);
  void emit_column_sum(std::size_t i, std::size_t j, std::size_t slot, BufferId stationary, int offset, bool last);
  void emit_fold(const Step& s, std::size_t i, std::size_t j, int stationary_offset, bool last);
  JobId pass_before(const Step& s);
  Elements stream(Job& job, const Step& s, std::size_t i, const ColumnTile& column);
  std::size_t partial_of(const Step& s, std::size_t j) const;

  InputStationaryMapping plan_;
  GemmLoops loops_;
  std::vector<ContractionTile> contraction_;
  std::vector<ColumnTile> columns_;
  std::vector<int> column_start_{0};  // of every column tile: the columns before it
  OperandTiles streamed_, stationary_;
  std::vector<BufferId> partials_, column_sums_;
  std::vector<Transfer> transfers_;  // of the load being made
  std::vector<JobId> half_way_;      // pass of every tile of results
  std::size_t step_count_ = 0;
  JobId first_load_, last_load_;
  JobId pass_before_;  // the last pass of the layers before
  int row_ = -1;       // tile of rows
  JobId row_pass_;     // its pass_before()
};

}  // namespace vitality
