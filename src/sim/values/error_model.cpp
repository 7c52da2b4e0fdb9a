#include "sim/values/error_model.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

struct Rounding {
  double storage = 0, sums = 0;  // half a unit in the last place of 1; 0: exact, or fixed
};

Rounding rounding_of(Precision precision) {
  switch (precision) {
    case Precision::kFp64:
      return {0, 0x1p-53};
    case Precision::kFp32:
      return {0x1p-24, 0x1p-24};
    case Precision::kFp16:
      return {0x1p-11, 0x1p-24};
    case Precision::kInt16:
    case Precision::kInt8:
      return {0, 0};
  }
  return {};
}

constexpr double kFloatingVariance = 0.18;

class Propagation {
 public:
  Propagation(const VitModel& model, const HardwareConfig& config, const reference::ForwardOptions& options,
              const std::vector<reference::LayerRanges>& ranges, const ValuePlan& plan,
              const ParameterSource& parameters)
      : model_(model),
        config_(config),
        options_(options),
        ranges_(ranges),
        plan_(plan),
        parameters_(parameters),
        rounding_(rounding_of(config.precision)),
        variances_(model.layers.size()) {}

  void add(int layer, bool computed) {
    index_ = layer;
    double& variance = variances_[static_cast<std::size_t>(layer)];
    variance = computed ? std::visit([this](const auto& p) { return apply(p); }, this->layer().parameters) : stored();
    // Every operation in double rounds too, in an order that the machine and the reference do not share.
    variance += own().output_square * square(4 * 0x1p-53);
  }

  ErrorTolerance tolerance() const {
    const MatrixShape shape = output_shape(layer());
    const double count = static_cast<double>(shape.rows) * shape.cols, peak = own().output > 0 ? own().output : 1;
    const double rms = kErrorFactor * std::sqrt(variances_[static_cast<std::size_t>(index_)]) / peak;
    const double smaller = std::min(shape.rows, shape.cols);
    return {rms * (std::sqrt(2 * logarithm(count)) + 2), rms, rms / std::sqrt(smaller)};
  }

 private:
  static double square(double x) { return x * x; }
  const Layer& layer() const { return model_.layers[static_cast<std::size_t>(index_)]; }
  const reference::LayerRanges& own() const { return ranges_[static_cast<std::size_t>(index_)]; }
  bool fixed() const { return is_integer(config_.precision); }

  // Of stored values of a tensor with this scale and mean square.
  double storage(double scale, double mean_square) const {
    return fixed() ? square(scale) / 12 : kFloatingVariance * mean_square * square(rounding_.storage);
  }
  double calibrated(double largest, double mean_square) const {
    return storage(plan_.weight_scale(largest), mean_square);
  }
  double stored() const { return storage(plan_.scale(index_), own().output_square); }
  // Of a sum of so many terms, relative rounding at each.
  double accumulated(double terms, double mean_square) const {
    return kFloatingVariance * terms / 2 * mean_square * square(rounding_.sums);
  }

  struct Operand {
    double variance, square;
  };
  Operand input(std::size_t i = 0) const {
    const int source = layer().inputs[i];
    if (is_model_input(source)) {
      const double mean = 1;  // seeded images have it; of others only a floating format's storage error depends on it
      return {storage(plan_.scale(source), mean), mean};
    }
    return {variances_[static_cast<std::size_t>(source)], ranges_[static_cast<std::size_t>(source)].output_square};
  }

  // A batch norm's largest factor where one is folded into this layer, on either side.
  const reference::LayerRanges* folded(bool behind) const {
    if (!config_.batch_norm_folded) return nullptr;
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      const auto* const norm = std::get_if<BatchNorm>(&model_.layers[i].parameters);
      const int here = static_cast<int>(i);
      if (norm != nullptr && norm->folded_into == index_ && (here > index_) == behind) return &ranges_[i];
    }
    return nullptr;
  }

  // K products of inputs and weights, not yet stored.
  double products(double length) const {
    Operand x = input();
    double weight = own().weight;
    if (const reference::LayerRanges* const front = folded(false)) {  // the machine's input is that of the norm
      weight *= front->weight;
      x.square = front->gain > 0 ? x.square / square(front->gain) : x.square;
    }
    const reference::LayerRanges* const back = folded(true);
    const double scaled = back == nullptr ? 1 : back->weight / std::max(back->gain, 1e-300);
    return length * (x.variance * own().weight_square + x.square * calibrated(weight * scaled, own().weight_square)) +
           accumulated(length, own().output_square);
  }
  double linear(double length) const { return products(length) + (folded(true) != nullptr ? 0 : stored()); }
  double apply(const Linear& p) const { return linear(p.in_features); }
  double apply(const Conv2d& p) const { return linear(1.0 * p.kernel * p.kernel * p.in_channels / p.groups); }

  double through(double added) const { return input().variance * square(own().gain) + added; }
  double apply(const LayerNorm&) const { return through(stored()); }
  double apply(const Activation&) const { return through(stored()); }
  double apply(const BatchNorm& p) const {
    const bool in_front = config_.batch_norm_folded && p.folded_into > index_;  // nothing is stored here
    return through(in_front ? 0 : stored());
  }
  double apply(const Add&) const { return input(0).variance + input(1).variance + stored(); }
  double apply(const PositionEmbedding&) const {
    const MatrixD learned = parameters_.tensor(parameters_of(layer())[0]);
    return input().variance + calibrated(max_abs(learned), own().output_square) + stored();
  }
  double apply(const MeanPool& p) const { return mean(input(), p.rows) + stored(); }

  // Of a mean over rows: errors are as much alike as the values are.
  double mean(const Operand& x, double rows) const {
    const double alike = x.square > 0 ? std::min(1.0, own().output_square / x.square) : 0;
    return x.variance * std::max(1 / rows, alike) + accumulated(rows, own().output_square);
  }

  double apply(const ConcatToken& p) const { return (input().variance * (p.tokens - 1) + stored()) / p.tokens; }
  double apply(const ConcatChannels&) const {
    double sum = 0, channels = 0;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const double cols = output_shape(model_.layers[static_cast<std::size_t>(layer().inputs[i])]).cols;
      sum += input(i).variance * cols, channels += cols;
    }
    return sum / channels;
  }
  double apply(const Subsample&) const { return input().variance; }
  double apply(const Unfold&) const { return input().variance; }
  double apply(const Fold&) const { return input().variance; }
  double apply(const GivenTensor&) const { return stored(); }

  double apply(const Attention& a) const {
    const AttentionKind kind = attention_kind(options_, index_);
    return (traits(kind).low_rank ? taylor(a) : 0) +
           (kind == AttentionKind::kSoftmax || traits(kind).uses_mask ? map_times_values(a) : 0) + stored();
  }

  Operand operand(const HeadColumns& from, double mean_square) const {
    return {input(static_cast<std::size_t>(from.input)).variance, mean_square};
  }

  // Z = mean(V) + Q G / (n sqrt d), G = K_hat^T V.
  double taylor(const Attention& a) const {
    const reference::LayerRanges& r = own();
    const double n = a.n_kv, d = a.d_qk;
    const Operand q = operand(a.q, r.query_square), k = operand(a.k, r.centred_key_square),
                  v = operand(a.v, r.value_square);
    const double context = n * (k.variance * v.square + k.square * v.variance) + accumulated(n, r.context_square) +
                           calibrated(r.context, r.context_square);
    const double products = d * (q.variance * r.context_square + q.square * context) / (n * n * d);
    // The stored mean of K misses the mean by a rounding: K_hat's columns do not quite add up to 0.
    const double mean_of_keys = storage(plan_.input_scale(index_, a.k.input), k.square) * q.square * r.output_square;
    double bias = 0;
    if (a.bias_params > 0 && options_.score_bias_first_order) bias = score_bias() * v.square / n;
    return mean(v, n) + products + mean_of_keys + bias + accumulated(d + n, r.output_square);
  }

  double score_bias() const {
    const MatrixD table = parameters_.tensor(parameters_of(layer())[0]);
    return calibrated(max_abs(table), 1);
  }

  // Z = P V, P = softmax(S): dP_j = P_j (dS_j - P . dS).
  double map_times_values(const Attention& a) const {
    const reference::LayerRanges& r = own();
    const double n = a.n_kv;
    const Operand q = operand(a.q, r.query_square), k = operand(a.k, r.key_square), v = operand(a.v, r.value_square);
    const double scores = q.variance * k.square + k.variance * q.square + (a.bias_params > 0 ? score_bias() : 0) +
                          accumulated(a.d_qk + n, q.square * k.square);
    return n * r.probability_square * (std::min(scores, 1.0) * v.square + v.variance) +
           n * v.square * calibrated(r.probability, r.probability_square) + accumulated(n, r.output_square);
  }

  const VitModel& model_;
  const HardwareConfig& config_;
  const reference::ForwardOptions& options_;
  const std::vector<reference::LayerRanges>& ranges_;
  const ValuePlan& plan_;
  const ParameterSource& parameters_;
  Rounding rounding_;
  std::vector<double> variances_;
  int index_ = 0;
};

}  // namespace

std::vector<ErrorTolerance> error_tolerances(const VitModel& model, const HardwareConfig& config,
                                             const reference::ForwardOptions& options,
                                             const std::vector<reference::LayerRanges>& ranges, const ValuePlan& plan,
                                             const ParameterSource& parameters,
                                             const std::function<bool(int layer)>& computed) {
  Propagation propagation(model, config, options, ranges, plan, parameters);
  std::vector<ErrorTolerance> tolerances;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    propagation.add(static_cast<int>(i), computed(static_cast<int>(i)));
    tolerances.push_back(propagation.tolerance());
  }
  return tolerances;
}

}  // namespace vitality
