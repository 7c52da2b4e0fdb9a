// Layers without a matrix product: element-wise functions, additions, pooling, and movement of rows by DMA addressing.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

// The bytes of a tile that is fetched and stored in the shortest time as a part of `all` bytes. Nothing hides the first
// tile's load and the last one's store, and each tile costs a request's latency: all / tile x latency + 2 tile / rate.
double tile_in_least_time(const MappingContext& context, Bytes all) {
  return std::sqrt(static_cast<double>(all) * request_latency(context.config) * context.dram_bytes_per_cycle() / 2);
}

// The number of rows of a tile such that `sets` tiles fit half the scratchpad (the other half may still be in use).
int choose_rows(const MappingContext& context, int layer, int rows, Bytes row_bytes, int sets) {
  const Bytes room = context.builder.capacity() / 2;
  const Bytes fitting = room / std::max<Bytes>(1, row_bytes * sets);
  if (fitting < 1) {
    throw InfeasibleError("layer " + context.layer(layer).name + ": " + std::to_string(sets) + " rows of " +
                          std::to_string(row_bytes) + " bytes do not fit half the scratchpad of " +
                          std::to_string(context.builder.capacity()) + " bytes (scratchpad.capacity_kib)");
  }
  const auto wanted =
      static_cast<Bytes>(tile_in_least_time(context, row_bytes * rows) / static_cast<double>(row_bytes));
  return static_cast<int>(ceil_div(rows, ceil_div(rows, std::clamp<Bytes>(wanted, 1, fitting))));
}

int tile_rows(MappingContext& context, int layer, int rows, Bytes row_bytes, int sets) {
  const auto* given = given_as<RowTileMapping>(context, layer);
  const RowTileMapping mapping = given ? *given : RowTileMapping{choose_rows(context, layer, rows, row_bytes, sets)};
  if (given) {
    check_limits(context, layer, {{"row_tile", mapping.rows, rows, "the rows of the layer"}});
    check_passes(context, layer, static_cast<double>(ceil_div(rows, mapping.rows)));
    check_room(context, layer, sets * aligned_sum({row_bytes * mapping.rows}), context.builder.capacity());
  }
  context.record(layer, mapping);
  return mapping.rows;
}

// An uncharged layer is one job without time between two tensors in DRAM.
void emit_uncharged(MappingContext& context, int layer, OperatorId op, const std::vector<TensorId>& sources,
                    TensorId output, JobKind kind) {
  ScheduleBuilder& builder = context.builder;
  Job& job = builder.begin(UnitKind::kUncharged, kind, layer, op);
  const ScheduledTensor result = builder.schedule().tensors[output];
  job.m = result.rows, job.n = result.cols;
  job.detail = TensorPair{sources[0], output, sources.size() > 1 ? sources[1] : TensorId{}};
  for (const TensorId source : sources) {
    const ScheduledTensor& tensor = builder.schedule().tensors[source];
    builder.read_tensor(source, 0, 0, tensor.rows, tensor.cols);
  }
  builder.write_tensor(output, 0, 0, result.rows, result.cols);
  builder.finish();
}

// What an uncharged layer made between two tensors lies in the scratchpad.
void leave_resident(MappingContext& context, int layer, OperatorId op, TensorId output) {
  make_resident(context, layer);
  const int rows = context.builder.schedule().tensors[output].rows;
  for (const ResidentTile& tile : context.resident.at(layer))
    context.builder.show(JobKind::kLoad, layer, op,
                         context.builder.make_transfer(output, 0, tile.col, rows, tile.cols, tile.buffer));
}

// The job that computes a tile of the layer.
JobKind elementwise_job(const Layer& layer) {
  if (std::holds_alternative<Multiply>(layer.parameters)) return JobKind::kMultiplyMatrix;
  if (std::holds_alternative<LayerScale>(layer.parameters)) return JobKind::kScaleColumns;
  const bool adds =
      std::holds_alternative<Add>(layer.parameters) || std::holds_alternative<PositionEmbedding>(layer.parameters);
  return adds ? JobKind::kAddMatrix : JobKind::kElementwise;
}

}  // namespace

void map_elementwise_layer(MappingContext& context, int layer_index, TensorId output) {
  ScheduleBuilder& builder = context.builder;
  const Layer& layer = context.layer(layer_index);
  const MatrixShape shape = output_shape(layer);
  const OperatorId op = builder.add_operator(OperatorRole::kElementwise, layer_index);
  const TensorId source = context.input_tensor(layer_index, 0);
  const JobKind kind = elementwise_job(layer);
  if (!is_charged(layer, context.config)) {
    const Residence& residence = context.residence(layer_index);
    const auto* given = given_as<UnchargedMapping>(context, layer_index);
    if (given != nullptr)
      check_place(context, layer_index, given->results_stay ? ResultPlace::kScratchpad : ResultPlace::kMemory,
                  residence);
    context.record(layer_index, UnchargedMapping{residence.stays(), residence.at_high_end()});
    std::vector<TensorId> sources = {source};
    if (layer.inputs.size() > 1) sources.push_back(context.input_tensor(layer_index, 1));
    emit_uncharged(context, layer_index, op, sources, output, kind);
    if (residence.stays()) leave_resident(context, layer_index, op, output);
    return;
  }
  const bool norm = std::holds_alternative<LayerNorm>(layer.parameters);
  const UnitKind unit = kind == JobKind::kAddMatrix                   ? UnitKind::kAdders
                        : norm && context.config.layer_norm.lanes > 0 ? UnitKind::kLayerNorm
                                                                      : UnitKind::kSpecialFunctions;
  TensorId second;
  if (layer.inputs.size() > 1) second = context.input_tensor(layer_index, 1);
  if (std::holds_alternative<PositionEmbedding>(layer.parameters))
    second = context.add_weight(layer.name + ".weight", layer_index, shape.rows, shape.cols, context.element_bytes());
  const Bytes row_bytes = context.element_bytes() * shape.cols;
  const int operands = second == kNone ? 1 : 2;
  const int rows = tile_rows(context, layer_index, shape.rows, row_bytes, 2 * operands);
  const std::vector<BufferId> buffers = builder.allocate(
      std::vector<Bytes>(static_cast<std::size_t>(2 * operands), row_bytes * rows), "layer " + layer.name);
  for (int row = 0, tile = 0; row < shape.rows; row += rows, ++tile) {
    const int m = std::min(rows, shape.rows - row);
    const BufferId buffer = buffers[static_cast<std::size_t>(tile % 2)];
    std::vector<Transfer> loads = {builder.make_transfer(source, row, 0, m, shape.cols, buffer)};
    if (second != kNone)
      loads.push_back(
          builder.make_transfer(second, row, 0, m, shape.cols, buffers[static_cast<std::size_t>(2 + tile % 2)]));
    builder.transfer(UnitKind::kDmaLoad, layer_index, op, loads);
    Job& job = builder.begin(unit, kind, layer_index, op);
    job.m = m, job.n = shape.cols;
    if (second == kNone) job.detail = ElementwiseStep{0, norm ? 3 : 1};
    job.streamed = job.result = buffer;
    job.streamed_stride = job.result_stride = job.stationary_stride = shape.cols;
    builder.read(buffer);
    if (second != kNone) {
      job.stationary = loads[1].buffer;
      builder.read(job.stationary);
    }
    builder.write(buffer);
    builder.finish();
    builder.transfer(UnitKind::kDmaStore, layer_index, op,
                     {builder.make_transfer(output, row, 0, m, shape.cols, buffer)});
  }
}

// Mean over all rows: accumulators and dividers work as for K_bar.
void map_pool_layer(MappingContext& context, int layer_index, TensorId output) {
  ScheduleBuilder& builder = context.builder;
  const auto& pool = std::get<MeanPool>(context.layer(layer_index).parameters);
  const OperatorId op = builder.add_operator(OperatorRole::kPool, layer_index);
  const TensorId source = context.input_tensor(layer_index, 0);
  const Bytes row_bytes = context.element_bytes() * pool.channels;
  const int rows = tile_rows(context, layer_index, pool.rows, row_bytes, 2);
  const Bytes sum_bytes = context.partial_bytes() * pool.channels;
  const std::vector<BufferId> buffers =
      builder.allocate({row_bytes * rows, row_bytes * rows, sum_bytes}, "layer " + context.layer(layer_index).name);
  const BufferId sum = buffers[2];
  for (int row = 0, tile = 0; row < pool.rows; row += rows, ++tile) {
    const int m = std::min(rows, pool.rows - row);
    const BufferId buffer = buffers[static_cast<std::size_t>(tile % 2)];
    builder.transfer(UnitKind::kDmaLoad, layer_index, op,
                     {builder.make_transfer(source, row, 0, m, pool.channels, buffer)});
    Job& job = builder.begin(UnitKind::kAccumulators, JobKind::kColumnSum, layer_index, op);
    job.m = m, job.n = pool.channels;
    job.flags = row == 0 ? kFirst : 0;
    job.streamed = buffer, job.streamed_stride = pool.channels, job.result = sum;
    builder.read(buffer);
    if (row > 0) builder.read(sum);
    builder.write(sum);
    builder.finish();
  }
  Job& divide = builder.begin(UnitKind::kDividers, JobKind::kMeanDivide, layer_index, op);
  divide.m = 1, divide.n = pool.channels, divide.detail = MeanOver{pool.rows};
  divide.streamed = divide.result = sum;
  divide.flags = kLast;
  builder.read(sum);
  builder.write(sum);
  builder.finish();
  builder.transfer(UnitKind::kDmaStore, layer_index, op, {builder.make_transfer(output, 0, 0, 1, pool.channels, sum)});
}

// Mean over windows: the DMA gathers the pixels of the windows place by place, a place of the window a row, so that the
// sums over the places are column sums of one wide row.
void map_average_pool_layer(MappingContext& context, int layer_index, TensorId output) {
  ScheduleBuilder& builder = context.builder;
  const auto p = std::get<AveragePool>(context.layer(layer_index).parameters);
  const OperatorId op = builder.add_operator(OperatorRole::kPool, layer_index);
  const TensorId source = context.input_tensor(layer_index, 0);
  const int places = p.kernel * p.kernel, all = p.out_height * p.out_width;
  const Bytes gathered = context.element_bytes() * p.channels * places, sums = context.partial_bytes() * p.channels;
  const int rows = tile_rows(context, layer_index, all, gathered + sums, 2);
  const std::vector<BufferId> buffers = builder.allocate({gathered * rows, gathered * rows, sums * rows, sums * rows},
                                                         "layer " + context.layer(layer_index).name);
  const auto first_map = static_cast<std::int32_t>(builder.schedule().row_maps.size());
  for (int place = 0; place < places; ++place) {
    std::vector<std::int32_t> map;
    map.reserve(static_cast<std::size_t>(all));
    for (int i = 0; i < all; ++i)
      map.push_back((i / p.out_width * p.stride + place / p.kernel) * p.in_width + i % p.out_width * p.stride +
                    place % p.kernel);
    builder.schedule().row_maps.push_back(std::move(map));
  }
  for (int row = 0, tile = 0; row < all; row += rows, ++tile) {
    const int m = std::min(rows, all - row), n = m * p.channels;
    const BufferId buffer = buffers[static_cast<std::size_t>(tile % 2)],
                   sum = buffers[static_cast<std::size_t>(2 + tile % 2)];
    std::vector<Transfer> loads;
    for (int place = 0; place < places; ++place) {
      loads.push_back(builder.make_transfer(source, row, 0, m, p.channels, buffer, place * n));
      loads.back().row_map = first_map + place;
    }
    builder.transfer(UnitKind::kDmaLoad, layer_index, op, loads);
    Job& add = builder.begin(UnitKind::kAccumulators, JobKind::kColumnSum, layer_index, op);
    add.m = places, add.n = n, add.flags = kFirst;
    add.streamed = buffer, add.streamed_stride = n, add.result = sum;
    builder.read(buffer);
    builder.write(sum);
    builder.finish();
    Job& divide = builder.begin(UnitKind::kDividers, JobKind::kMeanDivide, layer_index, op);
    divide.m = 1, divide.n = n, divide.detail = MeanOver{places};
    divide.streamed = divide.result = sum;
    divide.flags = kLast;
    builder.read(sum);
    builder.write(sum);
    builder.finish();
    builder.transfer(UnitKind::kDmaStore, layer_index, op, {builder.make_transfer(output, row, 0, m, p.channels, sum)});
  }
}

// The pixel at row i of windows; w: an Unfold or a Fold.
template <class Windows>
static int window_pixel(const Windows& w, int i) {
  const int across = w.width / w.patch, window = i / (w.patch * w.patch), place = i % (w.patch * w.patch);
  return (window / across * w.patch + place / w.patch + w.shift) % w.height * w.width +
         (window % across * w.patch + place % w.patch + w.shift) % w.width;
}

// The pixels that patch merging puts at this place of its rows.
static std::vector<std::int32_t> merged_rows(const PatchMerge& p, int place) {
  std::vector<std::int32_t> map;
  for (int y = place % p.patch; y < p.in_height; y += p.patch)
    for (int x = place / p.patch; x < p.in_width; x += p.patch) map.push_back(y * p.in_width + x);
  return map;
}

std::vector<std::int32_t> source_rows(const Layer& layer) {
  std::vector<std::int32_t> map;
  if (const auto* s = std::get_if<Subsample>(&layer.parameters)) {
    for (int y = 0; y < s->in_height; y += s->stride)
      for (int x = 0; x < s->in_width; x += s->stride) map.push_back(y * s->in_width + x);
  } else if (const auto* u = std::get_if<Unfold>(&layer.parameters); u != nullptr && u->windows) {
    for (int i = 0; i < u->height * u->width; ++i) map.push_back(window_pixel(*u, i));
  } else if (const auto* w = std::get_if<Fold>(&layer.parameters); w != nullptr && w->windows) {
    map.resize(static_cast<std::size_t>(w->height) * static_cast<std::size_t>(w->width));
    for (int i = 0; i < w->height * w->width; ++i) map[static_cast<std::size_t>(window_pixel(*w, i))] = i;
  } else if (u != nullptr) {
    for (int py = 0; py < u->patch; ++py)
      for (int px = 0; px < u->patch; ++px)
        for (int by = 0; by < u->height / u->patch; ++by)
          for (int bx = 0; bx < u->width / u->patch; ++bx)
            map.push_back((by * u->patch + py) * u->width + bx * u->patch + px);
  } else if (const auto* f = std::get_if<Fold>(&layer.parameters)) {
    const int tokens = f->height / f->patch * (f->width / f->patch);
    for (int y = 0; y < f->height; ++y)
      for (int x = 0; x < f->width; ++x)
        map.push_back((y % f->patch * f->patch + x % f->patch) * tokens + y / f->patch * (f->width / f->patch) +
                      x / f->patch);
  }
  return map;
}

namespace {

// What a layer that moves values reads for a tile of its rows.
class Rearrangement {
 public:
  Rearrangement(MappingContext& context, int layer_index)
      : context_(context),
        builder_(context.builder),
        index_(layer_index),
        layer_(context.layer(layer_index)),
        cols_(output_shape(layer_).cols),
        source_(context.input_tensor(layer_index, 0)),
        first_map_(static_cast<std::int32_t>(context.builder.schedule().row_maps.size())) {
    std::vector<std::vector<std::int32_t>>& maps = builder_.schedule().row_maps;
    if (const auto* tokens = std::get_if<ConcatToken>(&layer_.parameters)) {
      token_ =
          context.add_weight(layer_.name + ".weight", layer_index, tokens->learned, cols_, context.element_bytes());
    } else if (const auto* merge = std::get_if<PatchMerge>(&layer_.parameters)) {
      for (int place = 0; place < merge->patch * merge->patch; ++place) maps.push_back(merged_rows(*merge, place));
    } else if (!std::holds_alternative<Slice>(layer_.parameters) &&
               !std::holds_alternative<ConcatChannels>(layer_.parameters)) {
      maps.push_back(source_rows(layer_));
    }
  }

  std::vector<Transfer> loads(int row, int m, BufferId buffer) {
    if (const auto* tokens = std::get_if<ConcatToken>(&layer_.parameters))
      return token_loads(row, m, tokens->learned, buffer);
    if (const auto* merge = std::get_if<PatchMerge>(&layer_.parameters)) return merge_loads(row, m, *merge, buffer);
    if (const auto* slice = std::get_if<Slice>(&layer_.parameters))
      return {builder_.make_transfer(source_, slice->first_row + row, slice->first_channel, m, cols_, buffer)};
    if (std::holds_alternative<ConcatChannels>(layer_.parameters)) return channel_loads(row, m, buffer);
    Transfer load = builder_.make_transfer(source_, row, 0, m, cols_, buffer);
    load.row_map = first_map_;
    return {load};
  }

 private:
  std::vector<Transfer> token_loads(int row, int m, int learned, BufferId buffer) {
    std::vector<Transfer> list;
    const int skip = std::clamp(learned - row, 0, m);
    if (skip > 0) list.push_back(builder_.make_transfer(token_, row, 0, skip, cols_, buffer));
    if (m > skip)
      list.push_back(builder_.make_transfer(source_, row + skip - learned, 0, m - skip, cols_, buffer, skip * cols_));
    return list;
  }
  std::vector<Transfer> merge_loads(int row, int m, const PatchMerge& merge, BufferId buffer) {
    std::vector<Transfer> list;
    for (int place = 0; place < merge.patch * merge.patch; ++place) {
      list.push_back(builder_.make_transfer(source_, row, 0, m, merge.channels, buffer, place * merge.channels, cols_));
      list.back().row_map = first_map_ + place;
    }
    return list;
  }
  std::vector<Transfer> channel_loads(int row, int m, BufferId buffer) {
    std::vector<Transfer> list;
    int col = 0;
    for (std::size_t i = 0; i < layer_.inputs.size(); ++i) {
      const TensorId part = context_.input_tensor(index_, static_cast<int>(i));
      const int cols = builder_.schedule().tensors[part].cols;
      list.push_back(builder_.make_transfer(part, row, 0, m, cols, buffer, col, cols_));
      col += cols;
    }
    return list;
  }

  MappingContext& context_;
  ScheduleBuilder& builder_;
  int index_;
  const Layer& layer_;
  int cols_;
  TensorId source_, token_ = kNone;
  std::int32_t first_map_;
};

}  // namespace

void map_rearrange_layer(MappingContext& context, int layer_index, TensorId output) {
  ScheduleBuilder& builder = context.builder;
  const Layer& layer = context.layer(layer_index);
  const MatrixShape shape = output_shape(layer);
  const OperatorId op = builder.add_operator(OperatorRole::kRearrange, layer_index);
  const Bytes row_bytes = context.element_bytes() * shape.cols;
  const int rows = tile_rows(context, layer_index, shape.rows, row_bytes, 2);
  const std::vector<BufferId> buffers = builder.allocate({row_bytes * rows, row_bytes * rows}, "layer " + layer.name);
  Rearrangement rearrangement(context, layer_index);
  for (int row = 0, tile = 0; row < shape.rows; row += rows, ++tile) {
    const int m = std::min(rows, shape.rows - row);
    const BufferId buffer = buffers[static_cast<std::size_t>(tile % 2)];
    builder.transfer(UnitKind::kDmaLoad, layer_index, op, rearrangement.loads(row, m, buffer));
    builder.transfer(UnitKind::kDmaStore, layer_index, op,
                     {builder.make_transfer(output, row, 0, m, shape.cols, buffer)});
  }
}

}  // namespace vitality
