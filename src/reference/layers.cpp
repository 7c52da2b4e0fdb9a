#include "reference/layers.h"

#include <algorithm>
#include <cmath>

#include "base/vectorised.h"
#include "tensor/functions.h"
#include "tensor/gemm.h"
#include "tensor/matrix_ops.h"
#include "workload/parameters.h"

namespace vitality::reference {

MatrixD linear(const MatrixD& x, const MatrixD& weight, const std::vector<double>& bias) {
  MatrixD y = multiply(x, weight);
  if (!bias.empty()) add_row(y, bias.data());
  return y;
}

MatrixD conv2d(const Conv2d& conv, const MatrixD& image, const MatrixD& weight, const std::vector<double>& bias) {
  const int in_group = conv.in_channels / conv.groups, out_group = conv.out_channels / conv.groups;
  const int depth = conv.kernel * conv.kernel * in_group;
  MatrixD result = MatrixD::unset(conv.out_height * conv.out_width, conv.out_channels);
  MatrixD patches(conv.out_width, depth);
  for (int oy = 0; oy < conv.out_height; ++oy) {
    for (int g = 0; g < conv.groups; ++g) {
      for (int ox = 0; ox < conv.out_width; ++ox) {
        double* patch = patches.row(ox);
        for (int ky = 0; ky < conv.kernel; ++ky) {
          for (int kx = 0; kx < conv.kernel; ++kx, patch += in_group) {
            const int y = oy * conv.stride - conv.pad + ky, x = ox * conv.stride - conv.pad + kx;
            if (y < 0 || y >= conv.in_height || x < 0 || x >= conv.in_width) {
              std::fill(patch, patch + in_group, 0.0);
            } else {
              const double* pixel = image.row(y * conv.in_width + x) + g * in_group;
              std::copy(pixel, pixel + in_group, patch);
            }
          }
        }
      }
      gemm(conv.out_width, out_group, depth, patches.data(), depth, weight.data() + g * out_group, conv.out_channels,
           result.row(oy * conv.out_width) + g * out_group, conv.out_channels, GemmStart::kZero);
    }
  }
  if (!bias.empty()) add_row(result, bias.data());
  return result;
}

void layer_norm(const double* x, std::size_t count, const double* scale, const double* shift, double epsilon,
                double* y) {
  vectorised([=]() VITALITY_LOOP {
    const auto size = static_cast<double>(count);
    const double mean = interleaved_sum(count, [x](std::size_t i) { return x[i]; }) / size;
    const double squares = interleaved_sum(count, [x, mean](std::size_t i) { return (x[i] - mean) * (x[i] - mean); });
    const double factor = 1 / std::sqrt(squares / size + epsilon);
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = (x[i] - mean) * factor * scale[i] + shift[i];
  });
}

MatrixD layer_norm(const MatrixD& x, const MatrixD& scale, const MatrixD& shift, double epsilon) {
  MatrixD y = MatrixD::unset(x.rows(), x.cols());
  for (int r = 0; r < x.rows(); ++r)
    layer_norm(x.row(r), static_cast<std::size_t>(x.cols()), scale.data(), shift.data(), epsilon, y.row(r));
  return y;
}

MatrixD batch_norm(const MatrixD& x, const MatrixD& scale, const MatrixD& shift, const MatrixD& mean,
                   const MatrixD& variance, double epsilon) {
  MatrixD y = MatrixD::unset(x.rows(), x.cols());
  for (int c = 0; c < x.cols(); ++c) {
    const double factor = scale(0, c) / std::sqrt(variance(0, c) + epsilon);
    for (int r = 0; r < x.rows(); ++r) y(r, c) = (x(r, c) - mean(0, c)) * factor + shift(0, c);
  }
  return y;
}

void activate(ActivationKind kind, const double* x, std::size_t count, double* y) {
  switch (kind) {
    case ActivationKind::kGelu:
      return gelu(x, count, y);
    case ActivationKind::kSilu:
      return silu(x, count, y);
    case ActivationKind::kHardswish:
      for (std::size_t i = 0; i < count; ++i) y[i] = x[i] * std::min(6.0, std::max(0.0, x[i] + 3)) / 6;
      return;
    case ActivationKind::kRelu:
      for (std::size_t i = 0; i < count; ++i) y[i] = std::max(0.0, x[i]);
      return;
    case ActivationKind::kGeluTanh:
      return gelu_tanh(x, count, y);
    case ActivationKind::kQuickGelu:
      return quick_gelu(x, count, y);
    case ActivationKind::kRelu6:
      for (std::size_t i = 0; i < count; ++i) y[i] = std::min(6.0, std::max(0.0, x[i]));
      return;
  }
}

double activate(ActivationKind kind, double x) {
  activate(kind, &x, 1, &x);
  return x;
}

MatrixD activation(ActivationKind kind, const MatrixD& x) {
  MatrixD y = MatrixD::unset(x.rows(), x.cols());
  activate(kind, x.data(), x.size(), y.data());
  return y;
}

MatrixD add(const MatrixD& a, const MatrixD& b) {
  MatrixD sum = MatrixD::unset(a.rows(), a.cols());
  std::transform(a.data(), a.data() + a.size(), b.data(), sum.data(), [](double x, double y) { return x + y; });
  return sum;
}

MatrixD layer_scale(const MatrixD& x, const MatrixD& gamma) {
  MatrixD y = MatrixD::unset(x.rows(), x.cols());
  for (int r = 0; r < x.rows(); ++r)
    for (int c = 0; c < x.cols(); ++c) y(r, c) = x(r, c) * gamma(0, c);
  return y;
}

MatrixD multiply_elements(const MatrixD& a, const MatrixD& b) {
  MatrixD product = MatrixD::unset(a.rows(), a.cols());
  std::transform(a.data(), a.data() + a.size(), b.data(), product.data(), [](double x, double y) { return x * y; });
  return product;
}

MatrixD average_pool(const AveragePool& p, const MatrixD& image) {
  MatrixD mean(p.out_height * p.out_width, p.channels);
  for (int r = 0; r < mean.rows(); ++r) {
    double* const out = mean.row(r);
    for (int ky = 0; ky < p.kernel; ++ky) {
      for (int kx = 0; kx < p.kernel; ++kx) {
        const double* const pixel =
            image.row((r / p.out_width * p.stride + ky) * p.in_width + r % p.out_width * p.stride + kx);
        for (int c = 0; c < p.channels; ++c) out[c] += pixel[c];
      }
    }
    for (int c = 0; c < p.channels; ++c) out[c] /= p.kernel * p.kernel;
  }
  return mean;
}

MatrixD mean_rows(const MatrixD& x) {
  MatrixD mean(1, x.cols());
  for (int r = 0; r < x.rows(); ++r)
    for (int c = 0; c < x.cols(); ++c) mean(0, c) += x(r, c);
  for (int c = 0; c < x.cols(); ++c) mean(0, c) /= x.rows();
  return mean;
}

MatrixD concat_token(const MatrixD& tokens, const MatrixD& x) {
  MatrixD y = MatrixD::unset(x.rows() + tokens.rows(), x.cols());
  std::copy(tokens.data(), tokens.data() + tokens.size(), y.data());
  std::copy(x.data(), x.data() + x.size(), y.row(tokens.rows()));
  return y;
}

MatrixD concat_channels(const std::vector<const MatrixD*>& parts) {
  int cols = 0;
  for (const MatrixD* part : parts) cols += part->cols();
  MatrixD y = MatrixD::unset(parts[0]->rows(), cols);
  for (int r = 0; r < y.rows(); ++r) {
    double* out = y.row(r);
    for (const MatrixD* part : parts) out = std::copy(part->row(r), part->row(r) + part->cols(), out);
  }
  return y;
}

MatrixD subsample(const Subsample& s, const MatrixD& x) {
  const int height = static_cast<int>(ceil_div(s.in_height, s.stride)),
            width = static_cast<int>(ceil_div(s.in_width, s.stride));
  MatrixD y = MatrixD::unset(height * width, s.channels);
  for (int r = 0; r < height; ++r) {
    for (int c = 0; c < width; ++c) {
      const double* source = x.row(r * s.stride * s.in_width + c * s.stride);
      std::copy(source, source + s.channels, y.row(r * width + c));
    }
  }
  return y;
}

int unfolded_row(const Unfold& u, int y, int x) {
  const int patch = u.patch, across = u.width / patch, tokens = u.height / patch * across;
  y = (y + u.height - u.shift) % u.height, x = (x + u.width - u.shift) % u.width;
  const int place = y % patch * patch + x % patch, block = y / patch * across + x / patch;
  return u.windows ? block * patch * patch + place : place * tokens + block;
}

MatrixD masked(const Attention& a, int instance, MatrixD bias) {
  if (!is_masked(a)) return bias;
  if (bias.empty()) bias = MatrixD(a.n_q, a.n_kv);
  for (int i = 0; i < a.n_q; ++i)
    for (int j = 0; j < a.n_kv; ++j)
      if (!sees(a, instance, i, j)) bias(i, j) = -std::numeric_limits<double>::infinity();
  return bias;
}

MatrixD patch_merge(const PatchMerge& p, const MatrixD& x) {
  MatrixD y = MatrixD::unset(p.in_height / p.patch * (p.in_width / p.patch), p.patch * p.patch * p.channels);
  const int across = p.in_width / p.patch;
  for (int r = 0; r < y.rows(); ++r) {
    double* to = y.row(r);
    for (int px = 0; px < p.patch; ++px) {
      for (int py = 0; py < p.patch; ++py) {
        const double* from = x.row((r / across * p.patch + py) * p.in_width + r % across * p.patch + px);
        to = std::copy(from, from + p.channels, to);
      }
    }
  }
  return y;
}

MatrixD unfold(const Unfold& u, const MatrixD& x) {
  MatrixD y = MatrixD::unset(x.rows(), x.cols());
  for (int r = 0; r < u.height; ++r) {
    for (int c = 0; c < u.width; ++c) {
      const double* source = x.row(r * u.width + c);
      std::copy(source, source + x.cols(), y.row(unfolded_row(u, r, c)));
    }
  }
  return y;
}

MatrixD fold(const Fold& f, const MatrixD& x) {
  const Unfold u{f.height, f.width, f.patch, f.channels, f.windows, f.shift};
  MatrixD y = MatrixD::unset(x.rows(), x.cols());
  for (int r = 0; r < f.height; ++r) {
    for (int c = 0; c < f.width; ++c) {
      const double* source = x.row(unfolded_row(u, r, c));
      std::copy(source, source + x.cols(), y.row(r * f.width + c));
    }
  }
  return y;
}

MatrixD block(const MatrixD& x, int row, int rows, int first, int count) {
  MatrixD y = MatrixD::unset(rows, count);
  for (int r = 0; r < rows; ++r) std::copy(x.row(row + r) + first, x.row(row + r) + first + count, y.row(r));
  return y;
}

}  // namespace vitality::reference
