// Test problems for the clocked arrays: seeded operands in int16 range or fp32, and what the tile arithmetic makes of
// them.
#pragma once

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "tensor/gemm.h"
#include "tests/support/clocked_input_stationary.h"

namespace vitality::test {

struct ArraySize {
  int rows, cols;
};
struct GemmSize {
  int m, k, n;
};

template <class T>
std::vector<T> seeded_operand(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> values(size);
  for (T& value : values) {
    if constexpr (std::is_floating_point_v<T>) {
      value = std::normal_distribution<T>()(random);
    } else {
      value = std::uniform_int_distribution<int>(-32767, 32767)(random);
    }
  }
  return values;
}

template <class T>
struct ClockedProblem {
  ClockedProblem(ArraySize array, GemmSize size)
      : s(size),
        a(seeded_operand<T>(static_cast<std::size_t>(s.m) * s.k, 1)),
        b(seeded_operand<T>(static_cast<std::size_t>(s.k) * s.n, 2)),
        gemm{array.rows, array.cols, s.m, s.k, s.n, a.data(), b.data()} {}
  ClockedProblem(const ClockedProblem&) = delete;

  // `slice` of k per pass of the array, each pass a tile product of its own; the passes are added outside in ascending
  // order.
  std::vector<T> expected(int slice) const {
    std::vector<T> c(static_cast<std::size_t>(s.m) * s.n);
    for (int k = 0; k < s.k; k += slice) add_product(k, std::min(slice, s.k - k), c);
    return c;
  }

  GemmSize s;
  std::vector<T> a, b;
  ClockedGemm<T> gemm;

 private:
  void add_product(int k0, int depth, std::vector<T>& c) const {
    if constexpr (std::is_floating_point_v<T>) {
      vitality::gemm(s.m, s.n, depth, a.data() + k0, s.k, b.data() + k0 * s.n, s.n, c.data(), s.n, GemmStart::kAdd);
    } else {
      const std::vector<std::int16_t> left(a.begin(), a.end()), right(b.begin(), b.end());
      gemm_i16(s.m, s.n, depth, left.data() + k0, s.k, right.data() + k0 * s.n, s.n, c.data(), s.n, GemmStart::kAdd);
    }
  }
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Arrays and shapes that exercise every formula: one element; fewer streamed rows than array rows; short, ragged and
// long contractions; several folds both ways.
inline const std::vector<ArraySize>& clocked_arrays() {
  static const std::vector<ArraySize> arrays = {{4, 4}, {3, 5}, {8, 4}, {1, 1}, {1, 6}, {5, 1}, {2, 7}};
  return arrays;
}
inline const std::vector<GemmSize>& clocked_shapes() {
  static const std::vector<GemmSize> shapes = {{1, 1, 1}, {2, 3, 2},  {4, 4, 4},  {5, 8, 4},   {17, 4, 4},  {3, 9, 11},
                                               {7, 5, 1}, {1, 12, 9}, {12, 3, 5}, {20, 17, 6}, {33, 10, 13}};
  return shapes;
}

}  // namespace vitality::test
