// Number formats of the datapath.
//
// Floating formats: operands are rounded to the format; products and sums are taken in the accumulation format (fp64
// for fp64, fp32 for fp32 and fp16). Fixed formats: symmetric, per tensor, real = code * scale with a calibrated scale;
// products and sums are exact integers (docs/algorithm.md 2.3: 2*15 + log2 K bits for int16, 2*7 + log2 K for int8),
// requantised to the format's codes with round-half-even and saturation where a tensor is stored.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/instruction_sets.h"
#include "base/units.h"

namespace vitality {

enum class Precision { kFp64, kFp32, kFp16, kInt16, kInt8 };

Bytes storage_bytes(Precision p);      // of one element: 8, 4, 2, 2, 1
Bytes accumulator_bytes(Precision p);  // of one partial sum: 8, 4, 4, 6, 4
bool is_integer(Precision p);
int max_code(Precision p);           // 32767, 127; 0 for floating formats
const char* to_string(Precision p);  // "fp64", ...
const std::vector<std::string>& precision_names();
bool parse_precision(const std::string& name, Precision& out);

// x rounded to the nearest fp16 value (ties to even; overflow to infinity), as a float. Without branches, for vectors.
VITALITY_INLINE float round_to_half(float x) {
  const float magnitude = std::fabs(x);
  std::uint32_t bits;
  std::memcpy(&bits, &magnitude, sizeof bits);
  bits = (bits + 0x0FFF + (bits >> 13 & 1)) & ~std::uint32_t{0x1FFF};  // 10 bits behind the leading one
  float rounded;
  std::memcpy(&rounded, &bits, sizeof rounded);
  rounded = magnitude < 0x1p-14F ? (magnitude + 0.5F) - 0.5F : rounded;  // subnormal: multiples of 2^-24
  rounded = magnitude >= 65520.0F ? HUGE_VALF : rounded;
  return x == x ? std::copysign(rounded, x) : x;
}

}  // namespace vitality
