#include "tensor/mask.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/error.h"
#include "tensor/npy.h"

namespace vitality {

Count kept_entries(const Mask& mask) {
  return std::accumulate(mask.data(), mask.data() + mask.size(), Count{0});
}

double density(const Mask& mask) {
  return mask.empty() ? 0 : static_cast<double>(kept_entries(mask)) / static_cast<double>(mask.size());
}

int empty_rows(const Mask& mask) {
  int count = 0;
  for (int i = 0; i < mask.rows(); ++i)
    count += std::none_of(mask.row(i), mask.row(i) + mask.cols(), [](auto bit) { return bit != 0; });
  return count;
}

Mask random_mask(int rows, int cols, double density, std::uint64_t seed) {
  Mask mask(rows, cols);
  auto kept = static_cast<std::uint64_t>(std::llround(density * static_cast<double>(mask.size())));
  std::mt19937_64 random(seed);
  // Selection sampling (Knuth 3.4.2 S): entry i is kept with probability (still needed) / (still left). Distributions
  // of the standard library differ between implementations; this does not.
  for (std::size_t i = 0; i < mask.size() && kept > 0; ++i) {
    if (random() % (mask.size() - i) >= kept) continue;
    mask.data()[i] = 1;
    --kept;
  }
  return mask;
}

Mask read_mask(const std::string& path, int rows, int cols) {
  const NpyArray array = read_npy(path, {{NpyType::kUint8}, false});
  const NpyShape expected = {rows, cols};
  if (array.shape != expected)
    throw InputError(path, "", "mask of shape " + to_string(array.shape) + ", expected " + to_string(expected));
  Mask mask(rows, cols);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const double value = array.values[i];
    if (value != 0 && value != 1)
      throw InputError(path, "", "mask with the value " + std::to_string(int(value)) + ", expected 0 and 1 only");
    mask.data()[i] = static_cast<std::uint8_t>(value);
  }
  return mask;
}

PackSplit pack_and_split(const Mask& mask, int sub_row_slots, int vector_columns) {
  PackSplit result;
  for (int i = 0; i < mask.rows(); ++i) {
    for (int first = 0; first < mask.cols(); first += vector_columns) {
      const int last = std::min(first + vector_columns, mask.cols());
      const Count ones = std::accumulate(mask.row(i) + first, mask.row(i) + last, Count{0});
      ++result.vectors;
      result.skipped_vectors += ones == 0;
      result.ones += ones;
      result.sub_rows += ceil_div(ones, sub_row_slots);
    }
  }
  if (result.sub_rows > 0)
    result.utilization = static_cast<double>(result.ones) / static_cast<double>(result.sub_rows * sub_row_slots);
  return result;
}

}  // namespace vitality
