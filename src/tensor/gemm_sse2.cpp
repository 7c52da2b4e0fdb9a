// The GEMM kernels for SSE2: 16-byte vectors, tiles of 6 rows x 2 vectors (see gemm_kernel.inc).
#include <immintrin.h>

#define GEMM_KERNELS kGemmSse2
#define GEMM_NAME "sse2"
#define GEMM_VECTOR_BYTES 16
#define GEMM_TILE_ROWS 6
#define GEMM_TILE_VECTORS 2
#define GEMM_RAW_VECTOR __m128i
#define GEMM_MULTIPLY_ADD_PAIRS _mm_madd_epi16
#include "tensor/gemm_kernel.inc"
