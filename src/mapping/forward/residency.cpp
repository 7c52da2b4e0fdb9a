#include "mapping/forward/residency.h"

#include <algorithm>
#include <limits>

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

bool can_gather(const Conv2d& conv, const std::vector<ResidentTile>& tiles) {
  const int group = conv.in_channels / conv.groups;
  return conv.groups == 1 || std::all_of(tiles.begin(), tiles.end(), [group](const ResidentTile& tile) {
           return tile.col % group == 0 && tile.cols % group == 0;
         });
}

namespace {

// The column behind the tile that this column lies in; if there are no tiles, behind all of them.
int end_of_tile(const std::vector<ResidentTile>* tiles, int column) {
  if (tiles != nullptr)
    for (const ResidentTile& tile : *tiles)
      if (tile.holds(column)) return tile.col + tile.cols;
  return std::numeric_limits<int>::max();
}

// Of a convolution with groups: as many whole ones as a pass takes, or a part of one.
std::vector<ColumnTile> grouped_columns(const Gemm& gemm, const MatrixEngineConfig& engine,
                                        const std::vector<ResidentTile>* streamed,
                                        const std::vector<ResidentTile>& results) {
  const int each = gemm.n / gemm.groups;
  std::vector<ColumnTile> columns;
  for (int n = 0; n < gemm.n; n += columns.back().count) {
    const int group = n / each, most = std::min(engine.cols, end_of_tile(&results, n) - n);
    const int groups = std::min({gemm.groups_in_pass, most / each, gemm.groups - group,
                                 end_of_tile(streamed, group * gemm.group_channels) / gemm.group_channels - group});
    if (n % each == 0 && groups > 1)
      columns.push_back({group, groups, n, groups * each});
    else
      columns.push_back({group, 1, n, std::min(most, (group + 1) * each - n)});
  }
  return columns;
}

}  // namespace

GemmTiles tiles_in_place(const Gemm& gemm, const MatrixEngineConfig& engine, const std::vector<ResidentTile>* streamed,
                         const std::vector<ResidentTile>& results) {
  GemmTiles tiles{gemm.contraction, gemm.columns};
  if (gemm.groups > 1) {
    if (streamed != nullptr || !results.empty()) tiles.columns = grouped_columns(gemm, engine, streamed, results);
    return tiles;
  }
  if (streamed != nullptr) {
    tiles.contraction.clear();
    const int positions = gemm.k / gemm.group_channels;
    for (std::size_t t = 0; t < streamed->size(); ++t) {
      const ResidentTile& tile = (*streamed)[t];
      for (int k = 0; k < positions * tile.cols; k += engine.rows)
        tiles.contraction.push_back(
            {positions * tile.col + k, std::min(engine.rows, positions * tile.cols - k), static_cast<int>(t)});
    }
  }
  if (!results.empty()) tiles.columns.clear();
  for (const ResidentTile& tile : results) tiles.columns.push_back({0, 1, tile.col, tile.cols});
  return tiles;
}

GemmProblem with_residence(GemmProblem problem, const GemmTiles& tiles, bool streamed_on_chip,
                           const Residence& results) {
  if (!streamed_on_chip && results.tiles.empty()) return problem;
  problem.streamed_on_chip = streamed_on_chip;
  if (streamed_on_chip) problem.strip.reset();
  problem.contraction.clear(), problem.columns.clear(), problem.packed_groups = 1;
  for (const ContractionTile& tile : tiles.contraction) problem.contraction.push_back(tile.count);
  for (const ColumnTile& tile : tiles.columns) {
    problem.columns.push_back(tile.count);
    problem.packed_groups = std::max(problem.packed_groups, tile.groups);
  }
  problem.added_in_place = results.heir_of != kNone;
  if (results.tiles.empty()) return problem;
  problem.column_cuts = false, problem.results_on_chip = true;
  problem.shared_result_tiles = tiles.columns.size() > results.tiles.size();
  problem.results_in_memory = in_memory(results.place);
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
