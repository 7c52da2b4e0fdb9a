#include "kernels/code_tiles.h"

#include <algorithm>
#include <cstddef>

#include "base/vectorised.h"

namespace vitality {
namespace {

void split(std::size_t count, const std::int16_t* codes, std::int16_t* low, std::int16_t* high) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) {
      const int bottom = signed_low_byte(codes[i]);
      low[i] = static_cast<std::int16_t>(bottom);
      high[i] = static_cast<std::int16_t>((codes[i] - bottom) >> 8);
    }
  });
}

}  // namespace

int to_codes(int rows, int cols, ConstTile tile, std::int16_t* codes) {
  return vectorised([=]() VITALITY_LOOP {
    unsigned bits = 0;
    int inexact = 0;
    for (int r = 0; r < rows; ++r) {
      const double* const from = tile.row(r);
      std::int16_t* const to = codes + static_cast<std::ptrdiff_t>(r) * cols;
      for (int c = 0; c < cols; ++c) {
        const int code = static_cast<int>(from[c]);
        inexact |= static_cast<double>(code) != from[c] ? 1 : 0;
        bits |= code < 0 ? 0U - static_cast<unsigned>(code) : static_cast<unsigned>(code);
        to[c] = static_cast<std::int16_t>(code);
      }
      if (inexact != 0 || bits > 32767) return -1;
    }
    return static_cast<int>(bits);
  });
}

namespace {

void round_rows(int rows, int cols, ConstTile real, double factor, double limit, std::int16_t* codes) {
  vectorised([=]() VITALITY_LOOP {
    for (int r = 0; r < rows; ++r) {
      const double* const from = real.row(r);
      std::int16_t* const to = codes + static_cast<std::ptrdiff_t>(r) * cols;
#pragma GCC ivdep
      for (int c = 0; c < cols; ++c)
        to[c] = static_cast<std::int16_t>(
            static_cast<int>(round_half_even(std::min(limit, std::max(-limit, from[c] * factor)))));
    }
  });
}

}  // namespace

void round_to_codes(const Arithmetic& arithmetic, int rows, int cols, ConstTile real, double factor,
                    std::int16_t* codes) {
  round_rows(rows, cols, real, factor, max_code(arithmetic.precision()), codes);
}

bool CodeTile::convert(int rows, int cols, ConstTile tile) {
  const std::size_t count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
  codes_.resize(count + 1);
  codes_[count] = 0;  // read where `cols` is odd
  const int bits = to_codes(rows, cols, tile, codes_.data());
  if (bits < 0) return false;
  cols_ = cols;
  wide_ = bits > 255;
  if (wide_) {
    low_.resize(count + 1), high_.resize(count + 1);
    split(count + 1, codes_.data(), low_.data(), high_.data());
  }
  return true;
}

SplitOperand CodeTile::operand() const {
  if (wide_) return {low_.data(), high_.data(), cols_};
  return {codes_.data(), nullptr, cols_};
}

}  // namespace vitality
