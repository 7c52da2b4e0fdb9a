// Gradients of one head of attention in double: given dZ (m x e), those of Q, K and V. Shapes as in
// reference/attention.h. Masks carry no gradient.
#pragma once

#include "reference/attention.h"
#include "reference/sparse_attention.h"

namespace vitality {

struct AttentionGradients {
  MatrixD dq, dk, dv;  // m x d, n x d, n x e
};

// Softmax attention with the map p that the forward pass used: dense, or sparse_attention's (0 outside the mask).
AttentionGradients softmax_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& p,
                                    const MatrixD& dz);

// Algorithm 1 with every term, t_D's included: linear in m and n.
AttentionGradients taylor_backward(const MatrixD& q, const MatrixD& v, const TaylorSteps& steps, const MatrixD& dz);
// The same with k_hat_sum = 0, as the elided machine computes it: dN = dZ / (n sqrt(d)), dG = Q^T dN, dQ = dN G^T,
// dV = K_hat dG + (1/n) 1 (1^T dZ), dK = (V - 1 V_bar) dG^T. 2 (n + m) d e MACs.
AttentionGradients taylor_elided_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                          const TaylorElidedSteps& steps, const MatrixD& dz);

// Unified attention: both maps receive their share of dA = dZ V^T.
AttentionGradients unified_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                    UnifiedForm form, const UnifiedAttention& forward, const MatrixD& dz);

}  // namespace vitality
