#include "reference/sparse_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/vectorised.h"
#include "reference/quantizer.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

void check_mask(const MatrixD& q, const MatrixD& k, const Mask& mask) {
  if (mask.rows() != q.rows() || mask.cols() != k.rows())
    throw std::invalid_argument("attention: the mask is not one row a query, one column a key");
}

// Divides each row by its 2-norm and returns the norms; a row of zeros stays as it is (norm 1: its scores are 0).
std::vector<double> normalize_rows(MatrixD& a) {
  std::vector<double> norms(static_cast<std::size_t>(a.rows()));
  for (int i = 0; i < a.rows(); ++i) {
    double sum = 0;
    for (int c = 0; c < a.cols(); ++c) sum += a(i, c) * a(i, c);
    const double norm = sum > 0 ? std::sqrt(sum) : 1;
    for (int c = 0; c < a.cols(); ++c) a(i, c) /= norm;
    norms[static_cast<std::size_t>(i)] = norm;
  }
  return norms;
}

MatrixD as_double(const Matrix<int>& codes) {
  MatrixD result(codes.rows(), codes.cols());
  std::copy(codes.data(), codes.data() + codes.size(), result.data());
  return result;
}

}  // namespace

MatrixD predicted_map(const MatrixD& q, const MatrixD& k, const PredictorOptions& options) {
  MatrixD queries = q, keys = k;
  std::vector<double> query_norms(static_cast<std::size_t>(q.rows()), 1),
      key_norms(static_cast<std::size_t>(k.rows()), 1);
  if (options.normalize_qk) {
    query_norms = normalize_rows(queries);
    key_norms = normalize_rows(keys);
  }
  const SymmetricCodes query_codes = quantize_symmetric(queries, options.bits),
                       key_codes = quantize_symmetric(keys, options.bits);
  MatrixD p = multiply_transposed_b(as_double(query_codes.codes), as_double(key_codes.codes));
  const double scales = query_codes.scale * key_codes.scale, unit = scales > 0 ? 1 / (scales * std::sqrt(q.cols())) : 0;
  for (int i = 0; i < p.rows(); ++i) {
    for (int j = 0; j < p.cols(); ++j)
      p(i, j) *= unit * query_norms[static_cast<std::size_t>(i)] * key_norms[static_cast<std::size_t>(j)];
    softmax(p.row(i), static_cast<std::size_t>(p.cols()));
  }
  return p;
}

Mask predict_mask(const MatrixD& q, const MatrixD& k, const PredictorOptions& options) {
  const MatrixD p = predicted_map(q, k, options);
  Mask mask(p.rows(), p.cols());
  for (std::size_t i = 0; i < p.size(); ++i) mask.data()[i] = p.data()[i] > options.threshold;
  return mask;
}

SparseAttention sparse_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                 const MatrixD* bias, EmptyRows empty_rows) {
  check_mask(q, k, mask);
  SparseAttention result;
  result.p = multiply_transposed_b(q, k);
  const double root = std::sqrt(q.cols());
  for (int i = 0; i < q.rows(); ++i) {
    double* const row = result.p.row(i);
    const bool empty = std::none_of(mask.row(i), mask.row(i) + mask.cols(), [](auto bit) { return bit != 0; });
    if (empty && empty_rows == EmptyRows::kZero) {
      std::fill(row, row + mask.cols(), 0.0);
      continue;
    }
    result.fallback_rows += empty;
    for (int j = 0; j < mask.cols(); ++j) {
      const double score = row[j] / root + (bias ? (*bias)(i, j) : 0);
      row[j] = empty || mask(i, j) ? score : -std::numeric_limits<double>::infinity();
    }
    softmax(row, static_cast<std::size_t>(mask.cols()));
  }
  result.z = multiply(result.p, v);
  return result;
}

void drop_values(SparseAttention& attention, const MatrixD& v, const Mask& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!values.data()[i]) attention.p.data()[i] = 0;
  attention.z = multiply(attention.p, v);
}

UnifiedAttention unified_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                                   AttentionKind kind, const MatrixD* bias) {
  check_mask(q, k, mask);
  UnifiedAttention result;
  result.taylor = taylor_attention(q, k, v, bias);
  result.t = taylor_map(q, result.taylor, bias);
  result.p = softmax_map(q, k, bias);
  result.a = result.t;
  vectorised([a = result.a.data(), p = result.p.data(), kept = mask.data(), size = mask.size(),
              adds = kind == AttentionKind::kUnifiedAdditive]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < size; ++i) {
      const double strong = adds ? a[i] + p[i] : p[i];
      a[i] = kept[i] ? strong : a[i];
    }
  });
  result.z = multiply(result.a, v);
  return result;
}

}  // namespace vitality
