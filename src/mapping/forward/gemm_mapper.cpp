// GEMMs of linear layers and convolutions: what they multiply, and what both dataflows' mappers share.
#include "mapping/forward/gemm_mapper.h"

#include <tuple>
#include <utility>

#include "base/error.h"
#include "mapping/forward/codec.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

// The GEMM with its tensors and its operator in the schedule.
Gemm schedule_gemm(MappingContext& context, int layer_index) {
  const Layer& layer = context.layer(layer_index);
  ScheduleBuilder& builder = context.builder;
  Gemm gemm = describe_gemm(context, layer_index);
  gemm.op = builder.add_operator(OperatorRole::kGemm, layer_index);
  gemm.source = context.input_tensor(layer_index, 0);
  gemm.geometry = kNone;
  const auto* conv = std::get_if<Conv2d>(&layer.parameters);
  if (conv != nullptr && (conv->kernel > 1 || conv->stride > 1 || conv->groups > 1)) {
    gemm.geometry = static_cast<std::int32_t>(builder.schedule().geometries.size());
    builder.schedule().geometries.push_back(*conv);
  }
  gemm.weight = context.add_weight(layer.name + ".weight", layer_index, gemm.k, gemm.n, context.element_bytes());
  if (context.saved != nullptr) context.saved->weight[static_cast<std::size_t>(layer_index)] = gemm.weight;
  gemm.bias =
      gemm.has_bias ? context.add_weight(layer.name + ".bias", layer_index, 1, gemm.n, context.partial_bytes()) : kNone;
  return gemm;
}

}  // namespace

Gemm describe_gemm(const MappingContext& context, int layer_index) {
  const Layer& layer = context.layer(layer_index);
  const int rows = context.config.matrix_engine.rows, cols = context.config.matrix_engine.cols;
  Gemm gemm{};
  if (const auto* linear = std::get_if<Linear>(&layer.parameters)) {
    gemm.m = linear->rows, gemm.k = linear->in_features, gemm.n = linear->out_features, gemm.groups = 1;
    gemm.group_channels = gemm.k;
    gemm.first_row = linear->first_row;
    gemm.has_bias = linear->bias;
  } else {
    const auto& conv = std::get<Conv2d>(layer.parameters);
    gemm.m = conv.out_height * conv.out_width, gemm.groups = conv.groups;
    gemm.group_channels = conv.in_channels / conv.groups;
    gemm.k = conv.kernel * conv.kernel * gemm.group_channels, gemm.n = conv.out_channels;
    gemm.has_bias = conv.bias;
    // Patches that do not overlap are gathered by the DMA; others are read from a strip of the image in the scratchpad.
    const bool pixels = conv.kernel == 1 && conv.stride == 1;
    gemm.strip = conv.groups > 1 || (!pixels && (conv.stride < conv.kernel || conv.pad > 0));
  }
  // A batch norm that is folded into this layer becomes a bias, even if the layer has none.
  gemm.has_bias = gemm.has_bias || context.takes_norm[static_cast<std::size_t>(layer_index)];
  const int group_columns = gemm.n / gemm.groups;
  const int packed = gemm.groups_in_pass =
      std::max(1, std::min({gemm.groups, rows / std::max(1, gemm.k), cols / std::max(1, group_columns)}));
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

namespace {

// Whether attention takes the layer's results.
bool feeds_attention(const MappingContext& context, int layer) {
  const std::vector<int> epilogue = epilogue_layers(context, layer);
  const int last = epilogue.empty() ? layer : epilogue.back();
  int unseen = context.users[static_cast<std::size_t>(last)];
  for (int reader = last + 1; unseen > 0; ++reader) {
    const std::vector<int>& inputs = context.layer(reader).inputs;
    if (std::find(inputs.begin(), inputs.end(), last) == inputs.end()) continue;
    if (std::holds_alternative<Attention>(context.layer(reader).parameters)) return true;
    --unseen;
  }
  return false;
}

}  // namespace

GemmProblem problem_of(const MappingContext& context, int layer, const Gemm& gemm) {
  GemmProblem p{};
  p.m = gemm.m, p.k = gemm.k, p.n = gemm.n;
  for (const ContractionTile& tile : gemm.contraction) p.contraction.push_back(tile.count);
  for (const ColumnTile& tile : gemm.columns) p.columns.push_back(tile.count);
  p.groups = gemm.groups, p.packed_groups = gemm.columns[0].groups;
  p.column_cuts = p.packed_groups == 1;
  p.element = context.element_bytes(), p.partial = context.partial_bytes();
  p.result = gemm.wide ? std::max(p.element, wide_bytes(context.config.precision)) : p.element;
  p.bias = gemm.has_bias;
  p.column_sums = gemm.column_sums != kNone;
  if (gemm.strip) p.strip = std::get<Conv2d>(context.layer(layer).parameters), p.row_unit = p.strip->out_width;
  if (context.options->heads_in_turn && feeds_attention(context, layer)) p.outermost = GemmLoop::kColumns;
  return p;
}

namespace {

const Conv2d* convolution(const MappingContext& context, int layer, const Gemm& gemm) {
  return gemm.geometry == kNone ? nullptr : &std::get<Conv2d>(context.layer(layer).parameters);
}

// The tiles of the streamed operand in the scratchpad; null: it comes from memory. What lies there for a later layer
// has been written to memory too.
const std::vector<ResidentTile>* resident_operand(const MappingContext& context, int layer, const Gemm& gemm) {
  const std::vector<int>& inputs = context.layer(layer).inputs;
  const auto resident = inputs.empty() ? context.resident.end() : context.resident.find(inputs[0]);
  if (resident == context.resident.end()) return nullptr;
  const Conv2d* const conv = convolution(context, layer, gemm);
  return conv == nullptr || can_gather(*conv, resident->second) ? &resident->second : nullptr;
}

int fetched_adds(const std::vector<EpilogueStage>& epilogue) {
  return static_cast<int>(std::count_if(epilogue.begin(), epilogue.end(),
                                        [](const EpilogueStage& stage) { return stage.is_add && !stage.in_place; }));
}
bool is_function(const EpilogueStage& stage) {
  return stage.charged && !stage.is_add && !stage.folded && !stage.is_token;
}

// With operands and results where they lie.
std::pair<GemmTiles, GemmProblem> place_gemm(const MappingContext& context, int layer, const Gemm& gemm,
                                             const std::vector<EpilogueStage>& epilogue, const Residence& results) {
  const std::vector<ResidentTile>* const streamed = resident_operand(context, layer, gemm);
  GemmTiles tiles = tiles_in_place(gemm, context.config.matrix_engine, streamed, results.tiles);
  GemmProblem problem = problem_of(context, layer, gemm);
  problem.adds = fetched_adds(epilogue) + (results.heir_of != kNone ? 1 : 0);
  problem.functions = static_cast<int>(std::count_if(epilogue.begin(), epilogue.end(), is_function));
  problem.images = 1 + static_cast<int>(gemm.more_images.size());
  problem = with_residence(std::move(problem), tiles, streamed != nullptr, results);
  return {std::move(tiles), std::move(problem)};
}

}  // namespace

GemmMapper::GemmMapper(MappingContext& context, int layer, const Gemm& gemm, const std::vector<EpilogueStage>& epilogue,
                       TensorId output)
    : context_(context),
      builder_(context.builder),
      layer_(layer),
      gemm_(gemm),
      images_{{layer, gemm.op, gemm.source, epilogue, output}},
      rows_(context.config.matrix_engine.rows),
      cols_(context.config.matrix_engine.cols),
      element_(context.element_bytes()) {
  adds_ = fetched_adds(epilogue);
  images_.insert(images_.end(), gemm.more_images.begin(), gemm.more_images.end());
}

void GemmMapper::describe(const ResultPlace* given) {
  const Residence& residence = context_.residence(output_layer());
  if (given != nullptr) check_place(context_, layer_, *given, residence);
  const std::vector<ResidentTile>* const streamed = resident_operand(context_, layer_, gemm_);
  if (streamed != nullptr && gemm_.geometry != kNone) describe_gathering(*streamed);
  std::tie(whole_, problem_) = place_gemm(context_, layer_, gemm_, image().epilogue, residence);
  in_memory_ = problem_.results_in_memory;
}

std::string GemmMapper::results_words(ResultPlace place) {
  switch (place) {
    case ResultPlace::kMemory:
      return "";
    case ResultPlace::kScratchpad:
      return ", results in the scratchpad";
    case ResultPlace::kBoth:
      return ", results in memory and the scratchpad";
    case ResultPlace::kParts:
      return ", results in the scratchpad part by part, in turn with the next layer";
  }
  return "";
}

void GemmMapper::describe_gathering(const std::vector<ResidentTile>& tiles) {
  Schedule& schedule = builder_.schedule();
  const Conv2d whole = geometry();
  for (const ResidentTile& tile : tiles) {
    Conv2d part = whole;
    part.in_channels = tile.cols, part.groups = whole.groups == 1 ? 1 : tile.cols / gemm_.group_channels;
    const std::size_t before = tile_geometry_.size();
    const bool same = before > 0 && tiles[before - 1].cols == tile.cols;
    tile_geometry_.push_back(same ? tile_geometry_.back() : static_cast<std::int32_t>(schedule.geometries.size()));
    if (!same) schedule.geometries.push_back(part);
  }
  if (whole.groups > 1 || tiles.size() == 1 || whole.kernel == 1) return;
  const int positions = whole.kernel * whole.kernel;
  std::vector<std::int32_t> rows(static_cast<std::size_t>(gemm_.k));
  for (const ResidentTile& tile : tiles)
    for (int i = 0; i < positions * tile.cols; ++i)
      rows[static_cast<std::size_t>(positions * tile.col + i)] =
          i / tile.cols * whole.in_channels + tile.col + i % tile.cols;
  weight_rows_ = static_cast<std::int32_t>(schedule.row_maps.size());
  schedule.row_maps.push_back(std::move(rows));
}

Elements GemmMapper::stream_resident(Job& job, int m0, int m, const ContractionTile& tile, const ColumnTile& column) {
  const std::vector<ResidentTile>& tiles = context_.resident.at(source_layer());
  auto t = static_cast<std::size_t>(tile.part);
  if (gemm_.groups > 1)
    for (t = 0; !tiles[t].holds(column.first_group * gemm_.group_channels);) ++t;
  const ResidentTile& resident = tiles[t];
  const int first = gemm_.groups > 1 ? tile.first : tile.first - gemm_.k / gemm_.group_channels * resident.col;
  job.streamed = resident.buffer;
  if (gemm_.geometry == kNone) {
    job.streamed_stride = resident.cols;
    job.streamed_offset = (gemm_.first_row + m0 - streamed_part_row_) * resident.cols + first;
    return Elements::of(job.streamed_offset, m, tile.count, job.streamed_stride);
  }
  job.streamed_stride = tile.count;
  const Im2colTile rows{tile_geometry_[t], m0, 0, first, column.first_group - resident.col / gemm_.group_channels,
                        column.groups};
  gather(job, rows);
  return gathered_elements(builder_.schedule().geometries[static_cast<std::size_t>(rows.geometry)], rows, m);
}

void GemmMapper::infeasible(Bytes smallest) const {
  throw InfeasibleError("layer " + name() + ": no tiling of its " + std::to_string(gemm_.m) + " x " +
                        std::to_string(gemm_.k) + " x " + std::to_string(gemm_.n) + " GEMM fits the scratchpad of " +
                        std::to_string(builder_.capacity()) + " bytes (scratchpad.capacity_kib); the smallest needs " +
                        std::to_string(smallest) + " bytes");
}

Transfer GemmMapper::streamed_transfer(int m0, int m, const ContractionTile& tile, BufferId buffer, int offset) const {
  const GemmPart part = gemm_.streamed_parts.empty() ? GemmPart{image().source, gemm_.first_row}
                                                     : gemm_.streamed_parts[static_cast<std::size_t>(tile.part)];
  const bool transposed = gemm_.streamed_transposed;
  const int row = part.first_row + (transposed ? tile.first : m0), col = transposed ? m0 : tile.first;
  const int rows = transposed ? tile.count : m, cols = transposed ? m : tile.count;
  if (gemm_.geometry == kNone) return builder_.make_transfer(part.tensor, row, col, rows, cols, buffer, offset, cols);
  const ScheduledTensor& tensor = builder_.schedule().tensors[part.tensor];
  const Conv2d& conv = geometry();
  Transfer t{};
  t.tensor = part.tensor, t.row = row, t.col = col, t.rows = rows, t.cols = cols;
  t.buffer = buffer, t.buffer_offset = offset, t.buffer_stride = cols;
  t.row_map = kNone, t.geometry = gemm_.geometry;
  t.bytes = element_ * rows * cols;
  t.dram_address = tensor.dram_address + element_ * (static_cast<Bytes>(col) * conv.out_height * conv.out_width +
                                                     static_cast<Bytes>(row) * cols);
  return t;
}

Transfer GemmMapper::stationary_transfer(const ContractionTile& tile, const ColumnTile& column, BufferId buffer,
                                         int offset) const {
  const GemmPart part = gemm_.stationary_parts.empty() ? GemmPart{gemm_.weight}
                                                       : gemm_.stationary_parts[static_cast<std::size_t>(tile.part)];
  if (gemm_.stationary_transposed)
    return builder_.make_transfer(part.tensor, part.first_row + column.first, tile.first, column.count, tile.count,
                                  buffer, offset);
  return builder_.make_transfer(part.tensor, part.first_row + tile.first, column.first, tile.count, column.count,
                                buffer, offset);
}

JobId GemmMapper::load_strip(int m0, int m, BufferId buffer) {
  const Conv2d& conv = geometry();
  const InputRows rows = input_rows(conv, m0, m);
  return builder_.transfer(UnitKind::kDmaLoad, image().layer, image().op,
                           {builder_.make_transfer(image().source, rows.begin * conv.in_width, 0,
                                                   (rows.end - rows.begin) * conv.in_width, conv.in_channels, buffer)});
}

void GemmMapper::gather(Job& job, int m0, const ContractionTile& tile, const ColumnTile& column) {
  gather(job, {gemm_.geometry, m0, input_rows(geometry(), m0, 1).begin, tile.first, column.first_group, column.groups});
}

void GemmMapper::gather(Job& job, const Im2colTile& tile) {
  job.flags |= kIm2col;
  job.detail = builder_.schedule().im2col_tiles.next();
  builder_.schedule().im2col_tiles.push_back(tile);
}

TilePlace GemmMapper::resident_place(int row, const ColumnTile& column) const {
  const auto found = context_.resident.find(output_layer());
  if (found == context_.resident.end()) return {kNone};
  const auto tile = std::find_if(found->second.begin(), found->second.end(),
                                 [&](const ResidentTile& t) { return t.holds(column.first); });
  return {tile->buffer, (row - part_row_) * tile->cols + column.first - tile->col, tile->cols};
}

void GemmMapper::finish_tile(int m0, int m, const ColumnTile& column, const TilePlace& place, Dependency fetch_after) {
  const TilePlace resident = resident_place(m0 + rows_moved(image().epilogue), column);
  finish_rows({place, m0, column.first, m, column.count, fetch_after, resident, results_in_sums_}, image().epilogue);
  if (m0 == 0) add_token_rows(column, place, fetch_after);
}

// The learned rows in front of the results: each is fetched to its place, behind those that come in front of it later,
// and then is like a row of the layer.
void GemmMapper::add_token_rows(const ColumnTile& column, const TilePlace& tile, Dependency fetch_after) {
  const std::vector<EpilogueStage>& stages = image().epilogue;
  for (auto token = stages.begin(); token != stages.end(); ++token) {
    if (!token->is_token) continue;
    const std::vector<EpilogueStage> rest(token + 1, stages.end());
    const TilePlace resident = resident_place(rows_moved(rest), column),
                    place = results_in_sums_ ? tile
                            : outs_.empty()  ? resident
                                             : TilePlace{outs_[out_count_ % outs_.size()], 0, column.count};
    builder_.transfer(UnitKind::kDmaLoad, token->layer, token->op,
                      {builder_.make_transfer(token->second, 0, column.first, 1, column.count, place.buffer,
                                              place.offset, place.stride)},
                      fetch_after);
    finish_rows({place, 0, column.first, 1, column.count, fetch_after, resident, results_in_sums_}, rest);
  }
}

void GemmMapper::finish_rows(const EpilogueTile& tile, const std::vector<EpilogueStage>& stages) {
  const TilePlace place = emit_epilogue(context_, stages, tile, seconds_[out_count_++ % seconds_.size()]);
  // The store to memory belongs to the last charged layer: an uncharged layer has no bytes and no energy.
  int store_layer = image().layer;
  OperatorId op = image().op;
  for (const EpilogueStage& stage : image().epilogue)
    if (stage.charged) store_layer = stage.layer, op = stage.op;
  Transfer store = builder_.make_transfer(image().output, tile.row + rows_moved(stages), tile.col, tile.m, tile.n,
                                          place.buffer, place.offset, place.stride);
  if (!in_memory_) {
    builder_.show(JobKind::kStore, store_layer, op, store);
    return;
  }
  encode(context_, output_layer(), image().layer, image().op, store);
  builder_.transfer(UnitKind::kDmaStore, store_layer, op, {store});
}

namespace {

// Whether an array that can hold either operand holds the results of this layer.
bool holds_results(MappingContext& context, const Gemm& gemm, const GemmLayer& mapped) {
  if (!holds_results_too(context.config.matrix_engine)) return false;
  if (const LayerMapping* given = given_mapping(context, mapped.layer))
    return std::holds_alternative<OutputStationaryMapping>(*given);
  const int last = mapped.epilogue.empty() ? mapped.layer : mapped.epilogue.back().layer;
  const GemmProblem problem = place_gemm(context, mapped.layer, gemm, mapped.epilogue, context.residence(last)).second;
  make_resident(context, last);
  return context.holds_results(problem, context.builder.capacity());
}

}  // namespace

void map_gemm_layer(MappingContext& context, const std::vector<GemmLayer>& images) {
  const auto& [layer, epilogue, output] = images.front();
  Gemm gemm = schedule_gemm(context, layer);
  for (std::size_t i = 1; i < images.size(); ++i)
    gemm.more_images.push_back({images[i].layer, context.builder.add_operator(OperatorRole::kGemm, images[i].layer),
                                context.input_tensor(images[i].layer, 0), images[i].epilogue, images[i].output});
  if (context.config.matrix_engine.dataflow == Dataflow::kInputStationary &&
      !(images.size() == 1 && holds_results(context, gemm, images.front()))) {
    map_input_stationary(context, layer, gemm, epilogue, output);
  } else {
    map_output_stationary(context, layer, gemm, epilogue, output);
  }
}

void map_gemm_in_parts(MappingContext& context, const GemmLayer& first, const GemmLayer& second) {
  const Gemm first_gemm = schedule_gemm(context, first.layer), second_gemm = schedule_gemm(context, second.layer);
  map_row_parts(context, first, first_gemm, second, second_gemm);
}

void map_gemm_in_parts(MappingContext& context, const GemmLayer& first, int attention_layer, TensorId output) {
  map_head_parts(context, first, schedule_gemm(context, first.layer), attention_layer, output);
}

}  // namespace vitality
