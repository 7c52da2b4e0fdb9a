// A line of places in pieces.
#include "base/pieces.h"

#include <catch2/catch.hpp>

using namespace vitality;

namespace {

std::vector<std::pair<int, int>> listed(const Pieces<int>& pieces) {
  std::vector<std::pair<int, int>> list;
  for (const auto& piece : pieces.all()) list.emplace_back(piece.end, piece.value);
  return list;
}

using List = std::vector<std::pair<int, int>>;
constexpr int kEnd = Pieces<int>::kEnd;

}  // namespace

TEST_CASE("pieces: a range is cut out and given a value") {
  Pieces<int> pieces(7);
  CHECK(listed(pieces) == List{{kEnd, 7}});
  pieces.assign(4, 8, 1);
  CHECK(listed(pieces) == List{{4, 7}, {8, 1}, {kEnd, 7}});
  pieces.assign(0, 6, 2);
  CHECK(listed(pieces) == List{{6, 2}, {8, 1}, {kEnd, 7}});
  pieces.each(7, kEnd, [](int& value) { value += 10; });
  CHECK(listed(pieces) == List{{6, 2}, {7, 1}, {8, 11}, {kEnd, 17}});
  pieces.assign(3, 3, 9);  // nothing
  pieces.assign(6, kEnd, 3);
  CHECK(listed(pieces) == List{{3, 2}, {6, 2}, {kEnd, 3}});
}

TEST_CASE("pieces: elements of rows with a stride") {
  CHECK(Elements::of(10, 3, 4, 6).first == 10);
  CHECK(Elements::of(10, 3, 4, 6).end == 26);  // rows at 10, 16 and 22
  CHECK(Elements::of(10, 3, 4, 0).end == 22);
  CHECK(Elements::of(10, 0, 4, 6).end == 10);
}
