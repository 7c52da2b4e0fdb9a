// Attention layers: where the heads lie in the columns of the inputs, score bias, mask, kind.
#include "workload/layer_reader.h"

namespace vitality {

const std::vector<AttentionKind>& layer_attention_kinds() {
  static const std::vector<AttentionKind> kinds = [] {
    std::vector<AttentionKind> out;
    for (const AttentionKind kind : all_of_enum<AttentionKind>())
      if (traits(kind).mapped) out.push_back(kind);
    return out;
  }();
  return kinds;
}

// Finds where the heads lie in the columns of the inputs.
void LayerReader::attention_heads(Attention& p) {
  enum Layout { kPacked, kPackedPerHead, kQueryAndPackedPerHead, kSeparate, kQueryAndPacked };
  const auto layout = static_cast<Layout>(choice("layout"));
  if (!ok_) return;
  const int qk = p.d_qk, v = p.d_v, h = p.heads;
  std::vector<int> cols;
  switch (layout) {
    case kPacked:
      p.q = {0, 0, qk};
      p.k = {0, h * qk, qk};
      p.v = {0, 2 * h * qk, v};
      cols = {h * (2 * qk + v)};
      break;
    case kPackedPerHead:
      p.q = {0, 0, 2 * qk + v};
      p.k = {0, qk, 2 * qk + v};
      p.v = {0, 2 * qk, 2 * qk + v};
      cols = {h * (2 * qk + v)};
      break;
    case kQueryAndPackedPerHead:
      p.q = {0, 0, qk};
      p.k = {1, 0, qk + v};
      p.v = {1, qk, qk + v};
      cols = {h * qk, h * (qk + v)};
      break;
    case kSeparate:
      p.q = {0, 0, qk};
      p.k = {1, 0, qk};
      p.v = {2, 0, v};
      cols = {h * qk, h * qk, h * v};
      break;
    case kQueryAndPacked:
      p.q = {0, 0, qk};
      p.k = {1, 0, qk};
      p.v = {1, h * qk, v};
      cols = {h * qk, h * (qk + v)};
  }
  if (!inputs(cols.size())) return;
  for (std::size_t i = 0; i < cols.size(); ++i) {
    if (in(i).cols == cols[i]) continue;
    fail("heads, d_qk, d_v and layout need an input of " + std::to_string(cols[i]) + " columns, found " + shape(in(i)));
  }
}

void LayerReader::attention_bias(Attention& p) {
  const bool biased = flag("position_bias"), relative = flag("relative_bias");
  p.query_stride = size("query_stride");
  p.bias_grid = 0;
  p.bias_params = 0;
  if (!ok_) return;
  const TensorInfo& queries = in(static_cast<std::size_t>(p.q.input));
  const TensorInfo& keys = in(static_cast<std::size_t>(p.k.input));
  const char* const key = relative ? "relative_bias" : "position_bias";
  if ((biased || relative) && p.kind == AttentionKind::kReluLinear)
    fail("relu_linear attention has no scores that a bias could be added to", key);
  if (biased && relative) fail("position_bias is there already", key);
  if (!biased) {
    if (source_.keys.present("query_stride")) fail("of use with \"position_bias\": true only", "query_stride");
    if (relative) relative_bias(p);
    return;
  }
  if (keys.height == 0 || keys.height != keys.width) return fail("needs keys on a square grid", "position_bias");
  const int side = (keys.height + p.query_stride - 1) / p.query_stride;
  if (queries.height != side || queries.width != side) {
    return fail("a stride of " + std::to_string(p.query_stride) + " over the keys' grid of side " +
                    std::to_string(keys.height) + " gives " + std::to_string(side * side) + " queries, found " +
                    std::to_string(queries.rows),
                "query_stride");
  }
  p.bias_grid = keys.height;
  // One parameter per head and distance: query 0 reaches every distance 0 .. side - 1 along each axis.
  p.bias_params = Count{p.heads} * keys.height * keys.height;
}

// A number for each difference of two positions of a window, or of the keys' grid.
void LayerReader::relative_bias(Attention& p) {
  const TensorInfo& queries = in(static_cast<std::size_t>(p.q.input));
  const TensorInfo& keys = in(static_cast<std::size_t>(p.k.input));
  const auto side = [](const TensorInfo& t) { return t.windows ? t.patch : t.height == t.width ? t.height : 0; };
  if (side(keys) == 0 || side(queries) != side(keys))
    return fail("needs queries and keys on one square grid, or in windows", "relative_bias");
  p.signed_bias = true;
  p.bias_grid = side(keys);
  p.bias_params = Count{p.heads} * (2 * p.bias_grid - 1) * (2 * p.bias_grid - 1);
}

void LayerReader::attention_mask(Attention& p) {
  if (!ok_ || !is_masked(p)) return;
  if (p.kind != AttentionKind::kSoftmax)
    return fail("is a mask of softmax attention: expected \"attention\": \"softmax\" beside it", "mask");
  if (p.mask == ScoreMask::kCausal && p.n_q != p.n_kv)
    return fail("needs as many queries as keys, found " + std::to_string(p.n_q) + " and " + std::to_string(p.n_kv),
                "mask");
  if (p.mask != ScoreMask::kShiftedWindows) return;
  const TensorInfo& queries = in(static_cast<std::size_t>(p.q.input));
  const TensorInfo& keys = in(static_cast<std::size_t>(p.k.input));
  if (!queries.windows || !keys.windows || queries.shift == 0 || queries.shift != keys.shift)
    return fail("needs inputs in shifted windows (unfold with windows and shift)", "mask");
  p.windows = {keys.unfolded_height, keys.unfolded_width, keys.patch, keys.shift};
}

TensorInfo LayerReader::attention() {
  Attention p{};
  p.heads = size("heads");
  p.d_qk = size("d_qk");
  p.d_v = size("d_v", p.d_qk);
  if (source_.keys.present("attention"))
    p.kind = layer_attention_kinds()[static_cast<std::size_t>(choice("attention"))];
  p.epsilon = epsilon();
  if (p.epsilon != 0 && p.kind != AttentionKind::kReluLinear)
    fail("is added to a sum of relu_linear attention: expected \"attention\": \"relu_linear\" beside it", "epsilon");
  if (source_.keys.present("mask")) p.mask = static_cast<ScoreMask>(choice("mask"));
  attention_heads(p);
  attention_bias(p);
  if (!ok_) return {};
  const TensorInfo& queries = in(static_cast<std::size_t>(p.q.input));
  const TensorInfo& keys = in(static_cast<std::size_t>(p.k.input));
  const TensorInfo& values = in(static_cast<std::size_t>(p.v.input));
  p.instances = queries.instances();
  if (keys.instances() != p.instances || values.instances() != p.instances)
    fail("inputs with different numbers of instances");
  if (keys.rows != values.rows)
    fail("keys have " + std::to_string(keys.rows) + " rows, values " + std::to_string(values.rows));
  p.n_q = queries.rows / p.instances;
  p.n_kv = keys.rows / p.instances;
  if (Count{p.instances} * p.heads * p.n_q * p.n_kv > kMaxScores) fail("more than 2^36 attention scores");
  attention_mask(p);
  if (!ok_) return {};
  layer_.parameters = p;
  TensorInfo out = queries;
  out.cols = p.heads * p.d_v;
  return out;
}

}  // namespace vitality
