#include "tensor/matrix_ops.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/vectorised.h"
#include "tensor/gemm.h"

namespace vitality {
namespace {

void require(bool holds) {
  if (!holds) throw std::invalid_argument("matrix shapes do not fit");
}

}  // namespace

MatrixD transpose(const MatrixD& a) {
  MatrixD t = MatrixD::unset(a.cols(), a.rows());
  constexpr int kRows = 8;  // of A at a time: a row of T gets a cache line, not an element
  for (int first = 0; first < a.rows(); first += kRows) {
    const int end = std::min(first + kRows, a.rows());
    for (int j = 0; j < a.cols(); ++j)
      for (int i = first; i < end; ++i) t(j, i) = a(i, j);
  }
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
  vectorised([y = a.data(), x = b.data(), size = a.size(), factor]() VITALITY_LOOP {
    for (std::size_t i = 0; i < size; ++i) y[i] += factor * x[i];
  });
}

void add_row(MatrixD& a, const double* row) {
  vectorised([first = a.data(), rows = a.rows(), cols = a.cols(), row]() VITALITY_LOOP {
    for (int i = 0; i < rows; ++i) {
      double* const out = first + static_cast<std::ptrdiff_t>(i) * cols;
#pragma GCC ivdep
      for (int j = 0; j < cols; ++j) out[j] += row[j];
    }
  });
}

void scale(MatrixD& a, double factor) {
  vectorised([x = a.data(), size = a.size(), factor]() VITALITY_LOOP {
    for (std::size_t i = 0; i < size; ++i) x[i] *= factor;
  });
}

double max_abs(const MatrixD& a) {
  return vectorised([values = a.data(), size = a.size()]() VITALITY_LOOP {
    constexpr std::size_t kLanes = 32;  // maxima side by side: one alone is a chain of dependent comparisons
    double lanes[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= size; i += kLanes)
      for (std::size_t j = 0; j < kLanes; ++j) {
        const double magnitude = std::fabs(values[i + j]);
        lanes[j] = lanes[j] < magnitude ? magnitude : lanes[j];
      }
    for (; i < size; ++i) lanes[0] = std::max(lanes[0], std::fabs(values[i]));
    return *std::max_element(lanes, lanes + kLanes);
  });
}

}  // namespace vitality
