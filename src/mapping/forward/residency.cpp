#include "mapping/forward/residency.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace vitality {

bool keeps_outputs(const MappingContext& context) {
  return context.config.mapping.residency == MappingResidency::kChip && !context.options->training &&
         context.config.matrix_engine.dataflow == Dataflow::kInputStationary;
}

std::vector<ResidentTile> head_tiles(const Attention& a, int input) {
  std::vector<ResidentTile> tiles;
  for (int head = 0; head < a.heads; ++head)
    for (const auto& [columns, depth] : {std::pair{a.q, a.d_qk}, {a.k, a.d_qk}, {a.v, a.d_v}})
      if (columns.input == input) tiles.push_back({columns.offset + head * columns.head_stride, depth, depth});
  return tiles;
}

namespace {

// Tiles that lie side by side become one that is at most `widest` wide.
std::vector<ResidentTile> joined(std::vector<ResidentTile> pieces, int widest) {
  std::sort(pieces.begin(), pieces.end(), [](const ResidentTile& x, const ResidentTile& y) { return x.col < y.col; });
  std::vector<ResidentTile> tiles;
  for (const ResidentTile& piece : pieces) {
    ResidentTile* const last = tiles.empty() ? nullptr : &tiles.back();
    if (last != nullptr && last->col + last->cols == piece.col && last->cols + piece.cols <= widest)
      last->cols += piece.cols, last->band = std::gcd(last->band, piece.band);
    else
      tiles.push_back(piece);
  }
  return tiles;
}

}  // namespace

std::vector<ResidentTile> grouped_head_tiles(const Attention& a, int input, int widest) {
  const std::vector<ResidentTile> pieces = head_tiles(a, input);
  const std::size_t of_head = pieces.size() / static_cast<std::size_t>(a.heads);
  std::vector<ResidentTile> best;
  for (std::size_t group = of_head; group <= pieces.size(); group += of_head) {
    std::vector<ResidentTile> tiles;
    for (std::size_t first = 0; first < pieces.size(); first += group) {
      const auto begin = pieces.begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<ResidentTile> wide =
          joined({begin, begin + static_cast<std::ptrdiff_t>(std::min(group, pieces.size() - first))}, widest);
      tiles.insert(tiles.end(), wide.begin(), wide.end());
    }
    if (best.empty() || tiles.size() < best.size()) best = std::move(tiles);
  }
  return best;
}

std::vector<ResidentTile> column_tiles(int columns, int widest, int band) {
  if (band > 0) widest = std::max(1, widest / band) * band;
  std::vector<ResidentTile> tiles;
  for (int col = 0; col < columns; col += widest) {
    const int width = std::min(widest, columns - col);
    tiles.push_back({col, width, band > 0 ? band : width});
  }
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
  std::vector<ResidentMatrix> matrices;
  for (const ResidentTile& tile : tiles)
    matrices.push_back({output_shape(context.layer(layer)).rows * tile.cols, tile.cols, tile.band});
  const std::vector<BufferId> buffers = context.builder.allocate_resident(residence.bytes, matrices, residence.end);
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
