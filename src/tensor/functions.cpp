#include "tensor/functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/vectorised.h"

namespace vitality {
namespace {

constexpr double kLargest = 0x1.62e42fefa39efp+9, kSmallest = -708;  // where exp's results are normal numbers

// Even and odd powers side by side: half as long a chain of dependent operations.
template <std::size_t N>
VITALITY_INLINE double polynomial(const double (&coefficients)[N], double x) {
  static_assert(N % 2 == 0);
  const double square = x * x;
  double even = coefficients[N - 2], odd = coefficients[N - 1];
#pragma GCC unroll 32
  for (std::size_t i = N - 2; i > 0; i -= 2) {
    even = even * square + coefficients[i - 2];
    odd = odd * square + coefficients[i - 1];
  }
  return even + x * odd;
}

// exp(x) = 2^k exp(r) with k the integer next to x / ln 2, |r| <= ln 2 / 2, and exp's series for r.
VITALITY_INLINE double exp_of(double x) {
  constexpr double kRound = 6755399441055744;  // 1.5 * 2^52: a sum with it is rounded to an integer, its lowest bits
  constexpr double kInverseLn2 = 1.4426950408889634;
  constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;  // high: 32 bits, k * high is exact
  constexpr double kSeries[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  const double rounded = x * kInverseLn2 + kRound;
  const double k = rounded - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  const double y = 1 + (r + r * r * polynomial(kSeries, r));
  std::uint64_t bits, power;
  std::memcpy(&bits, &y, sizeof bits);
  std::memcpy(&power, &rounded, sizeof power);
  bits += power << 52;  // times 2^k
  double scaled;
  std::memcpy(&scaled, &bits, sizeof scaled);
  scaled = x > kLargest ? HUGE_VAL : scaled;
  scaled = x < kSmallest ? 0 : scaled;
  return x == x ? scaled : x;
}

// Phi(-a) = erfc(a / sqrt 2) / 2 = exp(-a^2 / 2) W(a), a >= 0. W falls smoothly from 1/2 to 1 / (a sqrt(2 pi));
// (a + 5) W(a) is approximated by a polynomial in t = (a - 5) / (a + 5): interpolated at the Chebyshev points of a in
// [0, 39] (Phi(-39) is no double any more), relative error below 4e-17.
VITALITY_INLINE double upper_tail(double a) {
  constexpr double kTail[] = {
      0.76919304975006297,     -0.66538250289005674,   0.49530561596997413,     -0.31353315667129711,
      0.1650203661705007,      -0.069118638706479815,  0.020795066797569855,    -0.0029933767690944729,
      -0.00079786937489119338, 0.00054489906269585204, -5.9375866167360709e-05, -4.9762853165030135e-05,
      1.6681703609772681e-05,  3.9811827415325771e-06, -2.7703209441469523e-06, -3.3749652035246319e-07,
      4.3443907263764586e-07,  4.3758415982855749e-08, -6.6675293392275712e-08, -1.0618274174239376e-08,
      7.6304104178731823e-09,  2.2249387677164431e-09};
  const double inverse = 1 / (a + 5);
  return exp_of(-0.5 * a * a) * (polynomial(kTail, 1 - 10 * inverse) * inverse);
}

VITALITY_INLINE double gelu_of(double x) {
  const double a = std::fabs(x) > 40 ? 40 : std::fabs(x);
  return (x > 0 ? x : 0) - a * upper_tail(a);
}

// Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi), Phi the normal distribution.
VITALITY_INLINE double gelu_derivative_of(double x) {
  constexpr double kInverseSqrt2Pi = 0.39894228040143267794;
  const double a = std::fabs(x) > 40 ? 40 : std::fabs(x), tail = upper_tail(a);
  return (x > 0 ? 1 - tail : tail) + x * kInverseSqrt2Pi * exp_of(-0.5 * a * a);  // the tail's exponential
}

VITALITY_INLINE double silu_of(double x) {
  return x / (1 + exp_of(-x));
}

constexpr double kQuickGelu = 1.702;
VITALITY_INLINE double quick_gelu_of(double x) {
  return x / (1 + exp_of(-kQuickGelu * x));
}

// (1 + tanh u) / 2 = 1 / (1 + exp(-2 u))
constexpr double kTwiceSqrt2OverPi = 1.5957691216057308, kGeluCubic = 0.044715;
VITALITY_INLINE double gelu_tanh_of(double x) {
  return x / (1 + exp_of(-kTwiceSqrt2OverPi * (x + kGeluCubic * x * x * x)));
}

}  // namespace

double exponential(double x) {
  return exp_of(x);
}

// x = 2^k (1 + f) with 1 + f in [1 / sqrt 2, sqrt 2): log x = k ln 2 + 2 artanh(s) with s = f / (2 + f), and artanh as
// a series. 2 s is written as f - s f: f is exact, so that the rounding of s affects only a small term.
double logarithm(double x) {
  if (!(x > 0)) return x == 0 ? -HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  if (x == HUGE_VAL) return x;
  int k = 0;
  double m = std::frexp(x, &k);
  if (m < 0.70710678118654752) m *= 2, --k;
  const double f = m - 1, s = f / (2 + f), square = s * s;
  double series = 0;
  for (int n = 23; n >= 3; n -= 2) series = (series + 1.0 / n) * square;
  constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;
  return k * kLn2High + (f - (s * (f - 2 * series) - k * kLn2Low));
}

// The angle is brought into [-pi / 4, pi / 4] by the nearest multiple of pi / 2, which is subtracted in three parts
// (the first two of 33 bits: their products are exact); then the series of cos or sin.
double cosine(double x) {
  if (!(std::fabs(x) <= kLargestAngle)) return std::numeric_limits<double>::quiet_NaN();
  constexpr double kHalfPi1 = 0x1.921fb544p+0, kHalfPi2 = 0x1.0b4611a6p-34, kHalfPi3 = 0x1.3198a2e037073p-69;
  const double quarter = std::nearbyint(x * 0.63661977236758134);
  const double r = ((x - quarter * kHalfPi1) - quarter * kHalfPi2) - quarter * kHalfPi3, square = r * r;
  const int turn = static_cast<int>(quarter) & 3;
  double series = 0;  // the series is 1 + series, of sin times r
  for (int n = 18 + turn % 2; n >= 2; n -= 2) series = -(1 + series) * square / (n * (n - 1));
  const double result = turn % 2 == 0 ? 1 + series : r + r * series;
  return turn == 1 || turn == 2 ? -result : result;
}

namespace {

// |x| <= 1/2: the series x + x^3 / 6 + 3 x^5 / 40 + ..., each term (2 n - 1)^2 / (2 n (2 n + 1)) x^2 times the one
// before it.
double arc_sine(double x) {
  double series = 0;  // the series is x (1 + series)
  for (int n = 26; n >= 1; --n) series = (1 + series) * x * x * ((2 * n - 1) * (2 * n - 1) / (2.0 * n * (2 * n + 1)));
  return x + x * series;
}

}  // namespace

double arc_cosine(double x) {
  constexpr double kHalfPi = 1.5707963267948966, kHalfPiRest = 6.123233995736766e-17;
  if (std::fabs(x) <= 0.5) return kHalfPi - (arc_sine(x) - kHalfPiRest);
  const double half = 2 * arc_sine(std::sqrt((1 - std::fabs(x)) / 2));  // cos a = 1 - 2 sin^2(a / 2)
  return x > 0 ? half : 2 * kHalfPi - (half - 2 * kHalfPiRest);
}

namespace {

struct Pair {
  double high, low;  // a sum of two doubles: 106 bits
};

// high: the rounded product of the two high parts. low: what that rounding has lost (each factor is cut into halves of
// 26 bits, whose products are exact), plus the products with the low parts.
Pair product(const Pair& a, const Pair& b) {
  const auto upper = [](double x) {
    const double shifted = x * 0x1.0000002p+27;  // 2^27 + 1
    return shifted - (shifted - x);
  };
  const double high = a.high * b.high, a1 = upper(a.high), b1 = upper(b.high), a2 = a.high - a1, b2 = b.high - b1;
  const double lost = ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2;
  return {high, lost + (a.high * b.low + a.low * b.high)};
}

}  // namespace

double power(double x, int n) {
  Pair result{1, 0}, factor{x, 0};
  for (; n > 0; n /= 2, factor = product(factor, factor))
    if (n % 2 == 1) result = product(result, factor);
  return result.high + result.low;
}

double error_function(double x) {
  constexpr double kSqrt2 = 1.4142135623730951;
  const double a = std::fabs(x) > 10 ? 10 : std::fabs(x), magnitude = 1 - 2 * upper_tail(a * kSqrt2);
  return x != x ? x : x < 0 ? -magnitude : magnitude;
}

double gelu_derivative(double x) {
  return gelu_derivative_of(x);
}

double silu_derivative(double x) {
  const double t = exp_of(-std::fabs(x)), near = 1 / (1 + t), far = t / (1 + t);  // sigmoids of |x| and -|x|
  return x > 0 ? near * (1 + x * far) : far * (1 + x * near);
}

// d/dx x s(g(x)) = s + x g'(x) s (1 - s), s the sigmoid.
double gelu_tanh_derivative(double x) {
  const double g = kTwiceSqrt2OverPi * (x + kGeluCubic * x * x * x), s = 1 / (1 + exp_of(-g)), t = 1 / (1 + exp_of(g));
  return s + x * kTwiceSqrt2OverPi * (1 + 3 * kGeluCubic * x * x) * s * t;
}

double quick_gelu_derivative(double x) {
  const double s = 1 / (1 + exp_of(-kQuickGelu * x)), t = 1 / (1 + exp_of(kQuickGelu * x));
  return s + x * kQuickGelu * s * t;
}

void exponentials(const double* x, std::size_t count, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = exp_of(x[i]);
  });
}

void softmax(double* x, std::size_t count) {
  vectorised([=]() VITALITY_LOOP {
    double tops[8];
    std::fill(tops, tops + 8, -HUGE_VAL);
    for (std::size_t i = 0; i < count; ++i) tops[i % 8] = x[i] > tops[i % 8] ? x[i] : tops[i % 8];
    const double top = *std::max_element(tops, tops + 8);
    for (std::size_t i = 0; i < count; ++i) x[i] = exp_of(x[i] - top);
    const double factor = 1 / interleaved_sum(count, [x](std::size_t i) { return x[i]; });
    for (std::size_t i = 0; i < count; ++i) x[i] *= factor;
  });
}

void gelu(const double* x, std::size_t count, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = gelu_of(x[i]);
  });
}

void gelu_derivatives(const double* x, std::size_t count, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = gelu_derivative_of(x[i]);
  });
}

void silu(const double* x, std::size_t count, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = silu_of(x[i]);
  });
}

void gelu_tanh(const double* x, std::size_t count, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = gelu_tanh_of(x[i]);
  });
}

void quick_gelu(const double* x, std::size_t count, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = quick_gelu_of(x[i]);
  });
}

}  // namespace vitality
