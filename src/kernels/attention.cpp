#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/tile.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

// real number = x * unit; unit is 1 in floating formats.
struct Tensor {
  MatrixD x;
  double unit = 1;
};

class Datapath {
 public:
  explicit Datapath(Precision precision) : arithmetic_(precision) {}
  const Arithmetic& arithmetic() const { return arithmetic_; }

  // Rounds to the storage format; if the format has a scale, it is calibrated from this tensor.
  Tensor store(Tensor t) const {
    const bool scaled = is_scaled(arithmetic_.precision());
    const double top = scaled ? max_abs(t.x) * t.unit / scaled_to(arithmetic_.precision()) : 0;
    const double unit = top > 0 ? top : 1;
    arithmetic_.store(t.x.data(), t.x.size(), scaled ? t.unit / unit : 1, t.x.data());
    return {std::move(t.x), unit};
  }
  // Rounds to a wide register.
  Tensor widen(Tensor t) const {
    if (!arithmetic_.integer()) {
      for (std::size_t i = 0; i < t.x.size(); ++i) t.x.data()[i] = arithmetic_.wide(t.x.data()[i]);
      return t;
    }
    const int bits = arithmetic_.precision() == Precision::kInt8 ? 30 : 46;
    const double top = std::ldexp(max_abs(t.x) * t.unit, -bits), unit = top > 0 ? top : 1;
    for (std::size_t i = 0; i < t.x.size(); ++i) t.x.data()[i] = round_half_even(t.x.data()[i] * (t.unit / unit));
    return {std::move(t.x), unit};
  }
  // A lane's result: rounded to fp32 in the formats that compute in fp32. Fixed formats round only when the register is
  // written (widen).
  double lane(double x) const { return arithmetic_.single() ? arithmetic_.wide(x) : x; }

  Tensor product(const Tensor& a, const Tensor& b) const {
    MatrixD sums(a.x.rows(), b.x.cols());
    pass_sums(arithmetic_, a.x.rows(), a.x.cols(), b.x.cols(), {a.x.data(), a.x.cols()}, {b.x.data(), b.x.cols()},
              {sums.data(), sums.cols()}, PassStart::kFirst);
    return {std::move(sums), a.unit * b.unit};
  }
  Tensor sums_of_columns(const Tensor& a) const {
    MatrixD sums(1, a.x.cols());
    column_sums(arithmetic_, a.x.rows(), a.x.cols(), {a.x.data(), a.x.cols()}, true, sums.data());
    return {std::move(sums), a.unit};
  }

 private:
  Arithmetic arithmetic_;
};

Tensor transposed(const Tensor& a) {
  return {transpose(a.x), a.unit};
}

MatrixD real(Tensor t) {
  scale(t.x, t.unit);
  return std::move(t.x);
}

struct Operands {
  Tensor q, k, v;
};

Operands load(const Datapath& path, const MatrixD& q, const MatrixD& k, const MatrixD& v) {
  return {path.store({q, 1}), path.store({k, 1}), path.store({v, 1})};
}

// Step 1: the mean is stored in K's format and units; the difference keeps its extra bit.
Tensor centred_keys(const Datapath& path, const Tensor& k) {
  const int n = k.x.rows(), d = k.x.cols();
  const Tensor sum = path.sums_of_columns(k);
  std::vector<double> mean(static_cast<std::size_t>(d));
  divide_by_constant(path.arithmetic(), d, sum.x.data(), n, 1, false, mean.data());
  Tensor k_hat{MatrixD(n, d), k.unit};
  subtract_row(path.arithmetic(), n, d, {k.x.data(), d}, mean.data(), {k_hat.x.data(), d});
  return k_hat;
}

struct TaylorRegisters {
  Tensor k_hat, t_d, t_n;
};

TaylorRegisters algorithm1(const Datapath& path, const Operands& in) {
  TaylorRegisters r;
  const double root = std::sqrt(in.q.x.cols()), constant = path.lane(in.k.x.rows() * root);
  r.k_hat = centred_keys(path, in.k);
  const Tensor g = path.store(path.product(transposed(r.k_hat), in.v));
  const Tensor k_hat_sum = path.sums_of_columns(r.k_hat), v_sum = path.sums_of_columns(in.v);
  r.t_d = {MatrixD(in.q.x.rows(), 1), 1};
  dot_products(path.arithmetic(), in.q.x.rows(), in.q.x.cols(), {in.q.x.data(), in.q.x.cols()}, k_hat_sum.x.data(),
               r.t_d.x.data());
  for (int i = 0; i < r.t_d.x.rows(); ++i)
    r.t_d.x(i, 0) = path.lane(constant + r.t_d.x(i, 0) * in.q.unit * k_hat_sum.unit);
  r.t_n = path.product(in.q, g);
  for (int i = 0; i < r.t_n.x.rows(); ++i) {
    for (int j = 0; j < r.t_n.x.cols(); ++j)
      r.t_n.x(i, j) = path.lane(path.lane(root * v_sum.x(0, j) * v_sum.unit) + r.t_n.x(i, j) * r.t_n.unit);
  }
  r.t_n.unit = 1;
  r.t_d = path.widen(std::move(r.t_d));
  r.t_n = path.widen(std::move(r.t_n));
  return r;
}

// Step 6: the quotient, before it is stored. 0 over any divisor is 0.
MatrixD divided(const Datapath& path, const TaylorRegisters& r) {
  MatrixD z = r.t_n.x;
  for (int i = 0; i < z.rows(); ++i)
    for (int j = 0; j < z.cols(); ++j)
      z(i, j) = z(i, j) == 0 ? 0 : path.lane(z(i, j) * r.t_n.unit / (r.t_d.x(i, 0) * r.t_d.unit));
  return z;
}

// Probabilities as real numbers, not yet stored.
MatrixD probabilities(const Datapath& path, const Operands& in, const Mask* mask) {
  Tensor scores = path.product(in.q, transposed(in.k));
  const double factor = scores.unit / std::sqrt(in.q.x.cols());
  for (int i = 0; i < scores.x.rows(); ++i) {
    const int n = scores.x.cols();
    const bool all = !mask || std::none_of(mask->row(i), mask->row(i) + n, [](auto bit) { return bit != 0; });
    for (int j = 0; j < n; ++j) {
      double& score = scores.x(i, j);
      score = all || (*mask)(i, j) ? path.lane(score * factor) : -std::numeric_limits<double>::infinity();
    }
  }
  MatrixD p(scores.x.rows(), scores.x.cols());
  const Arithmetic lanes(path.arithmetic().single() ? Precision::kFp32 : Precision::kFp64);
  softmax_rows(lanes, p.rows(), p.cols(), {scores.x.data(), p.cols()}, 1, 1, {p.data(), p.cols()});
  return p;
}

}  // namespace

MatrixD round_to_format(Precision precision, const MatrixD& x) {
  return real(Datapath(precision).store({x, 1}));
}

MatrixD datapath_softmax(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask* mask) {
  const Datapath path(precision);
  const Operands in = load(path, q, k, v);
  const Tensor p = path.store({probabilities(path, in, mask), 1});
  return real(path.store(path.product(p, in.v)));
}

MatrixD datapath_taylor(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v, AttentionKind kind) {
  const Datapath path(precision);
  const Operands in = load(path, q, k, v);
  if (kind != AttentionKind::kTaylorElided) return real(path.store({divided(path, algorithm1(path, in)), 1}));
  const Tensor v_sum = path.sums_of_columns(in.v);
  Tensor g = path.product(transposed(centred_keys(path, in.k)), in.v);
  for (std::size_t i = 0; i < g.x.size(); ++i)
    g.x.data()[i] = path.lane(g.x.data()[i] * g.unit / (k.rows() * std::sqrt(k.cols())));
  Tensor z = path.product(in.q, path.store({std::move(g.x), 1}));
  for (int i = 0; i < z.x.rows(); ++i) {
    for (int j = 0; j < z.x.cols(); ++j)
      z.x(i, j) = path.lane(path.lane(v_sum.x(0, j) * v_sum.unit / k.rows()) + z.x(i, j) * z.unit);
  }
  z.unit = 1;
  return real(path.store(path.widen(std::move(z))));
}

MatrixD datapath_relu_linear(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v) {
  const Datapath path(precision);
  Operands in = load(path, q, k, v);
  for (MatrixD* const x : {&in.q.x, &in.k.x})
    rectify(x->rows(), x->cols(), {x->data(), x->cols()}, {x->data(), x->cols()});
  const Tensor g = path.store(path.product(transposed(in.k), in.v)), k_sum = path.sums_of_columns(in.k);
  Tensor t_d{MatrixD(q.rows(), 1), in.q.unit * k_sum.unit};
  dot_products(path.arithmetic(), q.rows(), q.cols(), {in.q.x.data(), q.cols()}, k_sum.x.data(), t_d.x.data());
  const TaylorRegisters r{in.k, t_d, path.widen(path.product(in.q, g))};
  return real(path.store({divided(path, r), 1}));
}

MatrixD datapath_unified(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                         AttentionKind kind) {
  const Datapath path(precision);
  const Operands in = load(path, q, k, v);
  const TaylorRegisters taylor = algorithm1(path, in);
  const double root = std::sqrt(q.cols());
  MatrixD strong = probabilities(path, in, nullptr);
  const Tensor x = path.product(in.q, transposed(taylor.k_hat));
  for (int i = 0; i < strong.rows(); ++i) {
    for (int j = 0; j < strong.cols(); ++j) {
      double& entry = strong(i, j);
      const double t = path.lane(path.lane(root + x.x(i, j) * x.unit) / (taylor.t_d.x(i, 0) * taylor.t_d.unit));
      entry = !mask(i, j) ? 0 : kind == AttentionKind::kUnified ? path.lane(entry - t) : entry;
    }
  }
  const Tensor sparse = path.product(path.store({std::move(strong), 1}), in.v);
  MatrixD z = divided(path, taylor);
  for (std::size_t i = 0; i < z.size(); ++i) z.data()[i] = path.lane(z.data()[i] + sparse.x.data()[i] * sparse.unit);
  return real(path.store({std::move(z), 1}));
}

MatrixD datapath_released(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v,
                          const MatrixD& sparse_map) {
  const Datapath path(precision);
  const Operands in = load(path, q, k, v);
  // Centring over the features of a token is centring over the rows of K^T.
  const Tensor k_tilde_transposed = centred_keys(path, transposed(in.k));
  const Tensor g = path.store(path.product(k_tilde_transposed, in.v));
  const Tensor weak = path.product(in.q, g), strong = path.product(path.store({sparse_map, 1}), in.v);
  const double root = std::sqrt(q.cols());
  MatrixD z = weak.x;
  for (std::size_t i = 0; i < z.size(); ++i)
    z.data()[i] = path.lane(path.lane(weak.x.data()[i] * weak.unit + strong.x.data()[i] * strong.unit) / root);
  return real(path.store({std::move(z), 1}));
}

}  // namespace vitality
