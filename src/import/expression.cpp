#include "import/expression.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/random.h"
#include "reference/layers.h"

namespace vitality::importing {
namespace {

constexpr ActivationKind kActivations[] = {
    ActivationKind::kGelu, ActivationKind::kGeluTanh,  ActivationKind::kSilu, ActivationKind::kHardswish,
    ActivationKind::kRelu, ActivationKind::kQuickGelu, ActivationKind::kRelu6};

Tensor random_tensor(const Shape& shape, double width, std::uint64_t seed) {
  Tensor x = real_tensor(shape);
  Random random(seed);
  for (double& value : x.real) value = width * (2 * random.unit() - 1);
  return x;
}

bool near(double a, double b, double tolerance) {
  return std::fabs(a - b) <= tolerance * (1 + std::fabs(b));
}

std::optional<Identified> as_activation(const Tensor& x, const Tensor& y) {
  for (const ActivationKind kind : kActivations) {
    bool all = true;
    for (std::size_t i = 0; i < x.size() && all; ++i)
      all = near(y.real[i], reference::activate(kind, x.real[i]), 1e-12);
    if (all) return Identified{Identified::Kind::kActivation, kind, {}, {}, 0};
  }
  return std::nullopt;
}

std::optional<Identified> as_affine(const TensorFunction& function, const Tensor& x, const Tensor& y) {
  Tensor at_zero = real_tensor(x.shape), one = at_zero;
  std::fill(one.real.begin(), one.real.end(), 1.0);
  Identified found{Identified::Kind::kAffine, ActivationKind::kGelu, {}, function(at_zero), 0};
  found.scale = function(one);
  for (std::size_t i = 0; i < x.size(); ++i) {
    found.scale.real[i] -= found.shift.real[i];
    const double want = x.real[i] * found.scale.real[i] + found.shift.real[i];
    if (!(std::fabs(y.real[i] - want) <=
          1e-12 * (std::fabs(want) + std::fabs(found.shift.real[i]) + std::fabs(found.scale.real[i]))))
      return std::nullopt;
  }
  // A large shift removes digits from y(1) - y(0): with a large x the scale can be seen again.
  Tensor large = one;
  for (double& value : large.real) value = 0x1p60;
  const Tensor top = function(large);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double scale = (top.real[i] - found.shift.real[i]) * 0x1p-60;
    // A function with a limit, such as Clip, is affine among small numbers only.
    if (!(std::fabs(scale - found.scale.real[i]) <= 1e-12 * (std::fabs(scale) + std::fabs(found.shift.real[i]))))
      return std::nullopt;
    found.scale.real[i] = scale;
  }
  return found;
}

// The shortest decimal that equals this number except in its last digits.
double without_rounding(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.5e", value);
  const double rounded = std::strtod(text, nullptr);
  return std::fabs(rounded - value) <= 1e-9 * value ? rounded : value;
}

double nearest_float(double value) {
  const auto rounded = static_cast<double>(static_cast<float>(value));
  return std::fabs(rounded - value) <= 1e-13 * std::fabs(value) ? rounded : value;
}

std::vector<double> normalised(const double* row, std::size_t count) {
  std::vector<double> out(count), one(count, 1.0), zero(count, 0.0);
  reference::layer_norm(row, count, one.data(), zero.data(), 0, out.data());
  return out;
}

double variance(const double* row, std::size_t count) {
  double mean = 0, sum = 0;
  for (std::size_t i = 0; i < count; ++i) mean += row[i] / static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) sum += (row[i] - mean) * (row[i] - mean);
  return sum / static_cast<double>(count);
}

// If all elements are equal, a norm gives its shift. If they are large, epsilon does not matter and the scale shows. If
// they are small, epsilon shows beside the variance.
std::optional<Identified> as_layer_norm(const TensorFunction& function, const Shape& shape) {
  if (shape.empty() || shape.back() < 2) return std::nullopt;
  const auto count = static_cast<std::size_t>(shape.back());
  Identified found{Identified::Kind::kLayerNorm, ActivationKind::kGelu, real_tensor({shape.back()}),
                   real_tensor({shape.back()}), 0};
  const Tensor at_zero = function(real_tensor(shape));
  std::copy_n(at_zero.real.begin(), count, found.shift.real.begin());
  const Tensor large = random_tensor(shape, 1e9, 3), small = random_tensor(shape, 1e-3, 4);
  const Tensor at_large = function(large), at_small = function(small);
  std::vector<double> most(count, 0.0);
  for (std::size_t i = 0; i < large.size(); i += count) {
    const std::vector<double> unit = normalised(large.real.data() + i, count);
    for (std::size_t c = 0; c < count; ++c) {
      if (std::fabs(unit[c]) <= most[c]) continue;
      most[c] = std::fabs(unit[c]);
      found.scale.real[c] = nearest_float((at_large.real[i + c] - found.shift.real[c]) / unit[c]);
    }
  }
  double best = 0;
  for (std::size_t c = 0; c < count; ++c) {  // of the first row
    const double unit = normalised(small.real.data(), count)[c], product = unit * found.scale.real[c];
    if (!(std::fabs(product) > best)) continue;
    best = std::fabs(product);
    const double own = variance(small.real.data(), count), ratio = product / (at_small.real[c] - found.shift.real[c]);
    found.epsilon = own * ratio * ratio - own;
  }
  if (!(found.epsilon > 1e-14 && found.epsilon < 1)) return std::nullopt;
  found.epsilon = without_rounding(found.epsilon);
  for (const double width : {1e-3, 3.0, 1e3}) {
    const Tensor x = random_tensor(shape, width, 5), y = function(x);
    std::vector<double> want(count);
    for (std::size_t i = 0; i < x.size(); i += count) {
      reference::layer_norm(x.real.data() + i, count, found.scale.real.data(), found.shift.real.data(), found.epsilon,
                            want.data());
      for (std::size_t c = 0; c < count; ++c)
        if (!near(y.real[i + c], want[c], 1e-10)) return std::nullopt;
    }
  }
  return found;
}

}  // namespace

std::optional<Identified> identify(const TensorFunction& function, const Shape& shape) {
  const Tensor x = random_tensor(shape, 9, 1), y = function(x);
  if (y.shape != shape || y.size() == 0) return std::nullopt;
  if (auto found = as_activation(x, y)) return found;
  if (auto found = as_affine(function, x, y)) return found;
  return as_layer_norm(function, shape);
}

}  // namespace vitality::importing
