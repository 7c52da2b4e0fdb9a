// Walks the kept entries of a block of a mask. Internal to the kernels room.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/sparse.h"

namespace vitality {

// Calls f(row in block, column in block, index of the entry) row by row.
template <class Function>
void for_each_entry(const MaskBlock& block, Function&& f) {
  std::ptrdiff_t index = 0;
  for (int r = 0; r < block.rows; ++r) {
    const std::uint8_t* bits = block.mask.row(block.row + r);
    for (int c = 0; c < block.mask.cols(); ++c) {
      if (bits[c] == 0) continue;
      if (c >= block.col && c < block.col + block.cols) f(r, c - block.col, index);
      ++index;
    }
  }
}

}  // namespace vitality
