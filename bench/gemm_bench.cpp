// GMAC/s of every GEMM kernel on one core, and what a single tile and each instruction set reach of the best: median of
// 5 runs.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <vector>

#include "tensor/gemm.h"

using namespace vitality;

namespace {

struct Shape {
  int m, k, n;
};
constexpr Shape kLarge{197, 768, 3072}, kTile{197, 64, 64}, kNarrow{197, 3072, 768}, kOneRow{1, 768, 3072};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// CPU seconds a call (other processes on the machine do not count), best of 7 measurements of at least 30 ms.
template <class F>
double seconds(F call) {
  std::vector<double> times;
  call();
  for (int repeat = 0; repeat < 7; ++repeat) {
    const double begin = cpu_seconds();
    double elapsed = 0;
    int calls = 0;
    do {
      call();
      ++calls;
      elapsed = cpu_seconds() - begin;
    } while (elapsed < 0.03);
    times.push_back(elapsed / calls);
  }
  return *std::min_element(times.begin(), times.end());
}

template <class In, class Out, class F>
double gmacs(Shape s, int magnitude, F kernel) {
  std::vector<In> a(static_cast<std::size_t>(s.m) * s.k), b(static_cast<std::size_t>(s.k) * s.n);
  std::vector<Out> c(static_cast<std::size_t>(s.m) * s.n);
  unsigned state = 1;
  const auto next = [&] {
    return static_cast<In>(static_cast<int>((state = state * 1664525 + 1013904223) >> 16) % magnitude - magnitude / 2);
  };
  for (auto& x : a) x = next();
  for (auto& x : b) x = next();
  const double time = seconds([&] { kernel(s.m, s.n, s.k, a.data(), s.k, b.data(), s.n, c.data(), s.n); });
  return 1e-9 * s.m * s.k * s.n / time;
}

template <class In, class Out, class F>
void row(const char* isa, const char* format, int magnitude, F kernel) {
  const double large = gmacs<In, Out>(kLarge, magnitude, kernel), tile = gmacs<In, Out>(kTile, magnitude, kernel);
  std::printf("%-8s %-16s %10.1f %10.1f %10.1f %10.1f %9.0f %%\n", isa, format, large,
              gmacs<In, Out>(kNarrow, magnitude, kernel), tile, gmacs<In, Out>(kOneRow, magnitude, kernel),
              100 * tile / large);
}

}  // namespace

int main() {
  std::printf("GMAC/s, m x k x n   %s\n%-8s %-16s %10s %10s %10s %10s %11s\n", "one core", "kernel", "format",
              "197x768x3072", "197x3072x768", "197x64x64", "1x768x3072", "tile/large");
  const GemmKernels* all[3];
  const int count = available_gemm_kernels(all);
  for (int i = 0; i < count; ++i) {
    const GemmKernels& k = *all[i];
    row<double, double>(k.name, "fp64", 1000, [&](auto... x) { k.f64(x..., GemmStart::kZero); });
    row<float, float>(k.name, "fp32", 1000, [&](auto... x) { k.f32(x..., GemmStart::kZero); });
    row<std::int16_t, std::int64_t>(k.name, "int16", 65535,
                                    [&](auto... x) { k.i16(x..., GemmStart::kZero, 32768, 32768); });
    row<std::int16_t, std::int64_t>(k.name, "int16, 9 bits", 255,
                                    [&](auto... x) { k.i16(x..., GemmStart::kZero, 255, 127); });
  }
  row<double, double>("chosen", "fp64", 1000, [](auto... x) { gemm(x..., GemmStart::kZero); });
  row<float, float>("chosen", "fp32", 1000, [](auto... x) { gemm(x..., GemmStart::kZero); });
  row<std::int16_t, std::int64_t>("chosen", "int16", 65535, [](auto... x) { gemm_i16(x..., GemmStart::kZero); });
}
