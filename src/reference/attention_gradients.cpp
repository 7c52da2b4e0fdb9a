#include "reference/attention_gradients.h"

#include <cmath>
#include <stdexcept>

#include "base/vectorised.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

void check_gradient(const MatrixD& q, const MatrixD& v, const MatrixD& dz) {
  if (dz.rows() != q.rows() || dz.cols() != v.cols())
    throw std::invalid_argument("attention: dZ has another shape than Z");
}

double row_product(const MatrixD& a, const MatrixD& b, int row) {
  double sum = 0;
  for (int c = 0; c < a.cols(); ++c) sum += a(row, c) * b(row, c);
  return sum;
}

void subtract_column_means(MatrixD& a) {
  const MatrixD sums = column_sums(a);
  for (int i = 0; i < a.rows(); ++i)
    for (int j = 0; j < a.cols(); ++j) a(i, j) -= sums(0, j) / a.rows();
}

void subtract_row_means(MatrixD& a) {
  for (int i = 0; i < a.rows(); ++i) {
    double sum = 0;
    for (int j = 0; j < a.cols(); ++j) sum += a(i, j);
    for (int j = 0; j < a.cols(); ++j) a(i, j) -= sum / a.cols();
  }
}

// dS of P = softmax(S) by rows: P .* (dP - rowsum(dP .* P)). Entries with P = 0 (masked) get 0.
MatrixD softmax_map_backward(const MatrixD& p, const MatrixD& dp) {
  MatrixD ds = dp;
  for (int i = 0; i < p.rows(); ++i) {
    const double sum = row_product(dp, p, i);
    for (int j = 0; j < p.cols(); ++j) ds(i, j) = p(i, j) * (dp(i, j) - sum);
  }
  return ds;
}

// Starts from the gradient of S = Q K^T / sqrt(d) + B.
AttentionGradients scores_backward(const MatrixD& q, const MatrixD& k, const MatrixD& ds, bool bias) {
  AttentionGradients g;
  const double factor = 1 / std::sqrt(q.cols());
  g.q = multiply(ds, k);
  g.k = multiply_transposed_a(ds, q);
  scale(g.q, factor);
  scale(g.k, factor);
  if (bias) g.bias = ds;
  return g;
}

// Starts from the gradient of the map T = U / t_d, U = Q K_hat^T + sqrt(d) (1 + B - rowmean(B)).
AttentionGradients taylor_map_backward(const MatrixD& q, const TaylorSteps& steps, const MatrixD& t, const MatrixD& dt,
                                       bool bias) {
  MatrixD du = dt, d_td(q.rows(), 1);
  for (int i = 0; i < q.rows(); ++i) {
    d_td(i, 0) = -row_product(dt, t, i) / steps.t_d(i, 0);
    for (int j = 0; j < dt.cols(); ++j) du(i, j) /= steps.t_d(i, 0);
  }
  AttentionGradients g;
  g.q = multiply(du, steps.k_hat);
  add_to(g.q, multiply(d_td, steps.k_hat_sum));
  g.k = multiply_transposed_a(du, q);
  add_to(g.k, multiply(MatrixD(g.k.rows(), 1, 1.0), multiply_transposed_a(d_td, q)));
  subtract_column_means(g.k);
  if (bias) {
    subtract_row_means(du);
    scale(du, std::sqrt(q.cols()));
    g.bias = std::move(du);
  }
  return g;
}

void add_gradients(AttentionGradients& to, const AttentionGradients& from) {
  add_to(to.q, from.q);
  add_to(to.k, from.k);
  if (!from.bias.empty()) add_to(to.bias, from.bias);
}

}  // namespace

AttentionGradients softmax_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                    const MatrixD* bias) {
  check_gradient(q, v, dz);
  const MatrixD p = softmax_map(q, k, bias);
  AttentionGradients g = scores_backward(q, k, softmax_map_backward(p, multiply_transposed_b(dz, v)), bias != nullptr);
  g.v = multiply_transposed_a(p, dz);
  return g;
}

TaylorGradients taylor_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                const MatrixD* bias) {
  check_gradient(q, v, dz);
  const TaylorSteps s = taylor_attention(q, k, v, bias);
  const double root = std::sqrt(q.cols());
  TaylorGradients g;
  g.d_n = dz;
  g.d_t = MatrixD(q.rows(), 1);
  for (int i = 0; i < q.rows(); ++i) {
    for (int j = 0; j < dz.cols(); ++j) g.d_n(i, j) /= s.t_d(i, 0);
    g.d_t(i, 0) = -row_product(dz, s.z, i) / s.t_d(i, 0);
  }
  g.q = multiply_transposed_b(g.d_n, s.g);
  add_to(g.q, multiply(g.d_t, s.k_hat_sum));
  g.d_g = multiply_transposed_a(q, g.d_n);
  g.d_v_sum = column_sums(g.d_n);
  scale(g.d_v_sum, root);
  g.d_k_hat_sum = multiply_transposed_a(g.d_t, q);
  const MatrixD ones(k.rows(), 1, 1.0);
  g.v = multiply(s.k_hat, g.d_g);
  add_to(g.v, multiply(ones, g.d_v_sum));
  g.d_k_hat = multiply_transposed_b(v, g.d_g);
  add_to(g.d_k_hat, multiply(ones, g.d_k_hat_sum));
  g.k = g.d_k_hat;
  subtract_column_means(g.k);
  if (!bias) return g;
  // T_N has the further term sqrt(d) C V, C = B - rowmean(B).
  MatrixD centred = *bias;
  subtract_row_means(centred);
  add_to(g.v, multiply_transposed_a(centred, g.d_n), root);
  g.bias = multiply_transposed_b(g.d_n, v);
  subtract_row_means(g.bias);
  scale(g.bias, root);
  return g;
}

AttentionGradients relu_linear_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                        double epsilon) {
  check_gradient(q, v, dz);
  const ReluLinearSteps s = relu_linear_attention(q, k, v, epsilon);
  MatrixD d_n(dz.rows(), dz.cols()), d_t(q.rows(), 1);
  for (int i = 0; i < q.rows(); ++i) {
    if (s.t_d(i, 0) == 0) continue;
    for (int j = 0; j < dz.cols(); ++j) d_n(i, j) = dz(i, j) / s.t_d(i, 0);
    d_t(i, 0) = -row_product(dz, s.z, i) / s.t_d(i, 0);
  }
  const auto cut = [](MatrixD gradient, const MatrixD& x) {
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x.data()[i] <= 0) gradient.data()[i] = 0;
    return gradient;
  };
  const MatrixD d_g = multiply_transposed_a(s.q, d_n);
  MatrixD d_q = multiply_transposed_b(d_n, s.g), d_k = multiply_transposed_b(v, d_g);
  add_to(d_q, multiply(d_t, s.k_sum));
  add_to(d_k, multiply(MatrixD(k.rows(), 1, 1.0), multiply_transposed_a(d_t, s.q)));
  AttentionGradients g;
  g.q = cut(std::move(d_q), q), g.k = cut(std::move(d_k), k), g.v = multiply(s.k, d_g);
  return g;
}

AttentionGradients taylor_elided_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz) {
  check_gradient(q, v, dz);
  const TaylorElidedSteps s = taylor_elided_attention(q, k, v);
  const double n = k.rows();
  MatrixD d_g = multiply_transposed_a(q, dz);
  scale(d_g, 1 / (n * std::sqrt(q.cols())));
  AttentionGradients g;
  g.q = multiply_transposed_b(dz, s.g_scaled);
  g.v = multiply(s.k_hat, d_g);
  add_to(g.v, multiply(MatrixD(v.rows(), 1, 1 / n), column_sums(dz)));
  MatrixD centred = v;
  for (int i = 0; i < v.rows(); ++i)
    for (int j = 0; j < v.cols(); ++j) centred(i, j) -= s.v_bar(0, j);
  g.k = multiply_transposed_b(centred, d_g);
  return g;
}

AttentionGradients sparse_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                   const MatrixD& dz, const MatrixD* bias) {
  check_gradient(q, v, dz);
  const MatrixD p = sparse_attention(q, k, v, mask, bias).p;
  AttentionGradients g = scores_backward(q, k, softmax_map_backward(p, multiply_transposed_b(dz, v)), bias != nullptr);
  g.v = multiply_transposed_a(p, dz);
  return g;
}

// More than 6 parameters: the operands of one head.
AttentionGradients unified_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                    AttentionKind kind, const MatrixD& dz, const MatrixD* bias) {
  check_gradient(q, v, dz);
  const UnifiedAttention u = unified_attention(q, k, v, mask, kind, bias);
  const MatrixD da = multiply_transposed_b(dz, v);
  MatrixD dp = MatrixD::unset(da.rows(), da.cols()), dt = dp;
  vectorised([da = da.data(), dp = dp.data(), dt = dt.data(), kept = mask.data(), size = da.size(),
              adds = kind == AttentionKind::kUnifiedAdditive]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < size; ++i) {
      dp[i] = kept[i] ? da[i] : 0;
      dt[i] = kept[i] && !adds ? 0 : da[i];
    }
  });
  AttentionGradients g = taylor_map_backward(q, u.taylor, u.t, dt, bias != nullptr);
  add_gradients(g, scores_backward(q, k, softmax_map_backward(u.p, dp), bias != nullptr));
  g.v = multiply_transposed_a(u.a, dz);
  return g;
}

AttentionGradients taylor_released_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& dz,
                                            double threshold) {
  check_gradient(q, v, dz);
  const ReleasedSteps s = taylor_released_attention(q, k, v, threshold);
  MatrixD dy = dz;  // Z = y / sqrt(d), y = sp V + Q G
  scale(dy, 1 / std::sqrt(q.cols()));
  MatrixD dp = multiply_transposed_b(dy, v);
  for (std::size_t i = 0; i < dp.size(); ++i)
    if (s.sparse_map.data()[i] == 0) dp.data()[i] = 0;
  const MatrixD p = softmax_map(s.q_quantised, s.k_quantised);
  AttentionGradients g = scores_backward(s.q_quantised, s.k_quantised, softmax_map_backward(p, dp), false);
  const MatrixD d_g = multiply_transposed_a(q, dy);
  add_to(g.q, multiply_transposed_b(dy, s.g));
  MatrixD d_k = multiply_transposed_b(v, d_g), k_centred = k;
  subtract_row_means(d_k);
  subtract_row_means(k_centred);
  add_to(g.k, d_k);
  g.v = multiply_transposed_a(s.sparse_map, dy);
  add_to(g.v, multiply(k_centred, d_g));
  return g;
}

}  // namespace vitality
