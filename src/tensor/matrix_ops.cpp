#include "tensor/matrix_ops.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/instruction_sets.h"
#include "tensor/gemm.h"

namespace vitality {
namespace {

void require(bool holds) {
  if (!holds) throw std::invalid_argument("matrix shapes do not fit");
}

}  // namespace

MatrixD transpose(const MatrixD& a) {
  MatrixD t = MatrixD::unset(a.cols(), a.rows());
  for (int i = 0; i < a.rows(); ++i)
    for (int j = 0; j < a.cols(); ++j) t(j, i) = a(i, j);
  return t;
}

MatrixD multiply(const MatrixD& a, const MatrixD& b) {
  require(a.cols() == b.rows());
  MatrixD c = MatrixD::unset(a.rows(), b.cols());
  gemm(a.rows(), b.cols(), a.cols(), a.data(), a.cols(), b.data(), b.cols(), c.data(), c.cols(), GemmStart::kZero);
  return c;
}

MatrixD multiply_transposed_a(const MatrixD& a, const MatrixD& b) {
  return multiply(transpose(a), b);
}
MatrixD multiply_transposed_b(const MatrixD& a, const MatrixD& b) {
  return multiply(a, transpose(b));
}

MatrixD column_sums(const MatrixD& a) {
  MatrixD sums(1, a.cols());
  for (int i = 0; i < a.rows(); ++i)
    for (int j = 0; j < a.cols(); ++j) sums(0, j) += a(i, j);
  return sums;
}

VITALITY_VECTORS void add_to(MatrixD& a, const MatrixD& b, double factor) {
  require(a.rows() == b.rows() && a.cols() == b.cols());
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] += factor * b.data()[i];
}

VITALITY_VECTORS void add_row(MatrixD& a, const double* row) {
  const int cols = a.cols();
  for (int i = 0; i < a.rows(); ++i) {
    double* const out = a.row(i);
#pragma GCC ivdep
    for (int j = 0; j < cols; ++j) out[j] += row[j];
  }
}

VITALITY_VECTORS void scale(MatrixD& a, double factor) {
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] *= factor;
}

VITALITY_VECTORS double max_abs(const MatrixD& a) {
  constexpr std::size_t kLanes = 32;  // maxima side by side: one alone is a chain of dependent comparisons
  double lanes[kLanes] = {};
  const double* const values = a.data();
  const std::size_t size = a.size();
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes)
    for (std::size_t j = 0; j < kLanes; ++j) {
      const double magnitude = std::fabs(values[i + j]);
      lanes[j] = lanes[j] < magnitude ? magnitude : lanes[j];
    }
  for (; i < size; ++i) lanes[0] = std::max(lanes[0], std::fabs(values[i]));
  return *std::max_element(lanes, lanes + kLanes);
}

}  // namespace vitality
