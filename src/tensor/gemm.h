// Dense matrix products with a stated order of summation.
//
// Shapes: A is m x k, B is k x n, C is m x n, all row-major with leading dimensions (elements between rows) lda >= k,
// ldb >= n, ldc >= n. C may not overlap A or B. m, n or k of 0 is allowed. No errors: callers have checked the shapes.
//
// Contract of the floating versions: every element of C is the sum over k in ascending order, each product rounded,
// then each sum rounded (never a fused multiply-add). So the bits are those of the obvious triple loop, on every CPU
// and instruction set, however the work is blocked. The integer version is exact (int64 sums; operands of any int16
// value).
#pragma once

#include <cstdint>

namespace vitality {

enum class GemmStart {
  kZero,      // C = ((0 + a0 b0) + a1 b1) + ...
  kContinue,  // C = ((C + a0 b0) + a1 b1) + ...: a sum over K can be cut anywhere
  kAdd,       // C = C + (((0 + a0 b0) + a1 b1) + ...): an accumulator outside the array
};

void gemm(int m, int n, int k, const double* a, int lda, const double* b, int ldb, double* c, int ldc, GemmStart start);
void gemm(int m, int n, int k, const float* a, int lda, const float* b, int ldb, float* c, int ldc, GemmStart start);

// max_a, max_b: upper bounds of |a| and |b| that the caller guarantees (a wrong bound gives wrong sums). Operands with
// a small max_a * max_b (int8 mode: 255 * 127) take one multiply-add per pair instead of two.
void gemm_i16(int m, int n, int k, const std::int16_t* a, int lda, const std::int16_t* b, int ldb, std::int64_t* c,
              int ldc, GemmStart start, int max_a = 32768, int max_b = 32768);
// A, split once for many products: a = low + 256 high with |low|, |high| <= 128, or |low| <= 255 and high null. Two
// rows are `stride` elements apart. If k is odd, the element behind each row is read too (and multiplied by zero).
struct SplitOperand {
  const std::int16_t *low, *high;
  int stride;
};
constexpr int signed_low_byte(int code) {
  return ((code & 0xFF) ^ 0x80) - 0x80;
}
// The same sums as doubles: exact below 2^53, which k < 2^22 products cannot leave.
void gemm_i16(int m, int n, int k, const SplitOperand& a, const std::int16_t* b, int ldb, double* c, int ldc,
              GemmStart start);

// One set of kernels per instruction set; gemm() uses those of instruction_set(). Listed for tests and benchmarks.
struct GemmKernels {
  const char* name;
  void (*f64)(int m, int n, int k, const double* a, int lda, const double* b, int ldb, double* c, int ldc,
              GemmStart start);
  void (*f32)(int m, int n, int k, const float* a, int lda, const float* b, int ldb, float* c, int ldc,
              GemmStart start);
  void (*i16)(int m, int n, int k, const std::int16_t* a, int lda, const std::int16_t* b, int ldb, std::int64_t* c,
              int ldc, GemmStart start, int max_a, int max_b);
  void (*split)(int m, int n, int k, const SplitOperand& a, const std::int16_t* b, int ldb, double* c, int ldc,
                GemmStart start);
};
extern const GemmKernels kGemmSse2, kGemmAvx2, kGemmAvx512;
// The kernels that this CPU can run, narrowest vectors first; at most 3. Returns their number.
int available_gemm_kernels(const GemmKernels* (&kernels)[3]);

}  // namespace vitality
