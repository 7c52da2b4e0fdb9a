#include "tensor/gemm.h"

namespace vitality {

int available_gemm_kernels(const GemmKernels* (&kernels)[3]) {
  int count = 0;
  kernels[count++] = &kGemmSse2;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) kernels[count++] = &kGemmAvx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    kernels[count++] = &kGemmAvx512;
  }
  return count;
}

namespace {

const GemmKernels& best() {
  static const GemmKernels* const chosen = [] {
    const GemmKernels* kernels[3];
    return kernels[available_gemm_kernels(kernels) - 1];
  }();
  return *chosen;
}

}  // namespace

void gemm(int m, int n, int k, const double* a, int lda, const double* b, int ldb, double* c, int ldc,
          GemmStart start) {
  best().f64(m, n, k, a, lda, b, ldb, c, ldc, start);
}

void gemm(int m, int n, int k, const float* a, int lda, const float* b, int ldb, float* c, int ldc, GemmStart start) {
  best().f32(m, n, k, a, lda, b, ldb, c, ldc, start);
}

void gemm_i16(int m, int n, int k, const std::int16_t* a, int lda, const std::int16_t* b, int ldb, std::int64_t* c,
              int ldc, GemmStart start, int max_a, int max_b) {
  best().i16(m, n, k, a, lda, b, ldb, c, ldc, start, max_a, max_b);
}

}  // namespace vitality
