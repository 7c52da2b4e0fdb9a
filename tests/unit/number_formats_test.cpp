// bf16 and the 8-bit floating formats, against tables of their values that are made from the definitions of their bits
// (OCP 8-bit Floating Point Specification 1.0, section 5; bf16: the upper half of an fp32), not from the rounding.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention.h"
#include "kernels/tile.h"
#include "tensor/precision.h"

using namespace vitality;

namespace {

struct Format {
  const char* name;
  float (*round)(float);
  int exponent_bits, mantissa_bits, bias;
  int values;      // finite positive ones and zero: codes 0, 1, 2, ...
  bool saturates;  // beyond the largest value; else infinite from the midpoint on
};
const Format kFormats[] = {{"bf16", round_to_bf16, 8, 7, 127, 0x7F80, false},
                           {"fp8_e4m3", round_to_fp8_e4m3, 4, 3, 7, 0x7F, true},  // 0x7F is NaN, there is no infinity
                           {"fp8_e5m2", round_to_fp8_e5m2, 5, 2, 15, 0x7C, true}};

double value_of(const Format& f, int code) {
  const int mantissa = code & ((1 << f.mantissa_bits) - 1), exponent = code >> f.mantissa_bits;
  const double ulp = std::ldexp(1, (exponent == 0 ? 1 : exponent) - f.bias - f.mantissa_bits);
  return ulp * (exponent == 0 ? mantissa : mantissa + (1 << f.mantissa_bits));
}

}  // namespace

TEST_CASE("bf16 and fp8 round to the nearest value, ties to the even code, as their bits define the values") {
  for (const Format& f : kFormats) {
    int wrong = 0;
    const auto expect = [&](float x, double wanted) {
      const auto want = static_cast<float>(wanted);
      if (f.round(x) == want && f.round(-x) == -want && std::signbit(f.round(-x))) return;
      if (++wrong < 5) UNSCOPED_INFO(f.name << " " << x << " gives " << f.round(x) << ", not " << want);
    };
    for (int code = 0; code < f.values; ++code) {
      const double low = value_of(f, code);
      expect(static_cast<float>(low), low);
      if (code + 1 == f.values) continue;
      const double high = value_of(f, code + 1);
      const auto middle = static_cast<float>((low + high) / 2);
      expect(middle, code % 2 == 0 ? low : high);
      expect(std::nextafter(middle, 0.0F), low);
      expect(std::nextafter(middle, HUGE_VALF), high);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("bf16 overflows to infinity, fp8 saturates, and neither loses a NaN") {
  CHECK(value_of(kFormats[1], 0x7E) == 448);
  CHECK(value_of(kFormats[1], 1) == std::ldexp(1, -9));
  CHECK(value_of(kFormats[2], 0x7B) == 57344);
  CHECK(value_of(kFormats[2], 1) == std::ldexp(1, -16));
  for (const Format& f : kFormats) {
    INFO(f.name);
    const auto largest = static_cast<float>(value_of(f, f.values - 1));
    const float beyond = f.saturates ? largest : HUGE_VALF;
    CHECK(f.round(HUGE_VALF) == beyond);
    CHECK(f.round(-HUGE_VALF) == -beyond);
    CHECK(f.round(std::numeric_limits<float>::max()) == beyond);
    CHECK(std::isnan(f.round(std::numeric_limits<float>::quiet_NaN())));
    if (f.saturates) CHECK(f.round(1.2F * largest) == largest);
  }
  // Half an ulp below the next power of two is a tie, to the even code: that of infinity.
  CHECK(std::isinf(round_to_bf16(0x1.FFp127F)));
  CHECK(round_to_bf16(0x1.FEFFFEp127F) == 0x1.FEp127F);
}

TEST_CASE("bf16 and fp8 take products and sums in fp32") {
  for (const Precision p : {Precision::kBf16, Precision::kFp8E4m3, Precision::kFp8E5m2}) {
    INFO(to_string(p));
    CHECK(sums_in_fp32(p));
    CHECK(accumulator_bytes(p) == 4);
    // 2^24 + 1 + 1: fp32 loses both ones, fp64 and exact integers keep them.
    double a[3] = {4096, 1, 1}, b[3] = {4096, 1, 1}, sum = 0;
    pass_sums(Arithmetic(p), 1, 3, 1, {a, 3}, {b, 1}, {&sum, 1}, PassStart::kFirst);
    CHECK(sum == 16777216);
  }
}

TEST_CASE("fp8 stores a tensor with a scale of its own: its largest magnitude becomes half of the largest value") {
  MatrixD x(1, 4);
  x(0, 0) = 1, x(0, 1) = -0.3, x(0, 2) = 0.5, x(0, 3) = 1e-3;
  // E4M3, unit 1/224: 67.2 lies between 64 and 72; 0.224 between 0.21875 and 0.234375.
  const MatrixD e4m3 = round_to_format(Precision::kFp8E4m3, x);
  CHECK(e4m3(0, 0) == Approx(1).epsilon(1e-12));
  CHECK(e4m3(0, 1) == Approx(-64.0 / 224).epsilon(1e-12));
  CHECK(e4m3(0, 2) == Approx(0.5).epsilon(1e-12));
  CHECK(e4m3(0, 3) == Approx(0.21875 / 224).epsilon(1e-12));
  // E5M2, unit 1/28672: 8601.6 between 8192 and 10240; 28.672 between 28 and 32.
  const MatrixD e5m2 = round_to_format(Precision::kFp8E5m2, x);
  CHECK(e5m2(0, 1) == Approx(-8192.0 / 28672).epsilon(1e-12));
  CHECK(e5m2(0, 3) == Approx(28.0 / 28672).epsilon(1e-12));
  // A tensor of another magnitude keeps its digits: bf16 has no scale and needs none.
  MatrixD small(1, 4);
  for (int c = 0; c < 4; ++c) small(0, c) = std::ldexp(x(0, c), -40);
  const MatrixD again = round_to_format(Precision::kFp8E4m3, small);
  for (int c = 0; c < 4; ++c) CHECK(again(0, c) == std::ldexp(e4m3(0, c), -40));
  CHECK_FALSE(is_scaled(Precision::kBf16));
}
