// Random matrices and comparisons for tests of the reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/random.h"
#include "tensor/matrix.h"

namespace vitality::test {

// Uniform in [low, high).
inline MatrixD random_matrix(int rows, int cols, std::uint64_t seed, double low = -1, double high = 1) {
  MatrixD x(rows, cols);
  Random random(seed);
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = low + (high - low) * random.unit();
  return x;
}

// max |a - b| / max(1, max |b|); infinity when the shapes differ or a value is not a number.
inline double difference(const MatrixD& a, const MatrixD& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return INFINITY;
  double worst = 0, top = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(a.data()[i] - b.data()[i]);
    if (!(d < INFINITY)) return INFINITY;
    worst = std::max(worst, d);
    top = std::max(top, std::fabs(b.data()[i]));
  }
  return worst / top;
}

// sum of a .* b: the loss whose gradient with respect to a is b.
inline double inner_product(const MatrixD& a, const MatrixD& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a.data()[i] * b.data()[i];
  return sum;
}

// d loss() / d x by central differences, x changed in place and restored; loss: () -> double.
template <class Loss>
MatrixD numeric_gradient(MatrixD& x, Loss&& loss, double step = 1e-6) {
  MatrixD gradient(x.rows(), x.cols());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double value = x.data()[i];
    x.data()[i] = value + step;
    const double above = loss();
    x.data()[i] = value - step;
    const double below = loss();
    x.data()[i] = value;
    gradient.data()[i] = (above - below) / (2 * step);
  }
  return gradient;
}

}  // namespace vitality::test
