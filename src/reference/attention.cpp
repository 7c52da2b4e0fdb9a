#include "reference/attention.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "reference/quantizer.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

void check_shapes(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias) {
  const bool fit = !q.empty() && !k.empty() && !v.empty() && q.cols() == k.cols() && k.rows() == v.rows() &&
                   (!bias || (bias->rows() == q.rows() && bias->cols() == k.rows()));
  if (!fit) throw std::invalid_argument("attention: shapes of Q, K, V and the bias do not fit");
}

// B - rowmean(B).
MatrixD centred_rows(const MatrixD& b) {
  MatrixD result = b;
  for (int i = 0; i < b.rows(); ++i) {
    double sum = 0;
    for (int j = 0; j < b.cols(); ++j) sum += b(i, j);
    for (int j = 0; j < b.cols(); ++j) result(i, j) -= sum / b.cols();
  }
  return result;
}

MatrixD subtract_row(const MatrixD& a, const MatrixD& row) {
  MatrixD result = a;
  for (int i = 0; i < a.rows(); ++i)
    for (int j = 0; j < a.cols(); ++j) result(i, j) -= row(0, j);
  return result;
}

MatrixD rectified(const MatrixD& a) {
  MatrixD result = a;
  for (std::size_t i = 0; i < a.size(); ++i) result.data()[i] = std::max(0.0, a.data()[i]);
  return result;
}

MatrixD mean_row(const MatrixD& a) {
  MatrixD mean = column_sums(a);
  for (int j = 0; j < a.cols(); ++j) mean(0, j) /= a.rows();
  return mean;
}

}  // namespace

MatrixD softmax_map(const MatrixD& q, const MatrixD& k, const MatrixD* bias) {
  check_shapes(q, k, k, bias);
  MatrixD p = multiply_transposed_b(q, k);
  scale(p, 1 / std::sqrt(q.cols()));
  if (bias) add_to(p, *bias);
  for (int i = 0; i < p.rows(); ++i) softmax(p.row(i), static_cast<std::size_t>(p.cols()));
  return p;
}

MatrixD softmax_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias) {
  check_shapes(q, k, v, bias);
  return multiply(softmax_map(q, k, bias), v);
}

TaylorSteps taylor_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias) {
  check_shapes(q, k, v, bias);
  const double root = std::sqrt(q.cols());
  TaylorSteps s;
  s.k_bar = mean_row(k);
  s.k_hat = subtract_row(k, s.k_bar);
  s.g = multiply_transposed_a(s.k_hat, v);
  s.k_hat_sum = column_sums(s.k_hat);
  s.v_sum = column_sums(v);
  s.t_d = multiply_transposed_b(q, s.k_hat_sum);
  for (int i = 0; i < q.rows(); ++i) s.t_d(i, 0) += k.rows() * root;
  s.t_n = multiply(q, s.g);
  for (int i = 0; i < q.rows(); ++i)
    for (int j = 0; j < v.cols(); ++j) s.t_n(i, j) += root * s.v_sum(0, j);
  if (bias) add_to(s.t_n, multiply(centred_rows(*bias), v), root);
  s.z = s.t_n;
  for (int i = 0; i < q.rows(); ++i)
    for (int j = 0; j < v.cols(); ++j) s.z(i, j) /= s.t_d(i, 0);
  return s;
}

MatrixD taylor_map(const MatrixD& q, const TaylorSteps& steps, const MatrixD* bias) {
  const double root = std::sqrt(q.cols());
  MatrixD t = multiply_transposed_b(q, steps.k_hat);
  if (bias) add_to(t, centred_rows(*bias), root);
  for (int i = 0; i < t.rows(); ++i)
    for (int j = 0; j < t.cols(); ++j) t(i, j) = (t(i, j) + root) / steps.t_d(i, 0);
  return t;
}

TaylorElidedSteps taylor_elided_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias) {
  check_shapes(q, k, v, bias);
  TaylorElidedSteps s;
  s.k_bar = mean_row(k);
  s.k_hat = subtract_row(k, s.k_bar);
  s.g_scaled = multiply_transposed_a(s.k_hat, v);
  scale(s.g_scaled, 1 / (k.rows() * std::sqrt(q.cols())));
  s.v_bar = mean_row(v);
  s.z = multiply(q, s.g_scaled);
  for (int i = 0; i < q.rows(); ++i)
    for (int j = 0; j < v.cols(); ++j) s.z(i, j) += s.v_bar(0, j);
  if (bias) add_to(s.z, multiply(centred_rows(*bias), v), 1.0 / k.rows());
  return s;
}

ReluLinearSteps relu_linear_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, double epsilon) {
  check_shapes(q, k, v, nullptr);
  ReluLinearSteps s;
  s.q = rectified(q), s.k = rectified(k);
  s.g = multiply_transposed_a(s.k, v);
  s.k_sum = column_sums(s.k);
  s.t_d = multiply_transposed_b(s.q, s.k_sum);
  for (int i = 0; i < q.rows(); ++i) s.t_d(i, 0) += epsilon;
  s.t_n = multiply(s.q, s.g);
  s.z = MatrixD(q.rows(), v.cols());
  for (int i = 0; i < q.rows(); ++i) {
    if (s.t_d(i, 0) == 0) continue;
    for (int j = 0; j < v.cols(); ++j) s.z(i, j) = s.t_n(i, j) / s.t_d(i, 0);
  }
  return s;
}

ReleasedSteps taylor_released_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, double threshold) {
  check_shapes(q, k, v, nullptr);
  constexpr int kBits = 4;
  ReleasedSteps s;
  s.q_quantised = dequantize(quantize_asymmetric(q, kBits));
  s.k_quantised = dequantize(quantize_asymmetric(k, kBits));
  s.sparse_map = softmax_map(s.q_quantised, s.k_quantised);
  for (std::size_t i = 0; i < s.sparse_map.size(); ++i)
    if (!(s.sparse_map.data()[i] > threshold)) s.sparse_map.data()[i] = 0;
  s.g = multiply_transposed_a(centred_rows(k), v);
  s.z = multiply(s.sparse_map, v);
  add_to(s.z, multiply(q, s.g));
  scale(s.z, 1 / std::sqrt(q.cols()));
  return s;
}

}  // namespace vitality
