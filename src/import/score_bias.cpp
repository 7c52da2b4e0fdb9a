#include "import/score_bias.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/units.h"
#include "import/layout_operators.h"

namespace vitality::importing {
namespace {

class BiasReader {
 public:
  BiasReader(const Draft& draft, const Tensor& bias, const Shape& shape, const ScorePlaces& places, int keys)
      : draft_(draft), places_(places), keys_(keys) {
    const Tensor target = integer_vector(shape);
    bias_ = expand(Node(), {&bias, &target})[0].real;
  }

  MatrixD read(Attention& a) {
    std::string why;
    // No mask last: a causal one on a grid is also a table by difference, of numbers that no format can hold.
    for (const ScoreMask mask : {ScoreMask::kCausal, ScoreMask::kShiftedWindows, ScoreMask::kNone}) {
      Attention tried = a;
      if (!set_mask(tried, mask)) continue;
      MatrixD table;
      std::string problem;
      if (!all_zero(tried)) {
        problem = by_distance(tried, table);
        if (!problem.empty()) problem = by_difference(tried, table).empty() ? "" : problem;
      }
      if (problem.empty()) {
        a = tried;
        return table;
      }
      why = problem;
    }
    throw NodeError(why);
  }

 private:
  // False if the mask cannot be this one: it would hide nothing, or keys whose scores do not sink.
  bool set_mask(Attention& a, ScoreMask mask) {
    if (mask == ScoreMask::kCausal && a.n_q != a.n_kv) return false;
    if (mask == ScoreMask::kShiftedWindows) {
      if (is_model_input(keys_) || !draft_.at(keys_).windows || draft_.at(keys_).shift == 0) return false;
      const DraftLayer& windows = draft_.at(keys_);
      a.windows = {windows.unfolded_height, windows.unfolded_width, windows.patch, windows.shift};
    }
    a.mask = mask;
    if (mask != ScoreMask::kNone) a.kind = AttentionKind::kSoftmax;
    bool hides = mask == ScoreMask::kNone;
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      if (seen(a, i)) continue;
      if (bias_[i] > kHiddenScore) return false;
      hides = true;
    }
    return hides;
  }

  bool seen(const Attention& a, std::size_t i) const {
    return sees(a, places_.instance[lead(a, i)], query(a, i), key(a, i));
  }
  static int key(const Attention& a, std::size_t i) { return static_cast<int>(i % static_cast<std::size_t>(a.n_kv)); }
  static int query(const Attention& a, std::size_t i) {
    return static_cast<int>(i / static_cast<std::size_t>(a.n_kv) % static_cast<std::size_t>(a.n_q));
  }
  static std::size_t lead(const Attention& a, std::size_t i) {
    return i / static_cast<std::size_t>(a.n_kv) / static_cast<std::size_t>(a.n_q);
  }

  bool all_zero(const Attention& a) const {
    for (std::size_t i = 0; i < bias_.size(); ++i)
      if (bias_[i] != 0 && seen(a, i)) return false;
    return true;
  }

  // Fills the table with what seen scores add; false if two of one head and column differ.
  template <class Column>
  bool fill(const Attention& a, MatrixD& table, Column&& column) const {
    std::vector<bool> met(table.size(), false);
    for (std::size_t i = 0; i < bias_.size(); ++i) {
      if (!seen(a, i)) continue;
      const int head = places_.head[lead(a, i)], at = column(query(a, i), key(a, i));
      const auto place = static_cast<std::size_t>(head * table.cols() + at);
      if (met[place] && table(head, at) != bias_[i]) return false;
      met[place] = true;
      table(head, at) = bias_[i];
    }
    return true;
  }

  // LeViT's table: B(h, i, j) = table(h, |dy| * grid + |dx|) on the keys' square grid. Returns what is wrong, or "".
  std::string by_distance(Attention& a, MatrixD& table) const {
    const auto [height, width] = draft_.grid(keys_);
    if (height == 0 || height != width || height * width != a.n_kv || a.instances != 1)
      return "attention with a score bias whose keys are no square grid of one image";
    const int grid = height;
    int stride = 1;
    while (stride <= grid && static_cast<int>(ceil_div(grid, stride) * ceil_div(grid, stride)) != a.n_q) ++stride;
    if (stride > grid) return "attention with a score bias whose queries are no stride of the keys' grid";
    const int across = static_cast<int>(ceil_div(grid, stride));
    table = MatrixD(a.heads, grid * grid);
    const bool fits = fill(a, table, [&](int query, int key) {
      return std::abs(query / across * stride - key / grid) * grid + std::abs(query % across * stride - key % grid);
    });
    if (!fits) return "attention with a score bias that is not one value a head and distance";
    a.bias_grid = grid, a.query_stride = stride, a.bias_params = Count{a.heads} * grid * grid;
    return "";
  }

  // Swin's: B(h, i, j) = table(h, (dy + side - 1) * (2 side - 1) + dx + side - 1) in a window or on a square grid.
  std::string by_difference(Attention& a, MatrixD& table) const {
    const bool windows = !is_model_input(keys_) && draft_.at(keys_).windows;
    const int side = windows ? draft_.at(keys_).patch : draft_.grid(keys_).first, span = 2 * side - 1;
    if (side == 0 || side * side != a.n_kv || a.n_q != a.n_kv) return "attention with a score bias outside of windows";
    table = MatrixD(a.heads, span * span);
    const bool fits = fill(a, table, [&](int query, int key) {
      return (query / side - key / side + side - 1) * span + query % side - key % side + side - 1;
    });
    if (!fits) return "attention with a score bias that is not one value a head and difference";
    a.signed_bias = true;
    a.bias_grid = side, a.query_stride = 1, a.bias_params = Count{a.heads} * span * span;
    return "";
  }

  const Draft& draft_;
  const ScorePlaces& places_;
  int keys_;
  std::vector<double> bias_;
};

}  // namespace

MatrixD take_score_bias(const Draft& draft, const Tensor& bias, const Shape& shape, const ScorePlaces& places, int keys,
                        Attention& a) {
  return BiasReader(draft, bias, shape, places, keys).read(a);
}

}  // namespace vitality::importing
