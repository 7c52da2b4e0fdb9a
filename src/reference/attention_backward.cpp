#include "reference/attention_backward.h"

#include <cmath>

#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

// dS of the scores before 1/sqrt(d), for P = softmax of rows and dP; in place of dP.
void softmax_rows_backward(const MatrixD& p, MatrixD& dp, double root) {
  for (int i = 0; i < p.rows(); ++i) {
    double dot = 0;
    for (int j = 0; j < p.cols(); ++j) dot += p(i, j) * dp(i, j);
    for (int j = 0; j < p.cols(); ++j) dp(i, j) = p(i, j) * (dp(i, j) - dot) / root;
  }
}

// dK of K_hat = K - 1 mean(K): the gradient loses its own mean.
MatrixD uncentred(MatrixD dk_hat) {
  const MatrixD sums = column_sums(dk_hat);
  for (int i = 0; i < dk_hat.rows(); ++i)
    for (int j = 0; j < dk_hat.cols(); ++j) dk_hat(i, j) -= sums(0, j) / dk_hat.rows();
  return dk_hat;
}

void add_to_rows(MatrixD& a, const MatrixD& row) {
  for (int i = 0; i < a.rows(); ++i)
    for (int j = 0; j < a.cols(); ++j) a(i, j) += row(0, j);
}

}  // namespace

AttentionGradients softmax_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& p,
                                    const MatrixD& dz) {
  MatrixD ds = multiply_transposed_b(dz, v);
  softmax_rows_backward(p, ds, std::sqrt(q.cols()));
  return {multiply(ds, k), multiply_transposed_a(ds, q), multiply_transposed_a(p, dz)};
}

AttentionGradients taylor_backward(const MatrixD& q, const MatrixD& v, const TaylorSteps& s, const MatrixD& dz) {
  const double root = std::sqrt(q.cols());
  MatrixD dn = dz, dt(q.rows(), 1);
  for (int i = 0; i < dz.rows(); ++i) {
    double dot = 0;
    for (int j = 0; j < dz.cols(); ++j) {
      dn(i, j) /= s.t_d(i, 0);
      dot += dz(i, j) * s.z(i, j);
    }
    dt(i, 0) = -dot / s.t_d(i, 0);
  }
  AttentionGradients g;
  g.dq = multiply_transposed_b(dn, s.g);
  add_to(g.dq, multiply(dt, s.k_hat_sum));
  const MatrixD dg = multiply_transposed_a(q, dn);
  MatrixD dv_sum = column_sums(dn);
  scale(dv_sum, root);
  g.dv = multiply(s.k_hat, dg);
  add_to_rows(g.dv, dv_sum);
  MatrixD dk_hat = multiply_transposed_b(v, dg);
  add_to_rows(dk_hat, multiply_transposed_a(dt, q));
  g.dk = uncentred(std::move(dk_hat));
  return g;
}

AttentionGradients taylor_elided_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                          const TaylorElidedSteps& s, const MatrixD& dz) {
  const int n = k.rows();
  MatrixD dn = dz;
  scale(dn, 1 / (n * std::sqrt(q.cols())));
  const MatrixD dg = multiply_transposed_a(q, dn);
  AttentionGradients g;
  g.dq = multiply_transposed_b(dz, s.g_scaled);
  g.dv = multiply(s.k_hat, dg);
  MatrixD dv_bar = column_sums(dz);
  scale(dv_bar, 1.0 / n);
  add_to_rows(g.dv, dv_bar);
  MatrixD centred_values = v, minus_mean = s.v_bar;
  scale(minus_mean, -1);
  add_to_rows(centred_values, minus_mean);
  g.dk = multiply_transposed_b(centred_values, dg);
  return g;
}

AttentionGradients unified_backward(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                    UnifiedForm form, const UnifiedAttention& forward, const MatrixD& dz) {
  MatrixD dt = multiply_transposed_b(dz, v), dp(dt.rows(), dt.cols());
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (!mask.data()[i]) continue;
    dp.data()[i] = dt.data()[i];
    if (form == UnifiedForm::kResidual) dt.data()[i] = 0;
  }
  softmax_rows_backward(forward.p, dp, std::sqrt(q.cols()));
  AttentionGradients g{multiply(dp, k), multiply_transposed_a(dp, q), multiply_transposed_a(forward.a, dz)};
  // T_ij = (sqrt(d) + q_i . k_hat_j) / t_i with t_i = n sqrt(d) + q_i . k_hat_sum.
  MatrixD dt_d(dt.rows(), 1);
  for (int i = 0; i < dt.rows(); ++i) {
    double dot = 0;
    for (int j = 0; j < dt.cols(); ++j) {
      dot += dt(i, j) * forward.t(i, j);
      dt(i, j) /= forward.taylor.t_d(i, 0);
    }
    dt_d(i, 0) = -dot / forward.taylor.t_d(i, 0);
  }
  add_to(g.dq, multiply(dt, forward.taylor.k_hat));
  add_to(g.dq, multiply(dt_d, forward.taylor.k_hat_sum));
  MatrixD dk_hat = multiply_transposed_a(dt, q);
  add_to_rows(dk_hat, multiply_transposed_a(dt_d, q));
  add_to(g.dk, uncentred(std::move(dk_hat)));
  return g;
}

}  // namespace vitality
