#include "tensor/matrix_ops.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

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

void add_to(MatrixD& a, const MatrixD& b, double factor) {
  require(a.rows() == b.rows() && a.cols() == b.cols());
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] += factor * b.data()[i];
}

void scale(MatrixD& a, double factor) {
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] *= factor;
}

double max_abs(const MatrixD& a) {
  double top = 0;
  for (std::size_t i = 0; i < a.size(); ++i) top = std::max(top, std::fabs(a.data()[i]));
  return top;
}

}  // namespace vitality
