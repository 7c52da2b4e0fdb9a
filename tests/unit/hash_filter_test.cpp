// ELSA's hash filter: orthogonal projections, hashes and similarities against obvious loops, the threshold by hand.
#include "reference/hash_filter.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "reference/attention.h"
#include "tensor/kronecker.h"
#include "tests/support/random_matrix.h"

using namespace vitality;
using test::random_matrix;

namespace {
constexpr double kPi = 3.14159265358979323846;
}

TEST_CASE("hash filter: factors of the Kronecker product") {
  CHECK(kronecker_factors(64) == std::vector<int>{4, 4, 4});
  CHECK(kronecker_factors(80) == std::vector<int>{4, 4, 5});
  CHECK(kronecker_factors(24) == std::vector<int>{4, 2, 3});
  CHECK(kronecker_factors(7) == std::vector<int>{7});
  CHECK(kronecker_factors(1).empty());
}

TEST_CASE("hash filter: a Kronecker product by hand") {
  MatrixD a(1, 2), b(2, 1);
  a(0, 0) = 2, a(0, 1) = 3, b(0, 0) = 5, b(1, 0) = 7;
  const MatrixD c = kronecker(a, b);  // 2 x 2: (10 15 / 14 21)
  CHECK(std::vector<double>(c.data(), c.data() + 4) == std::vector<double>{10, 15, 14, 21});
}

TEST_CASE("hash filter: projections are orthogonal and seeded") {
  for (const int d : {1, 16, 24, 64, 80}) {
    const MatrixD r = HashFilter(d, {}).projections();
    REQUIRE(r.rows() == d);
    REQUIRE(r.cols() == d);
    double worst = 0;
    for (int i = 0; i < d; ++i)
      for (int j = 0; j < d; ++j) {
        double dot = 0;
        for (int c = 0; c < d; ++c) dot += r(i, c) * r(j, c);
        worst = std::max(worst, std::fabs(dot - (i == j)));
      }
    CHECK(worst < 1e-12);
  }
  CHECK(HashFilter(16, {1, 1}).projections()(3, 5) == HashFilter(16, {1, 1}).projections()(3, 5));
  CHECK(HashFilter(16, {1, 1}).projections()(3, 5) != HashFilter(16, {1, 2}).projections()(3, 5));
}

TEST_CASE("hash filter: the bias is the 80th percentile of the angle's error") {
  const HashFilter filter(64, {});
  // Other pairs than the filter's own: about 80 % of the estimates, less the bias, are not above the true angle.
  constexpr int kPairs = 1500;
  const MatrixD a = random_matrix(kPairs, 64, 77), b = random_matrix(kPairs, 64, 78);
  const auto ha = filter.hashes(a), hb = filter.hashes(b);
  int below = 0;
  for (int i = 0; i < kPairs; ++i) {
    double dot = 0, na = 0, nb = 0;
    int distance = 0;
    for (int c = 0; c < 64; ++c) {
      dot += a(i, c) * b(i, c), na += a(i, c) * a(i, c), nb += b(i, c) * b(i, c);
      distance += ha(i, c) != hb(i, c);
    }
    below += kPi / 64 * distance - filter.bias() <= std::acos(dot / std::sqrt(na * nb));
  }
  CHECK(below > 0.75 * kPairs);
  CHECK(below < 0.85 * kPairs);
}

TEST_CASE("hash filter: similarities against the obvious loop") {
  const HashFilter filter(16, {});
  const MatrixD q = random_matrix(5, 16, 1), k = random_matrix(7, 16, 2), got = filter.similarities(q, k);
  const MatrixD& r = filter.projections();
  for (int i = 0; i < 5; ++i)
    for (int j = 0; j < 7; ++j) {
      int distance = 0;
      double norm = 0;
      for (int bit = 0; bit < 16; ++bit) {
        double x = 0, y = 0;
        for (int c = 0; c < 16; ++c) x += r(bit, c) * q(i, c), y += r(bit, c) * k(j, c);
        distance += (x >= 0) != (y >= 0);
        norm += k(j, bit) * k(j, bit);
      }
      const double angle = std::max(0.0, kPi / 16 * distance - filter.bias());
      CHECK(got(i, j) == Approx(std::sqrt(norm) * std::cos(angle)));
    }
}

TEST_CASE("hash filter: the threshold by hand") {
  // One feature: every angle is 0 or pi. q = 1, keys 3, 1, -1: softmax of (3, 1, -1) is .867 .117 .016, a third = .333.
  MatrixD q(1, 1, 1), k(3, 1);
  k(0, 0) = 3, k(1, 0) = 1, k(2, 0) = -1;
  CHECK(HashFilter(1, {1, 1}).learned_threshold(q, k) == Approx(1));            // key 0 alone: 3 / (1 x 3)
  CHECK(HashFilter(1, {0.3, 1}).learned_threshold(q, k) == Approx(1.0 / 3));    // keys 0 and 1: the smaller is 1 / 3
  CHECK(HashFilter(1, {0.01, 1}).learned_threshold(q, k) == Approx(-1.0 / 3));  // all three
  CHECK(HashFilter(1, {4, 1}).learned_threshold(q, k) == -1);                   // no key is that strong: keep all
  const Mask kept = HashFilter(1, {0.3, 1}).mask(q, k);
  CHECK(std::vector<int>(kept.data(), kept.data() + 3) == std::vector<int>{1, 1, 0});
  CHECK(kept_entries(HashFilter(1, {4, 1}).mask(q, k)) == 3);
}

TEST_CASE("hash filter: a larger p keeps less, strong keys stay") {
  MatrixD q = random_matrix(40, 64, 3), k = random_matrix(50, 64, 4);
  for (int c = 0; c < 64; ++c) k(7, c) = 2 * q(0, c);  // key 7 is query 0's own direction
  double last = 2;
  for (const double p : {0.0, 0.5, 1.0, 2.0}) {
    const Mask mask = HashFilter(64, {p, 1}).mask(q, k);
    CHECK(density(mask) < last);
    CHECK(mask(0, 7) == 1);
    last = density(mask) + 1e-12;
  }
  CHECK(last < 0.5);
}

TEST_CASE("hash filter: zeros have no direction and do not crash") {
  const Mask mask = HashFilter(8, {}).mask(MatrixD(3, 8), MatrixD(4, 8));
  CHECK(mask.rows() == 3);
  CHECK(mask.cols() == 4);
}
