// Rounding of the datapath (precision.h). Values travel as doubles: codes of fixed formats, or numbers of the floating
// format.
#pragma once

#include <algorithm>

#include "tensor/precision.h"

namespace vitality {

// To the nearest integer, ties to even, for |x| < 2^51. Adding and subtracting 1.5 * 2^52 leaves the integer (default
// rounding mode); unlike nearbyint() this vectorises on every x86-64.
inline double round_half_even(double x) {
  constexpr double kMagic = 6755399441055744.0;
  return (x + kMagic) - kMagic;
}

class Arithmetic {
 public:
  explicit Arithmetic(Precision precision) : precision_(precision), limit_(max_code(precision)) {}
  // A fixed format whose values travel as real numbers: store() rounds to multiples of `unit`, sums stay as they are.
  static Arithmetic grid(Precision precision, double unit) {
    Arithmetic arithmetic(precision);
    arithmetic.unit_ = unit;
    return arithmetic;
  }
  Precision precision() const { return precision_; }
  bool integer() const { return limit_ > 0; }
  bool single() const { return sums_in_fp32(precision_); }

  // After this call, store() adds to `count` the number of results beyond the format's largest value.
  void count_saturated(Count* count) { saturated_ = count; }

  // A result in the storage format: saturated codes, or rounded.
  double store(double x) const {
    if (saturated_ != nullptr) note_saturated(&x, 1, 1);
    switch (precision_) {
      case Precision::kFp64:
        return x;
      case Precision::kFp32:
        return static_cast<double>(static_cast<float>(x));
      case Precision::kFp16:
        return static_cast<double>(round_to_half(static_cast<float>(x)));
      case Precision::kBf16:
        return static_cast<double>(round_to_bf16(static_cast<float>(x)));
      case Precision::kFp8E4m3:
        return static_cast<double>(round_to_fp8_e4m3(static_cast<float>(x)));
      case Precision::kFp8E5m2:
        return static_cast<double>(round_to_fp8_e5m2(static_cast<float>(x)));
      case Precision::kInt16:
      case Precision::kInt8:
        break;
    }
    if (unit_ > 0) return unit_ * round_half_even(std::min(limit_, std::max(-limit_, x / unit_)));
    return round_half_even(std::min(limit_, std::max(-limit_, x)));
  }
  // A result in the accumulation format: an integer, or fp32, or fp64.
  double wide(double x) const {
    return unit_ > 0 ? x : integer() ? round_half_even(x) : single() ? static_cast<double>(static_cast<float>(x)) : x;
  }
  // The same for whole arrays: y[i] = store or wide (x[i] * factor); y may be x.
  void store(const double* x, std::size_t count, double factor, double* y) const;
  void wide(const double* x, std::size_t count, double factor, double* y) const;

 private:
  void note_saturated(const double* x, std::size_t count, double factor) const;

  Precision precision_;
  double limit_;
  double unit_ = 0;             // 0: codes
  Count* saturated_ = nullptr;  // null: not counted
};

}  // namespace vitality
