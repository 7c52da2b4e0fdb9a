// One head of attention in double, on whole matrices: the values that all others are compared with (ViTALiTy, Dass et
// al., HPCA 2023, Algorithm 1).
//
// Shapes: Q m x d, K n x d, V n x e, Z m x e, m, n, d, e >= 1; a learned score bias B (LeViT) is m x n, nullptr for
// none. Softmax adds B to the scores; Taylor's first order adds sqrt(d) (B - rowmean(B)) V to the numerator (the
// denominator does not change, since the rows of B - rowmean(B) sum to zero). Callers have checked the shapes; shapes
// that do not fit throw std::invalid_argument.
#pragma once

#include "tensor/matrix.h"

namespace vitality {

// softmax(Q K^T / sqrt(d) + B), m x n, each row shifted by its maximum.
MatrixD softmax_map(const MatrixD& q, const MatrixD& k, const MatrixD* bias = nullptr);
MatrixD softmax_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias = nullptr);

// Algorithm 1 with every intermediate. k_hat_sum is the sum as double computes it, not the zero of exact arithmetic.
struct TaylorSteps {
  MatrixD k_bar;      // 1 x d, step 1: mean of the keys over tokens
  MatrixD k_hat;      // n x d, step 1: K - 1 k_bar
  MatrixD g;          // d x e, step 2: K_hat^T V
  MatrixD k_hat_sum;  // 1 x d, step 3
  MatrixD v_sum;      // 1 x e, step 3
  MatrixD t_d;        // m x 1, step 4: n sqrt(d) 1 + Q k_hat_sum^T
  MatrixD t_n;        // m x e, step 5: sqrt(d) 1 v_sum + Q G (+ bias)
  MatrixD z;          // m x e, step 6: t_n / t_d, row by row
};
TaylorSteps taylor_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias = nullptr);
// The m x n map T with Z = T V: T_ij = (sqrt(d) (1 + B_ij - mean_j B_ij) + q_i . k_hat_j) / t_d_i. Its rows sum to 1.
MatrixD taylor_map(const MatrixD& q, const TaylorSteps& steps, const MatrixD* bias = nullptr);

// The same result in exact arithmetic, without the steps whose outcome is constant (k_hat_sum of step 3, steps 4 and
// 6): Z = 1 v_bar + Q g_scaled.
struct TaylorElidedSteps {
  MatrixD k_bar, k_hat;  // as above
  MatrixD g_scaled;      // d x e: K_hat^T V / (n sqrt(d))
  MatrixD v_bar;         // 1 x e: mean of the values
  MatrixD z;             // m x e
};
TaylorElidedSteps taylor_elided_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                          const MatrixD* bias = nullptr);

// EfficientViT's attention: Z = ReLU(Q) G / (ReLU(Q) k_sum + epsilon), row by row, with the keys' ReLU in G and k_sum.
// A query without a positive product has Z = 0. No 1/sqrt(d), which would cancel.
struct ReluLinearSteps {
  MatrixD q, k;   // ReLU(Q), ReLU(K)
  MatrixD g;      // d x e: ReLU(K)^T V
  MatrixD k_sum;  // 1 x d: 1^T ReLU(K)
  MatrixD t_d;    // m x 1: ReLU(Q) k_sum^T + epsilon
  MatrixD t_n;    // m x e: ReLU(Q) G
  MatrixD z;      // m x e
};
ReluLinearSteps relu_linear_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, double epsilon = 0);

// The authors' released layer, a different algorithm: Z = (sp V + Q (K~^T V)) / sqrt(d). K~ is K minus the mean over
// the FEATURES of each token. sp is the softmax of asymmetrically quantised (4-bit) Q and K where it is above
// `threshold`, else 0.
constexpr double kReleasedThreshold = 0.002;
struct ReleasedSteps {
  MatrixD q_quantised, k_quantised;  // values, not codes
  MatrixD sparse_map;                // m x n, sp
  MatrixD g;                         // d x e: K~^T V
  MatrixD z;
};
ReleasedSteps taylor_released_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                        double threshold = kReleasedThreshold);

}  // namespace vitality
