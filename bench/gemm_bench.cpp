// GMAC/s of every GEMM kernel on one core, and what a single tile and each instruction set reach of the best: median of
// 5 runs.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "tensor/gemm.h"

using namespace vitality;

namespace {

struct Shape {
  int m, k, n;
};
constexpr Shape kLarge{197, 768, 3072}, kTile{197, 64, 64}, kNarrow{197, 3072, 768}, kOneRow{1, 768, 3072};

// seconds a call, median of 5 measurements of at least 30 ms
template <class F>
double seconds(F call) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  call();
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto begin = Clock::now();
    double elapsed = 0;
    int calls = 0;
    do {
      call();
      ++calls;
      elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    } while (elapsed < 0.03);
    times.push_back(elapsed / calls);
  }
  std::sort(times.begin(), times.end());
  return times[2];
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
}
