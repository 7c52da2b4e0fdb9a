// Training in the reference: the synthetic task, gradients of a batch, falling loss, the same bits every time.
#include "reference/training.h"

#include <catch2/catch.hpp>
#include <set>
#include <stdexcept>

#include "tests/support/random_matrix.h"
#include "workload/workload_json.h"

using namespace vitality;
using namespace vitality::test;
namespace ref = vitality::reference;

namespace {

VitModel tiny() {
  return read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/tiny_vit.json");
}

struct Run {
  std::vector<double> losses;
  std::map<std::string, MatrixD> weights;
  double accuracy, taylor_accuracy;
};

Run train(AttentionKind map, ref::OptimizerKind kind, double rate, int steps) {
  const VitModel model = tiny();
  const ref::SyntheticImages images(32, 32, 3, 10, 1, 1.0);  // an easy task, for few steps
  const SeededParameters seeded(1);
  StoredParameters parameters(seeded);
  ref::store_trainable(model, seeded, parameters);
  ref::TrainingSettings settings;
  settings.forward.attention.assign(model.layers.size(), map);
  settings.forward.predictor.threshold = 0.5;
  settings.optimizer.kind = kind;
  settings.optimizer.rate = rate;
  settings.steps = steps;
  settings.batch = 8;
  settings.warmup_steps = steps / 10;
  Run run;
  run.losses = ref::train(model, images, settings, parameters);
  run.accuracy = ref::right_answers(model, images, 1ULL << 40, 100, settings, parameters) / 100.0;
  run.taylor_accuracy = ref::right_answers(model, images, 1ULL << 40, 100, {}, parameters) / 100.0;
  parameters.tensors().erase("input");
  run.weights = parameters.tensors();
  return run;
}

double mean(const std::vector<double>& x, std::size_t first, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += x[first + i];
  return sum / static_cast<double>(count);
}

}  // namespace

TEST_CASE("synthetic images: a function of seed and index, all classes, the label is the marked cell's texture") {
  const ref::SyntheticImages images(32, 32, 3, 10, 1), same(32, 32, 3, 10, 1), other(32, 32, 3, 10, 2);
  std::set<int> labels;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const ref::LabelledImage image = images.image(i);
    labels.insert(image.label);
    CHECK(difference(image.pixels, same.image(i).pixels) == 0);
    CHECK(difference(image.pixels, images.image(i + 1).pixels) > 0.1);
    CHECK(difference(image.pixels, other.image(i).pixels) > 0.1);
  }
  // Without noise in the difference: twice the signal adds the patterns once more.
  const ref::SyntheticImages half(32, 32, 3, 10, 1, 0.5), whole(32, 32, 3, 10, 1, 1);
  const MatrixD weak = half.image(3).pixels, strong = whole.image(3).pixels;
  std::set<double> steps;
  for (std::size_t i = 0; i < weak.size(); ++i)
    steps.insert(std::round((strong.data()[i] - weak.data()[i]) * 1e9) / 1e9);
  CHECK(steps == std::set<double>{-1, -0.5, 0, 0.5, 1});  // a texture, and in one cell texture and mark
  CHECK(labels.size() == 10);
  CHECK_THROWS_AS(ref::SyntheticImages(30, 32, 3, 10, 1), std::invalid_argument);
  CHECK_THROWS_AS(ref::SyntheticImages(32, 32, 3, 1, 1), std::invalid_argument);
}

TEST_CASE("a batch's gradients are the means of its images'") {
  const VitModel model = tiny();
  const ref::SyntheticImages images(32, 32, 3, 10, 1);
  const SeededParameters seeded(1);
  StoredParameters parameters(seeded);
  const auto both = ref::batch_gradients(model, images, 5, 2, {}, parameters),
             first = ref::batch_gradients(model, images, 5, 1, {}, parameters),
             second = ref::batch_gradients(model, images, 6, 1, {}, parameters);
  CHECK(both.loss == Approx((first.loss + second.loss) / 2).epsilon(1e-14));
  REQUIRE(both.parameters.size() == first.parameters.size());
  for (const auto& [name, gradient] : both.parameters) {
    MatrixD mean = first.parameters.at(name);
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean.data()[i] = (mean.data()[i] + second.parameters.at(name).data()[i]) / 2;
    CHECK(difference(gradient, mean) < 1e-15);
  }
}

TEST_CASE("training: the loss falls and the test accuracy is far above chance, for every attention and optimiser") {
  for (const AttentionKind map : {AttentionKind::kSoftmax, AttentionKind::kTaylor, AttentionKind::kUnified}) {
    INFO("attention " << static_cast<int>(map));
    const Run run = train(map, ref::OptimizerKind::kAdamW, 5e-3, 300);
    REQUIRE(run.losses.size() == 300);
    CHECK(run.losses[0] > 2);  // about ln 10 before the first update
    CHECK(mean(run.losses, 280, 20) < 0.5 * mean(run.losses, 0, 20));
    CHECK(run.accuracy > 0.6);
    if (map != AttentionKind::kSoftmax) CHECK(run.taylor_accuracy > 0.6);
  }
  const Run sgd = train(AttentionKind::kSoftmax, ref::OptimizerKind::kSgd, 0.02, 150);
  CHECK(mean(sgd.losses, 130, 20) < 0.9 * mean(sgd.losses, 0, 20));
}

TEST_CASE("training twice gives the same bits") {
  const Run a = train(AttentionKind::kUnified, ref::OptimizerKind::kAdamW, 3e-3, 5),
            b = train(AttentionKind::kUnified, ref::OptimizerKind::kAdamW, 3e-3, 5);
  CHECK(a.losses == b.losses);
  REQUIRE(a.weights.size() == b.weights.size());
  for (const auto& [name, tensor] : a.weights) CHECK(difference(tensor, b.weights.at(name)) == 0);
}
