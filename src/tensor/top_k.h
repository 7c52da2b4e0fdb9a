// Which entries of a row are its k largest. Ties go to the lower index, so the choice is the same everywhere.
#pragma once

#include <cstdint>
#include <vector>

namespace vitality {

// 1 for each index i whose values[i] is among the k largest. A k above the size keeps everything, k <= 0 nothing.
std::vector<std::uint8_t> top_k(const double* values, int size, int k);

// The number of kept entries (k) for a kept share of n entries: at least one, at most n.
int kept_count(double share, int n);

}  // namespace vitality
