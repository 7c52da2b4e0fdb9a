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

static int diagonal(int row, int rows, int cols) {
  return static_cast<int>(static_cast<std::int64_t>(row) * cols / rows);
}

Mask window_mask(int rows, int cols, const WindowPattern& pattern) {
  Mask mask(rows, cols);
  for (int i = 0; i < rows; ++i) {
    std::uint8_t* const row = mask.row(i);
    if (i < pattern.global_tokens) {
      std::fill(row, row + cols, std::uint8_t{1});
      continue;
    }
    std::fill(row, row + std::min(cols, pattern.global_tokens), std::uint8_t{1});
    for (int s = 0; s < pattern.window; ++s) {
      const std::int64_t key = diagonal(i, rows, cols) + std::int64_t{pattern.dilation} * (s - pattern.window / 2);
      if (key >= 0 && key < cols) row[key] = 1;
    }
  }
  return mask;
}

Mask polarised_mask(int rows, int cols, int global_tokens, double density) {
  Mask mask(rows, cols);
  const int global = std::min(cols, global_tokens);
  Count left = std::llround(density * static_cast<double>(mask.size())) - Count{global} * rows;
  if (left < 0)
    throw InputError("", "",
                     "sparsity.global_tokens " + std::to_string(global_tokens) + " of " + std::to_string(cols) +
                         " keys keep more entries than sparsity.density allows");
  for (int i = 0; i < rows; ++i) std::fill(mask.row(i), mask.row(i) + global, std::uint8_t{1});
  for (int step = 0; step < 2 * cols && left > 0; ++step) {
    const int offset = step % 2 == 0 ? step / 2 : -(step + 1) / 2;
    for (int i = 0; i < rows && left > 0; ++i) {
      const int key = diagonal(i, rows, cols) + offset;
      if (key < global || key >= cols) continue;
      mask(i, key) = 1;
      --left;
    }
  }
  return mask;
}

Polarised polarise(const Mask& mask) {
  constexpr Count kThreshold = 50, kThresholdOf = 197;  // reorder.py of the released simulator
  Polarised out;
  out.global.resize(static_cast<std::size_t>(mask.cols()));
  for (int c = 0; c < mask.cols(); ++c) {
    Count kept = 0;
    for (int r = 0; r < mask.rows(); ++r) kept += mask(r, c);
    const bool global = kept * kThresholdOf > kThreshold * mask.rows();
    out.global[static_cast<std::size_t>(c)] = global;
    (global ? out.tokens : out.sparse) += global ? 1 : kept;
  }
  return out;
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
