// Linear layers and convolutions on the matrix engine.
//
// Input stationary (the paper): for every column tile of the weights, passes over the contraction; each pass holds an R x C tile of
// weights and streams the rows. The mapper chooses the rows a pass streams (m_tile), whether the streamed operand stays in the
// scratchpad or is fetched again for every group of column tiles, and how many tiles one DMA load brings.
#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "cost/array_cost.h"
#include "mapping/layer_mapper.h"

namespace vitality {
namespace {

struct ContractionTile {
  int first, count;
};
// Output channels that one pass produces. groups > 1: block-diagonal packing of a grouped convolution's groups.
struct ColumnTile {
  int first_group, groups, first, count;
};

struct Gemm {
  int m, k, n, groups;                   // k: contraction of one group
  std::int32_t op, source, weight, bias;
  std::int32_t geometry = kNone;         // convolution
  bool strip = false;                    // streamed operand is gathered from image strips on chip
  std::vector<ContractionTile> contraction;
  std::vector<ColumnTile> columns;
};

int strip_rows(const Conv2d& conv, int output_rows) { return std::min(conv.in_height + 2 * conv.pad, (output_rows - 1) * conv.stride + conv.kernel); }

Gemm describe(MappingContext& context, int layer_index) {
  const Layer& layer = context.layer(layer_index);
  const int rows = context.config.matrix_engine.rows, cols = context.config.matrix_engine.cols;
  ScheduleBuilder& builder = context.builder;
  Gemm gemm{};
  gemm.op = builder.add_operator(OperatorRole::kGemm, layer_index);
  gemm.source = context.input_tensor(layer_index, 0);
  bool has_bias = false;
  gemm.geometry = kNone;
  if (const auto* linear = std::get_if<Linear>(&layer.parameters)) {
    gemm.m = linear->rows, gemm.k = linear->in_features, gemm.n = linear->out_features, gemm.groups = 1;
    has_bias = linear->bias;
  } else {
    const auto& conv = std::get<Conv2d>(layer.parameters);
    gemm.m = conv.out_height * conv.out_width, gemm.groups = conv.groups;
    gemm.k = conv.kernel * conv.kernel * conv.in_channels / conv.groups, gemm.n = conv.out_channels;
    // Batch norm folded into the weights brings a bias of its own.
    has_bias = conv.bias;
    if (conv.kernel > 1 || conv.stride > 1) {
      gemm.geometry = static_cast<std::int32_t>(builder.schedule().geometries.size());
      builder.schedule().geometries.push_back(conv);
      // Patches that do not overlap are gathered by the DMA; others from a strip of the image in the scratchpad.
      gemm.strip = conv.stride < conv.kernel || conv.pad > 0 || conv.groups > 1;
    } else if (conv.groups > 1) {
      gemm.geometry = static_cast<std::int32_t>(builder.schedule().geometries.size());
      builder.schedule().geometries.push_back(conv);
      gemm.strip = true;
    }
  }
  gemm.weight = context.add_weight(layer.name + ".weight", layer_index, gemm.k, gemm.n, context.element_bytes());
  // A batch norm folded into this layer turns into a bias even where the layer has none.
  const std::vector<Layer>& layers = context.model.layers;
  for (std::size_t j = static_cast<std::size_t>(layer_index) + 1; j < layers.size() && context.config.batch_norm_folded; ++j) {
    const auto* norm = std::get_if<BatchNorm>(&layers[j].parameters);
    if (norm != nullptr && norm->folded_into == layer_index) has_bias = true;
  }
  gemm.bias = has_bias ? context.add_weight(layer.name + ".bias", layer_index, 1, gemm.n, context.partial_bytes()) : kNone;

  const int group_columns = gemm.n / gemm.groups;
  const int packed = std::max(1, std::min({gemm.groups, rows / std::max(1, gemm.k), cols / std::max(1, group_columns)}));
  for (int k = 0; k < gemm.k; k += rows) gemm.contraction.push_back({k, std::min(rows, gemm.k - k)});
  if (packed > 1) {
    for (int g = 0; g < gemm.groups; g += packed) {
      const int count = std::min(packed, gemm.groups - g);
      gemm.columns.push_back({g, count, g * group_columns, count * group_columns});
    }
  } else {
    for (int g = 0; g < gemm.groups; ++g) {
      for (int n = 0; n < group_columns; n += cols)
        gemm.columns.push_back({g, 1, g * group_columns + n, std::min(cols, group_columns - n)});
    }
  }
  return gemm;
}

// Buffer sizes of a plan. Every buffer of a layer is allocated at once; a second set lets the DMA run ahead.
struct Sizes {
  Bytes resident_bytes = 0;      // one buffer per contraction tile, or the image strip
  Bytes first_resident = 0;
  Bytes step_streamed = 0, step_stationary = 0;
  Bytes partial = 0, out = 0;
};

class InputStationaryMapper {
 public:
  InputStationaryMapper(MappingContext& context, int layer, const Gemm& gemm, const std::vector<EpilogueStage>& epilogue, std::int32_t output)
      : context_(context),
        builder_(context.builder),
        layer_(layer),
        gemm_(gemm),
        epilogue_(epilogue),
        output_(output),
        rows_(context.config.matrix_engine.rows),
        cols_(context.config.matrix_engine.cols),
        element_(context.element_bytes()) {
    for (const EpilogueStage& stage : epilogue) adds_ += stage.is_add;
  }

  void map() {
    // Blocks repeat: the same shape gets the same plan.
    const std::array<int, 8> shape = {gemm_.m, gemm_.k, gemm_.n, gemm_.groups, adds_, gemm_.bias != kNone, gemm_.strip ? gemm_.geometry + 1 : 0,
                                      static_cast<int>(gemm_.columns.size())};
    const auto known = context_.gemm_plans.find(shape);
    const std::optional<GemmPlan> plan = known != context_.gemm_plans.end() ? known->second : choose();
    if (plan && !gemm_.strip) context_.gemm_plans[shape] = *plan;
    if (!plan) {
      throw InfeasibleError("layer " + context_.layer(layer_).name + ": no tiling of its " + std::to_string(gemm_.m) + " x " +
                            std::to_string(gemm_.k) + " x " + std::to_string(gemm_.n) + " GEMM fits the scratchpad of " +
                            std::to_string(builder_.capacity()) + " bytes (scratchpad.capacity_kib); one row tile needs " +
                            std::to_string(smallest_) + " bytes");
    }
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
    s.out = element_ * m * tile_width();
    return s;
  }
  int tile_width() const { return gemm_.columns[0].count; }
  const Conv2d& geometry() const { return builder_.schedule().geometries[static_cast<std::size_t>(gemm_.geometry)]; }

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
    for (int i = 0; i < plan.out_sets * (1 + adds_); ++i) list.push_back(s.out);
    return list;
  }

  // What buffer_list() sums up to, without making the list: the search asks often.
  Bytes bytes_of(const GemmPlan& plan) const {
    const auto aligned = [](Bytes bytes) { return ceil_div(bytes, 8) * 8; };
    const Sizes s = sizes(plan);
    return s.resident_bytes + 2 * (aligned(s.step_streamed) + aligned(s.step_stationary)) + plan.n_group * aligned(s.partial) +
           plan.out_sets * (1 + adds_) * aligned(s.out);
  }

  void evaluate(GemmPlan& plan) const {
    const Bytes m_tiles = ceil_div(gemm_.m, plan.m_tile);
    const auto passes = static_cast<Bytes>(gemm_.columns.size() * gemm_.contraction.size());
    const MatrixEngineConfig& engine = context_.config.matrix_engine;
    Cycles compute = 0;
    for (Bytes t = 0; t < m_tiles; ++t) {
      const int m = std::min<int>(plan.m_tile, gemm_.m - static_cast<int>(t) * plan.m_tile);
      compute += engine.stationary_prefetch ? passes * std::max(engine.rows, m)
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
    const Bytes results = element_ * gemm_.m * gemm_.n * (1 + adds_);
    plan.dram_bytes = weights + streamed + results;
    const double bandwidth = context_.dram_bytes_per_cycle();
    const Sizes s = sizes(plan);
    const Bytes first = s.step_streamed + s.step_stationary + s.first_resident;
    plan.cycles = std::max(static_cast<double>(compute), static_cast<double>(plan.dram_bytes) / bandwidth) +
                  static_cast<double>(first + s.out * (3 - plan.out_sets)) / bandwidth;
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
            if (!best || plan.cycles < best->cycles * (1 - 1e-9) || (plan.cycles <= best->cycles && plan.dram_bytes < best->dram_bytes))
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
    std::vector<std::int32_t> buffers = builder_.allocate(buffer_list(plan), "layer " + context_.layer(layer_).name);
    auto take = [next = buffers.begin()](std::size_t count) mutable {
      std::vector<std::int32_t> taken(next, next + static_cast<std::ptrdiff_t>(count));
      next += static_cast<std::ptrdiff_t>(count);
      return taken;
    };
    resident_ = take(gemm_.strip ? 1 : plan.resident ? gemm_.contraction.size() : 0);
    const std::size_t step_buffers = s.step_streamed > 0 ? 2 : 1;
    steps_[0] = take(step_buffers);
    steps_[1] = take(step_buffers);
    partials_ = take(s.partial > 0 ? static_cast<std::size_t>(plan.n_group) : 0);
    for (int set = 0; set < plan.out_sets; ++set) {
      outs_.push_back(take(1)[0]);
      seconds_.push_back(take(static_cast<std::size_t>(adds_)));
    }

    const int m_tiles = static_cast<int>(ceil_div(gemm_.m, plan.m_tile));
    builder_.reserve(3 * static_cast<std::size_t>(m_tiles) * gemm_.columns.size() * gemm_.contraction.size());
    context_.note(layer_, std::to_string(m_tiles) + " row tiles of " + std::to_string(plan.m_tile) + ", streamed operand " +
                              (gemm_.strip ? "in image strips" : plan.resident ? "resident" : "fetched per column group") + ", " +
                              std::to_string(plan.n_group) + " x " + std::to_string(plan.k_group) + " tiles a load");
    for (int m0 = 0; m0 < gemm_.m; m0 += plan.m_tile) {
      const int m = std::min(plan.m_tile, gemm_.m - m0);
      load_resident(plan, m0, m);
      for (std::size_t c = 0; c < gemm_.columns.size(); c += static_cast<std::size_t>(plan.n_group)) {
        const std::size_t c_end = std::min(gemm_.columns.size(), c + static_cast<std::size_t>(plan.n_group));
        for (std::size_t k = 0; k < gemm_.contraction.size(); k += static_cast<std::size_t>(plan.k_group))
          emit_step(plan, m0, m, c, c_end, k, std::min(gemm_.contraction.size(), k + static_cast<std::size_t>(plan.k_group)));
      }
    }
  }

  void load_resident(const GemmPlan& plan, int m0, int m) {
    if (gemm_.strip) {
      const Conv2d& conv = geometry();
      strip_first_row_ = std::max(0, m0 / conv.out_width * conv.stride - conv.pad);
      const int last_output = (m0 + m - 1) / conv.out_width;
      const int end = std::min(conv.in_height, last_output * conv.stride - conv.pad + conv.kernel);
      Transfer t = builder_.make_transfer(gemm_.source, strip_first_row_ * conv.in_width, 0, (end - strip_first_row_) * conv.in_width,
                                          conv.in_channels, resident_[0]);
      builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, {t});
    } else if (plan.resident) {
      for (std::size_t k = 0; k < gemm_.contraction.size(); ++k)
        builder_.transfer(UnitKind::kDmaLoad, layer_, gemm_.op, {streamed_transfer(m0, m, gemm_.contraction[k], resident_[k], 0, gemm_.contraction[k].count)});
    }
  }

  Transfer streamed_transfer(int m0, int m, const ContractionTile& tile, std::int32_t buffer, int offset, int stride) {
    Transfer t{};
    if (gemm_.geometry != kNone) {  // patches gathered by the DMA
      const ScheduledTensor& tensor = builder_.schedule().tensors[static_cast<std::size_t>(gemm_.source)];
      t.tensor = gemm_.source, t.row = m0, t.col = tile.first, t.rows = m, t.cols = tile.count;
      t.buffer = buffer, t.buffer_offset = offset, t.buffer_stride = stride;
      t.row_map = kNone, t.geometry = gemm_.geometry;
      t.bytes = element_ * m * tile.count;
      t.dram_address = tensor.dram_address + element_ * (static_cast<Bytes>(tile.first) * gemm_.m + static_cast<Bytes>(m0) * tile.count);
      return t;
    }
    return builder_.make_transfer(gemm_.source, m0, tile.first, m, tile.count, buffer, offset, stride);
  }

  void emit_step(const GemmPlan& plan, int m0, int m, std::size_t c, std::size_t c_end, std::size_t k, std::size_t k_end) {
    const std::vector<std::int32_t>& step = steps_[step_count_++ % 2];
    const std::int32_t stationary = step.back();
    std::vector<Transfer>& transfers = transfers_;
    std::vector<int>& streamed_offset = streamed_offset_;
    std::vector<int>& stationary_offset = stationary_offset_;
    transfers.clear(), streamed_offset.clear(), stationary_offset.clear();
    int offset = 0;
    if (!plan.resident && !gemm_.strip) {
      for (std::size_t i = k; i < k_end; ++i) {
        const ContractionTile& tile = gemm_.contraction[i];
        streamed_offset.push_back(offset);
        transfers.push_back(streamed_transfer(m0, m, tile, step.front(), offset, tile.count));
        offset += m * tile.count;
      }
    }
    offset = 0;
    for (std::size_t i = k; i < k_end; ++i) {
      for (std::size_t j = c; j < c_end; ++j) {
        const ContractionTile& tile = gemm_.contraction[i];
        const ColumnTile& column = gemm_.columns[j];
        stationary_offset.push_back(offset);
        transfers.push_back(builder_.make_transfer(gemm_.weight, tile.first, column.first, tile.count, column.count, stationary, offset));
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
        emit_fold(m0, m, i, j, j - c, plan.resident || gemm_.strip ? kNone : step.front(),
                  streamed_offset.empty() ? 0 : streamed_offset[i - k], stationary, stationary_offset[tile_index], last);
      }
    }
  }

  void emit_fold(int m0, int m, std::size_t i, std::size_t j, std::size_t slot, std::int32_t streamed, int streamed_offset, std::int32_t stationary,
                 int stationary_offset, bool last) {
    const ContractionTile& tile = gemm_.contraction[i];
    const ColumnTile& column = gemm_.columns[j];
    const std::size_t set = out_count_ % outs_.size();
    Job& job = builder_.begin(UnitKind::kMatrixEngine, JobKind::kFold, layer_, gemm_.op);
    job.m = m, job.k = tile.count * column.groups, job.n = column.count;
    job.flags = static_cast<std::uint16_t>((i == 0 ? kFirst : 0) | (last ? kLast : 0) | (gemm_.bias != kNone && i == 0 ? kHasBias : 0));
    job.streamed = streamed != kNone ? streamed : gemm_.strip ? resident_[0] : resident_[i];
    job.streamed_offset = streamed_offset;
    job.streamed_stride = tile.count;
    job.result_stride = column.count;
    if (gemm_.strip) {
      job.flags |= kIm2col;
      job.aux = static_cast<std::int32_t>(builder_.schedule().im2col_tiles.size());
      builder_.schedule().im2col_tiles.push_back({gemm_.geometry, m0, strip_first_row_, tile.first, column.first_group, column.groups});
    }
    job.stationary = stationary, job.stationary_offset = stationary_offset, job.stationary_stride = column.count;
    builder_.read(job.streamed);
    builder_.read(stationary);
    if (!partials_.empty()) {
      job.partial = partials_[slot];
      builder_.accumulate(job.partial);
    }
    if (last) {
      job.result = outs_[set];
      builder_.write(job.result);
    }
    builder_.finish();
    if (!last) return;
    emit_epilogue(context_, epilogue_, outs_[set], m0, column.first, m, column.count, seconds_[set]);
    const int store_layer = epilogue_.empty() ? layer_ : epilogue_.back().layer;
    const std::int32_t op = epilogue_.empty() ? gemm_.op : epilogue_.back().op;
    builder_.transfer(UnitKind::kDmaStore, store_layer, op, {builder_.make_transfer(output_, m0, column.first, m, column.count, outs_[set])});
    ++out_count_;
  }

  MappingContext& context_;
  ScheduleBuilder& builder_;
  int layer_;
  const Gemm& gemm_;
  const std::vector<EpilogueStage>& epilogue_;
  std::int32_t output_;
  int rows_, cols_;
  Bytes element_;
  int adds_ = 0;
  Bytes smallest_ = 0;
  std::vector<std::int32_t> resident_, partials_, outs_;
  std::vector<std::int32_t> steps_[2];
  std::vector<std::vector<std::int32_t>> seconds_;
  int strip_first_row_ = 0;
  std::vector<Transfer> transfers_;  // of the step being emitted
  std::vector<int> streamed_offset_, stationary_offset_;
  std::size_t step_count_ = 0, out_count_ = 0;
};

}  // namespace

void map_gemm_layer(MappingContext& context, int layer, const std::vector<EpilogueStage>& epilogue, std::int32_t output) {
  const Gemm gemm = describe(context, layer);
  InputStationaryMapper(context, layer, gemm, epilogue, output).map();
}

}  // namespace vitality
