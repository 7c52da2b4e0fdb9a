// Output stationary: an R x C tile of results stays in the array while both operands stream through it, in segments of
// the contraction that fit the scratchpad. The outer loop runs over row tiles or over column tiles: its operand is
// fetched once if its whole contraction fits, a segment as soon as the outer tile before has done with its place; the
// inner operand is fetched again for every outer tile.
#include <algorithm>

#include "mapping/forward/gemm_mapper.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

class OutputStationaryMapper : public GemmMapper {
 public:
  using GemmMapper::GemmMapper;

  void map() override {
    const auto* given = given_as<OutputStationaryMapping>(context_, layer_);
    describe(given ? &given->results : nullptr);
    make_resident(context_, output_layer());
    if (given) check(*given);
    plan_ = given ? *given : choose();
    plan_.rows_on_chip = problem_.streamed_on_chip;
    const Residence& residence = context_.residence(output_layer());
    plan_.results = residence.place, plan_.high_end = residence.at_high_end();
    context_.record(layer_, plan_);
    emit();
  }

 private:
  OutputStationaryEstimator estimator() const {
    return {problem_, context_.config, context_.prices, builder_.capacity(), context_.dram_bytes_per_cycle()};
  }

  // Refuses a mapping from a file that the layer cannot run.
  void check(const OutputStationaryMapping& m) const {
    check_limits(context_, layer_,
                 {{"tile_rows", m.tile_rows, rows_, "matrix_engine.rows"},
                  {"tile_columns", m.tile_cols, cols_, "matrix_engine.cols"},
                  {"segment", m.segment, gemm_.k, "the contraction of the layer"}});
    if (problem_.results_on_chip) check_columns(context_, layer_, problem_.columns, m.tile_cols);
    if (m.rows_on_chip != problem_.streamed_on_chip)
      refuse_given(context_, layer_, "rows",
                   problem_.streamed_on_chip
                       ? "expected \"scratchpad\", because the layer before leaves them there, found \"memory\""
                       : "expected \"memory\", because they come from there, found \"scratchpad\"");
    if (problem_.strip && m.columns_outer)
      refuse_given(context_, layer_, "outer_loop",
                   "expected \"rows\", because image strips are fetched row tile by row tile, found \"columns\"");
    const OutputStationaryEstimator sizes = estimator();
    check_passes(context_, layer_,
                 static_cast<double>(ceil_div(gemm_.m, m.tile_rows)) * static_cast<double>(sizes.column_tiles(m)) *
                     static_cast<double>(sizes.segments(m).size()));
    check_room(context_, layer_, aligned_sum(sizes.buffer_list(m)), builder_.capacity());
  }

  OutputStationaryMapping choose() const {
    const OutputStationaryChoice& choice = context_.plan_output_stationary(problem_, builder_.capacity());
    if (!choice.plan) infeasible(choice.smallest);
    return *choice.plan;
  }

  void take_buffers() {
    const OutputStationaryEstimator sizes = estimator();
    rows_in_step_ = sizes.rows_in_step(plan_), columns_in_step_ = sizes.columns_in_step(plan_);
    keeps_outer_ = sizes.keeps_outer(plan_);
    const std::vector<BufferId> buffers = builder_.allocate(sizes.buffer_list(plan_), "layer " + name());
    auto next = buffers.begin();
    if (problem_.strip) strip_ = *next++;
    for (std::size_t s = 0; keeps_outer_ && s < segments_.size(); ++s) outer_.push_back(*next++);
    for (auto& step : steps_) step[0] = *next++, step[1] = *next++;
    for (int set = 0; set < plan_.out_sets; ++set) {
      if (problem_.has_result_tiles()) outs_.push_back(*next++);
      seconds_.emplace_back(next, next + adds_);
      next += adds_;
    }
  }

  // Result tiles have the columns of those that stay in the scratchpad, else of one group each.
  std::vector<ColumnTile> cut_columns() const {
    if (problem_.results_on_chip) return whole_.columns;
    std::vector<ColumnTile> columns;
    const int group_columns = gemm_.n / gemm_.groups;
    for (int g = 0; g < gemm_.groups; ++g)
      for (int n = 0; n < group_columns; n += plan_.tile_cols)
        columns.push_back({g, 1, g * group_columns + n, std::min(plan_.tile_cols, group_columns - n)});
    return columns;
  }
  void cut_segments() {
    const std::vector<ContractionTile> whole{{0, gemm_.k}};
    for (const ContractionTile& tile : problem_.streamed_on_chip ? whole_.contraction : whole)
      for (int k = 0; k < tile.count; k += plan_.segment)
        segments_.push_back({tile.first + k, std::min(plan_.segment, tile.count - k), tile.part});
  }

  void note() const {
    context_.note(layer_,
                  std::string("output stationary, ") + (plan_.columns_outer ? "column" : "row") + " tiles outermost" +
                      (keeps_outer_ ? ", their operand kept" : "") + ", segments of " + std::to_string(plan_.segment) +
                      (problem_.streamed_on_chip ? ", rows from the scratchpad" : "") + results_words(plan_.results));
  }

  void emit() {
    cut_segments();
    take_buffers();
    note();
    const std::vector<ColumnTile> columns = cut_columns();
    const int row_tiles = static_cast<int>(ceil_div(gemm_.m, plan_.tile_rows)),
              column_tiles = static_cast<int>(columns.size());
    const int outer_count = plan_.columns_outer ? column_tiles : row_tiles,
              inner_count = plan_.columns_outer ? row_tiles : column_tiles;
    for (int outer = 0; outer < outer_count; ++outer) {
      for (int inner = 0; inner < inner_count; ++inner) {
        const int m0 = (plan_.columns_outer ? inner : outer) * plan_.tile_rows;
        const int m = std::min(plan_.tile_rows, gemm_.m - m0);
        if (inner == 0 && problem_.strip) load_strip(m0, m, strip_);
        emit_tile(m0, m, columns[static_cast<std::size_t>(plan_.columns_outer ? outer : inner)], inner == 0);
      }
    }
  }

  // The bias is added when the results leave the array, so it is loaded with the last segment.
  void add_weights(std::vector<Transfer>& transfers, const ContractionTile& tile, const ColumnTile& column,
                   BufferId buffer, bool last) const {
    transfers.push_back(stationary_transfer(tile, column, buffer, 0));
    transfers.back().row_map = weight_rows_;
    if (last && gemm_.bias != kNone)
      transfers.push_back(
          builder_.make_transfer(gemm_.bias, 0, column.first, 1, column.count, buffer, tile.count * column.count));
  }

  void load(const std::vector<Transfer>& transfers) {
    if (!transfers.empty()) builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, transfers);
  }

  void emit_tile(int m0, int m, const ColumnTile& column, bool new_outer) {
    for (std::size_t s = 0; s < segments_.size(); ++s) {
      const bool last = s + 1 == segments_.size();
      const auto& step = steps_[step_count_++ % 2];
      std::vector<Transfer> kept, in_turn;
      const auto add_rows = [&](std::vector<Transfer>& to, BufferId buffer) {
        to.push_back(streamed_transfer(m0, m, segments_[s], buffer, 0));
      };
      if (new_outer && keeps_outer_) {
        if (plan_.columns_outer)
          add_weights(kept, segments_[s], column, outer_[s], last);
        else
          add_rows(kept, outer_[s]);
      }
      if (rows_in_step_) add_rows(in_turn, step[0]);
      if (columns_in_step_) add_weights(in_turn, segments_[s], column, step[1], last);
      load(kept);
      load(in_turn);
      emit_pass(m0, m, column, s, rows_in_step_ || !keeps_outer_ ? step[0] : outer_[s],
                columns_in_step_ ? step[1] : outer_[s]);
    }
    finish_tile(m0, m, column, result_place(m0, column));
  }

  // More than 6 parameters: the tile, its segment, and where its operands are.
  void emit_pass(int m0, int m, const ColumnTile& column, std::size_t segment, BufferId rows, BufferId columns) {
    const ContractionTile& tile = segments_[segment];
    const bool last = segment + 1 == segments_.size();
    Job& job = builder_.begin(UnitKind::kMatrixEngine, JobKind::kFold, layer_, gemm_.op);
    job.m = m, job.k = tile.count, job.n = column.count;
    job.flags = static_cast<std::uint16_t>(kOutputStationary | (segment == 0 ? kFirst : 0) |
                                           (last ? kLast | (gemm_.bias != kNone ? kHasBias : 0) : 0));
    job.streamed = rows, job.streamed_stride = tile.count;
    const Elements streamed = problem_.streamed_on_chip ? stream_resident(job, m0, m, tile, column) : Elements{};
    if (problem_.strip) job.streamed = strip_, gather(job, m0, tile, column);
    job.stationary = columns, job.stationary_stride = column.count;
    job.result_stride = column.count;
    builder_.read(job.streamed, streamed);
    builder_.read(job.stationary);
    if (last) {
      const TilePlace place = result_place(m0, column);
      job.result = place.buffer, job.result_offset = place.offset, job.result_stride = place.stride;
      builder_.write(job.result, Elements::of(job.result_offset, m, column.count, job.result_stride));
    }
    builder_.finish();  // the sums stay in the PEs from segment to segment: the builder keeps such passes in order
  }

  OutputStationaryMapping plan_;
  std::vector<ContractionTile> segments_;
  bool rows_in_step_ = true, columns_in_step_ = true, keeps_outer_ = false;
  BufferId strip_ = kNone;
  std::vector<BufferId> outer_;  // the kept operand's segments
  BufferId steps_[2][2] = {};
  std::size_t step_count_ = 0;
};

}  // namespace

void map_output_stationary(MappingContext& context, int layer, const Gemm& gemm,
                           const std::vector<EpilogueStage>& epilogue, TensorId output) {
  OutputStationaryMapper(context, layer, gemm, epilogue, output).map();
}

}  // namespace vitality
