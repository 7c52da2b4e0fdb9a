#include "workload/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>

#include "base/vectorised.h"

namespace vitality {
namespace {

std::uint64_t mix(std::uint64_t z) {  // the finaliser of splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t key_of(std::uint64_t seed, std::string_view name) {
  std::uint64_t key = mix(seed + 0x9E3779B97F4A7C15ULL);
  for (const char c : name) key = mix(key ^ static_cast<unsigned char>(c)) + 0x9E3779B97F4A7C15ULL;
  return key;
}

struct Range {
  double centre, half_width;
};

Range range_of(const ParameterInfo& info) {
  switch (info.role) {
    case ParameterRole::kWeight:
      return {0, std::sqrt(3.0 / info.rows)};
    case ParameterRole::kBias:
      return {0, 0.1};
    case ParameterRole::kNormScale:
    case ParameterRole::kRunningVariance:
      return {1, 0.1};
    case ParameterRole::kEmbedding:
    case ParameterRole::kScoreBias:
      return {0, 0.5};
    case ParameterRole::kImage:
    case ParameterRole::kInput:
      return {0, std::sqrt(3.0)};
  }
  return {0, 0};
}

}  // namespace

namespace {

// The first `count` elements of a tensor, an even number: one hash gives two elements, the low half first.
[[gnu::always_inline]] inline void fill(std::uint64_t key, std::size_t count, double centre, double scale,
                                        double* out) {
  constexpr std::size_t kBlock = 256;
  std::uint64_t hashes[kBlock];
  std::int32_t halves[2 * kBlock];
  for (std::size_t first = 0; first < count / 2; first += kBlock) {
    const std::size_t block = std::min(kBlock, count / 2 - first);
    for (std::size_t i = 0; i < block; ++i) hashes[i] = mix(key + (first + i + 1) * 0x9E3779B97F4A7C15ULL);
    std::memcpy(halves, hashes, block * sizeof(std::uint64_t));
    double* const values = out + 2 * first;
    for (std::size_t i = 0; i < 2 * block; ++i) values[i] = centre + scale * static_cast<double>(halves[i]);
  }
}

using Fill = void (*)(std::uint64_t, std::size_t, double, double, double*);

void fill_anywhere(std::uint64_t key, std::size_t count, double centre, double scale, double* out) {
  fill(key, count, centre, scale, out);
}

#ifdef __clang__  // takes no width in this attribute, and leaves out the whole attribute where there is one
#define VITALITY_FILL_TARGET "avx512f,avx512dq,avx512vl"
#else
#define VITALITY_FILL_TARGET "avx512f,avx512dq,avx512vl,prefer-vector-width=512"
#endif
// The same bits with vectors of 64-bit products.
[[gnu::target(VITALITY_FILL_TARGET)]] void fill_avx512(std::uint64_t key, std::size_t count, double centre,
                                                       double scale, double* out) {
  fill(key, count, centre, scale, out);
}

Fill fastest_fill() {
  return instruction_set() == InstructionSet::kAvx512 ? fill_avx512 : fill_anywhere;
}

}  // namespace

MatrixD SeededParameters::tensor(const ParameterInfo& info) const {
  static const Fill fill_fastest = fastest_fill();
  MatrixD values = MatrixD::unset(info.rows, info.cols);
  const Range range = range_of(info);
  const double scale = range.half_width / 2147483648.0;
  const bool later_image = info.role == ParameterRole::kImage && info.image > 0;
  const std::uint64_t key =
      later_image ? key_of(seed_ + static_cast<std::uint64_t>(info.image), "input") : key_of(seed_, info.name);
  double* out = values.data();
  const std::size_t count = values.size();
  fill_fastest(key, count / 2 * 2, range.centre, scale, out);
  if (count % 2 == 1) {
    const std::uint64_t bits = mix(key + (count / 2 + 1) * 0x9E3779B97F4A7C15ULL);
    out[count - 1] = range.centre + scale * static_cast<double>(static_cast<std::int32_t>(bits));
  }
  return values;
}

namespace {

constexpr char kOneRow[] = "1 x channels";

std::vector<ParameterInfo> norm_parameters(const std::string& name, int channels) {
  return {{name + ".weight", 1, channels, ParameterRole::kNormScale, 0, kOneRow, "scale of the norm"},
          {name + ".bias", 1, channels, ParameterRole::kBias, 0, kOneRow, "shift of the norm"}};
}

ParameterInfo image_parameter(const VitModel& model, int image) {
  return {image == 0 ? "input" : "input." + std::to_string(image),
          model.image_height * model.image_width,
          model.image_channels,
          ParameterRole::kImage,
          image,
          "pixels x channels",
          "an image, its pixels row by row"};
}

}  // namespace

std::vector<ParameterInfo> parameters_of(const Layer& layer) {
  std::vector<ParameterInfo> list;
  const std::string& name = layer.shared_parameters.empty() ? layer.name : layer.shared_parameters;
  const auto bias = [&](int outputs) {
    list.push_back({name + ".bias", 1, outputs, ParameterRole::kBias, 0, "1 x outputs", "added to every row"});
  };
  if (const auto* p = std::get_if<Conv2d>(&layer.parameters)) {
    list.push_back({name + ".weight", p->kernel * p->kernel * p->in_channels / p->groups, p->out_channels,
                    ParameterRole::kWeight, 0, "(kernel y, kernel x, input channel of the group) x outputs",
                    "filters of a convolution; row = (y * kernel + x) * channels + channel"});
    if (p->bias) bias(p->out_channels);
  } else if (const auto* l = std::get_if<Linear>(&layer.parameters)) {
    list.push_back({name + ".weight", l->in_features, l->out_features, ParameterRole::kWeight, 0, "inputs x outputs",
                    "W of y = x W + b (PyTorch keeps its transpose)"});
    if (l->bias) bias(l->out_features);
  } else if (const auto* a = std::get_if<Attention>(&layer.parameters)) {
    if (a->bias_params > 0)
      list.push_back(
          {name + ".bias", a->heads, static_cast<int>(a->bias_params / a->heads), ParameterRole::kScoreBias, 0,
           a->signed_bias ? "heads x ((dy + grid - 1) * (2 * grid - 1) + dx + grid - 1)" : "heads x (dy * grid + dx)",
           "added to the score of a query and a key dy rows, dx columns apart"});
  } else if (const auto* n = std::get_if<LayerNorm>(&layer.parameters)) {
    list = norm_parameters(name, n->channels);
  } else if (const auto* b = std::get_if<BatchNorm>(&layer.parameters)) {
    list = norm_parameters(name, b->channels);
    list.push_back(
        {name + ".running_mean", 1, b->channels, ParameterRole::kBias, 0, kOneRow, "mean of the training images"});
    list.push_back({name + ".running_var", 1, b->channels, ParameterRole::kRunningVariance, 0, kOneRow,
                    "variance of the training images"});
  } else if (const auto* e = std::get_if<PositionEmbedding>(&layer.parameters)) {
    list.push_back({name + ".weight", e->rows, e->channels, ParameterRole::kEmbedding, 0, "tokens x channels",
                    "added to the tokens"});
  } else if (const auto* t = std::get_if<ConcatToken>(&layer.parameters)) {
    list.push_back({name + ".weight", t->learned, t->channels, ParameterRole::kEmbedding, 0, "tokens x channels",
                    "put in front of the tokens"});
  } else if (const auto* s = std::get_if<LayerScale>(&layer.parameters)) {
    list.push_back(
        {name + ".gamma", 1, s->channels, ParameterRole::kNormScale, 0, kOneRow, "what a channel is multiplied with"});
  } else if (const auto* g = std::get_if<GivenTensor>(&layer.parameters)) {
    list.push_back({name, g->rows, g->cols, ParameterRole::kInput, 0, "rows x channels", "an input beside the image"});
  }
  return list;
}

std::vector<ParameterInfo> parameters_of(const VitModel& model) {
  std::vector<ParameterInfo> list;
  list.reserve(static_cast<std::size_t>(model.images));
  for (int i = 0; i < model.images; ++i) list.push_back(image_parameter(model, i));
  const std::size_t count = model.layers.size() / static_cast<std::size_t>(model.images);
  for (std::size_t i = 0; i < count; ++i) {
    for (ParameterInfo& info : parameters_of(model.layers[i])) list.push_back(std::move(info));
  }
  return list;
}

std::vector<ParameterInfo> distinct_parameters_of(const VitModel& model) {
  std::vector<ParameterInfo> list;
  std::set<std::string> names;
  for (ParameterInfo& info : parameters_of(model))
    if (names.insert(info.name).second) list.push_back(std::move(info));
  return list;
}

EffectiveWeights effective_weights(const VitModel& model, int layer_index, const ParameterSource& source,
                                   bool fold_batch_norm) {
  const std::vector<ParameterInfo> own = parameters_of(model.layers[static_cast<std::size_t>(layer_index)]);
  EffectiveWeights result;
  result.weight = source.tensor(own[0]);
  if (own.size() > 1) {
    const MatrixD bias = source.tensor(own[1]);
    result.bias.assign(bias.data(), bias.data() + bias.size());
  }
  if (fold_batch_norm) absorb_batch_norms(model, layer_index, source, result);
  return result;
}

void absorb_batch_norms(const VitModel& model, int layer_index, const ParameterSource& source,
                        EffectiveWeights& result) {
  for (int i = 0; i < static_cast<int>(model.layers.size()); ++i) {
    const Layer& layer = model.layers[static_cast<std::size_t>(i)];
    const auto* norm = std::get_if<BatchNorm>(&layer.parameters);
    if (norm == nullptr || norm->folded_into != layer_index) continue;
    const std::vector<ParameterInfo> infos = parameters_of(layer);
    const MatrixD scale = source.tensor(infos[0]), shift = source.tensor(infos[1]), mean = source.tensor(infos[2]),
                  variance = source.tensor(infos[3]);
    const int cols = result.weight.cols();
    if (result.bias.empty()) result.bias.assign(static_cast<std::size_t>(cols), 0.0);
    if (i < layer_index) {  // a norm in front: (x f + s) W + b = x (diag(f) W) + (s W + b)
      const auto* conv = std::get_if<Conv2d>(&model.layers[static_cast<std::size_t>(layer_index)].parameters);
      const int groups = conv != nullptr ? conv->groups : 1, in_group = norm->channels / groups;
      for (int r = 0; r < result.weight.rows(); ++r) {
        for (int c = 0; c < cols; ++c) {  // a convolution's rows repeat the channels of its group for each pixel
          const int channel = c / (cols / groups) * in_group + r % in_group;
          const double factor = scale(0, channel) / std::sqrt(variance(0, channel) + norm->epsilon);
          const double offset = shift(0, channel) - mean(0, channel) * factor;
          result.bias[static_cast<std::size_t>(c)] += offset * result.weight(r, c);
          result.weight(r, c) *= factor;
        }
      }
      continue;
    }
    for (int c = 0; c < cols; ++c) {
      const double factor = scale(0, c) / std::sqrt(variance(0, c) + norm->epsilon);
      for (int r = 0; r < result.weight.rows(); ++r) result.weight(r, c) *= factor;
      double& bias = result.bias[static_cast<std::size_t>(c)];
      bias = (bias - mean(0, c)) * factor + shift(0, c);
    }
  }
}

namespace {
// Calls visit(row of the expanded bias, key, head, column of the table) for every element of the expanded bias.
template <class Visit>
void for_each_score_bias(const Attention& a, Visit&& visit) {
  const int grid = a.bias_grid, span = 2 * grid - 1;
  const auto column = [&](int dy, int dx) {
    return a.signed_bias ? (dy + grid - 1) * span + dx + grid - 1 : std::abs(dy) * grid + std::abs(dx);
  };
  const int query_grid = static_cast<int>(ceil_div(grid, a.query_stride));
  for (int h = 0; h < a.heads; ++h) {
    for (int i = 0; i < a.n_q; ++i) {
      const int y = i / query_grid * a.query_stride, x = i % query_grid * a.query_stride;
      for (int j = 0; j < a.n_kv; ++j) visit(h * a.n_q + i, j, h, column(y - j / grid, x - j % grid));
    }
  }
}
}  // namespace

MatrixD expanded_score_bias(const Attention& a, const MatrixD& table) {
  MatrixD bias(a.heads * a.n_q, a.n_kv);
  for_each_score_bias(a, [&](int row, int key, int head, int column) { bias(row, key) = table(head, column); });
  return bias;
}

MatrixD collapsed_score_bias(const Attention& a, const MatrixD& d_bias) {
  MatrixD table(a.heads, static_cast<int>(a.bias_params / a.heads));
  for_each_score_bias(a, [&](int row, int key, int head, int column) { table(head, column) += d_bias(row, key); });
  return table;
}

}  // namespace vitality
