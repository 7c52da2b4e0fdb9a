// Backward of attention: finite differences of the forward, golden gradients, and the closed forms of
// docs/algorithm.md 5.
#include "reference/attention_gradients.h"

#include <array>
#include <catch2/catch.hpp>
#include <stdexcept>

#include "tensor/matrix_ops.h"
#include "tests/support/golden_attention.h"
#include "tests/support/random_matrix.h"

using namespace vitality;
using vitality::test::difference;
using vitality::test::inner_product;
using vitality::test::numeric_gradient;
using vitality::test::random_matrix;

namespace {

constexpr double kTolerance = 2e-8;

struct Problem {
  MatrixD q, k, v, dz, bias;
  Mask mask;
};

// m != n, e != d, keys with a mean, scores up to about 2; the mask has an empty and a full row.
Problem problem(int m, int n, int d, int e) {
  Problem p{random_matrix(m, d, 1, -2, 2), random_matrix(n, d, 2, -1, 3), random_matrix(n, e, 3, -1, 2),
            random_matrix(m, e, 4),        random_matrix(m, n, 5),        random_mask(m, n, 0.4, 6)};
  for (int j = 0; j < n; ++j) p.mask(0, j) = 0, p.mask(m - 1, j) = 1;
  return p;
}

template <class Forward>
void check_against_differences(Problem& p, const AttentionGradients& g, bool bias, Forward&& forward) {
  const auto loss = [&] { return inner_product(forward(), p.dz); };
  CHECK(difference(g.q, numeric_gradient(p.q, loss)) < kTolerance);
  CHECK(difference(g.k, numeric_gradient(p.k, loss)) < kTolerance);
  CHECK(difference(g.v, numeric_gradient(p.v, loss)) < kTolerance);
  if (bias) {
    CHECK(difference(g.bias, numeric_gradient(p.bias, loss)) < kTolerance);
  } else {
    CHECK(g.bias.empty());
  }
}

}  // namespace

TEST_CASE(
    "attention backward equals finite differences: softmax, Taylor, ReLU-linear, sparse, unified, with and without "
    "bias") {
  for (const auto& [m, n, d, e] : {std::array<int, 4>{5, 7, 4, 3}, {6, 6, 3, 8}, {2, 1, 2, 2}, {1, 9, 5, 1}}) {
    Problem p = problem(m, n, d, e);
    for (const double epsilon : {0.0, 0.3})
      check_against_differences(p, relu_linear_backward(p.q, p.k, p.v, p.dz, epsilon), false,
                                [&] { return relu_linear_attention(p.q, p.k, p.v, epsilon).z; });
    for (const bool biased : {false, true}) {
      INFO(m << " x " << n << " x " << d << " x " << e << (biased ? " with bias" : ""));
      const MatrixD* const bias = biased ? &p.bias : nullptr;
      check_against_differences(p, softmax_backward(p.q, p.k, p.v, p.dz, bias), biased,
                                [&] { return softmax_attention(p.q, p.k, p.v, bias); });
      check_against_differences(p, taylor_backward(p.q, p.k, p.v, p.dz, bias), biased,
                                [&] { return taylor_attention(p.q, p.k, p.v, bias).z; });
      check_against_differences(p, sparse_backward(p.q, p.k, p.v, p.mask, p.dz, bias), biased,
                                [&] { return sparse_attention(p.q, p.k, p.v, p.mask, bias).z; });
      for (const AttentionKind form : {AttentionKind::kUnified, AttentionKind::kUnifiedAdditive}) {
        check_against_differences(p, unified_backward(p.q, p.k, p.v, p.mask, form, p.dz, bias), biased,
                                  [&] { return unified_attention(p.q, p.k, p.v, p.mask, form, bias).z; });
      }
    }
  }
}

TEST_CASE("attention backward equals the golden gradients") {
  int compared = 0;
  for (const auto& name : golden::kCases) {
    if (!golden::has(name, "dQ")) continue;
    INFO(name);
    const MatrixD q = golden::load(name, "Q"), k = golden::load(name, "K"), v = golden::load(name, "V"),
                  dz = golden::load(name, "dZ");
    const auto compare = [&](const AttentionGradients& g, const std::string& suffix) {
      CHECK(golden::relative_error(g.q, golden::load(name, "dQ" + suffix)) < 1e-11);
      CHECK(golden::relative_error(g.k, golden::load(name, "dK" + suffix)) < 1e-11);
      CHECK(golden::relative_error(g.v, golden::load(name, "dV" + suffix)) < 1e-11);
      ++compared;
    };
    compare(taylor_backward(q, k, v, dz), "");
    compare(taylor_elided_backward(q, k, v, dz), "");
    if (!golden::has(name, "dQ_unified")) continue;
    compare(unified_backward(q, k, v, predict_mask(q, k, {4, true, 0.02}), AttentionKind::kUnified, dz), "_unified");
  }
  CHECK(compared >= 12);
}

TEST_CASE("Taylor backward: the intermediate gradients of docs/algorithm.md 5, and what cancels") {
  const Problem p = problem(6, 5, 4, 3);
  const TaylorGradients g = taylor_backward(p.q, p.k, p.v, p.dz);
  const TaylorSteps s = taylor_attention(p.q, p.k, p.v);
  for (int i = 0; i < 6; ++i) {
    double dot = 0;
    for (int j = 0; j < 3; ++j) {
      CHECK(g.d_n(i, j) == p.dz(i, j) / s.t_d(i, 0));
      dot += p.dz(i, j) * s.z(i, j);
    }
    CHECK(g.d_t(i, 0) == Approx(-dot / s.t_d(i, 0)).epsilon(1e-13));
  }
  CHECK(difference(g.d_g, multiply_transposed_a(p.q, g.d_n)) == 0);
  // The gradient of a centred tensor is centred, and K's is unchanged by what every key shares: d_k_hat_sum cancels.
  const MatrixD sums = column_sums(g.k);
  for (int c = 0; c < 4; ++c) CHECK(std::fabs(sums(0, c)) < 1e-14);
  CHECK(difference(g.k, taylor_elided_backward(p.q, p.k, p.v, p.dz).k) < 1e-14);
}

TEST_CASE("unified backward: an empty mask is Taylor, a full residual mask is softmax") {
  const Problem p = problem(6, 5, 4, 3);
  const Mask none(6, 5), all(6, 5, 1);
  const auto same = [](const AttentionGradients& a, const AttentionGradients& b) {
    return std::max({difference(a.q, b.q), difference(a.k, b.k), difference(a.v, b.v)}) < 1e-13;
  };
  const AttentionGradients taylor = taylor_backward(p.q, p.k, p.v, p.dz),
                           softmax = softmax_backward(p.q, p.k, p.v, p.dz);
  CHECK(same(unified_backward(p.q, p.k, p.v, none, AttentionKind::kUnified, p.dz), taylor));
  CHECK(same(unified_backward(p.q, p.k, p.v, none, AttentionKind::kUnifiedAdditive, p.dz), taylor));
  CHECK(same(unified_backward(p.q, p.k, p.v, all, AttentionKind::kUnified, p.dz), softmax));
  CHECK(same(sparse_backward(p.q, p.k, p.v, none, p.dz), softmax));  // every row falls back
  CHECK_FALSE(same(taylor, softmax));
}

TEST_CASE("released backward: the linear part by differences, the sparse part straight through the quantisers") {
  Problem p = problem(6, 6, 4, 3);
  // Above threshold 1 nothing is kept: Z = Q (K~^T V) / sqrt(d), which differences see.
  check_against_differences(p, taylor_released_backward(p.q, p.k, p.v, p.dz, 1), false,
                            [&] { return taylor_released_attention(p.q, p.k, p.v, 1).z; });
  // With everything kept, the difference to that is softmax backward on the quantised tensors, over sqrt(d).
  const AttentionGradients all = taylor_released_backward(p.q, p.k, p.v, p.dz, 0),
                           linear = taylor_released_backward(p.q, p.k, p.v, p.dz, 1);
  const ReleasedSteps s = taylor_released_attention(p.q, p.k, p.v, 0);
  AttentionGradients sparse = softmax_backward(s.q_quantised, s.k_quantised, p.v, p.dz);
  for (const auto& [whole, part, rest] : {std::array<const MatrixD*, 3>{&all.q, &linear.q, &sparse.q},
                                          {&all.k, &linear.k, &sparse.k},
                                          {&all.v, &linear.v, &sparse.v}}) {
    MatrixD sum = *part;
    add_to(sum, *rest, 0.5);  // d = 4
    CHECK(difference(*whole, sum) < 1e-13);
  }
}

TEST_CASE("attention backward refuses shapes that do not fit") {
  const Problem p = problem(6, 5, 4, 3);
  const MatrixD bad(5, 3);
  CHECK_THROWS_AS(softmax_backward(p.q, p.k, p.v, bad), std::invalid_argument);
  CHECK_THROWS_AS(taylor_backward(p.q, p.k, p.v, bad), std::invalid_argument);
  CHECK_THROWS_AS(unified_backward(p.q, p.k, p.v, p.mask, AttentionKind::kUnified, bad), std::invalid_argument);
  CHECK_THROWS_AS(sparse_backward(p.q, p.k, p.v, Mask(5, 5), p.dz), std::invalid_argument);
}
