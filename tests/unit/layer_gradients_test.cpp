// Backward of the reference's layers against central differences of their forward, and updates against hand-worked
// numbers.
#include "reference/layer_gradients.h"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "reference/layers.h"
#include "reference/optimizer.h"
#include "tests/support/random_matrix.h"

using namespace vitality;
using namespace vitality::test;
namespace ref = vitality::reference;

namespace {

constexpr double kTolerance = 1e-8;

std::vector<double> row(const MatrixD& x) {
  return {x.data(), x.data() + x.size()};
}

}  // namespace

TEST_CASE("linear backward equals finite differences") {
  MatrixD x = random_matrix(5, 7, 1), w = random_matrix(7, 3, 2), b = random_matrix(1, 3, 3);
  const MatrixD dy = random_matrix(5, 3, 4);
  const auto loss = [&] { return inner_product(ref::linear(x, w, row(b)), dy); };
  const ref::WeightGradients g = ref::linear_backward(x, w, dy);
  CHECK(difference(g.input, numeric_gradient(x, loss)) < kTolerance);
  CHECK(difference(g.weight, numeric_gradient(w, loss)) < kTolerance);
  CHECK(difference(g.bias, numeric_gradient(b, loss)) < kTolerance);
}

TEST_CASE("conv2d backward equals finite differences: strided, padded, grouped, depthwise") {
  for (const Conv2d& conv : {Conv2d{3, 4, 3, 2, 1, 1, 6, 5, 3, 3, true}, Conv2d{4, 6, 3, 1, 1, 2, 4, 3, 4, 3, true},
                             Conv2d{4, 4, 3, 2, 1, 4, 5, 5, 3, 3, true}, Conv2d{2, 3, 2, 2, 0, 1, 4, 6, 2, 3, true}}) {
    MatrixD x = random_matrix(conv.in_height * conv.in_width, conv.in_channels, 1);
    MatrixD w = random_matrix(conv.kernel * conv.kernel * conv.in_channels / conv.groups, conv.out_channels, 2);
    MatrixD b = random_matrix(1, conv.out_channels, 3);
    const MatrixD dy = random_matrix(conv.out_height * conv.out_width, conv.out_channels, 4);
    const auto loss = [&] { return inner_product(ref::conv2d(conv, x, w, row(b)), dy); };
    const ref::WeightGradients g = ref::conv2d_backward(conv, x, w, dy);
    INFO("groups " << conv.groups << " stride " << conv.stride);
    CHECK(difference(g.input, numeric_gradient(x, loss)) < kTolerance);
    CHECK(difference(g.weight, numeric_gradient(w, loss)) < kTolerance);
    CHECK(difference(g.bias, numeric_gradient(b, loss)) < kTolerance);
  }
}

TEST_CASE("layer norm and batch norm backward equal finite differences") {
  MatrixD x = random_matrix(4, 6, 1, -2, 3), scale = random_matrix(1, 6, 2, 0.5, 2), shift = random_matrix(1, 6, 3);
  const MatrixD dy = random_matrix(4, 6, 4), mean = random_matrix(1, 6, 5), variance = random_matrix(1, 6, 6, 0.5, 2);
  const auto check = [&](const ref::NormGradients& g, const auto& loss) {
    CHECK(difference(g.input, numeric_gradient(x, loss)) < kTolerance);
    CHECK(difference(g.scale, numeric_gradient(scale, loss)) < kTolerance);
    CHECK(difference(g.shift, numeric_gradient(shift, loss)) < kTolerance);
  };
  check(ref::layer_norm_backward(x, scale, dy), [&] { return inner_product(ref::layer_norm(x, scale, shift), dy); });
  check(ref::batch_norm_backward(x, scale, mean, variance, dy),
        [&] { return inner_product(ref::batch_norm(x, scale, shift, mean, variance), dy); });
}

TEST_CASE("activation derivatives equal finite differences away from their kinks") {
  MatrixD x = random_matrix(1, 200, 1, -5, 5);
  const MatrixD dy = random_matrix(1, 200, 2);
  for (const ActivationKind kind :
       {ActivationKind::kGelu, ActivationKind::kHardswish, ActivationKind::kSilu, ActivationKind::kRelu,
        ActivationKind::kGeluTanh, ActivationKind::kQuickGelu, ActivationKind::kRelu6}) {
    const auto loss = [&] { return inner_product(ref::activation(kind, x), dy); };
    CHECK(difference(ref::activation_backward(kind, x, dy), numeric_gradient(x, loss)) < kTolerance);
  }
}

TEST_CASE("backward of pooling, subsampling and blocks equals finite differences") {
  MatrixD x = random_matrix(15, 2, 1);
  const Subsample subsample{3, 5, 2, 2};
  const MatrixD d_pool = random_matrix(1, 2, 2), d_sub = random_matrix(6, 2, 3), d_block = random_matrix(4, 1, 4);
  CHECK(difference(ref::mean_rows_backward(15, d_pool),
                   numeric_gradient(x, [&] { return inner_product(ref::mean_rows(x), d_pool); })) < kTolerance);
  CHECK(difference(ref::subsample_backward(subsample, d_sub), numeric_gradient(x, [&] {
                     return inner_product(ref::subsample(subsample, x), d_sub);
                   })) < kTolerance);
  MatrixD d_x(15, 2);
  ref::add_to_block(d_x, 3, 1, d_block);
  CHECK(difference(d_x, numeric_gradient(x, [&] { return inner_product(ref::block(x, 3, 4, 1, 1), d_block); })) <
        kTolerance);
}

TEST_CASE("softmax cross-entropy: value, gradient, and logits far apart") {
  MatrixD logits = random_matrix(1, 9, 1, -3, 3);
  const ref::Loss loss = ref::softmax_cross_entropy(logits, 4);
  double sum = 0;
  for (int c = 0; c < 9; ++c) sum += std::exp(logits(0, c));
  CHECK(loss.value == Approx(-std::log(std::exp(logits(0, 4)) / sum)).epsilon(1e-13));
  CHECK(difference(loss.gradient,
                   numeric_gradient(logits, [&] { return ref::softmax_cross_entropy(logits, 4).value; })) < kTolerance);
  MatrixD far(1, 2);
  far(0, 0) = 1000;
  CHECK(ref::softmax_cross_entropy(far, 1).value == 1000);
  CHECK(ref::softmax_cross_entropy(far, 0).value == 0);
}

TEST_CASE("SGD: two steps with momentum and decay, by hand") {
  ref::OptimizerSettings settings;
  settings.kind = ref::OptimizerKind::kSgd;
  settings.rate = 0.5;
  settings.momentum = 0.5;
  settings.weight_decay = 0.25;
  ref::Optimizer optimizer(settings);
  MatrixD w(1, 1, 4.0), b(1, 1, 4.0);
  const MatrixD g(1, 1, 1.0);
  optimizer.update("w", w, g);         // v = 1 + 0.25*4 = 2; w = 4 - 1
  optimizer.update("b", b, g, false);  // v = 1; b = 4 - 0.5
  CHECK(w(0, 0) == 3.0);
  CHECK(b(0, 0) == 3.5);
  optimizer.update("w", w, g);         // v = 1 + 1 + 0.75 = 2.75
  optimizer.update("b", b, g, false);  // v = 1.5
  CHECK(w(0, 0) == 3.0 - 0.5 * 2.75);
  CHECK(b(0, 0) == 3.5 - 0.5 * 1.5);
  CHECK_THROWS_AS(optimizer.update("w", w, MatrixD(1, 2)), std::invalid_argument);
}

TEST_CASE("AdamW: the first step has the gradient's sign and the rate's size, decay is decoupled") {
  ref::OptimizerSettings settings;
  settings.rate = 0.1;
  settings.weight_decay = 0.5;
  ref::Optimizer optimizer(settings);
  MatrixD w(1, 2, 2.0);
  MatrixD g(1, 2, 3.0);
  g(0, 1) = -1e-3;
  optimizer.update("w", w, g);  // m/(1-b1) = g, s/(1-b2) = g^2: the step is rate * sign(g), plus rate * decay * w
  CHECK(w(0, 0) == Approx(2 - 0.1 * (1 + 0.5 * 2)).epsilon(1e-7));
  CHECK(w(0, 1) == Approx(2 - 0.1 * (-1 + 0.5 * 2)).epsilon(1e-5));
  // A second step, worked out from the definition.
  const double before = w(0, 0);
  g(0, 0) = -1;
  optimizer.update("w", w, g);
  const double m = 0.9 * (0.1 * 3) + 0.1 * -1, s = 0.999 * (0.001 * 9) + 0.001 * 1;
  const double step = m / (1 - 0.81) / (std::sqrt(s / (1 - 0.999 * 0.999)) + 1e-8);
  CHECK(w(0, 0) == Approx(before - 0.1 * (step + 0.5 * before)).epsilon(1e-12));
}
