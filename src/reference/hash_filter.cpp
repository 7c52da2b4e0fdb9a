#include "reference/hash_filter.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "reference/attention.h"
#include "tensor/functions.h"
#include "tensor/kronecker.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Box-Muller on the project's own generator: the same numbers on every machine.
double normal(Random& random) {
  const double u = 1 - random.unit(), v = random.unit();
  return std::sqrt(-2 * logarithm(u)) * cosine(2 * kPi * v);
}

// Rows orthonormalised by modified Gram-Schmidt (the paper's way to orthogonal random vectors).
MatrixD random_orthogonal(int n, Random& random) {
  MatrixD rows(n, n);
  for (std::size_t i = 0; i < rows.size(); ++i) rows.data()[i] = normal(random);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) {
      double dot = 0;
      for (int c = 0; c < n; ++c) dot += rows(i, c) * rows(j, c);
      for (int c = 0; c < n; ++c) rows(i, c) -= dot * rows(j, c);
    }
    double norm = 0;
    for (int c = 0; c < n; ++c) norm += rows(i, c) * rows(i, c);
    norm = std::sqrt(norm);
    for (int c = 0; c < n; ++c) rows(i, c) /= norm;
  }
  return rows;
}

std::vector<double> row_norms(const MatrixD& x) {
  std::vector<double> norms(static_cast<std::size_t>(x.rows()));
  for (int i = 0; i < x.rows(); ++i) {
    double square = 0;
    for (int c = 0; c < x.cols(); ++c) square += x(i, c) * x(i, c);
    norms[static_cast<std::size_t>(i)] = std::sqrt(square);
  }
  return norms;
}

int hamming(const std::uint8_t* a, const std::uint8_t* b, int bits) {
  int distance = 0;
  for (int i = 0; i < bits; ++i) distance += a[i] != b[i];
  return distance;
}

}  // namespace

HashFilter::HashFilter(int d, const HashFilterOptions& options) : options_(options), projections_(1, 1, 1) {
  Random random(options.seed);
  for (const int factor : kronecker_factors(d))
    projections_ = kronecker(projections_, random_orthogonal(factor, random));
  // The bias of the estimate, measured on random pairs of vectors.
  constexpr int kPairs = 2000;
  MatrixD a(kPairs, d), b(kPairs, d);
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] = normal(random), b.data()[i] = normal(random);
  const Matrix<std::uint8_t> hash_a = hashes(a), hash_b = hashes(b);
  const std::vector<double> norm_a = row_norms(a), norm_b = row_norms(b);
  std::vector<double> errors;
  for (int i = 0; i < kPairs; ++i) {
    double dot = 0;
    for (int c = 0; c < d; ++c) dot += a(i, c) * b(i, c);
    const auto at = static_cast<std::size_t>(i);
    const double angle = arc_cosine(std::clamp(dot / (norm_a[at] * norm_b[at]), -1.0, 1.0));
    errors.push_back(kPi / d * hamming(hash_a.row(i), hash_b.row(i), d) - angle);
  }
  std::nth_element(errors.begin(), errors.begin() + kPairs * 8 / 10, errors.end());
  bias_ = errors[kPairs * 8 / 10];
}

Matrix<std::uint8_t> HashFilter::hashes(const MatrixD& x) const {
  const MatrixD projected = multiply_transposed_b(x, projections_);
  Matrix<std::uint8_t> bits(projected.rows(), projected.cols());
  for (std::size_t i = 0; i < bits.size(); ++i) bits.data()[i] = projected.data()[i] >= 0;
  return bits;
}

MatrixD HashFilter::similarities(const MatrixD& q, const MatrixD& k) const {
  const Matrix<std::uint8_t> query_bits = hashes(q), key_bits = hashes(k);
  const std::vector<double> norms = row_norms(k);
  const int bits = projections_.rows();
  std::vector<double> table(static_cast<std::size_t>(bits) + 1);  // the hardware's table of bits + 1 entries
  for (int h = 0; h <= bits; ++h) table[static_cast<std::size_t>(h)] = cosine(std::max(0.0, kPi / bits * h - bias_));
  MatrixD out(q.rows(), k.rows());
  for (int i = 0; i < q.rows(); ++i)
    for (int j = 0; j < k.rows(); ++j)
      out(i, j) = norms[static_cast<std::size_t>(j)] *
                  table[static_cast<std::size_t>(hamming(query_bits.row(i), key_bits.row(j), bits))];
  return out;
}

double HashFilter::learned_threshold(const MatrixD& q, const MatrixD& k) const {
  const MatrixD p = softmax_map(q, k), scores = multiply_transposed_b(q, k);
  const std::vector<double> query_norms = row_norms(q), key_norms = row_norms(k);
  const double largest = *std::max_element(key_norms.begin(), key_norms.end());
  double sum = 0;
  int queries = 0;
  for (int i = 0; i < q.rows(); ++i) {
    const double norm = query_norms[static_cast<std::size_t>(i)] * largest;
    double smallest = 2;  // above every cosine
    for (int j = 0; j < k.rows() && norm > 0; ++j)
      if (p(i, j) > options_.p / k.rows()) smallest = std::min(smallest, scores(i, j) / norm);
    if (smallest > 1.5) continue;  // no key is strong enough for this query
    sum += smallest;
    ++queries;
  }
  return queries > 0 ? sum / queries : -1;  // -1: nothing is filtered
}

Mask HashFilter::mask(const MatrixD& q, const MatrixD& k) const {
  const MatrixD similarity = similarities(q, k);
  const std::vector<double> norms = row_norms(k);
  const double least = learned_threshold(q, k) * *std::max_element(norms.begin(), norms.end());
  Mask kept(q.rows(), k.rows());
  for (std::size_t i = 0; i < kept.size(); ++i) kept.data()[i] = similarity.data()[i] >= least;
  return kept;
}

}  // namespace vitality
