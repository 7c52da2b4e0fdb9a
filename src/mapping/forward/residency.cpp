#include "mapping/forward/residency.h"

#include <algorithm>

namespace vitality {

bool keeps_outputs(const MappingContext& context) {
  return context.config.mapping.residency == MappingResidency::kChip && !context.options->training &&
         context.config.matrix_engine.dataflow == Dataflow::kInputStationary;
}

std::vector<ResidentTile> head_tiles(const Attention& a) {
  std::vector<ResidentTile> tiles;
  for (int head = 0; head < a.heads; ++head)
    for (const auto& [columns, depth] : {std::pair{a.q, a.d_qk}, {a.k, a.d_qk}, {a.v, a.d_v}})
      tiles.push_back({columns.offset + head * columns.head_stride, depth, kNone});
  return tiles;
}

std::vector<ResidentTile> column_tiles(int columns, int widest) {
  std::vector<ResidentTile> tiles;
  for (int col = 0; col < columns; col += widest) tiles.push_back({col, std::min(widest, columns - col), kNone});
  return tiles;
}

GemmProblem with_residence(GemmProblem problem, const std::vector<ResidentTile>* streamed, const Residence& results,
                           int adds, int rows) {
  problem.adds = adds;
  if (streamed != nullptr) {
    std::vector<int> widths;
    for (const ResidentTile& tile : *streamed) widths.push_back(tile.cols);
    problem.streamed_on_chip = true;
    problem.contraction = cut_tiles(widths, rows);
  }
  problem.added_in_place = results.heir_of != kNone;
  if (results.tiles.empty()) return problem;
  problem.columns.clear();
  for (const ResidentTile& tile : results.tiles) problem.columns.push_back(tile.cols);
  problem.column_cuts = false, problem.results_on_chip = true;
  problem.results_in_memory = in_memory(results.place);
  if (results.in_turn) problem.outermost = GemmLoop::kColumns;
  return problem;
}

void make_resident(MappingContext& context, int layer) {
  const Residence& residence = context.residence(layer);
  if (residence.tiles.empty() || context.resident.count(layer) > 0) return;
  if (residence.heir_of != kNone) {
    context.resident[layer] = std::move(context.resident.at(residence.heir_of));
    context.resident.erase(residence.heir_of);
    return;
  }
  std::vector<ResidentTile> tiles = residence.tiles;
  std::vector<int> elements;
  for (const ResidentTile& tile : tiles) elements.push_back(output_shape(context.layer(layer)).rows * tile.cols);
  const std::vector<BufferId> buffers = context.builder.allocate_resident(residence.bytes, elements, residence.end);
  for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i].buffer = buffers[i];
  context.resident[layer] = std::move(tiles);
}

void release_resident(MappingContext& context, int layer) {
  const int image = layer / context.layers_of_image();
  for (auto next = context.resident.begin(); next != context.resident.end();) {
    if (next->first / context.layers_of_image() != image || context.residence(next->first).last_reader > layer) {
      ++next;
      continue;
    }
    context.builder.release(next->second.front().buffer);
    next = context.resident.erase(next);
  }
}

}  // namespace vitality
