// Operands of integer passes as the 16-bit codes that the integer kernels take.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/tile.h"
#include "tensor/gemm.h"

namespace vitality {

// Codes of rows x cols values without gaps. Returns the magnitudes' bits or'ed; -1 where not all values are integers of
// at most 32767 (real numbers of a training step, differences wider than 16 bits).
int to_codes(int rows, int cols, ConstTile tile, std::int16_t* codes);
// Codes that `arithmetic` makes of real numbers: store(x * factor).
void round_to_codes(const Arithmetic& arithmetic, int rows, int cols, ConstTile real, double factor,
                    std::int16_t* codes);

// A streamed tile, ready for any number of passes.
class CodeTile {
 public:
  bool convert(int rows, int cols, ConstTile tile);  // false: to_codes() gave -1
  SplitOperand operand() const;

 private:
  int cols_ = 0;
  bool wide_ = false;  // more than the kernels take unsplit
  std::vector<std::int16_t, UnsetAllocator<std::int16_t>> codes_, low_, high_;
};

}  // namespace vitality
