// Backward of one head of attention in double (docs/algorithm.md 5), the partner of attention.h and sparse_attention.h:
// gradients of L with respect to Q, K, V and the score bias, given dZ = dL/dZ. Shapes as there, dZ m x e. Masks carry
// no gradient. Shapes that do not fit throw std::invalid_argument.
#pragma once

#include "reference/attention.h"
#include "reference/sparse_attention.h"

namespace vitality {

struct AttentionGradients {
  MatrixD q, k, v;
  MatrixD bias;  // m x n where a bias was given, else empty
};

AttentionGradients softmax_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                    const MatrixD* bias = nullptr);

// The backward pass of Algorithm 1 with every term, t_D's included, in the machine's order; no m x n matrix is formed.
struct TaylorGradients : AttentionGradients {
  MatrixD d_n;          // m x e: dZ / t_d, the gradient of t_n
  MatrixD d_t;          // m x 1: -(dZ_i . Z_i) / t_d_i, the gradient of t_d
  MatrixD d_g;          // d x e: Q^T d_n
  MatrixD d_v_sum;      // 1 x e: sqrt(d) 1^T d_n
  MatrixD d_k_hat_sum;  // 1 x d: d_t^T Q
  MatrixD d_k_hat;      // n x d: V d_g^T + 1 d_k_hat_sum
};
TaylorGradients taylor_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                const MatrixD* bias = nullptr);
// The same in exact arithmetic with k_hat_sum = 0, where every t_D term cancels: the backward of taylor_elided.
AttentionGradients taylor_elided_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz);

// Entries that ReLU cut off have no gradient, and neither has a query whose Z is 0 because no product is positive.
AttentionGradients relu_linear_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                        double epsilon = 0);

// Rows of the mask without an entry are dense, as in the forward pass.
AttentionGradients sparse_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                   const MatrixD& dz, const MatrixD* bias = nullptr);

AttentionGradients unified_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                    AttentionKind kind, const MatrixD& dz, const MatrixD* bias = nullptr);

// The released layer (docs/algorithm.md 2.4) as its authors train it: the quantisers pass gradients straight through
// (d quantised / d x = 1) and entries at or below the threshold carry none.
AttentionGradients taylor_released_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                            double threshold = kReleasedThreshold);

}  // namespace vitality
