// DOTA's detector: projection, scores and rows against obvious loops and by hand.
#include "reference/weak_attention_detector.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "reference/quantizer.h"
#include "tensor/matrix_ops.h"
#include "tests/support/random_matrix.h"

using namespace vitality;
using test::random_matrix;

TEST_CASE("detector: the projection is ternary, sparse and preserves inner products on average") {
  DetectorOptions options;
  CHECK(detector_rank(64, options) == 16);
  CHECK(detector_rank(6, options) == 2);  // 1.5 rounded up
  CHECK(detector_rank(2, options) == 1);
  const MatrixD p = detector_projection(64, options);
  REQUIRE(p.rows() == 64);
  REQUIRE(p.cols() == 16);
  const double unit = std::sqrt(3.0 / 16);
  int zeros = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    CHECK((p.data()[i] == 0 || std::fabs(std::fabs(p.data()[i]) - unit) < 1e-15));
    zeros += p.data()[i] == 0;
  }
  CHECK(zeros > 0.6 * 1024);
  CHECK(zeros < 0.73 * 1024);
  // E[(x P)(y P)^T] = x y^T: the mean over 3,000 seeds is within 4 of its standard deviations.
  MatrixD x = random_matrix(1, 8, 1), y = random_matrix(1, 8, 2);
  double sum = 0, square = 0;
  constexpr int kSeeds = 3000;
  for (int seed = 0; seed < kSeeds; ++seed) {
    options.seed = static_cast<std::uint64_t>(seed), options.rank = 0.5;
    const MatrixD r = detector_projection(8, options);
    const double dot = multiply_transposed_b(multiply(x, r), multiply(y, r))(0, 0);
    sum += dot, square += dot * dot;
  }
  const double mean = sum / kSeeds, deviation = std::sqrt((square / kSeeds - mean * mean) / kSeeds);
  CHECK(std::fabs(mean - multiply_transposed_b(x, y)(0, 0)) < 4 * deviation);
}

TEST_CASE("detector: scores against the obvious loop") {
  const DetectorOptions options{0.5, 4, 0.25, 3};
  const MatrixD q = random_matrix(4, 10, 5), k = random_matrix(6, 10, 6), p = detector_projection(10, options);
  const auto codes = [&](const MatrixD& x, double& scale) {
    MatrixD low(x.rows(), p.cols());
    double most = 0;
    for (int i = 0; i < x.rows(); ++i)
      for (int j = 0; j < p.cols(); ++j) {
        for (int c = 0; c < 10; ++c) low(i, j) += x(i, c) * p(c, j);
        most = std::max(most, std::fabs(low(i, j)));
      }
    scale = 7 / most;
    for (std::size_t i = 0; i < low.size(); ++i) low.data()[i] = std::nearbyint(low.data()[i] * scale);
    return low;
  };
  double q_scale = 0, k_scale = 0;
  const MatrixD qc = codes(q, q_scale), kc = codes(k, k_scale), got = detected_scores(q, k, options);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 6; ++j) {
      double dot = 0;
      for (int c = 0; c < 5; ++c) dot += qc(i, c) * kc(j, c);
      CHECK(got(i, j) == Approx(dot / (q_scale * k_scale)).margin(1e-12));
    }
}

TEST_CASE("detector: every row keeps the same number, the largest scores") {
  const DetectorOptions options{0.25, 4, 0.1, 1};
  const MatrixD q = random_matrix(31, 64, 7), k = random_matrix(45, 64, 8), scores = detected_scores(q, k, options);
  const Mask mask = detect_strong(q, k, options);
  for (int i = 0; i < 31; ++i) {
    CHECK(std::accumulate(mask.row(i), mask.row(i) + 45, 0) == 5);  // 4.5 rounded up
    double least_kept = 1e9, most_dropped = -1e9;
    for (int j = 0; j < 45; ++j) {
      if (mask(i, j))
        least_kept = std::min(least_kept, scores(i, j));
      else
        most_dropped = std::max(most_dropped, scores(i, j));
    }
    CHECK(least_kept >= most_dropped);
  }
  CHECK(kept_entries(detect_strong(q, k, {0.25, 4, 1, 1})) == 31 * 45);
}

TEST_CASE("detector: one strong key of a query is found") {
  MatrixD q = random_matrix(20, 64, 9), k = random_matrix(100, 64, 10);
  for (int c = 0; c < 64; ++c) k(42, c) = 3 * q(4, c);
  CHECK(detect_strong(q, k, {0.25, 4, 0.05, 1})(4, 42) == 1);
}
