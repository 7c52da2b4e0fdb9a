#include "sim/values/error_model.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "sim/values/row_errors.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

struct Rounding {
  double storage = 0, sums = 0;  // half a unit in the last place of 1; 0: exact, or a fixed format
};

Rounding rounding_of(Precision precision) {
  switch (precision) {
    case Precision::kFp64:
      return {0, 0x1p-53};
    case Precision::kFp32:
      return {0x1p-24, 0x1p-24};
    case Precision::kFp16:
      return {0x1p-11, 0x1p-24};
    case Precision::kBf16:
      return {0x1p-8, 0x1p-24};
    case Precision::kFp8E4m3:
      return {0x1p-4, 0x1p-24};
    case Precision::kFp8E5m2:
      return {0x1p-3, 0x1p-24};
    case Precision::kInt16:
    case Precision::kInt8:
      return {0, 0};
  }
  return {};
}

constexpr double kFloatingVariance = 0.18;

double square(double x) {
  return x * x;
}

double largest_slope(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kGelu:
      return 1.129;  // at sqrt 2
    case ActivationKind::kGeluTanh:
      return 1.13;
    case ActivationKind::kHardswish:
      return 1.5;  // at 3
    case ActivationKind::kSilu:
    case ActivationKind::kQuickGelu:
      return 1.1;  // at 2.4, at 1.4
    case ActivationKind::kRelu:
    case ActivationKind::kRelu6:
      return 1;
  }
  return 1;
}

class Propagation {
 public:
  // More than 6 parameters: everything that a run is described by; kept as references.
  Propagation(const VitModel& model, const HardwareConfig& config, const reference::ForwardOptions& options,
              const reference::ForwardResult& reference, const ValuePlan& plan, const ParameterSource& parameters,
              const std::vector<std::vector<double>>& seen, const Propagation* means)
      : model_(model),
        config_(config),
        options_(options),
        ranges_(reference.ranges),
        image_squares_(reference.image_squares),
        plan_(plan),
        parameters_(parameters),
        seen_(seen),
        means_(means),
        rounding_(rounding_of(config.precision)),
        variances_(model.layers.size()),
        norm_before_(model.layers.size(), nullptr),
        norm_behind_(model.layers.size(), nullptr) {
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      const auto* const norm = std::get_if<BatchNorm>(&model.layers[i].parameters);
      if (norm == nullptr || !config.batch_norm_folded || norm->folded_into < 0) continue;
      const auto into = static_cast<std::size_t>(norm->folded_into);
      (i > into ? norm_behind_ : norm_before_)[into] = &ranges_[i];
    }
  }

  bool all_alike() const { return alike_; }  // of the last layer added
  // Computes the variance of the next layer.
  double add(int layer, bool computed) {
    index_ = layer;
    alike_ = alike_ || own().repeats;
    double& variance = variances_[static_cast<std::size_t>(layer)];
    variance = computed ? std::visit([this](const auto& p) { return apply(p); }, this->layer().parameters) : stored();
    // Operations in double round too, and the machine and the reference add in different orders.
    variance += own().output_square * square(4 * 0x1p-53);
    return variance;
  }

 private:
  const Layer& layer() const { return model_.layers[static_cast<std::size_t>(index_)]; }
  const reference::LayerRanges& own() const { return ranges_[static_cast<std::size_t>(index_)]; }
  bool fixed() const { return is_integer(config_.precision); }

  // Variance of storing values of a tensor with this scale and mean square.
  double storage(double scale, double mean_square) const {
    return fixed() ? square(scale) / 12 : kFloatingVariance * mean_square * square(rounding_.storage);
  }
  double calibrated(double largest, double mean_square) const {
    return storage(plan_.weight_scale(largest), mean_square);
  }
  double stored() const { return storage(plan_.scale(index_), own().output_square); }
  // Variance of a sum of `terms` errors relative to the variance of one: independent errors, or all the same.
  double summed(double terms) const { return alike_ ? square(terms) : terms; }
  // Variance of a sum of `terms` terms that is rounded after each addition.
  double accumulated(double terms, double mean_square) const {
    return kFloatingVariance * summed(terms) / 2 * mean_square * square(rounding_.sums);
  }

  double variance_of(int source) const {
    return is_model_input(source)
               ? storage(plan_.scale(source), image_squares_[static_cast<std::size_t>(image_of(source))])
               : variances_[static_cast<std::size_t>(source)];
  }
  struct Operand {
    double variance, square;
  };
  Operand input(std::size_t i = 0) const {
    const int source = layer().inputs[i];
    if (is_model_input(source))
      return {variance_of(source), image_squares_[static_cast<std::size_t>(image_of(source))]};
    return {variance_of(source), ranges_[static_cast<std::size_t>(source)].output_square};
  }

  // Variance of sums of `length` products of inputs and weights, before they are stored.
  double products(double length) const {
    Operand x = input();
    double weight = own().weight;
    const auto here = static_cast<std::size_t>(index_);
    if (const reference::LayerRanges* const front = norm_before_[here]) {  // the machine's input is that of the norm
      weight *= front->weight;
      x.square = front->gain > 0 ? x.square / square(front->gain) : x.square;
    }
    const reference::LayerRanges* const back = norm_behind_[here];
    const double scaled = back == nullptr ? 1 : back->weight / std::max(back->gain, 1e-300);
    return summed(length) *
               (x.variance * own().weight_square + x.square * calibrated(weight * scaled, own().weight_square)) +
           accumulated(length, own().output_square);
  }
  double linear(double length) const {
    return products(length) + (norm_behind_[static_cast<std::size_t>(index_)] != nullptr ? 0 : stored());
  }
  double apply(const Linear& p) const { return linear(p.in_features); }
  double apply(const Conv2d& p) const { return linear(1.0 * p.kernel * p.kernel * p.in_channels / p.groups); }

  double through(double added) const { return input().variance * square(own().gain) + added; }
  double apply(const LayerNorm&) const {
    double variance = input().variance * square(own().gain);
    // The row with the least variance is assumed to have the mean error, and the row with the largest error the mean
    // derivative.
    if (means_ != nullptr)
      variance = std::max(variance, means_->variance_of(layer().inputs[0]) * square(own().largest_gain));
    // A row with almost no variance magnifies its error without limit, but not its result.
    return std::min(variance, 2 * own().output_square) + stored();
  }
  double apply(const Activation&) const { return through(stored()); }
  double apply(const BatchNorm& p) const {
    const bool in_front = config_.batch_norm_folded && p.folded_into > index_;  // nothing is stored here
    return through(in_front ? 0 : stored());
  }
  double apply(const LayerScale&) const { return through(stored()); }
  // a b: (a + da)(b + db) - a b. In floating formats errors grow with the values, so that large values of one operand
  // may meet large errors of the other.
  double apply(const Multiply&) const {
    const Operand a = input(0), b = input(1);
    const auto share = [](const Operand& x) { return x.square > 0 ? x.variance / x.square : 0; };
    const double apart = a.variance * b.square + b.variance * a.square + a.variance * b.variance,
                 together = fixed() ? 0 : own().output_square * (share(a) + share(b));
    const bool same = alike_ || layer().inputs[0] == layer().inputs[1];  // then both errors are the same
    return (same ? 2 : 1) * std::max(apart, together) + stored();
  }
  double apply(const AveragePool& p) const { return mean(input(), 1.0 * p.kernel * p.kernel) + stored(); }
  // A part may have larger values than the rest, and so larger errors.
  double apply(const Slice&) const {
    const Operand x = input();
    return x.variance * (x.square > 0 ? std::max(1.0, own().output_square / x.square) : 1);
  }
  double apply(const Add& p) const { return (input(0).variance + input(1).variance) * (p.mean ? 0.25 : 1) + stored(); }
  double apply(const PositionEmbedding&) const {
    const MatrixD learned = parameters_.tensor(parameters_of(layer())[0]);
    return input().variance + calibrated(max_abs(learned), own().output_square) + stored();
  }
  double apply(const MeanPool& p) const { return mean(input(), p.rows) + stored(); }

  // How much of a row's error is common to all rows of the input. It is taken to be as much as is common to their
  // values, whose mean over rows (with weights that add up to 1) is the output.
  double shared(double mean_square) const {
    if (alike_) return 1;
    return mean_square > 0 ? std::min(1.0, own().output_square / mean_square) : 0;
  }
  double mean(const Operand& x, double rows) const {
    return x.variance * std::max(1 / rows, shared(x.square)) + accumulated(rows, own().output_square);
  }

  double apply(const ConcatToken& p) const {
    const Operand rest = input();
    const double others = p.tokens - p.learned,
                 square = std::max(0.0, (p.tokens * own().output_square - others * rest.square) / p.learned);
    const double token = storage(plan_.scale(index_), square);
    return means_ != nullptr ? std::max(rest.variance, token) : (rest.variance * others + token * p.learned) / p.tokens;
  }
  double apply(const ConcatChannels&) const {
    double sum = 0, channels = 0;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const int source = layer().inputs[i];
      const double cols = is_model_input(source) ? model_.image_channels
                                                 : output_shape(model_.layers[static_cast<std::size_t>(source)]).cols;
      sum += input(i).variance * cols, channels += cols;
    }
    return sum / channels;
  }
  double apply(const Subsample&) const { return input().variance; }
  double apply(const PatchMerge&) const { return input().variance; }
  double apply(const Unfold&) const { return input().variance; }
  double apply(const Fold&) const { return input().variance; }
  double apply(const GivenTensor&) const { return stored(); }

  double apply(const Attention& a) const {
    const AttentionKind kind = attention_kind(options_, model_, index_);
    if (kind == AttentionKind::kReluLinear) return relu_linear(a) + stored();
    return (traits(kind).low_rank ? taylor(a) : 0) +
           (kind == AttentionKind::kSoftmax || traits(kind).uses_mask ? map_times_values(a) : 0) + stored();
  }

  double query_square() const { return means_ != nullptr ? own().largest_query_square : own().query_square; }
  // In floating formats errors grow with the values: if large values of two operands meet, the errors of their products
  // are larger.
  double relative(double match) const { return fixed() ? 1 : match; }
  Operand operand(const HeadColumns& from, double mean_square) const {
    return {input(static_cast<std::size_t>(from.input)).variance, mean_square};
  }

  // Z = mean(V) + Q G / (n sqrt d), G = K_hat^T V.
  double taylor(const Attention& a) const {
    const reference::LayerRanges& r = own();
    const double n = a.n_kv, d = a.d_qk;
    const Operand q = operand(a.q, query_square()), k = operand(a.k, r.centred_key_square),
                  v = operand(a.v, r.value_square);
    const double context = summed(n) * (k.variance * v.square + k.square * v.variance) * relative(r.key_value_match) +
                           accumulated(n, r.context_square) + calibrated(r.context, r.context_square);
    const double products =
        summed(d) * r.query_key_match * (q.variance * r.context_square + q.square * context) / (n * n * d);
    // The stored mean of K differs from the exact mean by a rounding, so the columns of K_hat do not add up to exactly
    // 0.
    const double mean_of_keys = summed(d) / d * storage(plan_.input_scale(index_, a.k.input), k.square) * q.square *
                                (alike_ ? v.square : r.output_square);
    double bias = 0;
    if (a.bias_params > 0 && options_.score_bias_first_order) bias = score_bias() * v.square / n;
    return mean(v, n) + products + mean_of_keys + bias + accumulated(d + n, r.output_square);
  }

  // Row by row, because a row with a small t_D magnifies its errors (docs/algorithm.md, Tolerances). Errors of keys are
  // summed over all of them, also for the worst row.
  double relu_linear(const Attention& a) const {
    const reference::LayerRanges& r = own();
    const double n = a.n_kv, d = a.d_qk, over_channels = summed(d) / d, over_keys = summed(n) / n;
    const Operand q = operand(a.q, r.query_square), v = operand(a.v, r.value_square);
    const double key = (means_ != nullptr ? *means_ : *this).operand(a.k, r.key_square).variance,
                 context = calibrated(r.context, r.context_square) + accumulated(n, r.context_square);
    std::vector<RowError> rows;
    rows.reserve(r.sensitivities.size());
    for (const RowSensitivity& row : r.sensitivities) {
      const double shift = over_channels * (row.query * q.variance + over_keys * row.key * key + row.context * context);
      rows.push_back(
          {shift, row.limit,
           v.variance * (alike_ ? 1 : std::max(row.value, shared(v.square))) + accumulated(n + d, v.square)});
    }
    const RowErrors errors = expected_row_errors(rows, seen_[static_cast<std::size_t>(index_)]);
    return means_ != nullptr ? errors.largest : errors.mean;
  }

  double score_bias() const {
    const MatrixD table = parameters_.tensor(parameters_of(layer())[0]);
    return calibrated(max_abs(table), 1);
  }

  // How much of the rounding error of P is common to the entries of a row: all of it if they are equal, almost nothing
  // if they spread over a unit in the last place (exp(-(2 pi s)^2) for normal numbers with a deviation of s units).
  double rounded_alike() const {
    if (!fixed()) return 1;
    double rows = 0, alike_rows = 0, most = 0;
    for (std::size_t i = 0; i < own().rows_of_deviation.size(); ++i) {
      const double deviation = std::ldexp(1, -static_cast<int>(i)) / plan_.weight_scale(own().probability);
      const double share = own().rows_of_deviation[i] > 0 ? exponential(-39.478 * square(deviation)) : 0;
      rows += own().rows_of_deviation[i], alike_rows += own().rows_of_deviation[i] * share;
      most = std::max(most, share);
    }
    return means_ != nullptr ? most : alike_rows / std::max(rows, 1.0);
  }

  // Z = P V, P = softmax(S): dP_j = P_j (dS_j - P . dS).
  double map_times_values(const Attention& a) const {
    const reference::LayerRanges& r = own();
    const double n = a.n_kv;
    const Operand q = operand(a.q, query_square()), k = operand(a.k, r.key_square), v = operand(a.v, r.value_square);
    const double scores = summed(a.d_qk) / a.d_qk * (q.variance * k.square + k.variance * q.square) +
                          (a.bias_params > 0 ? score_bias() : 0) + accumulated(a.d_qk + n, q.square * k.square);
    // Rounding of P: of each kept entry independently, and, if the entries of a row are nearly equal, the same for all
    // of them.
    const double kept = n * r.kept,
                 stored_map = calibrated(r.probability, r.probability_square / std::max(r.kept, 1e-9));
    const double squares = alike_              ? 1
                           : means_ != nullptr ? std::min(1.0, r.probability)
                                               : n * r.probability_square;  // of P over a row
    return squares * std::min(scores, 1.0) * v.square + v.variance * std::max(squares, shared(v.square)) +
           stored_map * (summed(kept) * v.square + rounded_alike() * square(kept) * r.output_square) + rescaled(a) +
           accumulated(n, r.output_square);
  }

  // Online softmax: behind its first tile of keys, which has as many as the array has columns, sums of P V are
  // multiplied and rounded once more a tile, and so are the factor and the row's total where they are fp32.
  // Exponentials are at most 1 and their total is at least 1, so that rounding them weighs no more than rounding P.
  double rescaled(const Attention& a) const {
    if (attention_kind(options_, model_, index_) != AttentionKind::kSoftmax) return 0;
    const auto tiles = static_cast<double>(ceil_div(a.n_kv, config_.matrix_engine.cols) - 1);
    const double unit = plan_.weight_scale(1) * plan_.input_scale(index_, a.v.input);
    return fixed() ? summed(tiles) * square(unit) / 12 : accumulated(4 * tiles, own().output_square);
  }

  const VitModel& model_;
  const HardwareConfig& config_;
  const reference::ForwardOptions& options_;
  const std::vector<reference::LayerRanges>& ranges_;
  const std::vector<double>& image_squares_;
  const ValuePlan& plan_;
  const ParameterSource& parameters_;
  const std::vector<std::vector<double>>& seen_;  // mean squared errors of the rows of ReLU-linear attention
  const Propagation* const means_;  // if given, this object follows the row with the largest errors; otherwise the mean
                                    // over all elements
  Rounding rounding_;
  std::vector<double> variances_;
  std::vector<const reference::LayerRanges*> norm_before_, norm_behind_;  // batch norms folded into the layer
  int index_ = 0;
  bool alike_ = false;  // some layer so far has equal neighbours among its operands: all errors are taken to be the
                        // same
};

// Elements of a row have different errors if each has its own derivative: the largest square relative to the mean.
double spread_in_row(const Layer& layer, const reference::LayerRanges& ranges) {
  double largest = 0;
  if (const auto* const activation = std::get_if<Activation>(&layer.parameters))
    largest = largest_slope(activation->function);
  if (std::holds_alternative<BatchNorm>(layer.parameters) || std::holds_alternative<LayerScale>(layer.parameters))
    largest = ranges.weight;
  return ranges.gain > 0 ? std::max(1.0, square(largest / ranges.gain)) : 1;
}

// Tolerances from two variances of a layer: the mean over all elements, and that of the worst row.
ErrorTolerance tolerance(const Layer& layer, const reference::LayerRanges& ranges, double lsb, bool alike, double mean,
                         double worst) {
  const MatrixShape shape = output_shape(layer);
  const double count = static_cast<double>(shape.rows) * shape.cols, peak = ranges.output > 0 ? ranges.output : 1;
  const double deviation = kErrorFactor * std::sqrt(mean) / peak, smaller = std::min(shape.rows, shape.cols);
  worst = std::max(worst, mean);
  // If a few rows have most of the error, only their elements make up the mean square.
  const double independent = worst > 0 && !alike ? std::max(1.0, count * mean / worst) : 1;
  // Errors of floating formats are relative, so the largest value has an error in proportion to its size.
  const double share = lsb > 0 || ranges.output_square == 0 ? 0 : peak / std::sqrt(ranges.output_square);
  ErrorTolerance out;
  out.rms = deviation * (1 + kDeviations / std::sqrt(2 * independent));
  out.largest = kErrorFactor * std::sqrt(worst * spread_in_row(layer, ranges)) / peak *
                    std::sqrt(2 * logarithm(count) + square(kDeviations)) +
                deviation * share;
  // A quarter of an activation's inputs may lie where the function is flat; their results then round the same way.
  const double flat = std::holds_alternative<Activation>(layer.parameters) ? lsb / 8 / peak : 0;
  out.mean = alike ? out.rms : std::min(out.rms, 2 * deviation / std::sqrt(smaller) + flat);
  return out;
}

}  // namespace

// More than 6 parameters: everything that a run is described by.
std::vector<ErrorTolerance> error_tolerances(const VitModel& model, const HardwareConfig& config,
                                             const reference::ForwardOptions& options,
                                             const reference::ForwardResult& reference, const ValuePlan& plan,
                                             const ParameterSource& parameters,
                                             const std::vector<std::vector<double>>& row_errors,
                                             const std::function<bool(int layer)>& computed) {
  Propagation means(model, config, options, reference, plan, parameters, row_errors, nullptr);
  Propagation worst(model, config, options, reference, plan, parameters, row_errors, &means);
  std::vector<ErrorTolerance> tolerances;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const int layer = static_cast<int>(i);
    const double mean = means.add(layer, computed(layer)), largest = worst.add(layer, computed(layer));
    const double lsb = is_integer(config.precision) ? plan.scale(layer) : 0;
    tolerances.push_back(tolerance(model.layers[i], reference.ranges[i], lsb, means.all_alike(), mean, largest));
  }
  return tolerances;
}

}  // namespace vitality
