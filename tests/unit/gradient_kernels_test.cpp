// Tile kernels of the backward pass against the double reference; costs of its jobs by hand.
#include <catch2/catch.hpp>
#include <cmath>

#include "cost/gradient_cost.h"
#include "kernels/gradient.h"
#include "reference/layer_gradients.h"
#include "reference/optimizer.h"
#include "tensor/matrix_ops.h"
#include "tests/support/random_matrix.h"

namespace vitality {
namespace {

constexpr int kRows = 5, kCols = 12;
const Arithmetic kDouble(Precision::kFp64);

double largest_difference(const MatrixD& a, const MatrixD& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::fabs(a.data()[i] - b.data()[i]));
  return worst;
}
MatrixD values(std::uint64_t seed, int rows = kRows, int cols = kCols) {
  return test::random_matrix(rows, cols, seed);
}
ConstTile view(const MatrixD& m) {
  return {m.data(), m.cols()};
}
Tile tile(MatrixD& m) {
  return {m.data(), m.cols()};
}

}  // namespace

TEST_CASE("gradient kernels equal the reference") {
  const MatrixD x = values(1), dy = values(2), gamma = values(3, 1, kCols);
  SECTION("layer norm, in place of x") {
    const reference::NormGradients want = reference::layer_norm_backward(x, gamma, dy);
    MatrixD result = x, products(kRows, kCols);
    norm_gradient(kDouble, kRows, kCols, view(dy), view(result), {gamma.data(), 1e-6}, tile(result), tile(products));
    CHECK(largest_difference(result, want.input) < 1e-13);
    CHECK(largest_difference(column_sums(products), want.scale) < 1e-13);
  }
  SECTION("activations") {
    for (const auto kind :
         {ActivationKind::kGelu, ActivationKind::kHardswish, ActivationKind::kSilu, ActivationKind::kRelu,
          ActivationKind::kGeluTanh, ActivationKind::kQuickGelu, ActivationKind::kRelu6}) {
      MatrixD wide = x, result(kRows, kCols);
      scale(wide, 4);
      activation_gradient(kDouble, kind, kRows, kCols, view(dy), view(wide), tile(result));
      CHECK(largest_difference(result, reference::activation_backward(kind, wide, dy)) < 1e-13);
    }
  }
  SECTION("loss") {
    const MatrixD logits = values(4, 1, kCols);
    MatrixD result(1, kCols), want = reference::softmax_cross_entropy(logits, 3).gradient;
    scale(want, 8);
    loss_gradient(kDouble, kCols, logits.data(), 3, 8, result.data());
    CHECK(largest_difference(result, want) < 1e-13);
  }
  SECTION("both optimisers, two steps from zero moments are one step each from the moments before") {
    for (const auto kind : {reference::OptimizerKind::kAdamW, reference::OptimizerKind::kSgd}) {
      reference::OptimizerSettings s;
      s.kind = kind, s.rate = 0.01, s.weight_decay = 0.1;
      MatrixD want = x, weights = x, first(kRows, kCols), second(kRows, kCols), scaled = dy;
      reference::Optimizer(s).update("w", want, dy);
      scale(scaled, 16);
      update_weights(kDouble, kDouble,
                     {kind == reference::OptimizerKind::kAdamW, s.rate, s.momentum, s.beta1, s.beta2, s.epsilon,
                      s.weight_decay, 16},
                     kRows * kCols, weights.data(), scaled.data(), first.data(), second.data(), nullptr);
      CHECK(largest_difference(weights, want) < 1e-15);
    }
  }
}

TEST_CASE("gradient kernels: small cases by hand") {
  const double dp[] = {1, 0, 0, 2}, p[] = {0.5, 0.5, 0.25, 0.75};
  double ds[4], products[2], outer[4];
  softmax_gradient(kDouble, 2, 2, {dp, 2}, {p, 2}, 2, {ds, 2});  // row sums 0.5 and 1.5
  CHECK(ds[0] == 0.5);
  CHECK(ds[1] == -0.5);
  CHECK(ds[2] == -0.75);
  CHECK(ds[3] == 0.75);
  row_products(kDouble, 2, 2, {dp, 2}, {p, 2}, products);
  CHECK(products[0] == 0.5);
  CHECK(products[1] == 1.5);
  const double column[] = {2, 3}, row[] = {10, 100};
  add_outer(kDouble, 2, 2, {dp, 2}, column, row, {outer, 2});
  CHECK(outer[0] == 21);
  CHECK(outer[3] == 302);
}

TEST_CASE("gradient jobs: costs by hand") {
  HardwareConfig config;
  config.precision = Precision::kFp16;
  config.special_functions.lanes = 16;
  Schedule schedule;
  schedule.updates.resize(1);
  const auto cost = [&](JobKind kind, int m, int n, int gradient_element = 0, int flags = 0) {
    Job job{};
    job.unit = kind == JobKind::kClear ? UnitKind::kAdders : UnitKind::kSpecialFunctions;
    job.kind = kind, job.m = m, job.n = n, job.flags = static_cast<std::uint16_t>(flags);
    job.detail = UpdateId{0}, schedule.updates[0].gradient_element = gradient_element;
    return job_cost(job, schedule, config);
  };
  SECTION("AdamW: nine multiplications, five additions, a root and a quotient an element") {
    const JobCost c = cost(JobKind::kUpdate, 3, 32, 4);
    CHECK(c.operations.mul == 9 * 96);
    CHECK(c.operations.add == 5 * 96);
    CHECK(c.operations.div == 2 * 96);
    CHECK(c.stream == 9 * 6);                       // 96 elements on 16 lanes, nine sweeps
    CHECK(c.scratchpad_read == 4 * 4 * 96);         // weights, two moments, gradient
    CHECK(c.scratchpad_write == (3 * 4 + 2) * 96);  // and the fp16 copy
  }
  SECTION("SGD") {
    config.training.optimizer = OptimizerChoice::kSgd;
    const JobCost c = cost(JobKind::kUpdate, 3, 32, 2);
    CHECK(c.operations.mul == 3 * 96);
    CHECK(c.operations.div == 0);
    CHECK(c.stream == 3 * 6);
    CHECK(c.scratchpad_read == (2 * 4 + 2) * 96);
    CHECK(c.scratchpad_write == (2 * 4 + 2) * 96);
  }
  SECTION("layer norm: seven sweeps") {
    const JobCost c = cost(JobKind::kNormGradient, 4, 48);
    CHECK(c.operations.mul == 7 * 192 + 4 * 4);
    CHECK(c.operations.div == 2 * 4);
    CHECK(c.stream == 7 * 12);
    CHECK(c.scratchpad_write == 2 * 2 * 192);
  }
  SECTION("others") {
    CHECK(cost(JobKind::kActivationGradient, 2, 32).operations.mul == 3 * 64);
    CHECK(cost(JobKind::kActivationGradient, 2, 32).stream == 3 * 4);
    CHECK(cost(JobKind::kSoftmaxGradient, 2, 32).operations.add == 2 * 64 - 2);
    CHECK(cost(JobKind::kRowProducts, 8, 16).scratchpad_write == 4 * 8);
    CHECK(cost(JobKind::kRowProducts, 8, 16).scratchpad_read == 4 * 128);
    CHECK(cost(JobKind::kRowProducts, 8, 16, 0, kWide).scratchpad_read == 6 * 128);
    CHECK(cost(JobKind::kAddOuter, 8, 16).operations.add == 128);
    CHECK(cost(JobKind::kClear, 8, 16).operations == OperationCounts());
    CHECK(cost(JobKind::kClear, 8, 16).scratchpad_write == 2 * 128);
  }
}

}  // namespace vitality
