#include "reference/model.h"

#include <algorithm>
#include <cmath>

#include "base/vectorised.h"
#include "reference/attention_head.h"
#include "reference/layer_gradients.h"
#include "reference/layers.h"
#include "tensor/difference.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality::reference {
namespace {

const MatrixD* pointer(const MatrixD& bias) {
  return bias.empty() ? nullptr : &bias;
}

double mean_square(const MatrixD& x) {
  if (x.empty()) return 0;
  const double sum = vectorised([values = x.data(), size = x.size()]() VITALITY_LOOP {
    return interleaved_sum(size, [values](std::size_t i) { return values[i] * values[i]; });
  });
  return sum / static_cast<double>(x.size());
}

// Whether neighbouring elements are often equal. In a sample of elements that are not 0, more than a tenth equal the
// next element of their row (or, with `columns`, of their column). With `columns`, also true if nearly all sampled
// elements are 0. The stride is odd, so it does not divide a usual number of columns.
bool repeats(const MatrixD& x, bool columns) {
  const std::size_t cols = static_cast<std::size_t>(x.cols()), every = x.size() / 2048 | 1;
  std::size_t all = 0, seen = 0, equal = 0;
  for (std::size_t i = 0; i + cols < x.size(); i += every) {
    const double value = x.data()[i];
    ++all;
    if (value == 0) continue;
    ++seen;
    const bool in_row = (i + 1) % cols != 0 && value == x.data()[i + 1];
    if (in_row || (columns && value == x.data()[i + cols])) ++equal;
  }
  return 10 * equal > seen || (columns && 8 * seen < all);
}

using Squares = std::vector<double>;

Squares row_squares(const MatrixD& x) {
  Squares squares(static_cast<std::size_t>(x.rows()));
  for (int r = 0; r < x.rows(); ++r) {
    const double* const row = x.row(r);
    const auto cols = static_cast<std::size_t>(x.cols());
    squares[static_cast<std::size_t>(r)] =
        interleaved_sum(cols, [row](std::size_t i) { return row[i] * row[i]; }) / x.cols();
  }
  return squares;
}

Squares column_squares(const MatrixD& x) {
  Squares squares(static_cast<std::size_t>(x.cols()));
  for (int r = 0; r < x.rows(); ++r)
    for (int c = 0; c < x.cols(); ++c) squares[static_cast<std::size_t>(c)] += x(r, c) * x(r, c) / x.rows();
  return squares;
}

// The mean of the products over the product of the means.
double match(const Squares& a, const Squares& b) {
  double first = 0, second = 0, both = 0;
  for (std::size_t i = 0; i < a.size(); ++i) first += a[i], second += b[i], both += a[i] * b[i];
  return first > 0 && second > 0 ? both * static_cast<double>(a.size()) / first / second : 1;
}

struct InverseVariances {
  double mean = 0, largest = 0;
};

// 1 / the variance of a row, as layer norm takes it.
InverseVariances inverse_variances(const MatrixD& x, double epsilon) {
  InverseVariances out;
  for (int r = 0; r < x.rows(); ++r) {
    const double *const row = x.row(r), size = x.cols();
    const auto count = static_cast<std::size_t>(x.cols());
    const double mean = interleaved_sum(count, [row](std::size_t i) { return row[i]; }) / size;
    const double squares =
        interleaved_sum(count, [row, mean](std::size_t i) { return (row[i] - mean) * (row[i] - mean); });
    const double inverse = 1 / (squares / size + epsilon);
    out.mean += inverse / x.rows(), out.largest = std::max(out.largest, inverse);
  }
  return out;
}

}  // namespace

class ForwardPass::Layers {
 public:
  Layers(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options)
      : model_(model), parameters_(parameters), options_(options), readers_(model.layers.size(), 1) {
    const std::vector<ParameterInfo> infos = parameters_of(model);
    for (int i = 0; i < model.images; ++i) images_.push_back(parameters.tensor(infos[static_cast<std::size_t>(i)]));
    for (const MatrixD& image : images_) result_.image_squares.push_back(mean_square(image));
    result_.outputs.resize(model.layers.size());
    result_.ranges.resize(model.layers.size());
    for (const Layer& layer : model.layers)
      for (const int source : layer.inputs)
        if (!is_model_input(source)) ++readers_[static_cast<std::size_t>(source)];
  }

  void reach(int last) {
    for (; index_ <= last; ++index_) {
      const auto i = static_cast<std::size_t>(index_);
      MatrixD& output = result_.outputs[i];
      output = std::visit([this](const auto& p) { return apply(p); }, layer().parameters);
      if (options_.measure_ranges) {
        result_.ranges[i].output = max_abs(output);
        result_.ranges[i].output_square = mean_square(output);
        result_.ranges[i].repeats = result_.ranges[i].repeats || repeats(output, false);
      }
      if (readers_[i] == 0) output = MatrixD();
      for (const int source : layer().inputs)
        if (!is_model_input(source)) drop(source);
      if (options_.progress) options_.progress(index_);
    }
  }

  // A reader of the output has finished: a later layer, or the caller that waits for the result.
  void drop(int layer_index) {
    const auto i = static_cast<std::size_t>(layer_index);
    if (--readers_[i] == 0) result_.outputs[i] = MatrixD();
  }

  ForwardResult& result() { return result_; }

 private:
  const Layer& layer() const { return model_.layers[static_cast<std::size_t>(index_)]; }
  const MatrixD& input(std::size_t i = 0) const {
    const int source = layer().inputs[i];
    return is_model_input(source) ? images_[static_cast<std::size_t>(image_of(source))]
                                  : result_.outputs[static_cast<std::size_t>(source)];
  }
  MatrixD parameter(std::size_t i) const { return parameters_.tensor(parameters_of(layer())[i]); }

  // Calls compute(weights) with the weights of the current layer.
  template <class Compute>
  MatrixD with_weights(const Compute& compute) {
    if (options_.weights != nullptr) return compute((*options_.weights)[static_cast<std::size_t>(index_)]);
    EffectiveWeights w = effective_weights(model_, index_, parameters_, false);
    MatrixD y = compute(w);
    if (options_.measure_ranges) note(w);
    if (options_.used) options_.used(index_, std::move(w));
    return y;
  }
  MatrixD apply(const Conv2d& p) {
    return with_weights([&](const EffectiveWeights& w) { return conv2d(p, input(), w.weight, w.bias); });
  }
  MatrixD apply(const Linear& p) {
    return with_weights([&](const EffectiveWeights& w) {
      return input().rows() == p.rows ? linear(input(), w.weight, w.bias)
                                      : linear(block(input(), p.first_row, p.rows, 0, p.in_features), w.weight, w.bias);
    });
  }
  void note(const EffectiveWeights& w) {
    LayerRanges& ranges = result_.ranges[static_cast<std::size_t>(index_)];
    ranges.weight = max_abs(w.weight), ranges.weight_square = mean_square(w.weight);
    ranges.repeats = repeats(w.weight, true);
  }
  void note_gain(double mean_squared_derivative) {
    result_.ranges[static_cast<std::size_t>(index_)].gain = std::sqrt(mean_squared_derivative);
  }
  MatrixD apply(const LayerNorm& p) {
    const MatrixD scale = parameter(0);
    if (options_.measure_ranges) {
      const InverseVariances inverse = inverse_variances(input(), p.epsilon);
      note_gain(mean_square(scale) * inverse.mean);
      result_.ranges[static_cast<std::size_t>(index_)].largest_gain = std::sqrt(inverse.largest) * max_abs(scale);
    }
    return layer_norm(input(), scale, parameter(1), p.epsilon);
  }
  MatrixD apply(const BatchNorm& p) {
    const MatrixD scale = parameter(0), variance = parameter(3);
    double sum = 0, largest = 0;
    for (int c = 0; c < scale.cols(); ++c) {
      const double square = scale(0, c) * scale(0, c) / (variance(0, c) + p.epsilon);
      sum += square, largest = std::max(largest, square);
    }
    note_gain(sum / scale.cols());
    result_.ranges[static_cast<std::size_t>(index_)].weight = std::sqrt(largest);
    return batch_norm(input(), scale, parameter(1), parameter(2), variance, p.epsilon);
  }
  MatrixD apply(const Activation& p) {
    if (options_.measure_ranges) note_activation(p.function, input());
    return activation(p.function, input());
  }
  void note_activation(ActivationKind function, const MatrixD& x) {
    const std::size_t every = x.size() / 2048 | 1;  // a sample is enough; odd: no divisor of a usual number of channels
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < x.size(); i += every, ++count) {
      const double slope = activation_derivative(function, x.data()[i]);
      sum += slope * slope;
    }
    note_gain(sum / count);
  }
  MatrixD apply(const Add& p) {
    MatrixD sum = add(input(0), input(1));
    if (p.mean) scale(sum, 0.5);
    return sum;
  }
  MatrixD apply(const PositionEmbedding&) { return add(input(), parameter(0)); }
  MatrixD apply(const ConcatToken&) { return concat_token(parameter(0), input()); }
  MatrixD apply(const ConcatChannels&) {
    std::vector<const MatrixD*> parts;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) parts.push_back(&input(i));
    return concat_channels(parts);
  }
  MatrixD apply(const Subsample& p) { return subsample(p, input()); }
  MatrixD apply(const MeanPool&) { return mean_rows(input()); }
  MatrixD apply(const LayerScale&) {
    const MatrixD gamma = parameter(0);
    note_gain(mean_square(gamma));
    result_.ranges[static_cast<std::size_t>(index_)].weight = max_abs(gamma);
    return layer_scale(input(), gamma);
  }
  MatrixD apply(const Multiply&) { return multiply_elements(input(0), input(1)); }
  MatrixD apply(const AveragePool& p) { return average_pool(p, input()); }
  MatrixD apply(const Slice& p) { return block(input(), p.first_row, p.rows, p.first_channel, p.channels); }
  MatrixD apply(const PatchMerge& p) { return patch_merge(p, input()); }
  MatrixD apply(const Unfold& p) { return unfold(p, input()); }
  MatrixD apply(const Fold& p) { return fold(p, input()); }
  MatrixD apply(const GivenTensor&) { return parameter(0); }

  MatrixD head(const HeadColumns& from, int tokens, int depth, int instance, int h) const {
    return block(input(static_cast<std::size_t>(from.input)), instance * tokens, tokens,
                 from.offset + h * from.head_stride, depth);
  }

  MatrixD apply(const Attention& a) {
    const bool softmax = attention_kind(options_, model_, index_) == AttentionKind::kSoftmax;
    MatrixD output = MatrixD::unset(a.instances * a.n_q, a.heads * a.d_v);
    MatrixD bias;
    if (a.bias_params > 0) bias = expanded_score_bias(a, parameter(0));
    LayerRanges& ranges = result_.ranges[static_cast<std::size_t>(index_)];
    Difference approximation;
    for (int instance = 0; instance < a.instances; ++instance) {
      for (int h = 0; h < a.heads; ++h) {
        const MatrixD q = head(a.q, a.n_q, a.d_qk, instance, h), k = head(a.k, a.n_kv, a.d_qk, instance, h),
                      v = head(a.v, a.n_kv, a.d_v, instance, h);
        const MatrixD head_bias =
            masked(a, instance, bias.empty() ? MatrixD() : block(bias, h * a.n_q, a.n_q, 0, a.n_kv));
        const MatrixD z = head_output(instance, h, q, k, v, head_bias, ranges);
        for (int r = 0; r < a.n_q; ++r)
          std::copy(z.row(r), z.row(r) + a.d_v, output.row(instance * a.n_q + r) + h * a.d_v);
        if (options_.head) options_.head({index_, instance, h, q, k, v, z, pointer(head_bias)});
        if (softmax || !options_.measure_approximation) continue;
        approximation.add(z, 1, softmax_attention(q, k, v, pointer(head_bias)));
      }
    }
    if (!softmax && options_.measure_approximation)
      result_.approximation.push_back({index_, approximation.relative(), approximation.cosine()});
    return output;
  }

  // More than 6 parameters: which head, its operands and what else its kind of attention takes.
  MatrixD head_output(int instance, int h, const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& bias,
                      LayerRanges& ranges) const {
    const AttentionKind kind = attention_kind(options_, model_, index_);
    const bool taylor = kind == AttentionKind::kTaylor || kind == AttentionKind::kTaylorElided;
    if (options_.measure_ranges) {
      note_operands(q, k, v, ranges);
      if (!taylor && kind != AttentionKind::kReluLinear) note_scores(q, k, bias, ranges);
    }
    if (kind == AttentionKind::kReluLinear) return relu_linear_head(q, k, v, ranges);
    if (kind == AttentionKind::kSoftmax) {
      const MatrixD p = softmax_map(q, k, pointer(bias));
      if (options_.measure_ranges) note_map(p, ranges);
      return multiply(p, v);
    }
    if (taylor || (traits(kind).low_rank && options_.measure_ranges)) {
      // The elided form has the same values in exact arithmetic: the reference takes Algorithm 1 for both.
      MatrixD z = taylor_head(q, k, v, bias, ranges);
      if (taylor) return z;
    }
    AttentionHead head{
        q, k, v, pointer(bias), options_.score_bias_first_order, options_.predictor.threshold, options_.empty_rows};
    head.mask = [&] { return head_mask(options_, index_, instance, h, q, k); };
    if (options_.measure_ranges) head.stored_map = [&](const MatrixD& p) { note_map(p, ranges); };
    head.attended = [&](SparseAttention& sparse, const Mask& kept) {
      if (options_.values) drop_values(sparse, v, options_.values(index_, instance, h, sparse.p, kept));
      if (options_.attended) options_.attended(index_, instance, h, sparse);
    };
    return attention_head(kind, head);
  }

  // Notes the mean squares; of all heads, those of the head with the largest.
  static void note_operands(const MatrixD& q, const MatrixD& k, const MatrixD& v, LayerRanges& ranges) {
    const Squares queries = row_squares(q);
    ranges.largest_query_square =
        std::max(ranges.largest_query_square, *std::max_element(queries.begin(), queries.end()));
    ranges.query_key_match = std::max(ranges.query_key_match, match(column_squares(q), column_squares(k)));
    ranges.key_value_match = std::max(ranges.key_value_match, match(row_squares(k), row_squares(v)));
    ranges.query_square = std::max(ranges.query_square, mean_square(q));
    ranges.key_square = std::max(ranges.key_square, mean_square(k));
    ranges.value_square = std::max(ranges.value_square, mean_square(v));
    ranges.repeats = ranges.repeats || repeats(q, true) || repeats(k, true) || repeats(v, true);
  }
  static void note_map(const MatrixD& p, LayerRanges& ranges) {
    ranges.probability = std::max(ranges.probability, max_abs(p));
    ranges.probability_square = std::max(ranges.probability_square, mean_square(p));
    ranges.repeats = ranges.repeats || repeats(p, false);  // not by columns: a column of P may be all 1, which is
                                                           // stored exactly
    double all = 0;
    for (int r = 0; r < p.rows(); ++r) {
      const double* const row = p.row(r);
      const auto cols = static_cast<std::size_t>(p.cols());
      const double kept = interleaved_sum(cols, [row](std::size_t i) { return row[i] != 0 ? 1.0 : 0.0; });
      if (kept == 0) continue;
      const double mean = interleaved_sum(cols, [row](std::size_t i) { return row[i]; }) / kept;
      const double squares = interleaved_sum(
          cols, [row, mean](std::size_t i) { return row[i] != 0 ? (row[i] - mean) * (row[i] - mean) : 0.0; });
      int exponent = 0;
      std::frexp(std::sqrt(squares / kept), &exponent);
      ++ranges.rows_of_deviation[static_cast<std::size_t>(squares > 0 ? std::clamp(1 - exponent, 0, 31) : 31)];
      all += kept;
    }
    ranges.kept = std::max(ranges.kept, all / static_cast<double>(p.size()));
  }

  static double seen_max_abs(const MatrixD& bias) {
    double most = 0;
    for (std::size_t i = 0; i < bias.size(); ++i)
      if (std::isfinite(bias.data()[i])) most = std::max(most, std::fabs(bias.data()[i]));
    return most;
  }
  static void note_scores(const MatrixD& q, const MatrixD& k, const MatrixD& bias, LayerRanges& ranges) {
    // |Q K^T| <= the product of the largest row norms: a bound is enough for a 32-bit range.
    const auto row_norm = [](const MatrixD& x) {
      double most = 0;
      for (int r = 0; r < x.rows(); ++r) {
        double square = 0;
        for (int c = 0; c < x.cols(); ++c) square += x(r, c) * x(r, c);
        most = std::max(most, square);
      }
      return std::sqrt(most);
    };
    ranges.scores = std::max(ranges.scores,
                             row_norm(q) * row_norm(k) / std::sqrt(static_cast<double>(q.cols())) + seen_max_abs(bias));
  }

  MatrixD taylor_head(const MatrixD& q, const MatrixD& k, const MatrixD& v, const MatrixD& bias,
                      LayerRanges& ranges) const {
    TaylorSteps steps = taylor_attention(q, k, v, options_.score_bias_first_order ? pointer(bias) : nullptr);
    if (!options_.measure_ranges) return std::move(steps.z);
    ranges.context = std::max(ranges.context, max_abs(steps.g));
    ranges.context_square = std::max(ranges.context_square, mean_square(steps.g));
    ranges.centred_key_square = std::max(ranges.centred_key_square, mean_square(steps.k_hat));
    // T_N is Q G plus a row: neither Q G nor the row exceeds the sum of the two magnitudes.
    ranges.numerator = std::max(
        ranges.numerator, max_abs(steps.t_n) + 2 * std::sqrt(static_cast<double>(q.cols())) * max_abs(steps.v_sum));
    return std::move(steps.z);
  }

  MatrixD relu_linear_head(const MatrixD& q, const MatrixD& k, const MatrixD& v, LayerRanges& ranges) const {
    const double epsilon = std::get<Attention>(layer().parameters).epsilon;
    ReluLinearSteps steps = relu_linear_attention(q, k, v, epsilon);
    if (!options_.measure_ranges) return std::move(steps.z);
    ranges.context = std::max(ranges.context, max_abs(steps.g));
    ranges.context_square = std::max(ranges.context_square, mean_square(steps.g));
    ranges.numerator = std::max(ranges.numerator, max_abs(steps.t_n));
    const std::vector<RowSensitivity> rows = relu_linear_sensitivity(q, k, v, steps);
    ranges.sensitivities.insert(ranges.sensitivities.end(), rows.begin(), rows.end());
    return std::move(steps.z);
  }

  const VitModel& model_;
  const ParameterSource& parameters_;
  const ForwardOptions& options_;
  std::vector<MatrixD> images_;
  std::vector<int> readers_;  // for each output: layers that still have to read it, plus one if a caller waits for
                              // it
  int index_ = 0;
  ForwardResult result_;
};

ForwardPass::ForwardPass(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options)
    : layers_(std::make_unique<Layers>(model, parameters, options)) {}
ForwardPass::~ForwardPass() = default;
void ForwardPass::reach(int layer) {
  layers_->reach(layer);
}
void ForwardPass::drop(int layer) {
  layers_->drop(layer);
}
ForwardResult& ForwardPass::result() {
  return layers_->result();
}

void Calibration::add(const std::vector<LayerRanges>& seen, const MatrixD& image) {
  ranges.resize(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    LayerRanges& range = ranges[i];
    range.output = std::max(range.output, seen[i].output);
    range.context = std::max(range.context, seen[i].context);
    range.numerator = std::max(range.numerator, seen[i].numerator);
    range.scores = std::max(range.scores, seen[i].scores);
    range.probability = std::max(range.probability, seen[i].probability);
  }
  if (largest_pixels.empty()) largest_pixels = MatrixD(image.rows(), image.cols());
  for (std::size_t i = 0; i < image.size(); ++i)
    largest_pixels.data()[i] = std::max(largest_pixels.data()[i], std::fabs(image.data()[i]));
}

Mask head_mask(const ForwardOptions& options, int layer, int instance, int head, const MatrixD& q, const MatrixD& k) {
  Mask mask = options.mask ? options.mask(layer, instance, head, q, k) : predict_mask(q, k, options.predictor);
  if (options.mask_seen) options.mask_seen(mask);
  return mask;
}

ForwardResult forward(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options) {
  ForwardPass pass(model, parameters, options);
  pass.reach(static_cast<int>(model.layers.size()) - 1);
  return std::move(pass.result());
}

}  // namespace vitality::reference
