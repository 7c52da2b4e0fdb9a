// The attention reference against golden arrays, obvious loops, hand-computed numbers and the identities of
// Algorithm 1.
#include "reference/attention.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "reference/quantizer.h"
#include "tensor/matrix_ops.h"
#include "tests/support/golden_attention.h"

using namespace vitality;
using golden::load;
using golden::random_matrix;
using golden::relative_error;

namespace {

MatrixD matrix(int rows, int cols, const std::vector<double>& values) {
  MatrixD a(rows, cols);
  std::copy(values.begin(), values.end(), a.data());
  return a;
}

// Both attention maps from their definitions, entry by entry, in long double.
MatrixD obvious_attention(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD* bias, bool taylor) {
  const int m = q.rows(), n = k.rows(), d = q.cols(), e = v.cols();
  MatrixD z(m, e);
  for (int i = 0; i < m; ++i) {
    long double bias_mean = 0;
    for (int j = 0; bias && j < n; ++j) bias_mean += (*bias)(i, j) / static_cast<long double>(n);
    std::vector<long double> weight(static_cast<std::size_t>(n));
    long double sum = 0;
    for (int j = 0; j < n; ++j) {
      long double x = 0;
      for (int c = 0; c < d; ++c) {
        long double mean = 0;
        for (int r = 0; taylor && r < n; ++r) mean += k(r, c) / static_cast<long double>(n);
        x += q(i, c) * (k(j, c) - mean);
      }
      x /= std::sqrt(static_cast<long double>(d));
      if (bias) x += (*bias)(i, j) - (taylor ? bias_mean : 0);
      sum += weight[static_cast<std::size_t>(j)] = taylor ? 1 + x : std::exp(x);
    }
    for (int c = 0; c < e; ++c) {
      long double total = 0;
      for (int j = 0; j < n; ++j) total += weight[static_cast<std::size_t>(j)] / sum * v(j, c);
      z(i, c) = static_cast<double>(total);
    }
  }
  return z;
}

// ReLU-linear attention as weights of a map, entry by entry, in long double; a row whose weights are all 0 gives 0.
MatrixD obvious_relu_linear(const MatrixD& q, const MatrixD& k, const MatrixD& v, double epsilon = 0) {
  MatrixD z(q.rows(), v.cols());
  for (int i = 0; i < q.rows(); ++i) {
    long double sum = epsilon;
    std::vector<long double> weight(static_cast<std::size_t>(k.rows())), total(static_cast<std::size_t>(v.cols()));
    for (int j = 0; j < k.rows(); ++j) {
      for (int c = 0; c < q.cols(); ++c)
        if (q(i, c) > 0 && k(j, c) > 0)
          weight[static_cast<std::size_t>(j)] += static_cast<long double>(q(i, c)) * k(j, c);
      sum += weight[static_cast<std::size_t>(j)];
    }
    for (int c = 0; c < v.cols() && sum > 0; ++c) {
      long double entry = 0;
      for (int j = 0; j < k.rows(); ++j) entry += weight[static_cast<std::size_t>(j)] / sum * v(j, c);
      z(i, c) = static_cast<double>(entry);
    }
  }
  return z;
}

}  // namespace

TEST_CASE("attention: softmax, Taylor and released equal the golden arrays") {
  for (const auto& name : golden::kCases) {
    INFO(name);
    const MatrixD q = load(name, "Q"), k = load(name, "K"), v = load(name, "V");
    CHECK(relative_error(softmax_attention(q, k, v), load(name, "Z_softmax")) < 1e-12);
    const TaylorSteps steps = taylor_attention(q, k, v);
    CHECK(relative_error(steps.k_bar, load(name, "K_bar")) < 1e-12);
    CHECK(relative_error(steps.g, load(name, "G")) < 1e-12);
    CHECK(relative_error(steps.v_sum, load(name, "v_sum")) < 1e-12);
    CHECK(relative_error(steps.t_d, load(name, "t_D")) < 1e-12);
    CHECK(max_abs(steps.k_hat_sum) < 1e-11);
    CHECK(relative_error(steps.z, load(name, "Z_taylor")) < 1e-12);
    CHECK(relative_error(taylor_elided_attention(q, k, v).z, load(name, "Z_taylor")) < 1e-12);
    for (const double threshold : {0.002, 0.02}) {
      const std::string array = threshold == 0.002 ? "Z_released_T0.002" : "Z_released_T0.02";
      if (!golden::has(name, array)) continue;
      CHECK(relative_error(taylor_released_attention(q, k, v, threshold).z, load(name, array)) < 1e-12);
    }
  }
}

TEST_CASE("attention: the released quantiser's codes equal the golden codes") {
  int checked = 0;
  for (const auto& name : golden::kCases) {
    for (const std::string tensor : {"Q", "K"}) {
      if (!golden::has(name, "released_codes_" + tensor)) continue;
      const MatrixD want = load(name, "released_codes_" + tensor);
      const auto got = quantize_asymmetric(load(name, tensor), 4);
      CHECK(std::equal(want.data(), want.data() + want.size(), got.codes.data()));
      ++checked;
    }
  }
  CHECK(checked == 4);
}

TEST_CASE("attention: a problem small enough for paper") {
  // d = 1, two keys 0 and 2 (mean 1, centred -1 and 1), values 10 and 20; queries 0 and 0.5. Taylor: x = -q, q;
  // weights (1 - q) / 2 and (1 + q) / 2.
  const MatrixD q = matrix(2, 1, {0, 0.5}), k = matrix(2, 1, {0, 2}), v = matrix(2, 1, {10, 20});
  const TaylorSteps s = taylor_attention(q, k, v);
  CHECK(s.k_bar(0, 0) == 1);
  CHECK(s.k_hat(0, 0) == -1);
  CHECK(s.g(0, 0) == 10);
  CHECK(s.k_hat_sum(0, 0) == 0);
  CHECK(s.v_sum(0, 0) == 30);
  CHECK(s.t_d(1, 0) == 2);
  CHECK(s.t_n(1, 0) == 35);
  CHECK(s.z(0, 0) == 15);
  CHECK(s.z(1, 0) == 17.5);
  const TaylorElidedSteps elided = taylor_elided_attention(q, k, v);
  CHECK(elided.g_scaled(0, 0) == 5);
  CHECK(elided.v_bar(0, 0) == 15);
  CHECK(elided.z(1, 0) == 17.5);
  // Softmax: scores 0 and 1, weights 1/(1+e) and e/(1+e).
  const double second = std::exp(1.0) / (1 + std::exp(1.0));
  CHECK(softmax_attention(q, k, v)(1, 0) == Approx(10 + 10 * second).epsilon(1e-15));
  CHECK(softmax_attention(q, k, v)(0, 0) == 15);
}

TEST_CASE("attention: ReLU-linear by hand") {
  // Keys (2, 5) and (-1, 4) become (2, 5) and (0, 4), values 3 and 6: G = (6, 39), k_sum = (2, 9). Queries (1, -2) and
  // (1, 1): 6 / 2 and 45 / 11; (-1, -3) becomes (0, 0), which has no product.
  const MatrixD q = matrix(3, 2, {1, -2, 1, 1, -1, -3}), k = matrix(2, 2, {2, 5, -1, 4}), v = matrix(2, 1, {3, 6});
  const ReluLinearSteps s = relu_linear_attention(q, k, v);
  CHECK((s.g(0, 0) == 6 && s.g(1, 0) == 39));
  CHECK((s.k_sum(0, 0) == 2 && s.k_sum(0, 1) == 9));
  CHECK((s.t_d(0, 0) == 2 && s.t_d(1, 0) == 11 && s.t_d(2, 0) == 0));
  CHECK(s.z(0, 0) == 3);
  CHECK(s.z(1, 0) == 45.0 / 11);
  CHECK(s.z(2, 0) == 0);
  // With 1 in addition: 6 / 3, 45 / 12, 0 / 1.
  const ReluLinearSteps more = relu_linear_attention(q, k, v, 1);
  CHECK((more.t_d(0, 0) == 3 && more.t_d(1, 0) == 12 && more.t_d(2, 0) == 1));
  CHECK((more.z(0, 0) == 2 && more.z(1, 0) == 3.75 && more.z(2, 0) == 0));
}

TEST_CASE("attention: the released layer by hand") {
  // Two features, so K~ = K - mean over its features: (1, 3) -> (-1, 1). One token: softmax is 1, kept.
  const MatrixD q = matrix(1, 2, {2, 5}), k = matrix(1, 2, {1, 3}), v = matrix(1, 1, {7});
  // q (K~^T v) = 2 * -7 + 5 * 7 = 21; plus sp v = 7; over sqrt(2).
  CHECK(taylor_released_attention(q, k, v).z(0, 0) == Approx(28 / std::sqrt(2.0)).epsilon(1e-15));
  // A threshold of 1 keeps nothing (strict comparison).
  CHECK(taylor_released_attention(q, k, v, 1.0).z(0, 0) == Approx(21 / std::sqrt(2.0)).epsilon(1e-15));
}

TEST_CASE("attention: rectangular and biased problems equal the definitions") {
  struct Shape {
    int m, n, d, e;
  };
  unsigned seed = 1;
  for (const Shape s : {Shape{1, 1, 1, 1}, {1, 7, 3, 2}, {9, 1, 4, 5}, {16, 49, 16, 32}, {5, 13, 7, 11}}) {
    const MatrixD q = random_matrix(s.m, s.d, seed++), k = random_matrix(s.n, s.d, seed++, 3),
                  v = random_matrix(s.n, s.e, seed++, -1), b = random_matrix(s.m, s.n, seed++, 2);
    for (const MatrixD* bias : {static_cast<const MatrixD*>(nullptr), &b}) {
      INFO(s.m << " " << s.n << " " << s.d << " " << s.e << (bias ? " bias" : ""));
      const MatrixD want = obvious_attention(q, k, v, bias, true);
      CHECK(relative_error(softmax_attention(q, k, v, bias), obvious_attention(q, k, v, bias, false)) < 1e-13);
      const TaylorSteps steps = taylor_attention(q, k, v, bias);
      CHECK(relative_error(steps.z, want) < 1e-13);
      CHECK(relative_error(taylor_elided_attention(q, k, v, bias).z, want) < 1e-13);
      CHECK(relative_error(multiply(taylor_map(q, steps, bias), v), want) < 1e-13);
    }
    for (const double epsilon : {0.0, 1e-5, 0.5})
      CHECK(relative_error(relu_linear_attention(q, k, v, epsilon).z, obvious_relu_linear(q, k, v, epsilon)) < 1e-13);
  }
}

TEST_CASE("attention: large scores do not overflow the softmax") {
  const MatrixD q = matrix(1, 1, {1000}), k = matrix(3, 1, {1, 2, -5}), v = matrix(3, 1, {1, 2, 3});
  CHECK(softmax_attention(q, k, v)(0, 0) == 2);
}

TEST_CASE("attention: a common shift of the keys changes nothing") {
  const MatrixD q = random_matrix(6, 8, 1), k = random_matrix(10, 8, 2), v = random_matrix(10, 4, 3);
  MatrixD shifted = k;
  for (int i = 0; i < k.rows(); ++i)
    for (int j = 0; j < k.cols(); ++j) shifted(i, j) += 5 + j;
  CHECK(relative_error(softmax_attention(q, shifted, v), softmax_attention(q, k, v)) < 1e-13);
  CHECK(relative_error(taylor_attention(q, shifted, v).z, taylor_attention(q, k, v).z) < 1e-13);
}

TEST_CASE("attention: shapes that do not fit are refused") {
  const MatrixD a(3, 4), b(3, 5), empty;
  CHECK_THROWS_AS(softmax_attention(a, b, b), std::invalid_argument);
  CHECK_THROWS_AS(taylor_attention(a, a, MatrixD(2, 4)), std::invalid_argument);
  CHECK_THROWS_AS(relu_linear_attention(a, a, MatrixD(2, 4)), std::invalid_argument);
  CHECK_THROWS_AS(taylor_attention(a, a, a, &b), std::invalid_argument);
  CHECK_THROWS_AS(taylor_attention(empty, empty, empty), std::invalid_argument);
}
