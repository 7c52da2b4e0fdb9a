// Sanger's prediction of the strong connections (Lu et al., MICRO 2021), attention on the mask, and ViTALiTy's unified
// low-rank + sparse attention (training forward). One head, in double; shapes as in reference/attention.h.
#pragma once

#include "reference/attention.h"
#include "tensor/mask.h"
#include "workload/attention_kind.h"

namespace vitality {

struct PredictorOptions {
  int bits = 4;              // of the symmetric quantiser, 2..16
  bool normalize_qk = true;  // rows of Q and K divided by their 2-norm before quantising, scores multiplied back
  double threshold = 0.02;   // an entry is kept where its predicted probability is strictly greater; 0..1
};

// softmax(scores of the quantised Q and K / sqrt(d)), m x n. The integer scores are exact, so their order of summation
// does not matter.
MatrixD predicted_map(const MatrixD& q, const MatrixD& k, const PredictorOptions& options);
Mask predict_mask(const MatrixD& q, const MatrixD& k, const PredictorOptions& options);

// Softmax over the kept entries of the full-precision scores. A row that keeps nothing falls back to a dense softmax
// row and is counted, or is zero (EmptyRows).
struct SparseAttention {
  MatrixD p;  // m x n, 0 outside the mask; dense in rows that fell back
  MatrixD z;  // m x e
  int fallback_rows = 0;
};
SparseAttention sparse_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                 const MatrixD* bias = nullptr, EmptyRows empty_rows = EmptyRows::kDense);

// Local value pruning (SpAtten): probabilities outside `values` are dropped after the softmax; the others do not
// change.
void drop_values(SparseAttention& attention, const MatrixD& v, const Mask& values);

// Z = A V. kUnified: A = T + M .* (P - T), exact on the mask, Taylor elsewhere. kUnifiedAdditive: A = T + M .* P.
// T = Taylor map, P = (dense) softmax map. At inference the sparse part is dropped: Z = T V, that is taylor_attention.
struct UnifiedAttention {
  TaylorSteps taylor;
  MatrixD t, p;  // m x n, the two maps
  MatrixD a;     // m x n
  MatrixD z;     // m x e
};
UnifiedAttention unified_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                   AttentionKind kind = AttentionKind::kUnified, const MatrixD* bias = nullptr);

}  // namespace vitality
