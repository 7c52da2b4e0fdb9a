// Output stationary: an R x C tile of results stays in the array while both operands stream through it, in segments of
// the contraction that fit the scratchpad. The outer loop runs over row tiles or over column tiles: the outer operand
// is fetched once if its whole contraction fits; the inner operand is fetched again for every outer tile.
#include <algorithm>

#include "mapping/forward/given_mapping.h"
#include "mapping/forward/output_stationary_plans.h"

namespace vitality {
namespace {

class OutputStationaryMapper : public GemmMapper {
 public:
  using GemmMapper::GemmMapper;

  void map() override {
    const auto* given = given_as<OutputStationaryMapping>(context_, layer_);
    if (given) check(*given);
    const OutputStationaryMapping plan = given ? *given : choose();
    context_.record(layer_, plan);
    emit(plan);
  }

 private:
  // Refuses a mapping from a file that the layer cannot run.
  void check(const OutputStationaryMapping& m) const {
    check_limits(context_, layer_,
                 {{"tile_rows", m.tile_rows, rows_, "matrix_engine.rows"},
                  {"tile_columns", m.tile_cols, cols_, "matrix_engine.cols"},
                  {"segment", m.segment, gemm_.k, "the contraction of the layer"}});
    if (gemm_.strip && m.columns_outer)
      refuse_given(context_, layer_, "outer_loop",
                   "expected \"rows\", because image strips are fetched row tile by row tile, found \"columns\"");
    check_passes(context_, layer_,
                 static_cast<double>(ceil_div(gemm_.m, m.tile_rows)) * gemm_.groups *
                     static_cast<double>(ceil_div(gemm_.n / gemm_.groups, m.tile_cols)) *
                     static_cast<double>(ceil_div(gemm_.k, m.segment)));
    check_room(context_, layer_, aligned_sum(planner_.buffer_list(m)), builder_.capacity());
  }

  OutputStationaryMapping choose() {
    const OutputStationaryChoice choice = planner_.choose(builder_.capacity());
    if (!choice.plan) infeasible(choice.smallest);
    return *choice.plan;
  }

  void emit(const OutputStationaryMapping& plan) {
    const std::vector<BufferId> buffers = builder_.allocate(planner_.buffer_list(plan), "layer " + name());
    auto next = buffers.begin();
    if (gemm_.strip || plan.outer_resident) outer_ = *next++;
    for (auto& step : steps_) step[0] = *next++, step[1] = *next++;
    for (int set = 0; set < plan.out_sets; ++set) {
      outs_.push_back(*next++);
      seconds_.emplace_back(next, next + adds_);
      next += adds_;
    }
    std::vector<ColumnTile> columns;
    const int group_columns = gemm_.n / gemm_.groups;
    for (int g = 0; g < gemm_.groups; ++g)
      for (int n = 0; n < group_columns; n += plan.tile_cols)
        columns.push_back({g, 1, g * group_columns + n, std::min(plan.tile_cols, group_columns - n)});
    const int row_tiles = static_cast<int>(ceil_div(gemm_.m, plan.tile_rows));
    context_.note(layer_, std::string("output stationary, ") + (plan.columns_outer ? "column" : "row") +
                              " tiles outermost" + (plan.outer_resident ? ", their operand resident" : "") +
                              ", segments of " + std::to_string(plan.segment));
    const int outer_count = plan.columns_outer ? static_cast<int>(columns.size()) : row_tiles;
    const int inner_count = plan.columns_outer ? row_tiles : static_cast<int>(columns.size());
    for (int outer = 0; outer < outer_count; ++outer) {
      for (int inner = 0; inner < inner_count; ++inner) {
        const int m0 = (plan.columns_outer ? inner : outer) * plan.tile_rows;
        const int m = std::min(plan.tile_rows, gemm_.m - m0);
        const ColumnTile& column = columns[static_cast<std::size_t>(plan.columns_outer ? outer : inner)];
        if (inner == 0) load_outer(plan, m0, m, column);
        emit_tile(plan, m0, m, column);
      }
    }
  }

  void load_outer(const OutputStationaryMapping& plan, int m0, int m, const ColumnTile& column) {
    if (gemm_.strip) {
      load_strip(m0, m, outer_);
    } else if (plan.outer_resident && plan.columns_outer) {
      std::vector<Transfer> transfers;
      add_weights(transfers, {0, gemm_.k}, column, outer_, true);
      builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, transfers);
    } else if (plan.outer_resident) {
      builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, {streamed_transfer(m0, m, {0, gemm_.k}, outer_, 0)});
    }
  }

  void add_weights(std::vector<Transfer>& transfers, const ContractionTile& tile, const ColumnTile& column,
                   BufferId buffer, bool with_bias) const {
    transfers.push_back(
        builder_.make_transfer(gemm_.weight, tile.first, column.first, tile.count, column.count, buffer));
    if (with_bias && gemm_.bias != kNone)
      transfers.push_back(
          builder_.make_transfer(gemm_.bias, 0, column.first, 1, column.count, buffer, tile.count * column.count));
  }

  void emit_tile(const OutputStationaryMapping& plan, int m0, int m, const ColumnTile& column) {
    const bool rows_outer = gemm_.strip || (plan.outer_resident && !plan.columns_outer),
               columns_outer = plan.outer_resident && plan.columns_outer;
    for (int k = 0; k < gemm_.k; k += plan.segment) {
      const ContractionTile tile{k, std::min(plan.segment, gemm_.k - k)};
      const auto& step = steps_[step_count_++ % 2];
      const bool last = k + tile.count == gemm_.k;
      std::vector<Transfer> transfers;
      if (!rows_outer) transfers.push_back(streamed_transfer(m0, m, tile, step[0], 0));
      // The bias is added when the results leave the array, so it is loaded with the last segment.
      if (!columns_outer) add_weights(transfers, tile, column, step[1], last);
      if (!transfers.empty()) builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, transfers);
      Job& job = builder_.begin(UnitKind::kMatrixEngine, JobKind::kFold, layer_, gemm_.op);
      job.m = m, job.k = tile.count, job.n = column.count;
      job.flags = static_cast<std::uint16_t>(kOutputStationary | (k == 0 ? kFirst : 0) |
                                             (last ? kLast | (gemm_.bias != kNone ? kHasBias : 0) : 0));
      job.streamed = rows_outer ? outer_ : step[0];
      job.streamed_stride = rows_outer && !gemm_.strip ? gemm_.k : tile.count;
      job.streamed_offset = rows_outer && !gemm_.strip ? tile.first : 0;
      if (gemm_.strip) gather(job, m0, tile, column);
      job.stationary = columns_outer ? outer_ : step[1];
      job.stationary_stride = column.count;
      job.stationary_offset = columns_outer ? tile.first * column.count : 0;
      job.result_stride = column.count;
      builder_.read(job.streamed);
      builder_.read(job.stationary);
      if (last) {
        job.result = result_place(m0, column).buffer;
        builder_.write(job.result);
      }
      builder_.finish();  // the sums stay in the PEs from segment to segment: the builder keeps such passes in order
    }
    finish_tile(m0, m, column, result_place(m0, column));
  }

  OutputStationaryPlanner planner_{context_, gemm_, gemm_.strip ? &geometry() : nullptr, adds_};
  BufferId outer_ = kNone;
  BufferId steps_[2][2] = {};
  std::size_t step_count_ = 0;
};

}  // namespace

void map_output_stationary(MappingContext& context, int layer, const Gemm& gemm,
                           const std::vector<EpilogueStage>& epilogue, TensorId output) {
  OutputStationaryMapper(context, layer, gemm, epilogue, output).map();
}

}  // namespace vitality
