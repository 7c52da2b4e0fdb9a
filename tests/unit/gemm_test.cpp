// The GEMM kernels against the obvious triple loop: equal bits for every shape, start and instruction set.
#include "tensor/gemm.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

using namespace vitality;

namespace {

struct Shape {
  int m, n, k;
};
const std::vector<Shape> kShapes = {{1, 1, 1},      {1, 1, 0},      {3, 5, 0},     {1, 64, 64},    {2, 3, 5},
                                    {5, 7, 3},      {6, 8, 2},      {7, 9, 11},    {8, 16, 32},    {9, 17, 33},
                                    {12, 31, 13},   {13, 32, 200},  {16, 33, 97},  {17, 63, 400},  {31, 65, 255},
                                    {64, 64, 64},   {65, 129, 257}, {197, 64, 64}, {241, 40, 513}, {250, 70, 391},
                                    {3, 200, 1025}, {40, 1, 800},   {1, 33, 777},  {257, 15, 100}};

std::vector<const GemmKernels*> kernels() {
  const GemmKernels* all[3];
  const int count = available_gemm_kernels(all);
  return {all, all + count};
}

// Values over many magnitudes, zeros of both signs: any change of order or of rounding shows in the bits.
template <class T>
std::vector<T> floating(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<T> normal;
  std::vector<T> values(size);
  for (T& value : values) {
    value = normal(random) * static_cast<T>(1 << random() % 12);
    if (random() % 16 == 0) value = random() % 2 ? T(0) : -T(0);
  }
  return values;
}

template <class T>
void obvious(int m, int n, int k, const T* a, int lda, const T* b, int ldb, T* c, int ldc, GemmStart start) {
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      volatile T sum = start == GemmStart::kContinue ? c[i * ldc + j] : T(0);
      for (int p = 0; p < k; ++p) {
        const volatile T product = a[i * lda + p] * b[p * ldb + j];
        sum = sum + product;
      }
      c[i * ldc + j] = start == GemmStart::kAdd ? c[i * ldc + j] + sum : T(sum);
    }
  }
}

template <class T, class F>
void check_floating(F kernel) {
  for (const Shape& s : kShapes) {
    const int lda = s.k + 3, ldb = s.n + 1, ldc = s.n + 2;  // the gaps must stay untouched
    const auto a = floating<T>(static_cast<std::size_t>(s.m) * lda, 1),
               b = floating<T>(static_cast<std::size_t>(s.k + 1) * ldb, 2);
    const auto before = floating<T>(static_cast<std::size_t>(s.m) * ldc, 3);
    for (const GemmStart start : {GemmStart::kZero, GemmStart::kContinue, GemmStart::kAdd}) {
      auto expected = before, got = before;
      obvious(s.m, s.n, s.k, a.data(), lda, b.data(), ldb, expected.data(), ldc, start);
      kernel(s.m, s.n, s.k, a.data(), lda, b.data(), ldb, got.data(), ldc, start);
      INFO("m n k " << s.m << " " << s.n << " " << s.k << " start " << static_cast<int>(start));
      CHECK(std::memcmp(expected.data(), got.data(), expected.size() * sizeof(T)) == 0);
    }
  }
}

std::vector<std::int16_t> codes(std::size_t size, int magnitude, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int16_t> values(size);
  for (auto& value : values) {
    const int v = std::uniform_int_distribution<int>(-magnitude, magnitude)(random);
    value = static_cast<std::int16_t>(random() % 3 ? v : v < 0 ? -magnitude : std::min(magnitude, 32767));
  }
  return values;
}

template <class Sum, class F>
void check_integers(F kernel, int max_a, int max_b) {
  for (const Shape& s : kShapes) {
    const int lda = s.k + 3, ldb = s.n + 1, ldc = s.n + 2;
    const auto a = codes(static_cast<std::size_t>(s.m) * lda, max_a, 1),
               b = codes(static_cast<std::size_t>(s.k + 1) * ldb, max_b, 2);
    const std::vector<Sum> before(static_cast<std::size_t>(s.m) * ldc, Sum{1234567890123});
    for (const GemmStart start : {GemmStart::kZero, GemmStart::kContinue, GemmStart::kAdd}) {
      auto expected = before, got = before;
      for (int i = 0; i < s.m; ++i) {
        for (int j = 0; j < s.n; ++j) {
          Sum& sum = expected[static_cast<std::size_t>(i) * ldc + j];
          if (start == GemmStart::kZero) sum = 0;
          for (int p = 0; p < s.k; ++p) sum += static_cast<Sum>(a[i * lda + p]) * static_cast<Sum>(b[p * ldb + j]);
        }
      }
      kernel(s.m, s.n, s.k, a.data(), lda, b.data(), ldb, got.data(), ldc, start, max_a, max_b);
      INFO("m n k " << s.m << " " << s.n << " " << s.k << " max " << max_a << " " << max_b << " start "
                    << static_cast<int>(start));
      CHECK(expected == got);
    }
  }
}

// kernel takes A split, and this what the plain kernels take.
template <class Kernel>
auto splitting(Kernel kernel) {
  return [kernel](int m, int n, int k, const std::int16_t* a, int lda, const std::int16_t* b, int ldb, double* c,
                  int ldc, GemmStart start, int max_a, int /*max_b*/) {
    if (max_a <= 255) return kernel(m, n, k, SplitOperand{a, nullptr, lda}, b, ldb, c, ldc, start);
    std::vector<std::int16_t> low, high;
    for (int i = 0; i < m * lda; ++i) {
      low.push_back(static_cast<std::int8_t>(a[i]));
      high.push_back(static_cast<std::int16_t>((a[i] - low.back()) / 256));
    }
    low.push_back(77), high.push_back(77);  // read behind the last row's end where k is odd
    kernel(m, n, k, SplitOperand{low.data(), high.data(), lda}, b, ldb, c, ldc, start);
  };
}

}  // namespace

TEST_CASE("gemm: fp64 has the bits of the triple loop on every instruction set") {
  for (const auto* kernel : kernels()) {
    INFO(kernel->name);
    check_floating<double>(kernel->f64);
  }
}

TEST_CASE("gemm: fp32 has the bits of the triple loop on every instruction set") {
  for (const auto* kernel : kernels()) {
    INFO(kernel->name);
    check_floating<float>(kernel->f32);
  }
}

TEST_CASE("gemm: int16 sums are exact on every instruction set") {
  for (const auto* kernel : kernels()) {
    INFO(kernel->name);
    for (const auto& [max_a, max_b] :
         {std::pair<int, int>{32768, 32768}, {32767, 32767}, {255, 127}, {32767, 255}, {4095, 2047}, {1, 1}}) {
      check_integers<std::int64_t>(kernel->i16, max_a, max_b);
      check_integers<double>(splitting(kernel->split), max_a, max_b);
    }
  }
}

TEST_CASE("gemm: the widest sums, all operands at the end of the range") {
  const int k = 8192;
  for (const int value : {32767, -32768}) {
    const std::vector<std::int16_t> a(2 * k, static_cast<std::int16_t>(value)), b(3 * k, std::int16_t{-32768});
    for (const auto* kernel : kernels()) {
      std::vector<std::int64_t> c(6, 7);
      kernel->i16(2, 3, k, a.data(), k, b.data(), 3, c.data(), 3, GemmStart::kZero, 32768, 32768);
      for (const std::int64_t sum : c) CHECK(sum == std::int64_t{k} * value * -32768);
      std::vector<double> real(6, 7);
      splitting(kernel->split)(2, 3, k, a.data(), k, b.data(), 3, real.data(), 3, GemmStart::kZero, 32768, 32768);
      CHECK(std::equal(real.begin(), real.end(), c.begin()));
    }
  }
}

TEST_CASE("gemm: the entry points pick kernels that agree with the triple loop") {
  check_floating<double>([](auto... args) { gemm(args...); });
  check_floating<float>([](auto... args) { gemm(args...); });
  check_integers<std::int64_t>([](auto... args) { gemm_i16(args...); }, 32768, 32768);
  check_integers<double>(splitting([](auto... args) { gemm_i16(args...); }), 32768, 32768);
}
