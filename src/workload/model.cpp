#include "workload/model.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vitality {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

template <class Visitor>
auto visit_layer(const Layer& layer, Visitor&& visitor) {
  return std::visit(std::forward<Visitor>(visitor), layer.parameters);
}

constexpr int strided(int size, int stride) {
  return (size + stride - 1) / stride;
}

}  // namespace

const char* kind_name(const Layer& layer) {
  // In the order of LayerParameters.
  static const char* const kNames[] = {"conv2d",       "linear",
                                       "attention",    "layer_norm",
                                       "batch_norm",   "activation",
                                       "add",          "position_embedding",
                                       "concat_token", "concat_channels",
                                       "subsample",    "mean_pool",
                                       "unfold",       "fold",
                                       "layer_scale",  "mul",
                                       "average_pool", "slice",
                                       "patch_merge",  "input"};
  static_assert(std::size(kNames) == std::variant_size_v<LayerParameters>);
  return kNames[layer.parameters.index()];
}

// Over 60 lines: a shape for each kind.
MatrixShape output_shape(const Layer& layer) {
  return visit_layer(
      layer, Overloaded{
                 [](const Conv2d& p) {
                   return MatrixShape{p.out_height * p.out_width, p.out_channels};
                 },
                 [](const Linear& p) {
                   return MatrixShape{p.rows, p.out_features};
                 },
                 [](const Attention& p) {
                   return MatrixShape{p.instances * p.n_q, p.heads * p.d_v};
                 },
                 [](const LayerNorm& p) {
                   return MatrixShape{p.tokens, p.channels};
                 },
                 [](const BatchNorm& p) {
                   return MatrixShape{p.tokens, p.channels};
                 },
                 [](const Activation& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const Add& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const PositionEmbedding& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const ConcatToken& p) {
                   return MatrixShape{p.tokens, p.channels};
                 },
                 [](const ConcatChannels& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const Subsample& p) {
                   return MatrixShape{strided(p.in_height, p.stride) * strided(p.in_width, p.stride), p.channels};
                 },
                 [](const MeanPool& p) {
                   return MatrixShape{1, p.channels};
                 },
                 [](const Unfold& p) {
                   return MatrixShape{p.height * p.width, p.channels};
                 },
                 [](const Fold& p) {
                   return MatrixShape{p.height * p.width, p.channels};
                 },
                 [](const LayerScale& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const Multiply& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const AveragePool& p) {
                   return MatrixShape{p.out_height * p.out_width, p.channels};
                 },
                 [](const Slice& p) {
                   return MatrixShape{p.rows, p.channels};
                 },
                 [](const PatchMerge& p) {
                   return MatrixShape{p.in_height / p.patch * (p.in_width / p.patch), p.patch * p.patch * p.channels};
                 },
                 [](const GivenTensor& p) {
                   return MatrixShape{p.rows, p.cols};
                 },
             });
}

Count parameter_count(const Layer& layer) {
  return visit_layer(
      layer, Overloaded{
                 [](const Conv2d& p) {
                   return Count{p.kernel} * p.kernel * (p.in_channels / p.groups) * p.out_channels +
                          (p.bias ? p.out_channels : 0);
                 },
                 [](const Linear& p) { return Count{p.in_features} * p.out_features + (p.bias ? p.out_features : 0); },
                 [](const Attention& p) { return p.bias_params; },
                 [](const LayerNorm& p) { return Count{2} * p.channels; },
                 [](const BatchNorm& p) { return Count{2} * p.channels; },
                 [](const PositionEmbedding& p) { return Count{p.rows} * p.channels; },
                 [](const ConcatToken& p) { return Count{p.learned} * p.channels; },
                 [](const LayerScale& p) { return Count{p.channels}; },
                 [](const auto&) { return Count{0}; },
             });
}

Count macs(const Layer& layer) {
  return visit_layer(layer, Overloaded{
                                [](const Conv2d& p) {
                                  return Count{p.out_height} * p.out_width * p.kernel * p.kernel *
                                         (p.in_channels / p.groups) * p.out_channels;
                                },
                                [](const Linear& p) { return Count{p.rows} * p.in_features * p.out_features; },
                                [](const Attention& p) {
                                  const Count problems = Count{p.instances} * p.heads;
                                  if (p.kind == AttentionKind::kReluLinear)
                                    return problems * (p.n_q + p.n_kv) * p.d_qk * (p.d_v + 1);
                                  return problems * p.n_q * p.n_kv * (p.d_qk + p.d_v);
                                },
                                [](const auto&) { return Count{0}; },
                            });
}

Count parameter_count(const VitModel& model) {
  Count sum = 0;
  const std::size_t count = model.layers.size() / static_cast<std::size_t>(model.images);
  for (std::size_t i = 0; i < count; ++i) sum += parameter_count(model.layers[i]);
  return sum;
}

Count macs(const VitModel& model) {
  Count sum = 0;
  for (const Layer& layer : model.layers) sum += macs(layer);
  return sum;
}

InputRows input_rows(const Conv2d& conv, int first, int outputs) {
  const auto first_row = [&](int output) { return output / conv.out_width * conv.stride - conv.pad; };
  return {std::max(0, first_row(first)), std::min(conv.in_height, first_row(first + outputs - 1) + conv.kernel)};
}

bool is_masked(const Attention& attention) {
  return attention.mask != ScoreMask::kNone;
}

namespace {
// Which part of the moved image a row (or column) of it comes from: parts that moved differently are not neighbours.
int moved_part(int row, int size, const WindowGrid& w) {
  return row < size - w.side ? 0 : row < size - w.shift ? 1 : 2;
}
}  // namespace

bool sees(const Attention& attention, int instance, int query, int key) {
  const WindowGrid& w = attention.windows;
  switch (attention.mask) {
    case ScoreMask::kNone:
      return true;
    case ScoreMask::kCausal:
      return key <= query;
    case ScoreMask::kShiftedWindows: {
      const int across = w.width / w.side, top = instance / across * w.side, left = instance % across * w.side;
      const auto part = [&](int token) {
        return 3 * moved_part(top + token / w.side, w.height, w) + moved_part(left + token % w.side, w.width, w);
      };
      return part(query) == part(key);
    }
  }
  return true;
}

AttentionKind attention_kind(const Layer& layer, AttentionKind otherwise) {
  const auto* attention = std::get_if<Attention>(&layer.parameters);
  return attention != nullptr ? attention->kind.value_or(otherwise) : otherwise;
}

bool any_attention(const VitModel& model, AttentionKind otherwise, const std::function<bool(AttentionKind)>& has) {
  return std::any_of(model.layers.begin(), model.layers.end(), [&](const Layer& layer) {
    return std::holds_alternative<Attention>(layer.parameters) && has(attention_kind(layer, otherwise));
  });
}

bool any_mask(const VitModel& model, AttentionKind otherwise) {
  return any_attention(model, otherwise, [](AttentionKind kind) { return traits(kind).uses_mask; });
}

bool names_attention(const VitModel& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) {
    const auto* attention = std::get_if<Attention>(&layer.parameters);
    return attention != nullptr && attention->kind;
  });
}

}  // namespace vitality
