// Gradients of attention: against golden arrays (autograd) and central differences of the forward pass.
#include "reference/attention_backward.h"

#include <catch2/catch.hpp>
#include <functional>

#include "tensor/matrix_ops.h"
#include "tests/support/golden_attention.h"

using namespace vitality;
using golden::load;
using golden::random_matrix;
using golden::relative_error;

namespace {

using Forward = std::function<MatrixD(const MatrixD&, const MatrixD&, const MatrixD&)>;

double weighted_sum(const MatrixD& z, const MatrixD& dz) {
  double sum = 0;
  for (std::size_t i = 0; i < z.size(); ++i) sum += z.data()[i] * dz.data()[i];
  return sum;
}

// d(sum of Z .* dZ) for each element of the three inputs.
AttentionGradients differences(const Forward& forward, MatrixD q, MatrixD k, MatrixD v, const MatrixD& dz) {
  const double step = 1e-5;
  AttentionGradients g;
  const auto derive = [&](MatrixD& x) {
    MatrixD dx(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double middle = x.data()[i];
      x.data()[i] = middle + step;
      const double above = weighted_sum(forward(q, k, v), dz);
      x.data()[i] = middle - step;
      const double below = weighted_sum(forward(q, k, v), dz);
      x.data()[i] = middle;
      dx.data()[i] = (above - below) / (2 * step);
    }
    return dx;
  };
  g.dq = derive(q);
  g.dk = derive(k);
  g.dv = derive(v);
  return g;
}

void check_near(const AttentionGradients& got, const AttentionGradients& want, double tolerance) {
  CHECK(relative_error(got.dq, want.dq) < tolerance);
  CHECK(relative_error(got.dk, want.dk) < tolerance);
  CHECK(relative_error(got.dv, want.dv) < tolerance);
}

}  // namespace

TEST_CASE("attention backward: Taylor and unified equal the golden gradients") {
  int unified_cases = 0;
  for (const auto& name : golden::kCases) {
    INFO(name);
    const MatrixD q = load(name, "Q"), k = load(name, "K"), v = load(name, "V"), dz = load(name, "dZ");
    const AttentionGradients want{load(name, "dQ"), load(name, "dK"), load(name, "dV")};
    check_near(taylor_backward(q, v, taylor_attention(q, k, v), dz), want, 1e-12);
    check_near(taylor_elided_backward(q, k, v, taylor_elided_attention(q, k, v), dz), want, 1e-12);
    if (!golden::has(name, "dQ_unified")) continue;
    const Mask mask = predict_mask(q, k, {});
    check_near(unified_backward(q, k, v, mask, UnifiedForm::kResidual, unified_attention(q, k, v, mask), dz),
               {load(name, "dQ_unified"), load(name, "dK_unified"), load(name, "dV_unified")}, 1e-11);
    ++unified_cases;
  }
  CHECK(unified_cases >= 2);
}

TEST_CASE("attention backward: every kind equals central differences") {
  struct Shape {
    int m, n, d, e;
  };
  unsigned seed = 1;
  for (const Shape s : {Shape{5, 5, 4, 4}, {3, 7, 5, 2}, {6, 2, 1, 3}}) {
    INFO(s.m << " " << s.n << " " << s.d << " " << s.e);
    const MatrixD q = random_matrix(s.m, s.d, seed++), k = random_matrix(s.n, s.d, seed++, 1),
                  v = random_matrix(s.n, s.e, seed++), dz = random_matrix(s.m, s.e, seed++);
    Mask mask = random_mask(s.m, s.n, 0.4, seed++);
    std::fill(mask.row(0), mask.row(0) + s.n, 0);  // one row without an entry: dense in sparse attention
    const double near = 1e-8;
    check_near(softmax_backward(q, k, v, softmax_map(q, k), dz),
               differences([](auto& a, auto& b, auto& c) { return softmax_attention(a, b, c); }, q, k, v, dz), near);
    check_near(softmax_backward(q, k, v, sparse_attention(q, k, v, mask).p, dz),
               differences([&](auto& a, auto& b, auto& c) { return sparse_attention(a, b, c, mask).z; }, q, k, v, dz),
               near);
    const AttentionGradients taylor =
        differences([](auto& a, auto& b, auto& c) { return taylor_attention(a, b, c).z; }, q, k, v, dz);
    check_near(taylor_backward(q, v, taylor_attention(q, k, v), dz), taylor, near);
    check_near(taylor_elided_backward(q, k, v, taylor_elided_attention(q, k, v), dz), taylor, near);
    for (const UnifiedForm form : {UnifiedForm::kResidual, UnifiedForm::kAdditive}) {
      check_near(
          unified_backward(q, k, v, mask, form, unified_attention(q, k, v, mask, form), dz),
          differences([&](auto& a, auto& b, auto& c) { return unified_attention(a, b, c, mask, form).z; }, q, k, v, dz),
          near);
    }
  }
}

TEST_CASE("attention backward: the t_D terms count when the centring is off") {
  // Steps whose K_hat does not sum to zero (a rounded mean): the gradients of Q and V follow the forward pass as it is,
  // Z = (sqrt(d) 1 v_sum + Q G) / (n sqrt(d) + Q k_hat_sum).
  const MatrixD q = random_matrix(4, 3, 1), k = random_matrix(6, 3, 2), v = random_matrix(6, 2, 3),
                dz = random_matrix(4, 2, 4);
  const auto shifted = [&](const MatrixD& queries, const MatrixD&, const MatrixD& values) {
    TaylorSteps s = taylor_attention(queries, k, values);
    const double root = std::sqrt(3.0);
    for (std::size_t i = 0; i < s.k_hat.size(); ++i) s.k_hat.data()[i] += 0.1;
    s.k_hat_sum = column_sums(s.k_hat);
    s.g = multiply_transposed_a(s.k_hat, values);
    s.t_n = multiply(queries, s.g);
    s.t_d = multiply_transposed_b(queries, s.k_hat_sum);
    s.z = MatrixD(queries.rows(), values.cols());
    for (int i = 0; i < s.z.rows(); ++i) {
      s.t_d(i, 0) += 6 * root;
      for (int j = 0; j < s.z.cols(); ++j) s.z(i, j) = (s.t_n(i, j) += root * s.v_sum(0, j)) / s.t_d(i, 0);
    }
    return s;
  };
  const AttentionGradients got = taylor_backward(q, v, shifted(q, k, v), dz);
  const AttentionGradients want =
      differences([&](auto& a, auto& b, auto& c) { return shifted(a, b, c).z; }, q, k, v, dz);
  CHECK(relative_error(got.dq, want.dq) < 1e-8);
  CHECK(relative_error(got.dv, want.dv) < 1e-8);
  CHECK(relative_error(taylor_backward(q, v, taylor_attention(q, k, v), dz).dq, want.dq) > 1e-3);
}
