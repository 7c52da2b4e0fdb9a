// Backward of whole models against central differences of their loss, parameter by parameter; and training.
#include "reference/model_gradient.h"

#include <array>
#include <catch2/catch.hpp>
#include <map>

#include "reference/layer_gradients.h"
#include "reference/training.h"
#include "tests/support/random_matrix.h"
#include "workload/stored_parameters.h"
#include "workload/workload_json.h"

using namespace vitality;
using namespace vitality::test;
namespace ref = vitality::reference;

namespace {

VitModel tiny(const std::string& name) {
  return read_workload(std::string(VITALITY_SOURCE_DIR) + "/workloads/" + name + ".json");
}

// Three elements of every parameter tensor (of small ones all): dL/dw by differences against backward().
void check_gradients(const VitModel& model, ref::ForwardOptions options) {
  const SeededParameters seeded(7);
  StoredParameters parameters(seeded);
  for (const ParameterInfo& info : parameters_of(model)) parameters.tensors()[info.name] = seeded.tensor(info);
  const int last = static_cast<int>(model.layers.size()) - 1;
  // A mask carries no gradient, so it may not move while differences are taken.
  std::map<std::array<int, 3>, Mask> masks;
  Random random(3);
  options.mask = [&](int layer, int instance, int head, const MatrixD&, const MatrixD&) {
    const auto& attention = std::get<Attention>(model.layers[static_cast<std::size_t>(layer)].parameters);
    Mask& mask = masks[{layer, instance, head}];
    if (mask.empty()) mask = random_mask(attention.n_q, attention.n_kv, 0.3, random.next());
    return mask;
  };
  const auto loss = [&] {
    return ref::softmax_cross_entropy(ref::forward(model, parameters, options).outputs.back(), 3).value;
  };
  const ref::ForwardResult saved = ref::forward(model, parameters, options);
  const ref::ModelGradients gradients = ref::backward(
      model, parameters, options, saved, {{last, ref::softmax_cross_entropy(saved.outputs.back(), 3).gradient}});
  int compared = 0;
  double largest = 0;
  for (auto& [name, tensor] : parameters.tensors()) {
    const auto found = gradients.parameters.find(name);
    if (name != "input" && found == gradients.parameters.end()) continue;
    const MatrixD& gradient = name == "input" ? gradients.image : found->second;
    INFO(name);
    REQUIRE(gradient.rows() == tensor.rows());
    REQUIRE(gradient.cols() == tensor.cols());
    for (int i = 0; i < 3; ++i) {
      double& value = tensor.data()[random.below(tensor.size())];
      const double before = value, step = 1e-5;
      value = before + step;
      const double above = loss();
      value = before - step;
      const double below = loss();
      value = before;
      const double expected = (above - below) / (2 * step), found_value = gradient.data()[&value - tensor.data()];
      CHECK(found_value == Approx(expected).epsilon(1e-5).margin(1e-8));
      largest = std::max(largest, std::fabs(found_value));
      ++compared;
    }
  }
  CHECK(largest > 1e-3);  // not a comparison of zeros
  CHECK(compared >= 45);  // tiny_cross has the fewest tensors
}

ref::ForwardOptions with(const VitModel& model, AttentionKind map) {
  ref::ForwardOptions options;
  options.attention.assign(model.layers.size(), map);
  return options;
}

}  // namespace

TEST_CASE("backward of tiny_vit equals finite differences with every kind of attention") {
  const VitModel model = tiny("tiny_vit");
  for (const AttentionKind map :
       {AttentionKind::kSoftmax, AttentionKind::kTaylor, AttentionKind::kSparse, AttentionKind::kUnified,
        AttentionKind::kUnifiedAdditive, AttentionKind::kReluLinear}) {
    INFO("attention " << static_cast<int>(map));
    check_gradients(model, with(model, map));
  }
}

TEST_CASE("backward of tiny_levit equals finite differences: score bias, downsampling, batch norm, two heads") {
  const VitModel model = tiny("tiny_levit");
  check_gradients(model, with(model, AttentionKind::kSoftmax));
  check_gradients(model, with(model, AttentionKind::kTaylor));
  ref::ForwardOptions first_order = with(model, AttentionKind::kTaylor);
  first_order.score_bias_first_order = true;
  check_gradients(model, first_order);
  first_order.attention.assign(model.layers.size(), AttentionKind::kUnified);
  check_gradients(model, first_order);
}

TEST_CASE("backward of tiny_mobilevit equals finite differences: depthwise convolutions, unfold, instances, concat") {
  const VitModel model = tiny("tiny_mobilevit");
  check_gradients(model, with(model, AttentionKind::kSoftmax));
  check_gradients(model, with(model, AttentionKind::kUnifiedAdditive));
}

TEST_CASE("backward of tiny_distilled equals finite differences: a row that is not the first, the mean of two heads") {
  const VitModel model = tiny("tiny_distilled");
  check_gradients(model, with(model, AttentionKind::kSoftmax));
}

TEST_CASE("backward of tiny_dinov2 equals finite differences: LayerScale, gates, slices, pooling, registers") {
  const VitModel model = tiny("tiny_dinov2");
  check_gradients(model, with(model, AttentionKind::kSoftmax));
  check_gradients(model, with(model, AttentionKind::kUnified));
}

TEST_CASE("backward of four more tiny models equals finite differences: ReLU-linear, reduced keys, windows, masks") {
  for (const char* name : {"tiny_efficientvit", "tiny_pvt", "tiny_swin", "tiny_cross"}) {
    const VitModel model = tiny(name);
    check_gradients(model, with(model, AttentionKind::kSoftmax));
  }
}

TEST_CASE("backward adds up several losses, layers that none of them reads have no gradient") {
  const VitModel model = tiny("tiny_levit");  // the last layer is head_dist; head is the one before its batch norm
  const SeededParameters parameters(1);
  const ref::ForwardOptions options;
  const ref::ForwardResult saved = ref::forward(model, parameters, options);
  int head = -1, head_dist = -1;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    if (model.layers[i].name == "head") head = static_cast<int>(i);
    if (model.layers[i].name == "head_dist") head_dist = static_cast<int>(i);
  }
  REQUIRE(head >= 0);
  REQUIRE(head_dist >= 0);
  const MatrixD a = random_matrix(1, 10, 1), b = random_matrix(1, 10, 2);
  const auto both = ref::backward(model, parameters, options, saved, {{head, a}, {head_dist, b}});
  const auto first = ref::backward(model, parameters, options, saved, {{head, a}});
  const auto second = ref::backward(model, parameters, options, saved, {{head_dist, b}});
  CHECK(first.parameters.count("head.weight") == 1);
  CHECK(first.parameters.count("head_dist.weight") == 0);
  CHECK(first.outputs[static_cast<std::size_t>(head_dist)].empty());
  MatrixD sum = first.image;
  for (std::size_t i = 0; i < sum.size(); ++i) sum.data()[i] += second.image.data()[i];
  CHECK(difference(both.image, sum) < 1e-14);
  CHECK(inner_product(sum, sum) > 0);
}
