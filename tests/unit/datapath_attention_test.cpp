// Attention in the datapath's formats: equal to the reference in fp64, near it in the others, and equal to integer
// arithmetic written out by hand in int8.
#include <catch2/catch.hpp>
#include <cstdint>

#include "kernels/attention.h"
#include "reference/sparse_attention.h"
#include "tensor/matrix_ops.h"
#include "tests/support/golden_attention.h"

using namespace vitality;
using golden::load;
using golden::random_matrix;
using golden::relative_error;

namespace {

struct Results {
  MatrixD softmax, taylor, elided, sparse, unified, additive, released, relu_linear;
};

Results reference_results(const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask) {
  return {softmax_attention(q, k, v),           taylor_attention(q, k, v).z,
          taylor_elided_attention(q, k, v).z,   sparse_attention(q, k, v, mask).z,
          unified_attention(q, k, v, mask).z,   unified_attention(q, k, v, mask, AttentionKind::kUnifiedAdditive).z,
          taylor_released_attention(q, k, v).z, relu_linear_attention(q, k, v).z};
}

Results datapath_results(Precision p, const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask) {
  return {datapath_softmax(p, q, k, v, nullptr),
          datapath_taylor(p, q, k, v, AttentionKind::kTaylor),
          datapath_taylor(p, q, k, v, AttentionKind::kTaylorElided),
          datapath_softmax(p, q, k, v, &mask),
          datapath_unified(p, q, k, v, mask, AttentionKind::kUnified),
          datapath_unified(p, q, k, v, mask, AttentionKind::kUnifiedAdditive),
          datapath_released(p, q, k, v, taylor_released_attention(q, k, v).sparse_map),
          datapath_relu_linear(p, q, k, v)};
}

double worst_error(const Results& got, const Results& want) {
  double worst = 0;
  for (const auto member : {&Results::softmax, &Results::taylor, &Results::elided, &Results::sparse, &Results::unified,
                            &Results::additive, &Results::released, &Results::relu_linear})
    worst = std::max(worst, relative_error(got.*member, want.*member));
  return worst;
}

}  // namespace

TEST_CASE("datapath attention: every kind follows the reference as closely as its format allows") {
  struct Limit {
    Precision precision;
    double low, high;  // of the worst error of the eight kinds: neither too large nor suspiciously small
  };
  for (const auto& name : golden::kCases) {
    const MatrixD q = load(name, "Q"), k = load(name, "K"), v = load(name, "V");
    const Mask mask = predict_mask(q, k, {});
    const Results want = reference_results(q, k, v, mask);
    for (const Limit limit :
         {Limit{Precision::kFp64, 0, 1e-13}, Limit{Precision::kFp32, 1e-9, 3e-6}, Limit{Precision::kFp16, 1e-5, 5e-3},
          Limit{Precision::kBf16, 1e-4, 4e-2},  // three bits less than fp16
          Limit{Precision::kInt16, 1e-6, 5e-4}, Limit{Precision::kInt8, 1e-3, 8e-2}}) {
      const double error = worst_error(datapath_results(limit.precision, q, k, v, mask), want);
      INFO(name << " " << to_string(limit.precision));
      CHECK(error <= limit.high);
      CHECK(error >= limit.low);
    }
  }
}

TEST_CASE("datapath attention: int8 Algorithm 1 written out in integers") {
  const int m = 5, n = 9, d = 4, e = 3;
  const auto codes_of = [](const MatrixD& x, double& unit) {
    unit = max_abs(x) / 127;
    Matrix<std::int64_t> codes(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i) codes.data()[i] = std::llrint(x.data()[i] / unit);
    return codes;
  };
  const MatrixD q = random_matrix(m, d, 1), k = random_matrix(n, d, 2, 1.5), v = random_matrix(n, e, 3, 0.5);
  double uq, uk, uv;
  const auto cq = codes_of(q, uq), ck = codes_of(k, uk), cv = codes_of(v, uv);
  Matrix<std::int64_t> k_hat(n, d);
  for (int c = 0; c < d; ++c) {
    std::int64_t sum = 0;
    for (int r = 0; r < n; ++r) sum += ck(r, c);
    for (int r = 0; r < n; ++r) k_hat(r, c) = ck(r, c) - std::llrint(static_cast<double>(sum) / n);
  }
  MatrixD g(d, e);
  for (int a = 0; a < d; ++a)
    for (int b = 0; b < e; ++b)
      for (int r = 0; r < n; ++r) g(a, b) += static_cast<double>(k_hat(r, a) * cv(r, b));
  const double unit_g = max_abs(g) / 127;
  MatrixD z(m, e);
  bool t_d_moves = false;
  for (int i = 0; i < m; ++i) {
    std::int64_t dot = 0;
    for (int c = 0; c < d; ++c)
      for (int r = 0; r < n; ++r) dot += cq(i, c) * k_hat(r, c);
    t_d_moves = t_d_moves || dot != 0;
    const double t_d = n * std::sqrt(d) + static_cast<double>(dot) * uq * uk;
    for (int b = 0; b < e; ++b) {
      std::int64_t v_sum = 0, product = 0;
      for (int r = 0; r < n; ++r) v_sum += cv(r, b);
      for (int c = 0; c < d; ++c) product += cq(i, c) * std::llrint(g(c, b) / unit_g);
      z(i, b) =
          (std::sqrt(d) * static_cast<double>(v_sum) * uv + static_cast<double>(product) * uq * unit_g * uk * uv) / t_d;
    }
  }
  const double unit_z = max_abs(z) / 127;
  const MatrixD got = datapath_taylor(Precision::kInt8, q, k, v, AttentionKind::kTaylor);
  CHECK(t_d_moves);  // the rounded mean makes k_hat_sum nonzero
  for (std::size_t i = 0; i < z.size(); ++i)
    CHECK(got.data()[i] == Approx(static_cast<double>(std::llrint(z.data()[i] / unit_z)) * unit_z).epsilon(1e-7));
}

TEST_CASE("datapath attention: K_hat keeps its extra bit") {
  // Codes 127, 127, 127, -127: mean 63.5, stored as 64; K_hat = 63, 63, 63, -191. Only the last value is not zero, so
  // G = -191 * 127; saturated to int8 it would be a third less.
  MatrixD k(4, 1, 127.0), v(4, 1), q(1, 1, 1.0);
  k(3, 0) = -127;
  v(3, 0) = 127;
  // t_D = 4 + 1 * (3 * 63 - 191) = 2, T_N = 127 - 191 * 127.
  CHECK(datapath_taylor(Precision::kInt8, q, k, v, AttentionKind::kTaylor)(0, 0) ==
        Approx(-190 * 127 / 2.0).epsilon(1e-6));
}

TEST_CASE("datapath attention: fixed formats do not depend on the scale of the values") {
  const MatrixD q = random_matrix(6, 8, 1), k = random_matrix(11, 8, 2, 1), v = random_matrix(11, 5, 3);
  MatrixD small = v;
  scale(small, std::ldexp(1.0, -60));
  const Mask mask = random_mask(6, 11, 0.4, 1);
  for (const Precision p : {Precision::kInt8, Precision::kInt16}) {
    Results a = datapath_results(p, q, k, v, mask);
    const Results b = datapath_results(p, q, k, small, mask);
    for (const auto member : {&Results::softmax, &Results::taylor, &Results::elided, &Results::sparse,
                              &Results::unified, &Results::additive, &Results::released}) {
      scale(a.*member, std::ldexp(1.0, -60));
      CHECK(relative_error(b.*member, a.*member) < 1e-12);
    }
  }
  // Equal keys: K_hat and G are zero, Z is the mean of the values.
  const MatrixD mean = datapath_taylor(Precision::kInt8, q, MatrixD(11, 8, 3.0), v, AttentionKind::kTaylor);
  CHECK(relative_error(mean, taylor_attention(q, MatrixD(11, 8, 3.0), v).z) < 0.03);
  CHECK(max_abs(datapath_taylor(Precision::kInt8, q, MatrixD(11, 8), MatrixD(11, 5), AttentionKind::kTaylorElided)) ==
        0);
}
