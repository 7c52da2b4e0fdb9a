// More than 6 parameters: sizes, operands and results of a tile, as the fields of a job give them.
#include "kernels/gradient.h"

#include <cmath>
#include <vector>

#include "tensor/functions.h"

namespace vitality {
namespace {

double derivative(ActivationKind kind, double x) {
  switch (kind) {
    case ActivationKind::kGelu:
      return gelu_derivative(x);
    case ActivationKind::kHardswish:
      return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case ActivationKind::kSilu:
      return silu_derivative(x);
    case ActivationKind::kRelu:
      return x > 0 ? 1 : 0;
    case ActivationKind::kGeluTanh:
      return gelu_tanh_derivative(x);
    case ActivationKind::kQuickGelu:
      return quick_gelu_derivative(x);
    case ActivationKind::kRelu6:
      return x > 0 && x < 6 ? 1 : 0;
  }
  return 0;
}

}  // namespace

void loss_gradient(const Arithmetic& arithmetic, int n, const double* logits, int label, double factor,
                   double* result) {
  const double top = *std::max_element(logits, logits + n);
  double sum = 0;
  for (int c = 0; c < n; ++c) {
    result[c] = exponential(logits[c] - top);
    sum += result[c];
  }
  for (int c = 0; c < n; ++c) result[c] = arithmetic.store((result[c] / sum - (c == label ? 1 : 0)) * factor);
}

void norm_gradient(const Arithmetic& arithmetic, int m, int n, ConstTile dy, ConstTile x, const NormFactors& norm,
                   Tile result, Tile x_hat_products) {
  std::vector<double> x_hat(static_cast<std::size_t>(n)), h(x_hat.size());
  for (int r = 0; r < m; ++r) {
    const double *gradient = dy.row(r), *value = x.row(r);
    double mean = 0, variance = 0;
    for (int c = 0; c < n; ++c) mean += value[c];
    mean /= n;
    for (int c = 0; c < n; ++c) variance += (value[c] - mean) * (value[c] - mean);
    const double inverse = 1 / std::sqrt(variance / n + norm.epsilon);
    double h_mean = 0, product_mean = 0;
    for (int c = 0; c < n; ++c) {
      const auto i = static_cast<std::size_t>(c);
      x_hat[i] = (value[c] - mean) * inverse;
      h[i] = gradient[c] * norm.scale[c];
      h_mean += h[i], product_mean += h[i] * x_hat[i];
      x_hat_products.row(r)[c] = arithmetic.store(gradient[c] * x_hat[i]);
    }
    h_mean /= n, product_mean /= n;
    for (int c = 0; c < n; ++c) {
      const auto i = static_cast<std::size_t>(c);
      result.row(r)[c] = arithmetic.store((h[i] - h_mean - x_hat[i] * product_mean) * inverse);
    }
  }
}

void activation_gradient(const Arithmetic& arithmetic, ActivationKind kind, int m, int n, ConstTile dy, ConstTile x,
                         Tile result) {
  for (int r = 0; r < m; ++r)
    for (int c = 0; c < n; ++c) result.row(r)[c] = arithmetic.store(dy.row(r)[c] * derivative(kind, x.row(r)[c]));
}

void softmax_gradient(const Arithmetic& arithmetic, int m, int n, ConstTile dp, ConstTile p, double factor,
                      Tile result) {
  for (int r = 0; r < m; ++r) {
    const double *gradient = dp.row(r), *map = p.row(r);
    double sum = 0;
    for (int c = 0; c < n; ++c) sum += gradient[c] * map[c];
    for (int c = 0; c < n; ++c) result.row(r)[c] = arithmetic.store(map[c] * (gradient[c] - sum) * factor);
  }
}

void row_products(const Arithmetic& arithmetic, int m, int n, ConstTile a, ConstTile b, double* result) {
  for (int r = 0; r < m; ++r) {
    double sum = 0;
    for (int c = 0; c < n; ++c) sum += a.row(r)[c] * b.row(r)[c];
    result[r] = arithmetic.wide(sum);
  }
}

void add_outer(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* column, const double* row,
               Tile result) {
  for (int r = 0; r < m; ++r)
    for (int c = 0; c < n; ++c) result.row(r)[c] = arithmetic.store(x.row(r)[c] + column[r] * row[c]);
}

void update_weights(const Arithmetic& state, const Arithmetic& storage, const UpdateRule& rule, int count,
                    double* weights, const double* gradient, double* first, double* second, double* copy) {
  const double unbias1 = 1 / (1 - rule.beta1), unbias2 = 1 / (1 - rule.beta2);
  for (int i = 0; i < count; ++i) {
    const double g = gradient[i] / rule.scale, w = weights[i];
    if (rule.adamw) {
      first[i] = state.wide(rule.beta1 * first[i] + (1 - rule.beta1) * g);
      second[i] = state.wide(rule.beta2 * second[i] + (1 - rule.beta2) * g * g);
      const double direction = first[i] * unbias1 / (std::sqrt(second[i] * unbias2) + rule.epsilon);
      weights[i] = state.wide(w - rule.rate * (direction + rule.decay * w));
    } else {
      first[i] = state.wide(rule.momentum * first[i] + g + rule.decay * w);
      weights[i] = state.wide(w - rule.rate * first[i]);
    }
    if (copy != nullptr) copy[i] = storage.store(weights[i]);
  }
}

}  // namespace vitality
