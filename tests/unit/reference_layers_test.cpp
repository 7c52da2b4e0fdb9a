// Layers of the reference against obvious loops and numbers worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>

#include "reference/layers.h"
#include "reference/model.h"
#include "tests/support/random_matrix.h"
#include "workload/parameters.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

using namespace vitality;
using namespace vitality::test;
namespace ref = vitality::reference;

namespace {

MatrixD matrix(int rows, int cols, const std::vector<double>& values) {
  MatrixD x(rows, cols);
  std::copy(values.begin(), values.end(), x.data());
  return x;
}

// Output pixel by output pixel, straight from the definition in model.h.
MatrixD plain_conv(const Conv2d& c, const MatrixD& image, const MatrixD& weight, const std::vector<double>& bias) {
  MatrixD y(c.out_height * c.out_width, c.out_channels);
  const int in_group = c.in_channels / c.groups, out_group = c.out_channels / c.groups;
  for (int oy = 0; oy < c.out_height; ++oy)
    for (int ox = 0; ox < c.out_width; ++ox)
      for (int o = 0; o < c.out_channels; ++o) {
        double sum = bias.empty() ? 0 : bias[static_cast<std::size_t>(o)];
        for (int ky = 0; ky < c.kernel; ++ky)
          for (int kx = 0; kx < c.kernel; ++kx)
            for (int i = 0; i < in_group; ++i) {
              const int iy = oy * c.stride + ky - c.pad, ix = ox * c.stride + kx - c.pad;
              if (iy < 0 || ix < 0 || iy >= c.in_height || ix >= c.in_width) continue;
              sum += image(iy * c.in_width + ix, o / out_group * in_group + i) *
                     weight((ky * c.kernel + kx) * in_group + i, o);
            }
        y(oy * c.out_width + ox, o) = sum;
      }
  return y;
}

}  // namespace

TEST_CASE("reference linear: x W + b") {
  const MatrixD x = matrix(2, 3, {1, 2, 3, 4, 5, 6}), w = matrix(3, 2, {1, 0, 0, 1, -1, 2});
  CHECK(difference(ref::linear(x, w, {10, 20}), matrix(2, 2, {8, 28, 8, 37})) == 0);
  CHECK(difference(ref::linear(x, w, {}), matrix(2, 2, {-2, 8, -2, 17})) == 0);
}

TEST_CASE("reference conv2d: strides, padding, groups, depthwise, patches") {
  struct Case {
    int in, out, kernel, stride, pad, groups, height, width;
  };
  for (const Case& c : {Case{3, 8, 3, 2, 1, 1, 9, 7}, Case{4, 4, 3, 1, 1, 4, 5, 6}, Case{4, 6, 3, 1, 0, 2, 5, 5},
                        Case{3, 5, 4, 4, 0, 1, 8, 12}, Case{6, 4, 1, 1, 0, 1, 3, 4}, Case{4, 8, 3, 2, 1, 4, 8, 8},
                        Case{2, 2, 5, 3, 2, 1, 7, 7}, Case{1, 1, 3, 1, 2, 1, 1, 1}}) {
    const Conv2d conv{c.in,
                      c.out,
                      c.kernel,
                      c.stride,
                      c.pad,
                      c.groups,
                      c.height,
                      c.width,
                      (c.height + 2 * c.pad - c.kernel) / c.stride + 1,
                      (c.width + 2 * c.pad - c.kernel) / c.stride + 1,
                      true};
    INFO("in " << c.in << " out " << c.out << " kernel " << c.kernel << " stride " << c.stride << " groups "
               << c.groups);
    const MatrixD image = random_matrix(c.height * c.width, c.in, 1),
                  weight = random_matrix(c.kernel * c.kernel * c.in / c.groups, c.out, 2);
    std::vector<double> bias(static_cast<std::size_t>(c.out));
    for (std::size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<double>(i) - 2.5;
    CHECK(difference(ref::conv2d(conv, image, weight, bias), plain_conv(conv, image, weight, bias)) < 1e-14);
    CHECK(difference(ref::conv2d(conv, image, weight, {}), plain_conv(conv, image, weight, {})) < 1e-14);
  }
}

TEST_CASE("reference layer norm: mean 0, variance 1 per row, then affine") {
  // Row (1, 3): mean 2, variance 1; epsilon is felt in the seventh digit.
  const double unit = 1 / std::sqrt(1 + 1e-6);
  const MatrixD y = ref::layer_norm(matrix(2, 2, {1, 3, -5, -5}), matrix(1, 2, {2, 4}), matrix(1, 2, {0.5, -0.5}));
  CHECK(y(0, 0) == Approx(-2 * unit + 0.5).epsilon(1e-14));
  CHECK(y(0, 1) == Approx(4 * unit - 0.5).epsilon(1e-14));
  CHECK(y(1, 0) == 0.5);  // a constant row: nothing but the shift
  CHECK(y(1, 1) == -0.5);
}

TEST_CASE("reference norms with an epsilon of their own") {
  // Row (1, 3): deviation 1; with epsilon 3 the factor is 1 / sqrt(1 + 3).
  const MatrixD y = ref::layer_norm(matrix(1, 2, {1, 3}), matrix(1, 2, {2, 4}), matrix(1, 2, {0, 0}), 3);
  CHECK(y(0, 0) == -1);
  CHECK(y(0, 1) == 2);
  // (5 - 1) 3 / sqrt(6 + 3)
  CHECK(ref::batch_norm(matrix(1, 1, {5}), matrix(1, 1, {3}), matrix(1, 1, {0}), matrix(1, 1, {1}), matrix(1, 1, {6}),
                        3)(0, 0) == 4);
}

TEST_CASE("reference batch norm: running statistics per channel") {
  const MatrixD y = ref::batch_norm(matrix(2, 2, {1, 10, 3, 20}), matrix(1, 2, {2, 1}), matrix(1, 2, {0, 5}),
                                    matrix(1, 2, {1, 10}), matrix(1, 2, {4, 25}));
  CHECK(y(0, 0) == 0);
  CHECK(y(1, 0) == Approx(2 * 2 / std::sqrt(4 + kBatchNormEpsilon)).epsilon(1e-14));
  CHECK(y(0, 1) == 5);
  CHECK(y(1, 1) == Approx(10 / std::sqrt(25 + kBatchNormEpsilon) + 5).epsilon(1e-14));
}

TEST_CASE("reference activations at known points") {
  using K = ActivationKind;
  CHECK(ref::activate(K::kGelu, 0) == 0);
  CHECK(ref::activate(K::kGelu, 1) == Approx(0.8413447460685429).epsilon(1e-14));  // Phi(1)
  CHECK(ref::activate(K::kGelu, -2) == Approx(-2 * 0.022750131948179195).epsilon(1e-12));
  CHECK(ref::activate(K::kHardswish, -3) == 0);
  CHECK(ref::activate(K::kHardswish, -1) == Approx(-1.0 / 3));
  CHECK(ref::activate(K::kHardswish, 5) == 5);
  CHECK(ref::activate(K::kSilu, 1) == Approx(0.7310585786300049).epsilon(1e-14));
  CHECK(ref::activate(K::kRelu, -1) == 0);
  CHECK(ref::activate(K::kRelu, 2) == 2);
  CHECK(ref::activate(K::kGeluTanh, 1) == Approx(0.5 * (1 + std::tanh(0.7978845608028654 * 1.044715))).epsilon(1e-14));
  CHECK(ref::activate(K::kQuickGelu, -1) == Approx(-1 / (1 + std::exp(1.702))).epsilon(1e-14));
  CHECK(ref::activate(K::kRelu6, 7) == 6);
  CHECK(ref::activate(K::kRelu6, -7) == 0);
}

TEST_CASE("reference LayerScale, element-wise product and average pooling by hand") {
  const MatrixD x = matrix(2, 2, {1, -2, 3, 4});
  CHECK(difference(ref::layer_scale(x, matrix(1, 2, {0.5, -3})), matrix(2, 2, {0.5, 6, 1.5, -12})) == 0);
  CHECK(difference(ref::multiply_elements(x, matrix(2, 2, {2, 3, -1, 0.25})), matrix(2, 2, {2, -6, -3, 1})) == 0);
  // 3 rows of 4 pixels with 2 channels, the second ten times the first.
  MatrixD image(12, 2);
  for (int i = 0; i < 12; ++i) image(i, 0) = i, image(i, 1) = 10 * i;
  // Windows of 2 x 2 one pixel apart: 2 x 3 of them; the first has pixels 0, 1, 4, 5.
  CHECK(difference(ref::average_pool({3, 4, 2, 1, 2, 2, 3}, image),
                   matrix(6, 2, {2.5, 25, 3.5, 35, 4.5, 45, 6.5, 65, 7.5, 75, 8.5, 85})) == 0);
  // Side by side, the third row of pixels is left out: 1 x 2.
  CHECK(difference(ref::average_pool({3, 4, 2, 2, 2, 1, 2}, image), matrix(2, 2, {2.5, 25, 4.5, 45})) == 0);
}

TEST_CASE("reference layers that move rows") {
  const MatrixD x = matrix(16, 1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  // 4 x 4 pixels, 2 x 2 patches: instance (0, 0) holds each patch's upper left pixel.
  const MatrixD unfolded = ref::unfold({4, 4, 2, 1}, x);
  CHECK(difference(unfolded, matrix(16, 1, {0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15})) == 0);
  CHECK(difference(ref::fold({4, 4, 2, 1}, unfolded), x) == 0);
  // Windows of 2 x 2; then of the image whose first row and column have moved behind the last.
  const MatrixD windows = ref::unfold({4, 4, 2, 1, true, 0}, x), moved = ref::unfold({4, 4, 2, 1, true, 1}, x);
  CHECK(difference(windows, matrix(16, 1, {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15})) == 0);
  CHECK(difference(moved, matrix(16, 1, {5, 6, 9, 10, 7, 4, 11, 8, 13, 14, 1, 2, 15, 12, 3, 0})) == 0);
  CHECK(difference(ref::fold({4, 4, 2, 1, true, 0}, windows), x) == 0);
  CHECK(difference(ref::fold({4, 4, 2, 1, true, 1}, moved), x) == 0);
  // 2 x 2 blocks of a 2 x 4 image with channels 10 r + c, 0: column by column of the block.
  const MatrixD merged =
      ref::patch_merge({2, 4, 2, 2}, matrix(8, 2, {0, 0, 1, 0, 2, 0, 3, 0, 10, 0, 11, 0, 12, 0, 13, 0}));
  CHECK(difference(merged, matrix(2, 8, {0, 0, 10, 0, 1, 0, 11, 0, 2, 0, 12, 0, 3, 0, 13, 0})) == 0);
  CHECK(difference(ref::subsample({4, 4, 2, 1}, x), matrix(4, 1, {0, 2, 8, 10})) == 0);
  CHECK(difference(ref::subsample({4, 4, 3, 1}, x), matrix(4, 1, {0, 3, 12, 15})) == 0);
  CHECK(difference(ref::mean_rows(x), matrix(1, 1, {7.5})) == 0);
  const MatrixD a = matrix(2, 1, {1, 2}), b = matrix(2, 2, {3, 4, 5, 6});
  CHECK(difference(ref::concat_channels({&a, &b}), matrix(2, 3, {1, 3, 4, 2, 5, 6})) == 0);
  CHECK(difference(ref::concat_token(matrix(1, 2, {9, 8}), b), matrix(3, 2, {9, 8, 3, 4, 5, 6})) == 0);
  CHECK(difference(ref::concat_token(b, b), matrix(4, 2, {3, 4, 5, 6, 3, 4, 5, 6})) == 0);
  CHECK(difference(ref::add(b, b), matrix(2, 2, {6, 8, 10, 12})) == 0);
  CHECK(difference(ref::block(matrix(3, 3, {0, 1, 2, 3, 4, 5, 6, 7, 8}), 1, 2, 1, 2), matrix(2, 2, {4, 5, 7, 8})) == 0);
}

// Rows 1 and 2 of three pixels: (3, 4) W = 3 + 8 = 11 and (5, 6) W = 5 + 12 = 17, with W = (1, 2); their mean with rows
// 0 and 1, (1, 2) W = 5 and 11: 8 and 14.
TEST_CASE("reference model: a linear layer from a row on, and the mean of two layers") {
  const VitModel model = parse_workload(
      R"({"name": "m", "image": {"height": 3, "width": 1, "channels": 2}, "layers": [
        {"name": "a", "kind": "linear", "out_features": 1, "first_row": 1, "bias": false},
        {"name": "b", "kind": "linear", "out_features": 1, "inputs": ["image"], "rows": 2, "bias": false},
        {"name": "m", "kind": "add", "mean": true, "inputs": ["a", "b"]}]})",
      "m.json");
  const SeededParameters seeded(1);
  StoredParameters given(seeded);
  given.tensors() = {{"input", matrix(3, 2, {1, 2, 3, 4, 5, 6})},
                     {"a.weight", matrix(2, 1, {1, 2})},
                     {"b.weight", matrix(2, 1, {1, 2})}};
  ref::ForwardOptions options;
  const ref::ForwardResult result = ref::forward(model, given, options);
  CHECK(difference(result.outputs[0], matrix(2, 1, {11, 17})) == 0);
  CHECK(difference(result.outputs[2], matrix(2, 1, {8, 14})) == 0);
}

namespace {

// The image's Q, K and V as columns, 2 heads of 2; windows of 3 x 3 on 6 x 9 pixels, attention with what `keys` says.
VitModel window_model(const std::string& shift, const std::string& keys) {
  return parse_workload(
      R"({"name": "w", "image": {"height": 6, "width": 9, "channels": 12}, "layers": [
          {"name": "windows", "kind": "unfold", "patch": 3, "windows": true, "shift": )" +
          shift + R"(},
          {"name": "a", "kind": "attention", "heads": 2, "d_qk": 2, "layout": "qkv", "attention": "softmax", )" +
          keys + R"(}, {"name": "image_again", "kind": "fold"}]})",
      "f");
}

// Attention of every pixel to the pixels of its window, from where they lie in the image. A window that goes around an
// edge holds pixels of both sides, which see only their own side where `masked`.
MatrixD plain_windows(const MatrixD& x, const MatrixD& table, int shift, bool masked) {
  const int height = 6, width = 9, side = 3, d = 2;
  MatrixD z(height * width, 4);
  const auto place = [&](int p, int size) { return (p - shift + size) % size; };
  for (int h = 0; h < 2; ++h) {
    for (int q = 0; q < height * width; ++q) {
      const int qy = q / width, qx = q % width, py = place(qy, height), px = place(qx, width);
      double sum = 0;
      std::vector<double> total(d);
      for (int k = 0; k < height * width; ++k) {
        const int ky = k / width, kx = k % width, sy = place(ky, height), sx = place(kx, width);
        if (sy / side != py / side || sx / side != px / side) continue;
        if (masked && ((ky < shift) != (qy < shift) || (kx < shift) != (qx < shift))) continue;
        double score = 0;
        for (int c = 0; c < d; ++c) score += x(q, h * d + c) * x(k, 4 + h * d + c);
        const double weight =
            std::exp(score / std::sqrt(2.0) + table(h, (py - sy + side - 1) * (2 * side - 1) + px - sx + side - 1));
        sum += weight;
        for (int c = 0; c < d; ++c) total[static_cast<std::size_t>(c)] += weight * x(k, 8 + h * d + c);
      }
      for (int c = 0; c < d; ++c) z(q, h * d + c) = total[static_cast<std::size_t>(c)] / sum;
    }
  }
  return z;
}

}  // namespace

TEST_CASE("reference windows: attention with relative bias, shift and mask is what the image's pixels say") {
  const SeededParameters parameters(3);
  for (const bool masked : {false, true}) {
    for (const int shift : {0, 1, 2}) {
      if (masked && shift == 0) continue;
      INFO("shift " << shift << (masked ? " masked" : ""));
      const VitModel model = window_model(std::to_string(shift), std::string(R"("relative_bias": true)") +
                                                                     (masked ? R"(, "mask": "shifted_windows")" : ""));
      CHECK(parameter_count(model) == 2 * 5 * 5);
      const MatrixD image = parameters.tensor(parameters_of(model)[0]),
                    table = parameters.tensor(parameters_of(model)[1]);
      const ref::ForwardResult result = ref::forward(model, parameters, {});
      CHECK(difference(result.outputs.back(), plain_windows(image, table, shift, masked)) < 1e-14);
    }
  }
  // A query of the mask sees at least itself, and what it does not see counts: the outputs differ.
  CHECK(difference(plain_windows(parameters.tensor(parameters_of(window_model("1", R"("relative_bias": true)"))[0]),
                                 MatrixD(2, 25), 1, true),
                   plain_windows(parameters.tensor(parameters_of(window_model("1", R"("relative_bias": true)"))[0]),
                                 MatrixD(2, 25), 1, false)) > 1e-3);
}

// The numbers are those of a numpy script that does what the paper describes: it rolls the image, cuts it, adds minus
// infinity between pixels of different regions, and rolls the result back.
TEST_CASE("reference windows: shifted, biased and masked attention as numpy computes it by rolling the image") {
  struct Waves : ParameterSource {
    MatrixD tensor(const ParameterInfo& info) const override {
      MatrixD out(info.rows, info.cols);
      for (int i = 0; i < info.rows; ++i)
        for (int j = 0; j < info.cols; ++j)
          out(i, j) =
              info.role == ParameterRole::kImage ? 2 * std::sin(0.7 * i + 1.3 * j) : std::cos(0.9 * i + 0.4 * j);
      return out;
    }
  };
  const VitModel model = window_model("1", R"("relative_bias": true, "mask": "shifted_windows")");
  const MatrixD z = ref::forward(model, Waves(), {}).outputs.back();
  const struct {
    int pixel;
    double z[4];
  } expected[] = {{0, {-1.65565293817131, -1.52396716783806, 0.840334073653282, 1.97354392854923}},
                  {8, {-0.213657017674207, -1.88242517045069, -0.700905837281398, 1.54362879096165}},
                  {9, {-1.69758440914927, -1.47260707724065, 0.889636029884543, 1.96371661325568}},
                  {31, {1.78215565314912, 0.263922444995555, -1.45470280020908, -1.32921873245022}},
                  {53, {-0.448522294909901, -1.92437685541651, -0.543249423560983, 1.64166888760209}}};
  for (const auto& row : expected)
    for (int c = 0; c < 4; ++c) CHECK(z(row.pixel, c) == Approx(row.z[c]).epsilon(1e-12));
}

TEST_CASE("reference causal attention: a query sees the keys up to its own") {
  const VitModel model = parse_workload(
      R"({"name": "c", "image": {"height": 1, "width": 3, "channels": 3}, "layers": [
          {"name": "a", "kind": "attention", "heads": 1, "d_qk": 1, "layout": "qkv", "attention": "softmax", "mask": "causal"}]})",
      "f");
  struct Image : ParameterSource {
    MatrixD tensor(const ParameterInfo&) const override { return matrix(3, 3, {0, 5, 10, 1, 0, 20, 2, 0, 60}); }
  };
  // Queries 0, 1, 2, keys 5, 0, 0, values 10, 20, 60: row 1 has weights e^5 : 1, row 2 e^10 : 1 : 1.
  const MatrixD z = ref::forward(model, Image(), {}).outputs.back();
  const double a = std::exp(5.0), b = std::exp(10.0);
  CHECK(z(0, 0) == 10);
  CHECK(z(1, 0) == Approx((10 * a + 20) / (a + 1)).epsilon(1e-14));
  CHECK(z(2, 0) == Approx((10 * b + 80) / (b + 2)).epsilon(1e-14));
}
