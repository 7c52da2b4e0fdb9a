// Number formats of the datapath.
//
// Floating formats: operands are rounded to the format; products and sums are taken in the accumulation format (fp64
// for fp64, fp32 for the others). Fixed formats: symmetric, per tensor, real = code * scale with a calibrated scale;
// products and sums are exact integers (docs/algorithm.md 2.3: 2*15 + log2 K bits for int16, 2*7 + log2 K for int8),
// requantised to the format's codes with round-half-even and saturation where a tensor is stored.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/enum_table.h"
#include "base/instruction_sets.h"
#include "base/units.h"

namespace vitality {

enum class Precision { kFp64, kFp32, kFp16, kInt16, kInt8, kBf16, kFp8E4m3, kFp8E5m2 };

struct PrecisionTraits {
  const char* name;         // in JSON and on command lines; nullptr: no enumerator
  Bytes storage_bytes;      // of one element
  Bytes accumulator_bytes;  // of one partial sum
  int max_code;             // largest code of a fixed format; 0: a floating format
  // 0, or: the format has a scale per tensor, by which the tensor's largest magnitude is stored as this number.
  double scaled_to;
};
constexpr PrecisionTraits traits(Precision p) {
  switch (p) {
    case Precision::kFp64:
      return {"fp64", 8, 8, 0, 0};
    case Precision::kFp32:
      return {"fp32", 4, 4, 0, 0};
    case Precision::kFp16:
      return {"fp16", 2, 4, 0, 0};
    case Precision::kInt16:
      return {"int16", 2, 6, 32767, 32767};
    case Precision::kInt8:
      return {"int8", 1, 4, 127, 127};
    case Precision::kBf16:
      return {"bf16", 2, 4, 0, 0};
    case Precision::kFp8E4m3:  // half of 448 and of 57344: K_hat = K - K_bar may be twice as large as K
      return {"fp8_e4m3", 1, 4, 0, 224};
    case Precision::kFp8E5m2:
      return {"fp8_e5m2", 1, 4, 0, 28672};
  }
  return {};
}
constexpr const char* to_string(Precision p) {
  return traits(p).name;
}
constexpr Bytes storage_bytes(Precision p) {
  return traits(p).storage_bytes;
}
constexpr Bytes accumulator_bytes(Precision p) {
  return traits(p).accumulator_bytes;
}
constexpr int max_code(Precision p) {
  return traits(p).max_code;
}
constexpr bool is_integer(Precision p) {
  return max_code(p) != 0;
}
constexpr double scaled_to(Precision p) {
  return traits(p).scaled_to;
}
constexpr bool is_scaled(Precision p) {
  return scaled_to(p) != 0;
}
// Magnitudes above this one would round to a value that the format does not have; they become its largest value. 0:
// none does.
constexpr double saturates_beyond(Precision p) {
  switch (p) {
    case Precision::kInt16:
    case Precision::kInt8:
      return max_code(p) + 0.5;
    case Precision::kFp8E4m3:  // half a step behind 448 and 57344
      return 464;
    case Precision::kFp8E5m2:
      return 61440;
    case Precision::kFp64:
    case Precision::kFp32:
    case Precision::kFp16:
    case Precision::kBf16:
      break;
  }
  return 0;
}
constexpr bool sums_in_fp32(Precision p) {
  return !is_integer(p) && accumulator_bytes(p) == 4;
}
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
// x rounded to the nearest bf16 value; bf16 is the upper half of an fp32 (ties to even; overflow to infinity).
VITALITY_INLINE float round_to_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7FFF + (bits >> 16 & 1)) & ~std::uint32_t{0xFFFF};
  float rounded;
  std::memcpy(&rounded, &bits, sizeof rounded);
  return x == x ? rounded : x;
}
// x rounded to the nearest value of an 8-bit format with `mantissa_bits` bits behind the leading one (ties to even),
// saturated to its largest value (OCP 8-bit Floating Point Specification 1.0, section 5.2: SATFINITE). Below
// smallest_normal the values are multiples of `step`.
VITALITY_INLINE float round_to_fp8(float x, int mantissa_bits, float smallest_normal, float step, float largest) {
  const float magnitude = std::fabs(x), magic = step * 0x1p23F;
  const int dropped = 23 - mantissa_bits;
  std::uint32_t bits;
  std::memcpy(&bits, &magnitude, sizeof bits);
  bits = (bits + ((std::uint32_t{1} << (dropped - 1)) - 1) + (bits >> dropped & 1)) >> dropped << dropped;
  float rounded;
  std::memcpy(&rounded, &bits, sizeof rounded);
  rounded = magnitude < smallest_normal ? (magnitude + magic) - magic : rounded;
  rounded = rounded > largest ? largest : rounded;
  return x == x ? std::copysign(rounded, x) : x;
}
VITALITY_INLINE float round_to_fp8_e4m3(float x) {
  return round_to_fp8(x, 3, 0x1p-6F, 0x1p-9F, 448.0F);
}
VITALITY_INLINE float round_to_fp8_e5m2(float x) {
  return round_to_fp8(x, 2, 0x1p-14F, 0x1p-16F, 57344.0F);
}

}  // namespace vitality
