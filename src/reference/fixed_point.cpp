// More than 6 parameters: operands and formats of one head, as in the description of the datapath.
#include "reference/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "reference/layers.h"
#include "tensor/functions.h"

namespace vitality::reference {
namespace {

// Updates the largest magnitude of the values that pass.
std::int64_t seen(std::int64_t value, std::int64_t& largest) {
  largest = std::max(largest, std::abs(value));
  return value;
}

Codes column_sum(const Codes& x, FixedRange& range) {
  Codes sum(1, x.cols());
  for (int r = 0; r < x.rows(); ++r)
    for (int c = 0; c < x.cols(); ++c) sum(0, c) = seen(sum(0, c) + x(r, c), range.accumulator);
  return sum;
}

Codes product(const Codes& a, const Codes& b, FixedRange& range) {
  Codes c(a.rows(), b.cols());
  for (int i = 0; i < a.rows(); ++i) {
    for (int k = 0; k < a.cols(); ++k)
      for (int j = 0; j < b.cols(); ++j) c(i, j) += a(i, k) * b(k, j);
    for (int j = 0; j < b.cols(); ++j) seen(c(i, j), range.accumulator);
  }
  return c;
}

Codes transposed(const Codes& x) {
  Codes y(x.cols(), x.rows());
  for (int r = 0; r < x.rows(); ++r)
    for (int c = 0; c < x.cols(); ++c) y(c, r) = x(r, c);
  return y;
}

// sum / n, rounded half to even, in integers.
std::int64_t rounded_mean(std::int64_t sum, std::int64_t n) {
  std::int64_t floor = sum / n - (sum % n < 0 ? 1 : 0);
  const std::int64_t twice = 2 * (sum - floor * n);
  if (twice > n || (twice == n && floor % 2 != 0)) ++floor;
  return floor;
}

Codes block_of(const Codes& x, int row, int rows, int col, int cols) {
  Codes y(rows, cols);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) y(r, c) = x(row + r, col + c);
  return y;
}

MatrixD real_of(const Codes& x, double scale) {
  MatrixD y(x.rows(), x.cols());
  for (std::size_t i = 0; i < x.size(); ++i) y.data()[i] = static_cast<double>(x.data()[i]) * scale;
  return y;
}

double largest_magnitude(const MatrixD& x) {
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::fabs(x.data()[i]));
  return largest;
}

}  // namespace

std::int64_t round_half_even(double x) {
  return static_cast<std::int64_t>(std::nearbyint(x));
}

std::int64_t requantise(double x, double factor, int limit) {
  const double scaled = x * factor, most = limit;
  return round_half_even(std::min(most, std::max(-most, scaled)));
}

Codes quantise(const MatrixD& real, double scale, int limit) {
  Codes codes(real.rows(), real.cols());
  const double inverse = 1 / scale;
  for (std::size_t i = 0; i < codes.size(); ++i) codes.data()[i] = requantise(real.data()[i], inverse, limit);
  return codes;
}

FixedTaylor fixed_taylor(const Codes& q, const Codes& k, const Codes& v, const FixedAttentionScales& s, int limit,
                         bool elided, FixedRange& range, const Codes* bias, double bias_scale) {
  const int m = q.rows(), n = k.rows(), d = k.cols(), e = v.cols();
  const double root_d = std::sqrt(static_cast<double>(d));
  FixedTaylor t;
  // Step 1: the mean is rounded to a code; the difference keeps its extra bit.
  t.k_bar = column_sum(k, range);
  for (int c = 0; c < d; ++c) t.k_bar(0, c) = std::clamp<std::int64_t>(rounded_mean(t.k_bar(0, c), n), -limit, limit);
  t.k_hat = Codes(n, d);
  for (int r = 0; r < n; ++r)
    for (int c = 0; c < d; ++c) t.k_hat(r, c) = k(r, c) - t.k_bar(0, c);
  // Step 2: G, requantised.
  t.g = product(transposed(t.k_hat), v, range);
  for (std::size_t i = 0; i < t.g.size(); ++i)
    t.g.data()[i] = requantise(static_cast<double>(t.g.data()[i]), s.k * s.v / s.context, limit);
  // Step 3.
  t.k_hat_sum = column_sum(t.k_hat, range);
  t.v_sum = column_sum(v, range);
  // Elided form: the scale of G contains 1 / (n sqrt d), and so must everything that is added to Q G.
  const double elided_unit = s.numerator / (n * root_d);
  t.v_row = Codes(1, e);
  for (int c = 0; c < e; ++c) {
    const auto sum = static_cast<double>(t.v_sum(0, c));
    t.v_row(0, c) = seen(round_half_even(elided ? sum * (s.v / elided_unit) / n : sum * (root_d * (s.v / s.numerator))),
                         range.wide);
  }
  // Step 4.
  if (!elided) {
    const std::int64_t constant = round_half_even(n * root_d / (s.q * s.k));
    t.t_d = product(q, transposed(t.k_hat_sum), range);
    for (int r = 0; r < m; ++r) t.t_d(r, 0) = seen(t.t_d(r, 0) + constant, range.accumulator);
  }
  // Step 5.
  t.t_n = product(q, t.g, range);
  Codes biased;
  if (bias != nullptr) biased = product(*bias, v, range);
  for (int r = 0; r < m; ++r) {
    for (int c = 0; c < e; ++c) {
      std::int64_t sum =
          seen(round_half_even(static_cast<double>(t.t_n(r, c)) * (s.q * s.context / s.numerator)), range.wide);
      if (bias != nullptr)
        sum += seen(round_half_even(static_cast<double>(biased(r, c)) * (root_d * bias_scale * s.v / s.numerator)),
                    range.wide);
      t.t_n(r, c) = seen(sum + t.v_row(0, c), range.wide);
    }
  }
  // Step 6.
  t.z = Codes(m, e);
  for (int r = 0; r < m; ++r) {
    for (int c = 0; c < e; ++c) {
      const auto numerator = static_cast<double>(t.t_n(r, c));
      t.z(r, c) =
          elided ? requantise(numerator, elided_unit / s.result, limit)
                 : requantise(numerator * (s.numerator / (s.q * s.k * s.result)) / static_cast<double>(t.t_d(r, 0)), 1,
                              limit);
    }
  }
  return t;
}

Codes fixed_relu_linear(const Codes& q_signed, const Codes& k_signed, const Codes& v, const FixedAttentionScales& s,
                        int limit, FixedRange& range, double epsilon) {
  Codes q = q_signed, k = k_signed;
  for (Codes* const x : {&q, &k})
    for (std::size_t i = 0; i < x->size(); ++i) x->data()[i] = std::max<std::int64_t>(x->data()[i], 0);
  Codes g = product(transposed(k), v, range);
  for (std::size_t i = 0; i < g.size(); ++i)
    g.data()[i] = requantise(static_cast<double>(g.data()[i]), s.k * s.v / s.context, limit);
  Codes t_d = product(q, transposed(column_sum(k, range)), range);
  for (int r = 0; r < t_d.rows(); ++r)
    t_d(r, 0) = seen(t_d(r, 0) + round_half_even(epsilon / (s.q * s.k)), range.accumulator);
  Codes z = product(q, g, range);
  for (int r = 0; r < z.rows(); ++r) {
    for (int c = 0; c < z.cols(); ++c) {
      const auto numerator = static_cast<double>(
          seen(round_half_even(static_cast<double>(z(r, c)) * (s.q * s.context / s.numerator)), range.wide));
      z(r, c) = numerator == 0
                    ? 0
                    : requantise(numerator * (s.numerator / (s.q * s.k * s.result)) / static_cast<double>(t_d(r, 0)), 1,
                                 limit);
    }
  }
  return z;
}

namespace {

// Q K^T / sqrt(d) + B, wide.
Codes fixed_scores(const Codes& q, const Codes& k, const FixedAttentionScales& s, FixedRange& range, const Codes* bias,
                   double bias_scale) {
  const double root_d = std::sqrt(static_cast<double>(k.cols()));
  Codes scores = product(q, transposed(k), range);
  for (int r = 0; r < scores.rows(); ++r) {
    for (int c = 0; c < scores.cols(); ++c) {
      std::int64_t score = round_half_even(static_cast<double>(scores(r, c)) * (s.q * s.k / root_d / s.scores));
      if (bias != nullptr) score += round_half_even(static_cast<double>((*bias)(r, c)) * (bias_scale / s.scores));
      scores(r, c) = seen(score, range.wide);
    }
  }
  return scores;
}

// One row of whole scores to P V.
void whole_row(const Codes& scores, int r, const FixedAttentionScales& s, int limit, const Codes* sees, Codes& p) {
  const int n = scores.cols();
  const auto seen_by = [&](int c) { return sees == nullptr || (*sees)(r, c) != 0; };
  std::int64_t largest = std::numeric_limits<std::int64_t>::min();
  for (int c = 0; c < n; ++c)
    if (seen_by(c)) largest = std::max(largest, scores(r, c));
  std::vector<double> exponentials(static_cast<std::size_t>(n));
  double sum = 0;
  for (int c = 0; c < n; ++c) {
    if (!seen_by(c)) continue;
    exponentials[static_cast<std::size_t>(c)] = exponential(static_cast<double>(scores(r, c) - largest) * s.scores);
    sum += exponentials[static_cast<std::size_t>(c)];
  }
  const double factor = 1 / s.probability / sum;
  for (int c = 0; c < n; ++c) p(r, c) = requantise(exponentials[static_cast<std::size_t>(c)], factor, limit);
}

// One row tile by tile to Z.
void online_row(const Codes& scores, int r, const Codes& v, const FixedAttentionScales& s, int limit, FixedRange& range,
                Codes& z) {
  const int n = scores.cols(), e = v.cols();
  const double unit = 1.0 / limit;
  std::vector<std::int64_t> sums(static_cast<std::size_t>(e));
  std::int64_t largest = scores(r, 0);
  double total = 0;
  for (int first = 0; first < n; first += s.key_tile) {
    const int end = std::min(n, first + s.key_tile);
    const std::int64_t before = largest;
    for (int c = first; c < end; ++c) largest = std::max(largest, scores(r, c));
    const double factor = first == 0 ? 0 : exponential(static_cast<double>(before - largest) * s.scores);
    double sum = 0;
    std::vector<std::int64_t> codes;
    for (int c = first; c < end; ++c) {
      const double y = exponential(static_cast<double>(scores(r, c) - largest) * s.scores);
      sum += y;
      codes.push_back(requantise(y, 1 / unit, limit));
    }
    total = total * factor + sum;
    for (int j = 0; j < e; ++j) {
      std::int64_t& y = sums[static_cast<std::size_t>(j)];
      y = round_half_even(static_cast<double>(y) * factor);
      for (int c = first; c < end; ++c)
        y = seen(y + codes[static_cast<std::size_t>(c - first)] * v(c, j), range.accumulator);
    }
  }
  for (int j = 0; j < e; ++j)
    z(r, j) = requantise(static_cast<double>(sums[static_cast<std::size_t>(j)]), unit * s.v / s.result / total, limit);
}

}  // namespace

Codes fixed_softmax(const Codes& q, const Codes& k, const Codes& v, const FixedAttentionScales& s, int limit,
                    FixedRange& range, const Codes* bias, double bias_scale, const Codes* sees) {
  const int m = q.rows(), n = k.rows();
  const Codes scores = fixed_scores(q, k, s, range, bias, bias_scale);
  if (s.key_tile > 0) {
    Codes z(m, v.cols());
    for (int r = 0; r < m; ++r) online_row(scores, r, v, s, limit, range, z);
    return z;
  }
  Codes p(m, n);
  for (int r = 0; r < m; ++r) whole_row(scores, r, s, limit, sees, p);
  Codes z = product(p, v, range);
  for (std::size_t i = 0; i < z.size(); ++i)
    z.data()[i] = requantise(static_cast<double>(z.data()[i]), s.probability * s.v / s.result, limit);
  return z;
}

namespace {

class FixedForward {
 public:
  FixedForward(const VitModel& model, const ParameterSource& parameters, const FixedPointPlan& plan)
      : model_(model),
        parameters_(parameters),
        plan_(plan),
        image_(quantise(parameters.tensor(parameters_of(model)[0]), plan.image, plan.limit)) {}

  FixedPointResult run() {
    result_.outputs.resize(model_.layers.size());
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      index_ = static_cast<int>(i);
      result_.outputs[i] = std::visit([this](const auto& p) { return apply(p); }, layer().parameters);
    }
    return std::move(result_);
  }

 private:
  const Layer& layer() const { return model_.layers[static_cast<std::size_t>(index_)]; }
  int source(std::size_t i) const { return layer().inputs[i]; }
  const Codes& input(std::size_t i = 0) const {
    return source(i) == kModelInput ? image_ : result_.outputs[static_cast<std::size_t>(source(i))];
  }
  double scale_of(int layer_index) const {
    return layer_index == kModelInput ? plan_.image : plan_.output[static_cast<std::size_t>(layer_index)];
  }
  double in(std::size_t i = 0) const { return scale_of(source(i)); }
  double out() const { return scale_of(index_); }
  MatrixD parameter(std::size_t i) const { return parameters_.tensor(parameters_of(layer())[i]); }
  double calibrated(const MatrixD& real) const {
    const double largest = largest_magnitude(real);
    return (largest > 0 ? largest : 1.0) / plan_.limit;
  }
  Codes store(const MatrixD& real) const { return quantise(real, out(), plan_.limit); }

  struct Weights {
    Codes weight;
    std::vector<std::int64_t> bias;  // wide, in units of the products; empty: none
    double factor;                   // of a sum of products, to a code of the output
  };
  Weights weights() const {
    EffectiveWeights real = effective_weights(model_, index_, parameters_, plan_.batch_norm_folded);
    const double scale = calibrated(real.weight), unit = in() * scale;
    Weights w{quantise(real.weight, scale, plan_.limit), {}, unit / out()};
    for (const double b : real.bias) w.bias.push_back(round_half_even(b / unit));
    return w;
  }
  std::int64_t stored_sum(std::int64_t sum, const Weights& w, int column) {
    if (!w.bias.empty()) sum += w.bias[static_cast<std::size_t>(column)];
    return requantise(static_cast<double>(seen(sum, result_.range.accumulator)), w.factor, plan_.limit);
  }

  Codes apply(const Linear& p) {
    const Weights w = weights();
    Codes y = product(block_of(input(), p.first_row, p.rows, 0, p.in_features), w.weight, result_.range);
    for (int r = 0; r < y.rows(); ++r)
      for (int c = 0; c < y.cols(); ++c) y(r, c) = stored_sum(y(r, c), w, c);
    return y;
  }

  Codes apply(const Conv2d& p) {
    const Weights w = weights();
    Codes y(p.out_height * p.out_width, p.out_channels);
    for (int oy = 0; oy < p.out_height; ++oy)
      for (int ox = 0; ox < p.out_width; ++ox)
        for (int c = 0; c < p.out_channels; ++c)
          y(oy * p.out_width + ox, c) = stored_sum(convolved(p, w.weight, oy, ox, c), w, c);
    return y;
  }
  std::int64_t convolved(const Conv2d& p, const Codes& weight, int oy, int ox, int channel) const {
    const int depth = p.in_channels / p.groups, first = channel / (p.out_channels / p.groups) * depth;
    std::int64_t sum = 0;
    for (int ky = 0; ky < p.kernel; ++ky) {
      for (int kx = 0; kx < p.kernel; ++kx) {
        const int y = oy * p.stride - p.pad + ky, x = ox * p.stride - p.pad + kx;
        if (y < 0 || y >= p.in_height || x < 0 || x >= p.in_width) continue;
        for (int i = 0; i < depth; ++i)
          sum += input()(y * p.in_width + x, first + i) * weight((ky * p.kernel + kx) * depth + i, channel);
      }
    }
    return sum;
  }

  Codes apply(const LayerNorm& p) const {
    return store(layer_norm(real_of(input(), in()), parameter(0), parameter(1), p.epsilon));
  }
  Codes apply(const Activation& p) const { return store(activation(p.function, real_of(input(), in()))); }
  Codes apply(const BatchNorm& p) const {
    if (plan_.batch_norm_folded) return input();
    // One multiplication and one addition per element.
    const MatrixD scale = parameter(0), shift = parameter(1), mean = parameter(2), variance = parameter(3);
    MatrixD y = real_of(input(), in());
    for (int c = 0; c < y.cols(); ++c) {
      const double factor = scale(0, c) / std::sqrt(variance(0, c) + p.epsilon),
                   offset = shift(0, c) - mean(0, c) * factor;
      for (int r = 0; r < y.rows(); ++r) y(r, c) = y(r, c) * factor + offset;
    }
    return store(y);
  }

  Codes added(const Codes& a, double scale_a, const Codes& b, double scale_b) const {
    Codes y(a.rows(), a.cols());
    for (std::size_t i = 0; i < y.size(); ++i)
      y.data()[i] = requantise(
          static_cast<double>(a.data()[i]) * (scale_a / out()) + static_cast<double>(b.data()[i]) * (scale_b / out()),
          1, plan_.limit);
    return y;
  }
  Codes apply(const Add& p) const {
    const double factor = p.mean ? 0.5 : 1;
    return added(input(0), in(0) * factor, input(1), in(1) * factor);
  }
  Codes apply(const PositionEmbedding&) const {
    const MatrixD learned = parameter(0);
    const double scale = calibrated(learned);
    return added(input(), in(), quantise(learned, scale, plan_.limit), scale);
  }
  Codes apply(const MeanPool&) {
    Codes mean = column_sum(input(), result_.range);
    for (int c = 0; c < mean.cols(); ++c)
      mean(0, c) = requantise(static_cast<double>(mean(0, c)) * (in() / out()) / input().rows(), 1, plan_.limit);
    return mean;
  }

  Codes apply(const LayerScale&) const { return store(layer_scale(real_of(input(), in()), parameter(0))); }
  Codes apply(const Multiply&) const {
    Codes y(input(0).rows(), input(0).cols());
    for (std::size_t i = 0; i < y.size(); ++i)
      y.data()[i] =
          requantise(static_cast<double>(input(0).data()[i] * input(1).data()[i]), in(0) * in(1) / out(), plan_.limit);
    return y;
  }
  Codes apply(const AveragePool& p) {
    Codes mean(p.out_height * p.out_width, p.channels);
    for (int r = 0; r < mean.rows(); ++r) {
      for (int c = 0; c < p.channels; ++c) {
        std::int64_t sum = 0;
        for (int k = 0; k < p.kernel * p.kernel; ++k)
          sum += input()(
              (r / p.out_width * p.stride + k / p.kernel) * p.in_width + r % p.out_width * p.stride + k % p.kernel, c);
        mean(r, c) = requantise(
            static_cast<double>(seen(sum, result_.range.accumulator)) * (in() / out()) / (p.kernel * p.kernel), 1,
            plan_.limit);
      }
    }
    return mean;
  }
  Codes apply(const Slice& p) const { return block_of(input(), p.first_row, p.rows, p.first_channel, p.channels); }

  // These layers only move rows. Codes do not change, so input and output have the same scale. Codes are exact in
  // double.
  static Codes codes_of(const MatrixD& x) {
    Codes y(x.rows(), x.cols());
    for (std::size_t i = 0; i < x.size(); ++i) y.data()[i] = static_cast<std::int64_t>(x.data()[i]);
    return y;
  }
  MatrixD moved(std::size_t i = 0) const { return real_of(input(i), 1); }
  Codes apply(const ConcatToken&) const { return codes_of(concat_token(real_of(store(parameter(0)), 1), moved())); }
  Codes apply(const ConcatChannels&) const {
    std::vector<MatrixD> parts;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) parts.push_back(moved(i));
    std::vector<const MatrixD*> pointers;
    pointers.reserve(parts.size());
    for (const MatrixD& part : parts) pointers.push_back(&part);
    return codes_of(concat_channels(pointers));
  }
  Codes apply(const Subsample& p) const { return codes_of(subsample(p, moved())); }
  Codes apply(const PatchMerge& p) const { return codes_of(patch_merge(p, moved())); }
  Codes apply(const Unfold& p) const { return codes_of(unfold(p, moved())); }
  Codes apply(const Fold& p) const { return codes_of(fold(p, moved())); }
  Codes apply(const GivenTensor&) const { return store(parameter(0)); }

  Codes head(const HeadColumns& from, int tokens, int depth, int instance, int h) const {
    return block_of(input(static_cast<std::size_t>(from.input)), instance * tokens, tokens,
                    from.offset + h * from.head_stride, depth);
  }

  Codes apply(const Attention& a) {
    const AttentionKind kind = a.kind.value_or(plan_.kind);
    const bool softmax = kind == AttentionKind::kSoftmax, elided = kind == AttentionKind::kTaylorElided,
               relu_linear = kind == AttentionKind::kReluLinear;
    if (!softmax && !elided && !relu_linear && kind != AttentionKind::kTaylor)
      throw std::invalid_argument(std::string("no fixed point for attention ") + to_string(kind));
    Codes bias;
    double bias_scale = 1;
    if (a.bias_params > 0 && (softmax || (plan_.score_bias_first_order && !relu_linear))) {
      MatrixD real = expanded_score_bias(a, parameter(0));
      if (!softmax) centre_rows(real);
      bias_scale = calibrated(real);
      bias = quantise(real, bias_scale, plan_.limit);
    }
    const FixedAttentionScales& scales = plan_.attention[static_cast<std::size_t>(index_)];
    Codes y(a.instances * a.n_q, a.heads * a.d_v);
    for (int instance = 0; instance < a.instances; ++instance) {
      for (int h = 0; h < a.heads; ++h) {
        const Codes q = head(a.q, a.n_q, a.d_qk, instance, h), k = head(a.k, a.n_kv, a.d_qk, instance, h),
                    v = head(a.v, a.n_kv, a.d_v, instance, h);
        const Codes own = bias.empty() ? Codes() : block_of(bias, h * a.n_q, a.n_q, 0, a.n_kv);
        const Codes* const pointer = bias.empty() ? nullptr : &own;
        const Codes mask = mask_of(a, instance);
        const Codes z = softmax ? fixed_softmax(q, k, v, scales, plan_.limit, result_.range, pointer, bias_scale,
                                                mask.empty() ? nullptr : &mask)
                        : relu_linear
                            ? fixed_relu_linear(q, k, v, scales, plan_.limit, result_.range, a.epsilon)
                            : fixed_taylor(q, k, v, scales, plan_.limit, elided, result_.range, pointer, bias_scale).z;
        for (int r = 0; r < a.n_q; ++r) std::copy(z.row(r), z.row(r) + a.d_v, y.row(instance * a.n_q + r) + h * a.d_v);
      }
    }
    return y;
  }
  static Codes mask_of(const Attention& a, int instance) {
    if (!is_masked(a)) return {};
    Codes mask(a.n_q, a.n_kv);
    for (int i = 0; i < a.n_q; ++i)
      for (int j = 0; j < a.n_kv; ++j) mask(i, j) = sees(a, instance, i, j) ? 1 : 0;
    return mask;
  }
  static void centre_rows(MatrixD& x) {
    for (int r = 0; r < x.rows(); ++r) {
      double mean = 0;
      for (int c = 0; c < x.cols(); ++c) mean += x(r, c);
      mean /= x.cols();
      for (int c = 0; c < x.cols(); ++c) x(r, c) -= mean;
    }
  }

  const VitModel& model_;
  const ParameterSource& parameters_;
  const FixedPointPlan& plan_;
  Codes image_;
  int index_ = 0;
  FixedPointResult result_;
};

}  // namespace

FixedPointResult fixed_point_forward(const VitModel& model, const ParameterSource& parameters,
                                     const FixedPointPlan& plan) {
  return FixedForward(model, parameters, plan).run();
}

}  // namespace vitality::reference
