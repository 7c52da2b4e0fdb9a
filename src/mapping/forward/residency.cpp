#include "mapping/forward/residency.h"

#include <algorithm>
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
  std::vector<StayingMatrix> matrices;
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
