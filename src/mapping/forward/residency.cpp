#include "mapping/forward/residency.h"

#include <algorithm>

#include "mapping/forward/given_mapping.h"

namespace vitality {
namespace {

bool selected(const MappingContext& context, int layer) {
  return context.options->selected.empty() || context.options->selected[static_cast<std::size_t>(layer)];
}

// Number of additions that the epilogue of a linear layer will do (take_epilogue()).
int following_additions(const MappingContext& context, int layer) {
  int additions = 0;
  for (int next = layer + 1; next < static_cast<int>(context.model.layers.size()); ++next) {
    const Layer& l = context.layer(next);
    if (std::count(l.inputs.begin(), l.inputs.end(), next - 1) != 1 ||
        context.users[static_cast<std::size_t>(next - 1)] != 1 || !is_elementwise(l) || !selected(context, next) ||
        leaves_epilogue(context, next))
      break;
    additions += std::holds_alternative<Add>(l.parameters) || std::holds_alternative<PositionEmbedding>(l.parameters);
  }
  return additions;
}

// The heads of attention as tiles of its input: Q, K and V of every head.
std::vector<ResidentTile> head_tiles(const Attention& a) {
  std::vector<ResidentTile> tiles;
  for (int head = 0; head < a.heads; ++head)
    for (const auto& [columns, depth] : {std::pair{a.q, a.d_qk}, {a.k, a.d_qk}, {a.v, a.d_v}})
      tiles.push_back({columns.offset + head * columns.head_stride, depth, kNone});
  std::sort(tiles.begin(), tiles.end(), [](const ResidentTile& x, const ResidentTile& y) { return x.col < y.col; });
  return tiles;
}

bool takes_heads_in_place(const MappingContext& context, int layer, const Attention& a) {
  const AttentionKind kind = context.attention_kind(layer);
  const int widest = context.config.matrix_engine.cols;
  if (kind != AttentionKind::kTaylor && kind != AttentionKind::kTaylorElided && kind != AttentionKind::kSoftmax)
    return false;
  if (a.instances != 1 || a.bias_params > 0 || a.n_q != a.n_kv || a.d_qk > widest || a.d_v > widest) return false;
  int end = 0;  // the heads must be one whole input, one after the other
  for (const ResidentTile& tile : head_tiles(a)) {
    if (tile.col != end) return false;
    end = tile.col + tile.cols;
  }
  const Layer& l = context.layer(layer);
  return l.inputs.size() == 1 && end == output_shape(context.layer(l.inputs[0])).cols;
}

}  // namespace

int resident_consumer(const MappingContext& context, int layer) {
  const int next = layer + 1;
  if (context.config.mapping.residency != MappingResidency::kChip || context.options->training ||
      context.config.matrix_engine.dataflow != Dataflow::kInputStationary ||
      next >= static_cast<int>(context.model.layers.size()) || !selected(context, next) ||
      context.users[static_cast<std::size_t>(layer)] != 1)
    return kNone;
  const Layer& l = context.layer(next);
  if (l.inputs.empty() || l.inputs[0] != layer) return kNone;
  if (const auto* linear = std::get_if<Linear>(&l.parameters))
    return linear->rows == output_shape(context.layer(layer)).rows ? next : kNone;
  const auto* attention = std::get_if<Attention>(&l.parameters);
  return attention != nullptr && takes_heads_in_place(context, next, *attention) ? next : kNone;
}

std::vector<ResidentTile> resident_tiles(const MappingContext& context, int consumer, int columns, int widest) {
  if (const auto* attention = std::get_if<Attention>(&context.layer(consumer).parameters))
    return head_tiles(*attention);
  std::vector<ResidentTile> tiles;
  for (int col = 0; col < columns; col += widest) tiles.push_back({col, std::min(widest, columns - col), kNone});
  return tiles;
}

std::vector<Bytes> resident_bytes(const MappingContext& context, int consumer, int rows,
                                  const std::vector<ResidentTile>& tiles) {
  const bool guard = std::holds_alternative<Attention>(context.layer(consumer).parameters) &&
                     is_integer(context.config.precision) && traits(context.attention_kind(consumer)).low_rank;
  std::vector<Bytes> bytes;
  for (const ResidentTile& tile : tiles) {
    const Bytes elements = Bytes{rows} * tile.cols;
    bytes.push_back(context.element_bytes() * elements + (guard ? ceil_div(elements, 8) : 0));
  }
  return bytes;
}

GemmProblem linear_problem(const MappingContext& context, int layer, const std::vector<ResidentTile>& streamed) {
  const auto& linear = std::get<Linear>(context.layer(layer).parameters);
  const int rows = context.config.matrix_engine.rows, cols = context.config.matrix_engine.cols;
  GemmProblem p{};
  p.m = linear.rows, p.k = linear.in_features, p.n = linear.out_features;
  std::vector<int> widths{p.k};
  if (!streamed.empty()) {
    widths.clear();
    for (const ResidentTile& tile : streamed) widths.push_back(tile.cols);
  }
  p.contraction = cut_tiles(widths, rows);
  p.columns = cut_tiles({p.n}, cols);
  p.element = p.result = context.element_bytes(), p.partial = context.partial_bytes();
  p.adds = following_additions(context, layer);
  p.bias = linear.bias;
  p.streamed_on_chip = !streamed.empty();
  return p;
}

void make_resident(MappingContext& context, int layer, std::vector<ResidentTile> tiles,
                   const std::vector<Bytes>& bytes) {
  const std::vector<BufferId> buffers = context.builder.allocate_resident(bytes);
  for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i].buffer = buffers[i];
  context.resident[layer] = std::move(tiles);
}

void show_resident(MappingContext& context, int layer, OperatorId op, Transfer store) {
  store.bytes = 0;
  context.builder.transfer(UnitKind::kUncharged, layer, op, {store});
}

void release_resident(MappingContext& context, int layer) {
  const auto found = context.resident.find(layer);
  if (found == context.resident.end()) return;
  context.builder.release(found->second.front().buffer);
  context.resident.erase(found);
}

}  // namespace vitality
