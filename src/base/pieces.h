// A value for every place of a line [0, kEnd): pieces with equal values follow each other.
#pragma once

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace vitality {

template <class T>
class Pieces {
 public:
  static constexpr int kEnd = std::numeric_limits<int>::max();
  struct Piece {
    int end;  // where the next one begins
    T value;
  };

  explicit Pieces(T value = {}) : list_{{kEnd, std::move(value)}} {}

  const std::vector<Piece>& all() const { return list_; }
  // visit(T&) for the pieces in [first, end), which is cut out of those that reach beyond it.
  template <class Visit>
  void each(int first, int end, const Visit& visit) {
    const std::size_t from = cut(first), to = cut(end);
    for (std::size_t i = from; i < to; ++i) visit(list_[i].value);
  }
  // One piece with this value in place of those in [first, end).
  void assign(int first, int end, T value) {
    const auto from = static_cast<std::ptrdiff_t>(cut(first)), to = static_cast<std::ptrdiff_t>(cut(end));
    if (from == to) return;
    list_.erase(list_.begin() + from + 1, list_.begin() + to);
    list_[static_cast<std::size_t>(from)] = {end, std::move(value)};
  }

 private:
  // Index of the piece that begins at `place`.
  std::size_t cut(int place) {
    if (place <= 0) return 0;
    const auto piece =
        std::lower_bound(list_.begin(), list_.end(), place, [](const Piece& p, int at) { return p.end < at; });
    const auto index = static_cast<std::size_t>(piece - list_.begin());
    if (piece->end == place) return index + 1;
    list_.insert(piece, {place, piece->value});
    return index + 1;
  }

  std::vector<Piece> list_;
};

// Elements of a buffer: `rows` rows of `cols` elements from `first` on, a row beginning `stride` elements (0: cols)
// behind the one before. Everything from the first to the last of them.
struct Elements {
  int first = 0, end = Pieces<int>::kEnd;
  static Elements of(int first, int rows, int cols, int stride) {
    return {first, rows == 0 ? first : first + (rows - 1) * (stride != 0 ? stride : cols) + cols};
  }
};

}  // namespace vitality
