// Sparsity masks (m queries x n keys, 1 = kept) and Sanger's pack-and-split metric (Lu et al., MICRO 2021).
//
// `density` is kept / total, always (Sanger's code calls this "sparsity").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "tensor/matrix.h"

namespace vitality {

using Mask = Matrix<std::uint8_t>;

// What a row without a kept entry attends to: to every key (a dense row, as Sanger's code does), or to nothing (its
// output is zero: SpAtten's pruned heads).
enum class EmptyRows { kDense, kZero };

Count kept_entries(const Mask& mask);
double density(const Mask& mask);
int empty_rows(const Mask& mask);

// Exactly round(density * m * n) entries, drawn without replacement; the same on every machine for a seed. density is
// in [0, 1].
Mask random_mask(int rows, int cols, double density, std::uint64_t seed);

// Patterns that the design of a machine fixes. Where the numbers of keys and queries differ, the window of query i is
// centred at key floor(i * n / m).

// Sliding window (SALO, Longformer): query i keeps the keys at i + dilation * (s - window / 2), s = 0 .. window - 1,
// that exist; the first `global_tokens` tokens are kept by all queries and, as queries, keep all keys.
struct WindowPattern {
  int window = 64, dilation = 1, global_tokens = 1;
};
Mask window_mask(int rows, int cols, const WindowPattern& pattern);

// Polarised (ViTCoD): the first `global_tokens` columns are kept completely. The other entries are taken from the
// diagonals next to the main one (in the order 0, -1, +1, -2, ... from the main one, each diagonal from the top) until
// round(density * m * n) entries are kept. Throws InputError when the global columns alone have more.
Mask polarised_mask(int rows, int cols, int global_tokens, double density);

// ViTCoD's polarising: columns that more than 50 of 197 queries keep are global tokens, the rest of the mask is sparse.
struct Polarised {
  std::vector<bool> global;  // per column of the mask
  Count tokens = 0;          // number of global columns
  Count sparse = 0;          // kept entries outside the global columns
};
Polarised polarise(const Mask& mask);

// A uint8 .npy array of this shape with values 0 and 1 only; anything else is an InputError.
Mask read_mask(const std::string& path, int rows, int cols);

// Each row is cut into vectors of `vector_columns` columns (the last may be shorter). A vector of zeros is skipped; one
// with c ones becomes ceil(c / sub_row_slots) sub-rows of the PE array.
struct PackSplit {
  Count vectors = 0, skipped_vectors = 0, ones = 0, sub_rows = 0;
  // ones / (sub_rows * sub_row_slots): the share of slots that hold an entry; 1 for a mask without ones.
  double utilization = 1;
};
constexpr int kSangerVectorColumns = 64, kSangerSubRowSlots = 16;
PackSplit pack_and_split(const Mask& mask, int sub_row_slots = kSangerSubRowSlots,
                         int vector_columns = kSangerVectorColumns);

}  // namespace vitality
