#include "reference/layer_gradients.h"

#include <algorithm>
#include <cmath>

#include "reference/layers.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"
#include "workload/parameters.h"

namespace vitality::reference {

WeightGradients linear_backward(const MatrixD& x, const MatrixD& weight, const MatrixD& d_output) {
  return {multiply_transposed_b(d_output, weight), multiply_transposed_a(x, d_output), column_sums(d_output)};
}

namespace {

// Calls `visit(pixel row of the image, patch row)` for every kernel position of an output pixel that lies in the image.
template <class Visit>
void for_each_pixel(const Conv2d& conv, int oy, int ox, Visit&& visit) {
  for (int ky = 0; ky < conv.kernel; ++ky) {
    for (int kx = 0; kx < conv.kernel; ++kx) {
      const int y = oy * conv.stride - conv.pad + ky, x = ox * conv.stride - conv.pad + kx;
      if (y < 0 || y >= conv.in_height || x < 0 || x >= conv.in_width) continue;
      visit(y * conv.in_width + x, ky * conv.kernel + kx);
    }
  }
}

}  // namespace

WeightGradients conv2d_backward(const Conv2d& conv, const MatrixD& image, const MatrixD& weight,
                                const MatrixD& d_output) {
  const int in_group = conv.in_channels / conv.groups, out_group = conv.out_channels / conv.groups;
  const int depth = conv.kernel * conv.kernel * in_group, pixels = conv.out_height * conv.out_width;
  WeightGradients result{MatrixD(image.rows(), image.cols()), MatrixD(weight.rows(), weight.cols()),
                         column_sums(d_output)};
  for (int g = 0; g < conv.groups; ++g) {
    MatrixD patches(pixels, depth);
    for (int pixel = 0; pixel < pixels; ++pixel) {
      for_each_pixel(conv, pixel / conv.out_width, pixel % conv.out_width, [&](int source, int position) {
        const double* from = image.row(source) + g * in_group;
        std::copy(from, from + in_group, patches.row(pixel) + position * in_group);
      });
    }
    const MatrixD d_group = block(d_output, 0, pixels, g * out_group, out_group);
    add_to_block(result.weight, 0, g * out_group, multiply_transposed_a(patches, d_group));
    const MatrixD d_patches = multiply_transposed_b(d_group, block(weight, 0, depth, g * out_group, out_group));
    for (int pixel = 0; pixel < pixels; ++pixel) {
      for_each_pixel(conv, pixel / conv.out_width, pixel % conv.out_width, [&](int source, int position) {
        const double* from = d_patches.row(pixel) + position * in_group;
        double* to = result.input.row(source) + g * in_group;
        for (int c = 0; c < in_group; ++c) to[c] += from[c];
      });
    }
  }
  return result;
}

// With x_hat = (x - mean) / sigma and h = dY .* scale, per row:
// dX = (h - mean(h) - x_hat mean(h .* x_hat)) / sigma.
NormGradients layer_norm_backward(const MatrixD& x, const MatrixD& scale, const MatrixD& d_output, double epsilon) {
  const int channels = x.cols();
  NormGradients result{MatrixD(x.rows(), channels), MatrixD(1, channels), MatrixD(1, channels)};
  std::vector<double> x_hat(static_cast<std::size_t>(channels)), h(x_hat.size());
  for (int r = 0; r < x.rows(); ++r) {
    double mean = 0, variance = 0;
    for (int c = 0; c < channels; ++c) mean += x(r, c);
    mean /= channels;
    for (int c = 0; c < channels; ++c) variance += (x(r, c) - mean) * (x(r, c) - mean);
    const double factor = 1 / std::sqrt(variance / channels + epsilon);
    double h_mean = 0, hx_mean = 0;
    for (int c = 0; c < channels; ++c) {
      const auto i = static_cast<std::size_t>(c);
      x_hat[i] = (x(r, c) - mean) * factor;
      h[i] = d_output(r, c) * scale(0, c);
      h_mean += h[i];
      hx_mean += h[i] * x_hat[i];
      result.scale(0, c) += d_output(r, c) * x_hat[i];
      result.shift(0, c) += d_output(r, c);
    }
    h_mean /= channels;
    hx_mean /= channels;
    for (int c = 0; c < channels; ++c) {
      const auto i = static_cast<std::size_t>(c);
      result.input(r, c) = (h[i] - h_mean - x_hat[i] * hx_mean) * factor;
    }
  }
  return result;
}

NormGradients batch_norm_backward(const MatrixD& x, const MatrixD& scale, const MatrixD& mean, const MatrixD& variance,
                                  const MatrixD& d_output, double epsilon) {
  NormGradients result{MatrixD(x.rows(), x.cols()), MatrixD(1, x.cols()), column_sums(d_output)};
  for (int c = 0; c < x.cols(); ++c) {
    const double factor = 1 / std::sqrt(variance(0, c) + epsilon);
    for (int r = 0; r < x.rows(); ++r) {
      result.input(r, c) = d_output(r, c) * scale(0, c) * factor;
      result.scale(0, c) += d_output(r, c) * (x(r, c) - mean(0, c)) * factor;
    }
  }
  return result;
}

double activation_derivative(ActivationKind kind, double x) {
  switch (kind) {
    case ActivationKind::kGelu:
      return gelu_derivative(x);
    case ActivationKind::kHardswish:
      return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
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

MatrixD activation_backward(ActivationKind kind, const MatrixD& x, const MatrixD& d_output) {
  MatrixD result = MatrixD::unset(x.rows(), x.cols());
  if (kind == ActivationKind::kGelu) {
    gelu_derivatives(x.data(), x.size(), result.data());
  } else {
    for (std::size_t i = 0; i < x.size(); ++i) result.data()[i] = activation_derivative(kind, x.data()[i]);
  }
  for (std::size_t i = 0; i < x.size(); ++i) result.data()[i] *= d_output.data()[i];
  return result;
}

MatrixD mean_rows_backward(int rows, const MatrixD& d_output) {
  MatrixD result(rows, d_output.cols());
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < d_output.cols(); ++c) result(r, c) = d_output(0, c) / rows;
  return result;
}

MatrixD average_pool_backward(const AveragePool& p, const MatrixD& d_output) {
  MatrixD d_image(p.in_height * p.in_width, p.channels);
  for (int r = 0; r < d_output.rows(); ++r)
    for (int ky = 0; ky < p.kernel; ++ky)
      for (int kx = 0; kx < p.kernel; ++kx) {
        double* const pixel =
            d_image.row((r / p.out_width * p.stride + ky) * p.in_width + r % p.out_width * p.stride + kx);
        for (int c = 0; c < p.channels; ++c) pixel[c] += d_output(r, c) / (p.kernel * p.kernel);
      }
  return d_image;
}

MatrixD patch_merge_backward(const PatchMerge& p, const MatrixD& d_output) {
  MatrixD result(p.in_height * p.in_width, p.channels);
  const int across = p.in_width / p.patch;
  for (int r = 0; r < d_output.rows(); ++r) {
    for (int place = 0; place < p.patch * p.patch; ++place) {
      const int y = r / across * p.patch + place % p.patch, x = r % across * p.patch + place / p.patch;
      const double* const from = d_output.row(r) + place * p.channels;
      std::copy(from, from + p.channels, result.row(y * p.in_width + x));
    }
  }
  return result;
}

MatrixD subsample_backward(const Subsample& s, const MatrixD& d_output) {
  const int width = static_cast<int>(ceil_div(s.in_width, s.stride));
  MatrixD result(s.in_height * s.in_width, s.channels);
  for (int r = 0; r < d_output.rows(); ++r) {
    double* to = result.row(r / width * s.stride * s.in_width + r % width * s.stride);
    std::copy(d_output.row(r), d_output.row(r) + s.channels, to);
  }
  return result;
}

void add_to_block(MatrixD& to, int row, int col, const MatrixD& x) {
  for (int r = 0; r < x.rows(); ++r)
    for (int c = 0; c < x.cols(); ++c) to(row + r, col + c) += x(r, c);
}

Loss softmax_cross_entropy(const MatrixD& logits, int label) {
  const double top = *std::max_element(logits.data(), logits.data() + logits.size());
  Loss loss{0, MatrixD(1, logits.cols())};
  double sum = 0;
  for (int c = 0; c < logits.cols(); ++c) sum += loss.gradient(0, c) = exponential(logits(0, c) - top);
  for (int c = 0; c < logits.cols(); ++c) loss.gradient(0, c) /= sum;
  loss.gradient(0, label) -= 1;
  loss.value = logarithm(sum) + top - logits(0, label);
  return loss;
}

}  // namespace vitality::reference
