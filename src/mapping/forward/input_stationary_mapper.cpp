// Input stationary (the paper): for every column tile of the weights, passes over the contraction; each pass holds an R
// x C tile of weights and streams the rows. The mapper chooses the rows a pass streams (m_tile), whether the streamed
// operand stays in the scratchpad or is fetched again for every group of column tiles, and how many tiles one DMA load
// brings.
#include <algorithm>
#include <array>
#include <optional>

#include "cost/array_cost.h"
#include "mapping/forward/gemm_mapper.h"

namespace vitality {
namespace {

// Buffer sizes of a plan. Every buffer of a layer is allocated at once; a second set lets the DMA run ahead.
struct Sizes {
  Bytes resident_bytes = 0;  // one buffer per contraction tile, or the image strip
  Bytes first_resident = 0;
  Bytes step_streamed = 0, step_stationary = 0;
  Bytes partial = 0, out = 0;
  Bytes column_sums = 0;
};

// What a DMA load costs beside its bytes: few large loads are better than many small ones (an estimate, for choosing
// only).
constexpr double kLoadOverhead = 8;

class InputStationaryMapper : public GemmMapper {
 public:
  using GemmMapper::GemmMapper;

  void map() override {
    // Blocks repeat: the same shape gets the same plan.
    const std::array<int, 9> shape = {gemm_.m,
                                      gemm_.k,
                                      gemm_.n,
                                      gemm_.groups,
                                      adds_,
                                      (gemm_.bias != kNone ? 1 : 0) | (gemm_.streamed_transposed ? 2 : 0) |
                                          (gemm_.wide ? 4 : 0) | (gemm_.column_sums != kNone ? 8 : 0),
                                      gemm_.strip ? gemm_.geometry + 1 : 0,
                                      static_cast<int>(gemm_.columns.size()),
                                      static_cast<int>(gemm_.contraction.size())};
    const auto known = context_.gemm_plans.find(shape);
    const std::optional<GemmPlan> plan = known != context_.gemm_plans.end() ? known->second : choose();
    if (plan && !gemm_.strip) context_.gemm_plans[shape] = *plan;
    if (!plan) infeasible(smallest_);
    emit(*plan);
  }

 private:
  Sizes sizes(const GemmPlan& plan) const {
    Sizes s;
    const auto m = static_cast<Bytes>(plan.m_tile);
    if (gemm_.strip) {
      const Conv2d& conv = geometry();
      s.first_resident = element_ * strip_rows(conv, plan.m_tile / conv.out_width) * conv.in_width * conv.in_channels;
      s.resident_bytes = ceil_div(s.first_resident, 8) * 8;
    } else if (plan.resident) {
      s.first_resident = element_ * m * gemm_.contraction.front().count;
      s.resident_bytes = (static_cast<Bytes>(gemm_.contraction.size()) - 1) * ceil_div(s.first_resident, 8) * 8 +
                         ceil_div(element_ * m * gemm_.contraction.back().count, 8) * 8;
    } else {
      s.step_streamed = element_ * m * std::min(rows_ * plan.k_group, gemm_.k);
    }
    s.step_stationary = element_ * std::min(rows_ * plan.k_group, gemm_.k) * tile_width() * plan.n_group +
                        (gemm_.bias != kNone ? context_.partial_bytes() * tile_width() * plan.n_group : 0);
    if (gemm_.contraction.size() > 1) s.partial = context_.partial_bytes() * m * tile_width();
    s.out = result_bytes() * m * tile_width();
    if (gemm_.column_sums != kNone) s.column_sums = context_.partial_bytes() * tile_width();
    return s;
  }
  int tile_width() const { return gemm_.columns[0].count; }

  std::vector<Bytes> buffer_list(const GemmPlan& plan) const {
    const Sizes s = sizes(plan);
    std::vector<Bytes> list;
    if (gemm_.strip) {
      list.push_back(s.first_resident);
    } else if (plan.resident) {
      for (const ContractionTile& tile : gemm_.contraction) list.push_back(element_ * plan.m_tile * tile.count);
    }
    for (int set = 0; set < 2; ++set) {
      if (s.step_streamed > 0) list.push_back(s.step_streamed);
      list.push_back(s.step_stationary);
    }
    for (int i = 0; i < plan.n_group && s.partial > 0; ++i) list.push_back(s.partial);
    for (int i = 0; i < plan.n_group && s.column_sums > 0; ++i) list.push_back(s.column_sums);
    for (int i = 0; i < plan.out_sets * (1 + adds_); ++i) list.push_back(s.out);
    return list;
  }

  // What buffer_list() sums up to, without making the list: the search asks often.
  Bytes bytes_of(const GemmPlan& plan) const {
    const auto aligned = [](Bytes bytes) { return ceil_div(bytes, 8) * 8; };
    const Sizes s = sizes(plan);
    return s.resident_bytes + 2 * (aligned(s.step_streamed) + aligned(s.step_stationary)) +
           plan.n_group * (aligned(s.partial) + aligned(s.column_sums)) + plan.out_sets * (1 + adds_) * aligned(s.out);
  }

  // Of a row tile. Several arrays share the column tiles of a group, whose sums lie side by side; there are places for
  // two results (out_sets), so that a third array has little to do.
  Bytes passes_one_after_other(const GemmPlan& plan) const {
    const auto columns = static_cast<Bytes>(gemm_.columns.size()),
               arrays = std::min<Bytes>(2, context_.config.matrix_engine.count);
    const Bytes whole = columns / plan.n_group * ceil_div(plan.n_group, arrays),
                rest = ceil_div(columns % plan.n_group, arrays);
    return (whole + rest) * static_cast<Bytes>(gemm_.contraction.size());
  }

  void evaluate(GemmPlan& plan) const {
    const Bytes m_tiles = ceil_div(gemm_.m, plan.m_tile);
    const Bytes passes = passes_one_after_other(plan);
    const MatrixEngineConfig& engine = context_.config.matrix_engine;
    Cycles compute = 0;
    for (Bytes t = 0; t < m_tiles; ++t) {
      const int m = std::min<int>(plan.m_tile, gemm_.m - static_cast<int>(t) * plan.m_tile);
      compute += engine.stationary_prefetch
                     ? passes * std::max(engine.rows, m)
                     : passes * input_stationary_fold(engine.rows, engine.cols, m, false).interval;
    }
    const Bytes weights = element_ * gemm_.k * gemm_.n * m_tiles;
    Bytes streamed = element_ * gemm_.m * gemm_.k;
    if (gemm_.strip) {
      const Conv2d& conv = geometry();
      streamed = element_ * strip_rows(conv, plan.m_tile / conv.out_width) * conv.in_width * conv.in_channels * m_tiles;
    } else if (!plan.resident) {
      streamed *= ceil_div(static_cast<Bytes>(gemm_.columns.size()), plan.n_group);
    }
    const Bytes results = result_bytes() * gemm_.m * gemm_.n * (1 + adds_);
    plan.dram_bytes = weights + streamed + results;
    const double bandwidth = context_.dram_bytes_per_cycle();
    const Sizes s = sizes(plan);
    const Bytes loads = m_tiles * ceil_div(static_cast<Bytes>(gemm_.columns.size()), plan.n_group) *
                        ceil_div(static_cast<Bytes>(gemm_.contraction.size()), plan.k_group);
    const Bytes first = s.step_streamed + s.step_stationary + s.first_resident;
    plan.cycles = std::max(static_cast<double>(compute), static_cast<double>(plan.dram_bytes) / bandwidth) +
                  static_cast<double>(first + s.out * (3 - plan.out_sets)) / bandwidth +
                  kLoadOverhead * static_cast<double>(loads);
  }

  std::optional<GemmPlan> choose() {
    std::optional<GemmPlan> best;
    smallest_ = 0;
    const int row_unit = gemm_.strip ? geometry().out_width : 1;
    const int units = gemm_.m / row_unit;
    int previous = 0;
    for (int pieces = 1; pieces <= units; pieces += std::max(1, pieces / 4)) {
      const int m_tile = static_cast<int>(ceil_div(units, pieces)) * row_unit;
      if (m_tile == previous) continue;
      previous = m_tile;
      bool any = false;
      for (const bool resident : {true, false}) {
        if (gemm_.strip && !resident) continue;
        for (int n_group = 1; n_group <= static_cast<int>(gemm_.columns.size()); n_group *= 2) {
          for (int k_group = 1; k_group < 2 * static_cast<int>(gemm_.contraction.size()); k_group *= 2) {
            GemmPlan plan;
            plan.m_tile = m_tile, plan.resident = resident, plan.n_group = n_group;
            plan.k_group = std::min<int>(k_group, static_cast<int>(gemm_.contraction.size()));
            Bytes total = bytes_of(plan);
            if (total > builder_.capacity()) {
              plan.out_sets = 1;
              total = bytes_of(plan);
            }
            smallest_ = smallest_ == 0 ? total : std::min(smallest_, total);
            if (total > builder_.capacity()) break;
            any = true;
            evaluate(plan);
            if (!best || plan.cycles < best->cycles * (1 - 1e-9) ||
                (plan.cycles <= best->cycles && plan.dram_bytes < best->dram_bytes))
              best = plan;
          }
        }
      }
      // Shorter row tiles only add passes: stop once a clearly longer one was feasible.
      if (any && best && best->m_tile >= 4 * m_tile) break;
    }
    return best;
  }

  void emit(const GemmPlan& plan) {
    const Sizes s = sizes(plan);
    std::vector<BufferId> buffers = builder_.allocate(buffer_list(plan), "layer " + name());
    auto take = [next = buffers.begin()](std::size_t count) mutable {
      std::vector<BufferId> taken(next, next + static_cast<std::ptrdiff_t>(count));
      next += static_cast<std::ptrdiff_t>(count);
      return taken;
    };
    resident_ = take(gemm_.strip ? 1 : plan.resident ? gemm_.contraction.size() : 0);
    const std::size_t step_buffers = s.step_streamed > 0 ? 2 : 1;
    steps_[0] = take(step_buffers);
    steps_[1] = take(step_buffers);
    partials_ = take(s.partial > 0 ? static_cast<std::size_t>(plan.n_group) : 0);
    column_sums_ = take(s.column_sums > 0 ? static_cast<std::size_t>(plan.n_group) : 0);
    for (int set = 0; set < plan.out_sets; ++set) {
      outs_.push_back(take(1)[0]);
      seconds_.push_back(take(static_cast<std::size_t>(adds_)));
    }

    const int m_tiles = static_cast<int>(ceil_div(gemm_.m, plan.m_tile));
    builder_.reserve(3 * static_cast<std::size_t>(m_tiles) * gemm_.columns.size() * gemm_.contraction.size());
    context_.note(layer_,
                  std::to_string(m_tiles) + " row tiles of " + std::to_string(plan.m_tile) + ", streamed operand " +
                      (gemm_.strip     ? "in image strips"
                       : plan.resident ? "resident"
                                       : "fetched per column group") +
                      ", " + std::to_string(plan.n_group) + " x " + std::to_string(plan.k_group) + " tiles a load");
    for (int m0 = 0; m0 < gemm_.m; m0 += plan.m_tile) {
      const int m = std::min(plan.m_tile, gemm_.m - m0);
      load_resident(plan, m0, m);
      for (std::size_t c = 0; c < gemm_.columns.size(); c += static_cast<std::size_t>(plan.n_group)) {
        const std::size_t c_end = std::min(gemm_.columns.size(), c + static_cast<std::size_t>(plan.n_group));
        for (std::size_t k = 0; k < gemm_.contraction.size(); k += static_cast<std::size_t>(plan.k_group))
          emit_step(plan, m0, m, c, c_end, k,
                    std::min(gemm_.contraction.size(), k + static_cast<std::size_t>(plan.k_group)));
      }
    }
  }

  void load_resident(const GemmPlan& plan, int m0, int m) {
    if (gemm_.strip) {
      load_strip(m0, m, resident_[0]);
    } else if (plan.resident) {
      for (std::size_t k = 0; k < gemm_.contraction.size(); ++k)
        builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op,
                          {streamed_transfer(m0, m, gemm_.contraction[k], resident_[k], 0)});
    }
  }

  void emit_step(const GemmPlan& plan, int m0, int m, std::size_t c, std::size_t c_end, std::size_t k,
                 std::size_t k_end) {
    const std::vector<BufferId>& step = steps_[step_count_++ % 2];
    const BufferId stationary = step.back();
    std::vector<Transfer>& transfers = transfers_;
    std::vector<int>& streamed_offset = streamed_offset_;
    std::vector<int>& stationary_offset = stationary_offset_;
    transfers.clear(), streamed_offset.clear(), stationary_offset.clear();
    int offset = 0;
    if (!plan.resident && !gemm_.strip) {
      for (std::size_t i = k; i < k_end; ++i) {
        const ContractionTile& tile = gemm_.contraction[i];
        streamed_offset.push_back(offset);
        transfers.push_back(streamed_transfer(m0, m, tile, step.front(), offset));
        offset += m * tile.count;
      }
    }
    offset = 0;
    for (std::size_t i = k; i < k_end; ++i) {
      for (std::size_t j = c; j < c_end; ++j) {
        const ContractionTile& tile = gemm_.contraction[i];
        const ColumnTile& column = gemm_.columns[j];
        stationary_offset.push_back(offset);
        transfers.push_back(stationary_transfer(tile, column, stationary, offset));
        offset += tile.count * column.count;
        if (i == 0 && gemm_.bias != kNone) {  // behind the stationary tile of the first pass
          transfers.push_back(builder_.make_transfer(gemm_.bias, 0, column.first, 1, column.count, stationary, offset));
          offset += column.count;
        }
      }
    }
    builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, transfers);
    std::size_t tile_index = 0;
    for (std::size_t i = k; i < k_end; ++i) {
      for (std::size_t j = c; j < c_end; ++j, ++tile_index) {
        const bool last = i + 1 == gemm_.contraction.size();
        if (m0 == 0 && !column_sums_.empty())
          emit_column_sum(i, j, j - c, stationary, stationary_offset[tile_index], last);
        emit_fold(m0, m, i, j, j - c, plan.resident || gemm_.strip ? kNone : step.front(),
                  streamed_offset.empty() ? 0 : streamed_offset[i - k], stationary, stationary_offset[tile_index],
                  last);
      }
    }
  }

  // What the stationary tile adds to the sums of its columns; the last one sends them to memory.
  void emit_column_sum(std::size_t i, std::size_t j, std::size_t slot, BufferId stationary, int offset, bool last) {
    const ColumnTile& column = gemm_.columns[j];
    const BufferId sums = column_sums_[slot];
    Job& job = builder_.begin(UnitKind::kAccumulators, JobKind::kColumnSum, layer_, gemm_.op);
    job.m = gemm_.contraction[i].count, job.n = column.count;
    job.flags = i == 0 ? kFirst : 0;
    job.streamed = stationary, job.streamed_offset = offset, job.streamed_stride = column.count;
    job.result = sums;
    builder_.read(stationary);
    if (i > 0) builder_.read(sums);
    builder_.write(sums);
    builder_.finish();
    if (last)
      builder_.transfer(UnitKind::kDmaStore, layer_, gemm_.op,
                        {builder_.make_transfer(gemm_.column_sums, 0, column.first, 1, column.count, sums)});
  }

  void emit_fold(int m0, int m, std::size_t i, std::size_t j, std::size_t slot, BufferId streamed, int streamed_offset,
                 BufferId stationary, int stationary_offset, bool last) {
    const ContractionTile& tile = gemm_.contraction[i];
    const ColumnTile& column = gemm_.columns[j];
    Job& job = builder_.begin(UnitKind::kMatrixEngine, JobKind::kFold, layer_, gemm_.op);
    job.m = m, job.k = tile.count * column.groups, job.n = column.count;
    job.flags = static_cast<std::uint16_t>(
        (i == 0 ? kFirst : 0) | (last ? kLast : 0) | (gemm_.bias != kNone && i == 0 ? kHasBias : 0) |
        (gemm_.streamed_transposed ? kTransposed : 0) | (gemm_.stationary_transposed ? kStationaryTransposed : 0) |
        (gemm_.wide ? kWide : 0));
    job.streamed = streamed != kNone ? streamed : gemm_.strip ? resident_[0] : resident_[i];
    job.streamed_offset = streamed_offset;
    job.streamed_stride = gemm_.streamed_transposed ? m : tile.count;
    job.result_stride = column.count;
    if (gemm_.strip) gather(job, m0, tile, column);
    job.stationary = stationary, job.stationary_offset = stationary_offset;
    job.stationary_stride = gemm_.stationary_transposed ? tile.count : column.count;
    builder_.read(job.streamed);
    builder_.read(stationary);
    if (!partials_.empty()) {
      job.partial = partials_[slot];
      builder_.accumulate(job.partial, i == 0);
    }
    if (last) {
      job.result = result_buffer();
      builder_.write(job.result);
    }
    builder_.finish();
    if (last) finish_tile(m0, m, column);
  }

  Bytes smallest_ = 0;
  std::vector<BufferId> resident_, partials_, column_sums_;
  std::vector<BufferId> steps_[2];
  std::vector<Transfer> transfers_;  // of the step being emitted
  std::vector<int> streamed_offset_, stationary_offset_;
  std::size_t step_count_ = 0;
};

}  // namespace

void map_input_stationary(MappingContext& context, int layer, const Gemm& gemm,
                          const std::vector<EpilogueStage>& epilogue, TensorId output) {
  InputStationaryMapper(context, layer, gemm, epilogue, output).map();
}

}  // namespace vitality
