#include "analytic/host.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <map>
#include <memory>

#include "base/error.h"
#include "base/random.h"
#include "tensor/gemm.h"

namespace vitality {
namespace {

using Values = std::vector<float>;

Values random_values(Count count) {
  Random random(1);
  Values values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.unit() - 0.5);
  return values;
}

Values transposed(int rows, int cols, const float* x) {
  Values out(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c)
      out[static_cast<std::size_t>(c) * static_cast<std::size_t>(rows) + static_cast<std::size_t>(r)] =
          x[static_cast<std::ptrdiff_t>(r) * cols + c];
  return out;
}

std::size_t size_of(int rows, int cols) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
}

}  // namespace

// More than 6 parameters: sizes and operands of one head, in the order of the other heads.
void host_softmax_head(int m, int n, int d, int e, const float* q, const float* k, const float* v, float* z) {
  const Values k_transposed = transposed(n, d, k);
  Values scores(size_of(m, n));
  gemm(m, n, d, q, d, k_transposed.data(), n, scores.data(), n, GemmStart::kZero);
  const float scale = 1 / std::sqrt(static_cast<float>(d));
  for (int r = 0; r < m; ++r) {
    float* row = scores.data() + size_of(r, n);
    const float largest = *std::max_element(row, row + n);
    float sum = 0;
    for (int c = 0; c < n; ++c) sum += row[c] = std::exp((row[c] - largest) * scale);
    for (int c = 0; c < n; ++c) row[c] /= sum;
  }
  gemm(m, e, n, scores.data(), n, v, e, z, e, GemmStart::kZero);
}

// More than 6 parameters: sizes and operands of one head, in the order of the other heads.
void host_taylor_head(int m, int n, int d, int e, const float* q, const float* k, const float* v, float* z,
                      bool elided) {
  Values mean(static_cast<std::size_t>(d)), key_sum(static_cast<std::size_t>(d)),
      value_sum(static_cast<std::size_t>(e));
  const auto D = static_cast<std::size_t>(d), E = static_cast<std::size_t>(e);
  for (std::size_t r = 0; r < static_cast<std::size_t>(n); ++r)
    for (std::size_t c = 0; c < D; ++c) mean[c] += k[r * D + c];
  for (float& value : mean) value /= static_cast<float>(n);
  Values centred(k, k + size_of(n, d));
  for (std::size_t r = 0; r < static_cast<std::size_t>(n); ++r) {
    for (std::size_t c = 0; c < D; ++c) key_sum[c] += centred[r * D + c] -= mean[c];
    for (std::size_t c = 0; c < E; ++c) value_sum[c] += v[r * E + c];
  }
  const Values k_transposed = transposed(n, d, centred.data());
  Values g(size_of(d, e));
  gemm(d, e, n, k_transposed.data(), n, v, e, g.data(), e, GemmStart::kZero);
  const float root = std::sqrt(static_cast<float>(d)), whole = static_cast<float>(n) * root;
  gemm(m, e, d, q, d, g.data(), e, z, e, GemmStart::kZero);
  for (std::size_t r = 0; r < static_cast<std::size_t>(m); ++r) {
    float divisor = whole;
    if (!elided)
      for (std::size_t c = 0; c < D; ++c) divisor += q[r * D + c] * key_sum[c];
    const float inverse = 1 / divisor;
    for (std::size_t c = 0; c < E; ++c) z[r * E + c] = (root * value_sum[c] + z[r * E + c]) * inverse;
  }
}

// More than 6 parameters: sizes and operands of one head, in the order of the other heads.
void host_relu_linear_head(int m, int n, int d, int e, float epsilon, const float* q, const float* k, const float* v,
                           float* z) {
  const auto rectified = [](const float* x, std::size_t count) {
    Values y(count);
    std::transform(x, x + count, y.begin(), [](float value) { return std::max(value, 0.0F); });
    return y;
  };
  const auto D = static_cast<std::size_t>(d), E = static_cast<std::size_t>(e);
  const Values queries = rectified(q, size_of(m, d)), keys = transposed(n, d, rectified(k, size_of(n, d)).data());
  Values key_sum(D), g(size_of(d, e));
  for (std::size_t c = 0; c < D; ++c)
    for (std::size_t r = 0; r < static_cast<std::size_t>(n); ++r)
      key_sum[c] += keys[c * static_cast<std::size_t>(n) + r];
  gemm(d, e, n, keys.data(), n, v, e, g.data(), e, GemmStart::kZero);
  gemm(m, e, d, queries.data(), d, g.data(), e, z, e, GemmStart::kZero);
  for (std::size_t r = 0; r < static_cast<std::size_t>(m); ++r) {
    float divisor = epsilon;
    for (std::size_t c = 0; c < D; ++c) divisor += queries[r * D + c] * key_sum[c];
    const float inverse = divisor > 0 ? 1 / divisor : 0;
    for (std::size_t c = 0; c < E; ++c) z[r * E + c] *= inverse;
  }
}

namespace {

// Makes the work that is timed: one layer with its own inputs. Over 60 lines: a branch for each kind of layer.
std::function<void()> work_of(const Layer& layer, AttentionKind kind) {
  const MatrixShape out = output_shape(layer);
  if (const auto* conv = std::get_if<Conv2d>(&layer.parameters)) {
    const Conv2d c = *conv;
    auto image = std::make_shared<Values>(random_values(Count{c.in_height} * c.in_width * c.in_channels));
    const int channels = c.in_channels / c.groups, depth = c.kernel * c.kernel * channels,
              n = c.out_channels / c.groups;
    auto weights = std::make_shared<Values>(random_values(Count{depth} * n));
    return [=] {
      const int pixels = c.out_height * c.out_width;
      Values patches(size_of(pixels, depth)), result(size_of(pixels, n));
      for (int group = 0; group < c.groups; ++group) {
        float* to = patches.data();
        for (int y = 0; y < c.out_height; ++y)
          for (int x = 0; x < c.out_width; ++x)
            for (int ky = 0; ky < c.kernel; ++ky)
              for (int kx = 0; kx < c.kernel; ++kx, to += channels) {
                const int row = y * c.stride + ky - c.pad, col = x * c.stride + kx - c.pad;
                if (row < 0 || col < 0 || row >= c.in_height || col >= c.in_width) {
                  std::fill(to, to + channels, 0.0F);
                } else {
                  const float* from = image->data() +
                                      (size_of(row, c.in_width) + static_cast<std::size_t>(col)) *
                                          static_cast<std::size_t>(c.in_channels) +
                                      group * channels;
                  std::copy(from, from + channels, to);
                }
              }
        gemm(pixels, n, depth, patches.data(), depth, weights->data(), n, result.data(), n, GemmStart::kZero);
      }
    };
  }
  if (const auto* linear = std::get_if<Linear>(&layer.parameters)) {
    const Linear l = *linear;
    auto x = std::make_shared<Values>(random_values(Count{l.rows} * l.in_features));
    auto w = std::make_shared<Values>(random_values(Count{l.in_features} * l.out_features));
    auto y = std::make_shared<Values>(size_of(l.rows, l.out_features));
    return [=] {
      gemm(l.rows, l.out_features, l.in_features, x->data(), l.in_features, w->data(), l.out_features, y->data(),
           l.out_features, GemmStart::kZero);
    };
  }
  if (const auto* attention = std::get_if<Attention>(&layer.parameters)) {
    const Attention a = *attention;
    auto q = std::make_shared<Values>(random_values(Count{a.n_q} * a.d_qk));
    auto k = std::make_shared<Values>(random_values(Count{a.n_kv} * a.d_qk));
    auto v = std::make_shared<Values>(random_values(Count{a.n_kv} * a.d_v));
    auto z = std::make_shared<Values>(size_of(a.n_q, a.d_v));
    return [=] {
      for (int head = 0; head < a.heads * a.instances; ++head) {
        if (kind == AttentionKind::kSoftmax) {
          host_softmax_head(a.n_q, a.n_kv, a.d_qk, a.d_v, q->data(), k->data(), v->data(), z->data());
        } else if (kind == AttentionKind::kReluLinear) {
          host_relu_linear_head(a.n_q, a.n_kv, a.d_qk, a.d_v, static_cast<float>(a.epsilon), q->data(), k->data(),
                                v->data(), z->data());
        } else {
          host_taylor_head(a.n_q, a.n_kv, a.d_qk, a.d_v, q->data(), k->data(), v->data(), z->data(),
                           kind == AttentionKind::kTaylorElided);
        }
      }
    };
  }
  // Every other layer reads its elements once or a few times.
  auto x = std::make_shared<Values>(random_values(Count{out.rows} * out.cols));
  auto y = std::make_shared<Values>(x->size());
  if (std::holds_alternative<Activation>(layer.parameters))
    return [=] {
      std::transform(x->begin(), x->end(), y->begin(), [](float value) { return value / (1 + std::exp(-value)); });
    };
  if (std::holds_alternative<LayerNorm>(layer.parameters)) {
    return [=] {
      for (int r = 0; r < out.rows; ++r) {
        const float* row = x->data() + size_of(r, out.cols);
        float sum = 0, squares = 0;
        for (int c = 0; c < out.cols; ++c) sum += row[c];
        const float mean = sum / static_cast<float>(out.cols);
        for (int c = 0; c < out.cols; ++c) squares += (row[c] - mean) * (row[c] - mean);
        const float factor = 1 / std::sqrt(squares / static_cast<float>(out.cols) + 1e-6F);
        for (int c = 0; c < out.cols; ++c)
          (*y)[size_of(r, out.cols) + static_cast<std::size_t>(c)] = (row[c] - mean) * factor;
      }
    };
  }
  return [=] {
    std::transform(x->begin(), x->end(), y->begin(), y->begin(), [](float a, float b) { return a + 0.5F * b; });
  };
}

// Nanoseconds: the median of at least five runs, after one run that is not counted; stops after a tenth of a second in
// all.
double median_ns(const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  work();
  std::vector<double> times;
  double spent = 0;
  while (times.size() < 5 || (spent < 2e7 && times.size() < 101)) {
    const auto begin = Clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
    spent += times.back();
    if (spent > 2e9 && times.size() >= 3) break;
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// Each shape is measured once, because the layers of a block repeat.
std::string shape_key(const Layer& layer) {
  std::string key = kind_name(layer);
  const auto add = [&](std::initializer_list<int> numbers) {
    for (const int number : numbers) key += " " + std::to_string(number);
  };
  const MatrixShape out = output_shape(layer);
  add({out.rows, out.cols});
  if (const auto* c = std::get_if<Conv2d>(&layer.parameters))
    add({c->in_channels, c->kernel, c->stride, c->pad, c->groups, c->in_height, c->in_width});
  if (const auto* l = std::get_if<Linear>(&layer.parameters)) add({l->in_features});
  if (const auto* a = std::get_if<Attention>(&layer.parameters))
    add({a->heads, a->instances, a->n_q, a->n_kv, a->d_qk, a->d_v, a->kind ? static_cast<int>(*a->kind) : -1});
  return key;
}

}  // namespace

SimulationResult measure_host(const HardwareConfig& config, const VitModel& model) {
  check_layer_work(config, model, "the time", "measured");
  std::map<std::string, double> known;
  std::vector<AnalyticLayer> layers;
  const double cycles_per_ns = config.clock_mhz * 1e-3;
  for (const Layer& layer : model.layers) {
    AnalyticLayer cost = layer_work(layer, config.attention);
    cost.mapping = "measured";
    if (config.batch_norm_folded && std::holds_alternative<BatchNorm>(layer.parameters)) {
      cost.mapping = "folded into the weights before or behind it";
    } else {
      const auto [entry, fresh] = known.try_emplace(shape_key(layer), 0);
      if (fresh) entry->second = median_ns(work_of(layer, attention_kind(layer, config.attention)));
      cost.compute_cycles = entry->second * cycles_per_ns;
    }
    layers.push_back(std::move(cost));
  }
  // The peak of an arbitrary CPU is not known, so no utilization is claimed.
  return analytic_result(config, model, {"cpu", "measured", 0, 0, 0}, layers);
}

}  // namespace vitality
