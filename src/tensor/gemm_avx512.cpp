// The GEMM kernels for AVX512: 64-byte vectors, tiles of 8 rows x 2 vectors (see gemm_kernel.inc).
#include <immintrin.h>

#define GEMM_KERNELS kGemmAvx512
#define GEMM_NAME "avx512"
#define GEMM_VECTOR_BYTES 64
#define GEMM_TILE_ROWS 8
#define GEMM_TILE_VECTORS 2
#define GEMM_RAW_VECTOR __m512i
#define GEMM_MULTIPLY_ADD_PAIRS _mm512_madd_epi16
#include "tensor/gemm_kernel.inc"
