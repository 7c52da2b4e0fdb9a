#include "sim/values/value_plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

bool moves_rows(const Layer& layer) {
  return std::holds_alternative<ConcatToken>(layer.parameters) ||
         std::holds_alternative<ConcatChannels>(layer.parameters) ||
         std::holds_alternative<Subsample>(layer.parameters) || std::holds_alternative<Unfold>(layer.parameters) ||
         std::holds_alternative<Fold>(layer.parameters) || std::holds_alternative<Slice>(layer.parameters) ||
         std::holds_alternative<PatchMerge>(layer.parameters);
}

}  // namespace

ValuePlan::ValuePlan(const VitModel& model, const HardwareConfig& config, const reference::ForwardResult& reference,
                     const ParameterSource& parameters, std::function<void(int)> reach)
    : model_(model), config_(config), reference_(reference), reach_(std::move(reach)) {
  if (!is_scaled(config.precision)) return;
  const int count = static_cast<int>(model.layers.size()), image = count;
  const std::vector<ParameterInfo> infos = parameters_of(model);
  double brightest = 0;
  for (int i = 0; i < model.images; ++i)
    brightest = std::max(brightest, max_abs(parameters.tensor(infos[static_cast<std::size_t>(i)])));
  std::vector<bool> absorbed(model.layers.size(), false);
  std::vector<int> group(model.layers.size() + 1);
  std::iota(group.begin(), group.end(), 0);
  const auto join = [&](int a, int b) {
    // Copies, because the elements themselves are replaced on the way.
    const int old = group[static_cast<std::size_t>(a)],
              joined = group[static_cast<std::size_t>(is_model_input(b) ? image : b)];
    std::replace(group.begin(), group.end(), old, joined);
  };
  for (int i = 0; i < count; ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(i)];
    join(i, i % (count / model.images));  // images of a batch share their weights, so they share the formats
    if (moves_rows(layer))                // codes do not change
      for (const int input : layer.inputs) join(i, input);
    const auto* norm = std::get_if<BatchNorm>(&layer.parameters);
    if (norm == nullptr || !config.batch_norm_folded) continue;
    // If the norm stands behind the layer that absorbs it, its result is the layer's result; if in front, its input is
    // its result.
    const bool behind = norm->folded_into < i;
    const int other = behind ? norm->folded_into : layer.inputs[0];
    join(i, other);
    absorbed[static_cast<std::size_t>(behind ? other : i)] = true;
  }
  for (int i = 0; i < count; ++i)
    if (!absorbed[static_cast<std::size_t>(i)]) groups_[group[static_cast<std::size_t>(i)]].waiting.push_back(i);
  groups_[group.back()].scale = weight_scale(brightest);
  group_of_ = std::move(group);
}

double ValuePlan::scale(int layer) const {
  if (!is_scaled(config_.precision)) return 1;
  Group& group = groups_[is_model_input(layer) ? group_of_.back() : group_of_[static_cast<std::size_t>(layer)]];
  if (!group.waiting.empty() && reach_) reach_(group.waiting.back());
  for (const int each : group.waiting)
    group.scale = std::max(group.scale, weight_scale(reference_.ranges[static_cast<std::size_t>(each)].output));
  group.waiting.clear();
  return group.scale;
}

double ValuePlan::weight_scale(double largest) const {
  if (!is_scaled(config_.precision)) return 1;
  return (largest > 0 ? largest : 1.0) / scaled_to(config_.precision);
}

double ValuePlan::input_scale(int layer, int input) const {
  return scale(model_.layers[static_cast<std::size_t>(layer)].inputs[static_cast<std::size_t>(input)]);
}

AttentionScales ValuePlan::attention(int layer) const {
  AttentionScales s;
  if (!is_scaled(config_.precision)) return s;
  const auto& a = std::get<Attention>(model_.layers[static_cast<std::size_t>(layer)].parameters);
  reference::LayerRanges ranges;  // over the images of the batch
  const std::size_t count = model_.layers.size(), every = count / static_cast<std::size_t>(model_.images);
  if (reach_) reach_(static_cast<int>(count - every) + layer % static_cast<int>(every));
  for (std::size_t i = static_cast<std::size_t>(layer) % every; i < count; i += every) {
    const reference::LayerRanges& own = reference_.ranges[i];
    ranges.context = std::max(ranges.context, own.context);
    ranges.numerator = std::max(ranges.numerator, own.numerator);
    ranges.scores = std::max(ranges.scores, own.scores);
    ranges.probability = std::max(ranges.probability, own.probability);
  }
  s.q = input_scale(layer, a.q.input), s.k = input_scale(layer, a.k.input), s.v = input_scale(layer, a.v.input);
  s.context = weight_scale(ranges.context);
  // Wide intermediates have 32 bits: one is the sign, one is left for values larger than those of the calibration.
  constexpr double kWideRange = 1073741824.0;
  s.numerator = (ranges.numerator > 0 ? ranges.numerator : 1.0) / kWideRange;
  s.scores = (ranges.scores > 0 ? ranges.scores : 1.0) / kWideRange;
  s.probability = weight_scale(ranges.probability);
  s.exponential = weight_scale(1);
  s.result = scale(layer);
  // 14 bits finer than a code of Z. The largest int16 code then takes 29 of the 32 bits: one is the sign, two are left
  // for parts that are larger than their sum.
  s.wide_result = s.result / 16384;
  return s;
}

}  // namespace vitality
