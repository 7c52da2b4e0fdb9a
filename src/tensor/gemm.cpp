// More than 6 parameters: sizes and operands of a matrix product, in the order of BLAS.
#include "tensor/gemm.h"

#include "base/vectorised.h"

namespace vitality {

int available_gemm_kernels(const GemmKernels* (&kernels)[3]) {
  int count = 0;
  kernels[count++] = &kGemmSse2;
  if (cpu_has(InstructionSet::kAvx2)) kernels[count++] = &kGemmAvx2;
  if (cpu_has(InstructionSet::kAvx512)) kernels[count++] = &kGemmAvx512;
  return count;
}

namespace {

// The kernels of the instruction set, chosen on first use. All of them give the same bits. Separate multiplies and adds
// of 512 bits are slower than those of 256 bits on AMD's cores, which split them in two (Zen 4: 15 against 20 GMAC/s in
// fp64); for integers the wide instructions win there too (bench/gemm_bench).
struct Chosen {
  const GemmKernels* integers;
  const GemmKernels* floats;
};

const Chosen& chosen() {
  static const Chosen choice = [] {
    switch (instruction_set()) {
      case InstructionSet::kAvx512:
        return Chosen{&kGemmAvx512, __builtin_cpu_is("amd") ? &kGemmAvx2 : &kGemmAvx512};
      case InstructionSet::kAvx2:
        return Chosen{&kGemmAvx2, &kGemmAvx2};
      case InstructionSet::kSse2:
        break;
    }
    return Chosen{&kGemmSse2, &kGemmSse2};
  }();
  return choice;
}

}  // namespace

void gemm(int m, int n, int k, const double* a, int lda, const double* b, int ldb, double* c, int ldc,
          GemmStart start) {
  chosen().floats->f64(m, n, k, a, lda, b, ldb, c, ldc, start);
}

void gemm(int m, int n, int k, const float* a, int lda, const float* b, int ldb, float* c, int ldc, GemmStart start) {
  chosen().floats->f32(m, n, k, a, lda, b, ldb, c, ldc, start);
}

void gemm_i16(int m, int n, int k, const std::int16_t* a, int lda, const std::int16_t* b, int ldb, std::int64_t* c,
              int ldc, GemmStart start, int max_a, int max_b) {
  chosen().integers->i16(m, n, k, a, lda, b, ldb, c, ldc, start, max_a, max_b);
}

void gemm_i16(int m, int n, int k, const SplitOperand& a, const std::int16_t* b, int ldb, double* c, int ldc,
              GemmStart start) {
  chosen().integers->split(m, n, k, a, b, ldb, c, ldc, start);
}

}  // namespace vitality
