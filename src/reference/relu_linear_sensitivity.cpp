#include "reference/relu_linear_sensitivity.h"

#include <algorithm>

#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

constexpr double kLeast = 1e-290;

double square(double x) {
  return x * x;
}

MatrixD squares(const MatrixD& a) {
  MatrixD result = a;
  for (std::size_t i = 0; i < a.size(); ++i) result.data()[i] = square(a.data()[i]);
  return result;
}

// Mean over the columns of the squared distance between the largest and the smallest of 0 and all values.
double limit_of(const MatrixD& v) {
  double sum = 0;
  for (int c = 0; c < v.cols(); ++c) {
    double least = 0, most = 0;
    for (int j = 0; j < v.rows(); ++j) least = std::min(least, v(j, c)), most = std::max(most, v(j, c));
    sum += square(most - least);
  }
  return sum / v.cols();
}

// For an error e of variance s and an element x: mean square of max(0, e - |x|) and chance that e is above |x|, both
// over s at most.
class Returns {
 public:
  explicit Returns(const MatrixD& operand) : scale_(3 * square(kLargestDeviation * max_abs(operand))) {}
  double square_of(double x) const { return std::min(1.0, scale_ / std::max(square(x), kLeast)) / 2; }
  double chance_of(double x) const { return square_of(x) / std::max(square(x), kLeast); }

 private:
  double scale_;
};

// Of all keys that a channel lets through: how many (1 x d), and sums of their values and of the squares (d x e).
struct KeySums {
  MatrixD count, values, squares;
};
KeySums key_sums(const MatrixD& k, const MatrixD& v) {
  MatrixD passes(k.rows(), k.cols());
  for (std::size_t i = 0; i < k.size(); ++i) passes.data()[i] = k.data()[i] >= 0 ? 1 : 0;
  return {column_sums(passes), multiply_transposed_a(passes, v), multiply_transposed_a(passes, squares(v))};
}

// One head: the sums that all rows share.
class Head {
 public:
  Head(const MatrixD& q, const MatrixD& k, const MatrixD& v, const ReluLinearSteps& steps)
      : q_(q),
        k_(k),
        steps_(steps),
        queries_(q),
        keys_(k),
        limit_(limit_of(v)),
        sums_(key_sums(k, v)),
        query_squares_(squares(steps.q)),
        of_squares_(multiply(query_squares_, sums_.squares)),
        of_values_(multiply(query_squares_, sums_.values)),
        of_count_(multiply_transposed_b(query_squares_, sums_.count)),
        map_squares_(multiply(steps.q, multiply_transposed_a(steps.k, steps.k))) {}

  RowSensitivity row(int r) const {
    const double t_d = steps_.t_d(r, 0), divisor = std::max(square(t_d), kLeast);
    RowSensitivity row;
    row.limit = limit_;
    if (largest(r) == 0) {
      row.query = limit_ * query_jumps(r), row.key = limit_ * key_jumps(r);
      return row;
    }
    const int e = steps_.z.cols();
    for (int c = 0; c < e; ++c) {
      const double z = steps_.z(r, c);
      for (int a = 0; a < q_.cols(); ++a)
        row.query +=
            square(steps_.g(a, c) - steps_.k_sum(0, a) * z) * (q_(r, a) >= 0 ? 1 : queries_.square_of(q_(r, a)));
      row.key += std::max(0.0, of_squares_(r, c) - 2 * z * of_values_(r, c) + square(z) * of_count_(r, 0));
    }
    for (int a = 0; a < q_.cols(); ++a) {
      row.value += map_squares_(r, a) * steps_.q(r, a);
      row.context += query_squares_(r, a);
    }
    row.query = row.query / (e * divisor) + limit_ * queries_.chance_of(largest(r)), row.key /= e * divisor;
    row.value /= divisor, row.context /= divisor;
    return row;
  }

 private:
  double largest(int r) const {
    double most = 0;
    for (int a = 0; a < q_.cols(); ++a)
      if (steps_.k_sum(0, a) > 0) most = std::max(most, q_(r, a));
    return most;
  }
  // Of a row with t_D = 0: the chance that a channel becomes positive, by Q where K is, or by K where Q is.
  double query_jumps(int r) const {
    double chance = 0;
    for (int a = 0; a < q_.cols(); ++a)
      if (steps_.k_sum(0, a) > 0) chance += queries_.chance_of(q_(r, a));
    return chance;
  }
  double key_jumps(int r) const {
    double chance = 0;
    for (int a = 0; a < q_.cols(); ++a)
      for (int j = 0; q_(r, a) > 0 && j < k_.rows(); ++j) chance += keys_.chance_of(k_(j, a));
    return chance;
  }

  const MatrixD &q_, &k_;
  const ReluLinearSteps& steps_;
  Returns queries_, keys_;
  double limit_;
  KeySums sums_;
  // By rows of Q: its squares, times sums over the keys; the last, times q, is the sum of (q . k_j)^2.
  MatrixD query_squares_, of_squares_, of_values_, of_count_, map_squares_;
};

}  // namespace

std::vector<RowSensitivity> relu_linear_sensitivity(const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                                    const ReluLinearSteps& steps) {
  const Head head(q, k, v, steps);
  std::vector<RowSensitivity> rows;
  rows.reserve(static_cast<std::size_t>(q.rows()));
  for (int r = 0; r < q.rows(); ++r) rows.push_back(head.row(r));
  return rows;
}

}  // namespace vitality
