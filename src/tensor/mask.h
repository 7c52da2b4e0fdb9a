// Sparsity masks (m queries x n keys, 1 = kept) and Sanger's pack-and-split metric (Lu et al., MICRO 2021).
//
// `density` is kept / total, always (Sanger's code calls this "sparsity").
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"
#include "tensor/matrix.h"

namespace vitality {

using Mask = Matrix<std::uint8_t>;

Count kept_entries(const Mask& mask);
double density(const Mask& mask);
int empty_rows(const Mask& mask);

// Exactly round(density * m * n) entries, drawn without replacement; the same on every machine for a seed. density is
// in [0, 1].
Mask random_mask(int rows, int cols, double density, std::uint64_t seed);

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
