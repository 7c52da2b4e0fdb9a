// The GEMM kernels for AVX2: 32-byte vectors, tiles of 6 rows x 2 vectors (see gemm_kernel.inc).
#include <immintrin.h>

#define GEMM_KERNELS kGemmAvx2
#define GEMM_NAME "avx2"
#define GEMM_VECTOR_BYTES 32
#define GEMM_TILE_ROWS 6
#define GEMM_TILE_VECTORS 2
#define GEMM_RAW_VECTOR __m256i
#define GEMM_MULTIPLY_ADD_PAIRS _mm256_madd_epi16
#include "tensor/gemm_kernel.inc"
