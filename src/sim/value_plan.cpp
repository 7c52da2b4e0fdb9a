#include "sim/value_plan.h"

#include <algorithm>
#include <cmath>

namespace vitality {
namespace {

bool moves_rows(const Layer& layer) {
  return std::holds_alternative<ConcatToken>(layer.parameters) ||
         std::holds_alternative<ConcatChannels>(layer.parameters) ||
         std::holds_alternative<Subsample>(layer.parameters) || std::holds_alternative<Unfold>(layer.parameters) ||
         std::holds_alternative<Fold>(layer.parameters);
}

}  // namespace

double largest_magnitude(const MatrixD& x) {
  constexpr std::size_t kLanes = 16;  // maxima side by side: one alone is a chain of dependent comparisons
  double lanes[kLanes] = {};
  const double* const values = x.data();
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes)
    for (std::size_t j = 0; j < kLanes; ++j) {
      const double magnitude = std::fabs(values[i + j]);
      lanes[j] = lanes[j] < magnitude ? magnitude : lanes[j];
    }
  for (; i < x.size(); ++i) lanes[0] = std::max(lanes[0], std::fabs(values[i]));
  return *std::max_element(lanes, lanes + kLanes);
}

ValuePlan::ValuePlan(const VitModel& model, const HardwareConfig& config, const reference::ForwardResult& reference,
                     const ParameterSource& parameters)
    : model_(model), config_(config), layer_(model.layers.size(), 1.0), ranges_(reference.ranges) {
  if (!is_integer(config.precision)) return;
  const std::vector<ParameterInfo> infos = parameters_of(model);
  double brightest = 0;
  for (int i = 0; i < model.images; ++i)
    brightest = std::max(brightest, largest_magnitude(parameters.tensor(infos[static_cast<std::size_t>(i)])));
  image_ = weight_scale(brightest);
  for (std::size_t i = 0; i < layer_.size(); ++i) layer_[i] = weight_scale(largest_magnitude(reference.outputs[i]));
  share_over_images();
  // A batch norm folded into a layer's weights: behind the layer, its result is the layer's; in front of it, its input
  // is its result.
  const auto same_as = [&](std::size_t i) -> double* {
    const auto* norm = std::get_if<BatchNorm>(&model.layers[i].parameters);
    if (norm == nullptr || !config.batch_norm_folded) return nullptr;
    const int other = norm->folded_into < static_cast<int>(i) ? norm->folded_into : model.layers[i].inputs[0];
    return is_model_input(other) ? &image_ : &layer_[static_cast<std::size_t>(other)];
  };
  for (std::size_t i = 0; i < layer_.size(); ++i) {
    double* const other = same_as(i);
    if (other == nullptr) continue;
    const bool behind = std::get<BatchNorm>(model.layers[i].parameters).folded_into < static_cast<int>(i);
    (behind ? *other : layer_[i]) = behind ? layer_[i] : *other;
  }
  // Rows that are only moved keep their codes: one scale, the largest.
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < layer_.size(); ++i) {
      if (!moves_rows(model.layers[i])) continue;
      double largest = layer_[i];
      for (const int input : model.layers[i].inputs) largest = std::max(largest, scale(input));
      const auto raise = [&](double& value) {
        changed = changed || value != largest;
        value = largest;
      };
      raise(layer_[i]);
      for (const int input : model.layers[i].inputs)
        raise(is_model_input(input) ? image_ : layer_[static_cast<std::size_t>(input)]);
    }
    for (std::size_t i = 0; i < layer_.size(); ++i) {
      double* const other = same_as(i);
      if (other != nullptr && *other != layer_[i]) changed = true, *other = layer_[i] = std::max(*other, layer_[i]);
    }
  }
}

// The images of a batch share their weights, so they share the formats too.
void ValuePlan::share_over_images() {
  const std::size_t count = layer_.size() / static_cast<std::size_t>(model_.images);
  for (std::size_t i = count; i < layer_.size(); ++i) {
    const std::size_t first = i % count;
    layer_[first] = std::max(layer_[first], layer_[i]);
    reference::AttentionRanges& widest = ranges_[first];
    const reference::AttentionRanges& own = ranges_[i];
    widest = {std::max(widest.context, own.context), std::max(widest.numerator, own.numerator),
              std::max(widest.scores, own.scores)};
  }
  for (std::size_t i = count; i < layer_.size(); ++i) layer_[i] = layer_[i % count], ranges_[i] = ranges_[i % count];
}

double ValuePlan::weight_scale(double largest) const {
  if (!is_integer(config_.precision)) return 1;
  return (largest > 0 ? largest : 1.0) / max_code(config_.precision);
}

double ValuePlan::input_scale(int layer, int input) const {
  return scale(model_.layers[static_cast<std::size_t>(layer)].inputs[static_cast<std::size_t>(input)]);
}

AttentionScales ValuePlan::attention(int layer) const {
  AttentionScales s;
  if (!is_integer(config_.precision)) return s;
  const auto& a = std::get<Attention>(model_.layers[static_cast<std::size_t>(layer)].parameters);
  const reference::AttentionRanges& ranges = ranges_[static_cast<std::size_t>(layer)];
  s.q = input_scale(layer, a.q.input), s.k = input_scale(layer, a.k.input), s.v = input_scale(layer, a.v.input);
  s.context = weight_scale(ranges.context);
  // Wide intermediates have 32 bits; one is the sign, one is headroom for what calibration has not seen.
  constexpr double kWideRange = 1073741824.0;
  s.numerator = (ranges.numerator > 0 ? ranges.numerator : 1.0) / kWideRange;
  s.scores = (ranges.scores > 0 ? ranges.scores : 1.0) / kWideRange;
  s.probability = 1.0 / max_code(config_.precision);
  s.result = scale(layer);
  s.wide_result = s.result / 16384;
  // |T_ij| <= (1 + |q . k_hat| / sqrt(d)) / n, and the centring at most doubles the scores' bound.
  s.residual = (2 + 2 * ranges.scores / a.n_kv) / max_code(config_.precision);
  return s;
}

}  // namespace vitality
