// How the columns of attention's input lie in tiles that stay in the scratchpad.
#include <catch2/catch.hpp>

#include "mapping/forward/residency.h"

using namespace vitality;

namespace {

// First column, columns and band of each tile.
using Tiles = std::vector<std::array<int, 3>>;

Tiles listed(const std::vector<ResidentTile>& tiles) {
  Tiles list;
  for (const ResidentTile& tile : tiles) list.push_back({tile.col, tile.cols, tile.band});
  return list;
}

Attention heads_of(int heads, int d, int e) {
  Attention a{};
  a.heads = heads, a.d_qk = d, a.d_v = e;
  return a;
}
// All Q, all K, all V.
Attention all_of_each(int heads, int d) {
  Attention a = heads_of(heads, d, d);
  a.q = {0, 0, d}, a.k = {0, heads * d, d}, a.v = {0, 2 * heads * d, d};
  return a;
}
// Q, K and V of a head side by side.
Attention head_by_head(int heads, int d, int e) {
  Attention a = heads_of(heads, d, e);
  const int stride = 2 * d + e;
  a.q = {0, 0, stride}, a.k = {0, d, stride}, a.v = {0, 2 * d, stride};
  return a;
}

}  // namespace

TEST_CASE("head tiles: as many heads as fit the array lie in one tile") {
  CHECK(listed(grouped_head_tiles(all_of_each(2, 4), 0, 8)) == Tiles{{0, 8, 4}, {8, 8, 4}, {16, 8, 4}});
  CHECK(listed(grouped_head_tiles(all_of_each(4, 16), 0, 64)) == Tiles{{0, 64, 16}, {64, 64, 16}, {128, 64, 16}});
  // A head as wide as the array: head by head.
  CHECK(listed(grouped_head_tiles(all_of_each(2, 4), 0, 4)) ==
        Tiles{{0, 4, 4}, {8, 4, 4}, {16, 4, 4}, {4, 4, 4}, {12, 4, 4}, {20, 4, 4}});
  // Fifteen pieces of 24 in an array of 64: in pairs, of which two groups of heads would make nine.
  CHECK(listed(grouped_head_tiles(all_of_each(5, 24), 0, 64)) == Tiles{{0, 48, 24},
                                                                       {48, 48, 24},
                                                                       {96, 48, 24},
                                                                       {144, 48, 24},
                                                                       {192, 48, 24},
                                                                       {240, 48, 24},
                                                                       {288, 48, 24},
                                                                       {336, 24, 24}});
  // Six heads: groups of two make as few tiles as more of them.
  CHECK(listed(grouped_head_tiles(all_of_each(6, 24), 0, 64)) == Tiles{{0, 48, 24},
                                                                       {144, 48, 24},
                                                                       {288, 48, 24},
                                                                       {48, 48, 24},
                                                                       {192, 48, 24},
                                                                       {336, 48, 24},
                                                                       {96, 48, 24},
                                                                       {240, 48, 24},
                                                                       {384, 48, 24}});
}

TEST_CASE("head tiles: Q, K and V side by side share a tile, which is taken in bands of their common width") {
  CHECK(listed(grouped_head_tiles(head_by_head(2, 16, 32), 0, 64)) == Tiles{{0, 64, 16}, {64, 64, 16}});
  CHECK(listed(grouped_head_tiles(head_by_head(2, 32, 64), 0, 64)) ==
        Tiles{{0, 64, 32}, {64, 64, 64}, {128, 64, 32}, {192, 64, 64}});
  // Q K, V Q, K V of two heads: three tiles, where each head for itself makes two.
  CHECK(listed(grouped_head_tiles(head_by_head(2, 4, 4), 0, 8)) == Tiles{{0, 8, 4}, {8, 8, 4}, {16, 8, 4}});
}

TEST_CASE("head tiles: an input has the tiles of what lies in it") {
  Attention a = heads_of(2, 8, 8);
  a.q = {0, 0, 8}, a.k = {1, 0, 8}, a.v = {1, 16, 8};
  CHECK(listed(grouped_head_tiles(a, 0, 16)) == Tiles{{0, 16, 8}});
  CHECK(listed(grouped_head_tiles(a, 1, 16)) == Tiles{{0, 16, 8}, {16, 16, 8}});
  CHECK(listed(grouped_head_tiles(a, 1, 8)) == Tiles{{0, 8, 8}, {16, 8, 8}, {8, 8, 8}, {24, 8, 8}});
}

TEST_CASE("head tiles: results of attention are tiles of whole heads") {
  CHECK(listed(column_tiles(72, 64, 24)) == Tiles{{0, 48, 24}, {48, 24, 24}});
  CHECK(listed(column_tiles(64, 16, 32)) == Tiles{{0, 32, 32}, {32, 32, 32}});  // wider than the array
  CHECK(listed(column_tiles(10, 4)) == Tiles{{0, 4, 4}, {4, 4, 4}, {8, 2, 2}});
}
