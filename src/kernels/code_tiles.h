// Operands of integer passes as the 16-bit codes that the integer kernels take.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/tile.h"
#include "tensor/gemm.h"

namespace vitality {

// Writes the codes of rows x cols values without gaps. Returns the bitwise OR of their magnitudes, or -1 if some value
// is not an integer of magnitude at most 32767 (real numbers of a training step, differences wider than 16 bits).
int to_codes(int rows, int cols, ConstTile tile, std::int16_t* codes);
// The codes to which `arithmetic` rounds real numbers: store(x * factor).
void round_to_codes(const Arithmetic& arithmetic, int rows, int cols, ConstTile real, double factor,
                    std::int16_t* codes);

// A streamed tile, ready for any number of passes.
class CodeTile {
 public:
  bool convert(int rows, int cols, ConstTile tile);  // false: to_codes() gave -1
  SplitOperand operand() const;

 private:
  int cols_ = 0;
  bool wide_ = false;  // some magnitude is too large for the kernels, unless the tile is split
  std::vector<std::int16_t, UnsetAllocator<std::int16_t>> codes_, low_, high_;
};

}  // namespace vitality
