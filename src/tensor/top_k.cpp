#include "tensor/top_k.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vitality {

std::vector<std::uint8_t> top_k(const double* values, int size, int k) {
  std::vector<std::uint8_t> kept(static_cast<std::size_t>(size));
  std::vector<int> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  const int count = std::clamp(k, 0, size);
  std::partial_sort(order.begin(), order.begin() + count, order.end(),
                    [values](int a, int b) { return values[a] != values[b] ? values[a] > values[b] : a < b; });
  for (int i = 0; i < count; ++i) kept[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = 1;
  return kept;
}

int kept_count(double share, int n) {
  // A share like 0.1 is not exact in binary: 0.1 * 30 must not round up to 4.
  return std::clamp(static_cast<int>(std::ceil(share * n - 1e-9)), 1, n);
}

}  // namespace vitality
