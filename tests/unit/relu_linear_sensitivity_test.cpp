// How errors reach the rows of ReLU-linear attention: against derivatives by central differences, against the mean of
// many random errors, and rows that have no derivative.
#include "reference/relu_linear_sensitivity.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tensor/matrix_ops.h"
#include "tests/support/golden_attention.h"

using namespace vitality;
using golden::random_matrix;

namespace {

std::vector<RowSensitivity> sensitivity(const MatrixD& q, const MatrixD& k, const MatrixD& v, double epsilon = 0) {
  return relu_linear_sensitivity(q, k, v, relu_linear_attention(q, k, v, epsilon));
}

// Sum over the elements of x of the squares of dZ / dx, by rows of Z, as means over their elements.
std::vector<double> squared_derivatives(const MatrixD& q, const MatrixD& k, const MatrixD& v, double epsilon,
                                        MatrixD& x) {
  constexpr double kStep = 1e-5;
  std::vector<double> sums(static_cast<std::size_t>(q.rows()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double kept = x.data()[i];
    x.data()[i] = kept + kStep;
    const MatrixD above = relu_linear_attention(q, k, v, epsilon).z;
    x.data()[i] = kept - kStep;
    const MatrixD below = relu_linear_attention(q, k, v, epsilon).z;
    x.data()[i] = kept;
    for (int r = 0; r < q.rows(); ++r)
      for (int c = 0; c < v.cols(); ++c)
        sums[static_cast<std::size_t>(r)] += std::pow((above(r, c) - below(r, c)) / (2 * kStep), 2) / v.cols();
  }
  return sums;
}

MatrixD positive(MatrixD x) {
  for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] = 0.5 + std::fabs(x.data()[i]);
  return x;
}

}  // namespace

TEST_CASE("ReLU-linear sensitivity: factors are the sums of squared derivatives") {
  MatrixD q = positive(random_matrix(4, 3, 1)), k = positive(random_matrix(6, 3, 2)), v = random_matrix(6, 5, 3);
  for (int j = 0; j < 6; j += 2) k(j, 1) = -5;  // keys that a channel does not see
  const double epsilon = GENERATE(0.0, 4.0);
  const std::vector<RowSensitivity> rows = sensitivity(q, k, v, epsilon);
  const std::vector<double> query = squared_derivatives(q, k, v, epsilon, q),
                            key = squared_derivatives(q, k, v, epsilon, k),
                            value = squared_derivatives(q, k, v, epsilon, v);
  REQUIRE(rows.size() == 4);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto row = static_cast<int>(r);
    double norm = 0, most = 0, t_d = epsilon;
    for (int a = 0; a < 3; ++a) {
      norm += q(row, a) * q(row, a), most = std::max(most, q(row, a));
      for (int j = 0; j < 6; ++j) t_d += q(row, a) * std::max(0.0, k(j, a));
    }
    // Beside the derivatives: the chance that all channels vanish, 3 s^4 / (2 q^4) where s is at most max|q| / 28.
    const double vanish = 1.5 * std::pow(max_abs(q) / 28, 2) / std::pow(most, 4) * rows[r].limit;
    CHECK(rows[r].query - vanish == Approx(query[r]).epsilon(1e-6));
    CHECK(rows[r].key == Approx(key[r]).epsilon(1e-6));
    CHECK(rows[r].value == Approx(value[r]).epsilon(1e-6));
    CHECK(rows[r].context == Approx(norm / (t_d * t_d)));
  }
}

TEST_CASE("ReLU-linear sensitivity: random errors are as large as the factors say, or smaller") {
  const double deviation = GENERATE(0.001, 0.01, 0.1);  // the largest magnitude of Q and K is about 3.5
  constexpr int kTries = 400;
  const MatrixD q = random_matrix(30, 8, 4), k = random_matrix(20, 8, 5), v = random_matrix(20, 6, 6);
  const double epsilon = GENERATE(0.0, 1.0);
  const MatrixD z = relu_linear_attention(q, k, v, epsilon).z;
  const std::vector<RowSensitivity> rows = sensitivity(q, k, v, epsilon);
  const auto disturbed = [deviation](MatrixD x, unsigned seed) {
    const MatrixD noise = random_matrix(x.rows(), x.cols(), seed);
    for (std::size_t i = 0; i < x.size(); ++i) x.data()[i] += deviation * noise.data()[i];
    return x;
  };
  std::vector<double> seen(rows.size());
  for (unsigned t = 0; t < kTries; ++t) {
    const MatrixD moved =
        relu_linear_attention(disturbed(q, 100 + t), disturbed(k, 1000 + t), disturbed(v, 10000 + t), epsilon).z;
    for (int r = 0; r < z.rows(); ++r)
      for (int c = 0; c < z.cols(); ++c)
        seen[static_cast<std::size_t>(r)] += std::pow(moved(r, c) - z(r, c), 2) / z.cols() / kTries;
  }
  double ratios = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double variance = deviation * deviation;
    const double expected =
        std::min((rows[r].query + rows[r].key) * variance, rows[r].limit) + rows[r].value * variance;
    INFO("row " << r << ": " << seen[r] << " of " << expected);
    CHECK(seen[r] < 1.3 * expected);
    ratios += std::log(seen[r] / expected) / static_cast<double>(rows.size());
  }
  CHECK(ratios > std::log(0.25));  // of the deviation: half
}

TEST_CASE("ReLU-linear sensitivity: a row without weights may jump, within the limit") {
  // One channel. Keys 1 and 3, values 2 and -4: the distance between the largest and the smallest of 0, 2, -4 is 6.
  MatrixD q(2, 1), k(2, 1), v(2, 1);
  q(0, 0) = -0.01, q(1, 0) = -28;
  k(0, 0) = 1, k(1, 0) = 3, v(0, 0) = 2, v(1, 0) = -4;
  const std::vector<RowSensitivity> rows = sensitivity(q, k, v);
  CHECK(rows[0].limit == 36);
  CHECK(rows[0].query == Approx(36 / (2 * 1e-4)));                     // s^2 / (2 q^2): q is within reach of an error
  CHECK(rows[1].query == Approx(36 * 3 / (2.0 * 28 * 28 * 28 * 28)));  // 3 s^4 / (2 q^4), s at most 28 / 28
  CHECK(rows[0].key == 0);
  CHECK(sensitivity(q, k, v, 1)[0].query == rows[0].query);  // whatever is added to a sum of 0
  // Where no key is positive, an error in K can make a row jump whose query is positive.
  q(0, 0) = 1, k(0, 0) = -0.01, k(1, 0) = -28;
  CHECK(sensitivity(q, k, v)[0].key == Approx(36 * (1 / (2 * 1e-4) + 3 / (2.0 * 28 * 28 * 28 * 28))));
  CHECK(sensitivity(q, k, v)[1].key == 0);
}
