#include "workload/layer_json.h"

#include <stdexcept>

namespace vitality {
namespace {

// The kinds that a layer can have for itself: those that a machine can simulate.
const std::vector<AttentionKind>& layer_attention_kinds() {
  static const std::vector<AttentionKind> kinds = [] {
    std::vector<AttentionKind> out;
    for (const AttentionKind kind : all_of_enum<AttentionKind>())
      if (traits(kind).mapped) out.push_back(kind);
    return out;
  }();
  return kinds;
}

class LayerReader {
 public:
  LayerReader(const JsonKeys& own_keys, LayerSource& source, Layer& layer)
      : own_keys_(own_keys), source_(source), layer_(layer) {}
  TensorInfo read(TensorInfo (LayerReader::*reader)());

  // One reader for each kind of layer, for layer_rows().
  TensorInfo conv2d();
  TensorInfo linear();
  TensorInfo attention();
  TensorInfo layer_norm();
  TensorInfo batch_norm();
  TensorInfo activation();
  TensorInfo add();
  TensorInfo position_embedding();
  TensorInfo concat_token();
  TensorInfo concat_channels();
  TensorInfo subsample();
  TensorInfo mean_pool();
  TensorInfo unfold();
  TensorInfo fold();
  TensorInfo layer_scale();
  TensorInfo multiply();
  TensorInfo average_pool();
  TensorInfo slice();

 private:
  // Reports at the layer (or at one of its keys) and marks it as wrong.
  void fail(const std::string& message, const char* key = nullptr) {
    ok_ = false;
    source_.keys.diagnostics().add(key ? source_.keys.pointer_to(key) : source_.keys.pointer(), message);
  }
  // The key's value, or the default in its row if the file does not have it.
  int size(const char* name) {
    const JsonKey& key = key_of(own_keys_, name);
    return size(name, static_cast<int>(key.fallback.value_or(key.low)));
  }
  int size(const char* name, int fallback) {
    const JsonKey& key = key_of(own_keys_, name);
    const JsonValue* value = get_key(source_.keys, key);
    int out = fallback;
    if (!value) {
      ok_ = ok_ && !key.required;
    } else if (!read_size(*value, source_.keys.pointer_to(name), source_.dimensions, static_cast<int>(key.low),
                          static_cast<int>(key.high), source_.keys.diagnostics(), out)) {
      ok_ = false;
    }
    return out;
  }
  bool flag(const char* name) {
    const JsonKey& key = key_of(own_keys_, name);
    bool out = key.fallback.value_or(0) != 0;
    if (!read_key(source_.keys, key, out) && source_.keys.present(name)) ok_ = false;
    return out;
  }
  double epsilon() {
    const JsonKey& key = key_of(own_keys_, "epsilon");
    double out = key.fallback.value_or(0);
    if (!read_key(source_.keys, key, out) && source_.keys.present("epsilon")) ok_ = false;
    return out;
  }
  int choice(const char* name) {
    int out = 0;
    if (!read_key(source_.keys, key_of(own_keys_, name), out)) ok_ = false;
    return out;
  }
  // Reads `count` inputs. Returns false if they do not fit, and reports it unless the input itself failed before.
  bool inputs(std::size_t count) {
    if (source_.inputs.size() != count) {
      fail("expected " + std::to_string(count) + (count == 1 ? " input" : " inputs") + ", found " +
               std::to_string(source_.inputs.size()),
           source_.keys.present("inputs") ? "inputs" : nullptr);
    }
    for (const TensorInfo& input : source_.inputs) ok_ = ok_ && input.known;
    return ok_;
  }
  const TensorInfo& in(std::size_t i = 0) const { return source_.inputs[i]; }
  bool needs_grid() {
    if (ok_ && in().height == 0) fail("needs an image (height x width) as input, found " + shape(in()));
    return ok_;
  }
  static std::string shape(const TensorInfo& t) { return std::to_string(t.rows) + " x " + std::to_string(t.cols); }
  // The input's rows (and what is known of them), with another number of columns.
  TensorInfo with_cols(int cols) const {
    TensorInfo out = in();
    out.cols = cols;
    return out;
  }
  static TensorInfo grid(int height, int width, int cols) {
    TensorInfo out;
    out.known = true;
    out.rows = height * width;
    out.cols = cols;
    out.height = height;
    out.width = width;
    return out;
  }

  bool equal_inputs();
  bool part(const char* first_name, const char* count_name, int all, int& first, int& count);
  void attention_heads(Attention& p);
  void attention_bias(Attention& p);

  const JsonKeys& own_keys_;
  LayerSource& source_;
  Layer& layer_;
  bool ok_ = true;
};

TensorInfo LayerReader::conv2d() {
  Conv2d p{};
  p.out_channels = size("out_channels");
  p.kernel = size("kernel");
  p.stride = size("stride");
  p.pad = size("pad");
  p.groups = size("groups");
  p.bias = flag("bias");
  if (!inputs(1) || !needs_grid()) return {};
  p.in_channels = in().cols;
  p.in_height = in().height;
  p.in_width = in().width;
  if (p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) {
    fail("groups must divide the " + std::to_string(p.in_channels) + " input and " + std::to_string(p.out_channels) +
             " output channels",
         "groups");
  }
  if (p.pad >= p.kernel) fail("pad must be smaller than kernel", "pad");
  if (p.in_height + 2 * p.pad < p.kernel || p.in_width + 2 * p.pad < p.kernel) {
    fail("kernel is larger than the padded input (" + std::to_string(p.in_height) + " x " + std::to_string(p.in_width) +
             ")",
         "kernel");
  }
  if (!ok_) return {};
  p.out_height = (p.in_height + 2 * p.pad - p.kernel) / p.stride + 1;
  p.out_width = (p.in_width + 2 * p.pad - p.kernel) / p.stride + 1;
  layer_.parameters = p;
  return grid(p.out_height, p.out_width, p.out_channels);
}

TensorInfo LayerReader::linear() {
  Linear p{};
  p.out_features = size("out_features");
  const int rows = size("rows", 0);
  p.first_row = size("first_row");
  p.bias = flag("bias");
  if (!inputs(1)) return {};
  if (p.first_row >= in().rows)
    fail("expected less than the input's " + std::to_string(in().rows) + " rows", "first_row");
  const int left = in().rows - p.first_row;
  if (rows > left && ok_)
    fail("expected at most the input's " + std::to_string(left) + " rows from first_row on", "rows");
  p.rows = rows > 0 ? rows : left;
  p.in_features = in().cols;
  layer_.parameters = p;
  TensorInfo out = with_cols(p.out_features);
  if (p.rows != in().rows) {
    out = TensorInfo{};
    out.known = true;
    out.rows = p.rows;
    out.cols = p.out_features;
  }
  return out;
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
  const bool biased = flag("position_bias");
  p.query_stride = size("query_stride");
  p.bias_grid = 0;
  p.bias_params = 0;
  if (!ok_) return;
  const TensorInfo& queries = in(static_cast<std::size_t>(p.q.input));
  const TensorInfo& keys = in(static_cast<std::size_t>(p.k.input));
  if (biased && p.kind == AttentionKind::kReluLinear)
    fail("relu_linear attention has no scores that a bias could be added to", "position_bias");
  if (!biased) {
    if (source_.keys.present("query_stride")) fail("of use with \"position_bias\": true only", "query_stride");
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

TensorInfo LayerReader::attention() {
  Attention p{};
  p.heads = size("heads");
  p.d_qk = size("d_qk");
  p.d_v = size("d_v", p.d_qk);
  if (source_.keys.present("attention"))
    p.kind = layer_attention_kinds()[static_cast<std::size_t>(choice("attention"))];
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
  if (!ok_) return {};
  layer_.parameters = p;
  TensorInfo out = queries;
  out.cols = p.heads * p.d_v;
  return out;
}

TensorInfo LayerReader::layer_norm() {
  const double value = epsilon();
  if (!inputs(1)) return {};
  layer_.parameters = LayerNorm{in().rows, in().cols, value};
  return in();
}

TensorInfo LayerReader::batch_norm() {
  if (!read_key(source_.keys, key_of(own_keys_, "folds_into"), source_.folds_into) &&
      source_.keys.present("folds_into"))
    ok_ = false;
  const double value = epsilon();
  if (!inputs(1)) return {};
  layer_.parameters = BatchNorm{in().rows, in().cols, kModelInput, value};
  return in();
}

TensorInfo LayerReader::activation() {
  const auto function = static_cast<ActivationKind>(choice("function"));
  if (!inputs(1)) return {};
  layer_.parameters = Activation{function, in().rows, in().cols};
  return in();
}

bool LayerReader::equal_inputs() {
  if (!inputs(2)) return false;
  if (in(0).rows != in(1).rows || in(0).cols != in(1).cols)
    fail("inputs must have equal shapes, found " + shape(in(0)) + " and " + shape(in(1)));
  return ok_;
}

TensorInfo LayerReader::add() {
  const bool mean = flag("mean");
  if (!equal_inputs()) return {};
  layer_.parameters = Add{in().rows, in().cols, mean};
  return in();
}

TensorInfo LayerReader::position_embedding() {
  if (!inputs(1)) return {};
  layer_.parameters = PositionEmbedding{in().rows, in().cols};
  return in();
}

TensorInfo LayerReader::concat_token() {
  const int learned = size("rows");
  if (!inputs(1)) return {};
  if (in().patch > 0) {
    fail("cannot put tokens before several instances");
    return {};
  }
  TensorInfo out;
  out.known = true;
  out.rows = in().rows + learned;
  out.cols = in().cols;
  layer_.parameters = ConcatToken{out.rows, out.cols, learned};
  return out;
}

TensorInfo LayerReader::concat_channels() {
  if (!inputs(2)) return {};
  if (in(0).rows != in(1).rows) {
    fail("inputs must have equal rows, found " + shape(in(0)) + " and " + shape(in(1)));
    return {};
  }
  layer_.parameters = ConcatChannels{in().rows, in(0).cols + in(1).cols};
  return with_cols(in(0).cols + in(1).cols);
}

TensorInfo LayerReader::subsample() {
  const int stride = size("stride");
  if (!inputs(1) || !needs_grid()) return {};
  layer_.parameters = Subsample{in().height, in().width, stride, in().cols};
  return grid((in().height + stride - 1) / stride, (in().width + stride - 1) / stride, in().cols);
}

TensorInfo LayerReader::mean_pool() {
  if (!inputs(1)) return {};
  if (in().patch > 0) {
    fail("cannot pool over several instances");
    return {};
  }
  layer_.parameters = MeanPool{in().rows, in().cols};
  return grid(1, 1, in().cols);
}

TensorInfo LayerReader::unfold() {
  const int patch = size("patch");
  if (!inputs(1) || !needs_grid()) return {};
  if (in().height % patch != 0 || in().width % patch != 0) {
    fail("must divide the image of " + std::to_string(in().height) + " x " + std::to_string(in().width), "patch");
    return {};
  }
  layer_.parameters = Unfold{in().height, in().width, patch, in().cols};
  TensorInfo out = in();
  out.patch = patch;
  out.unfolded_height = in().height;
  out.unfolded_width = in().width;
  out.height = out.width = 0;
  return out;
}

TensorInfo LayerReader::fold() {
  if (!inputs(1)) return {};
  if (in().patch == 0) {
    fail("needs an input that was unfolded");
    return {};
  }
  layer_.parameters = Fold{in().unfolded_height, in().unfolded_width, in().patch, in().cols};
  return grid(in().unfolded_height, in().unfolded_width, in().cols);
}

TensorInfo LayerReader::layer_scale() {
  if (!inputs(1)) return {};
  layer_.parameters = LayerScale{in().rows, in().cols};
  return in();
}

TensorInfo LayerReader::multiply() {
  if (!equal_inputs()) return {};
  layer_.parameters = Multiply{in().rows, in().cols};
  return in();
}

TensorInfo LayerReader::average_pool() {
  const int kernel = size("kernel"), stride = size("stride", kernel);
  if (!inputs(1) || !needs_grid()) return {};
  if (kernel > in().height || kernel > in().width) {
    fail("kernel is larger than the input (" + std::to_string(in().height) + " x " + std::to_string(in().width) + ")",
         "kernel");
    return {};
  }
  const AveragePool p{in().height,
                      in().width,
                      kernel,
                      stride,
                      in().cols,
                      (in().height - kernel) / stride + 1,
                      (in().width - kernel) / stride + 1};
  layer_.parameters = p;
  return grid(p.out_height, p.out_width, p.channels);
}

// Reads the first index and the number of what a slice takes of `all`; without a number, the rest.
bool LayerReader::part(const char* first_name, const char* count_name, int all, int& first, int& count) {
  first = size(first_name), count = size(count_name, 0);
  if (!ok_) return false;
  if (first >= all) {
    fail("expected less than the input's " + std::to_string(all) + ", found " + std::to_string(first), first_name);
  } else if (first + count > all) {
    fail("expected at most the " + std::to_string(all - first) + " that the input has from there on, found " +
             std::to_string(count),
         count_name);
  }
  if (count == 0) count = all - first;
  return ok_;
}

TensorInfo LayerReader::slice() {
  if (!inputs(1)) return {};
  Slice p{};
  const bool rows = part("first_row", "rows", in().rows, p.first_row, p.rows);
  if (!part("first_channel", "channels", in().cols, p.first_channel, p.channels) || !rows) return {};
  layer_.parameters = p;
  if (p.rows == in().rows) return with_cols(p.channels);
  if (in().patch > 0) {
    fail("cannot take a part of the rows of several instances", source_.keys.present("rows") ? "rows" : "first_row");
    return {};
  }
  TensorInfo out;
  out.known = true;
  out.rows = p.rows, out.cols = p.channels;
  return out;
}

TensorInfo LayerReader::read(TensorInfo (LayerReader::*reader)()) {
  TensorInfo out = (this->*reader)();
  if (!ok_) return {};
  const auto too_large = [](Count rows, Count cols) { return rows * cols > kMaxElements; };
  if (out.rows > kMaxRows || out.cols > kMaxChannels || too_large(out.rows, out.cols) ||
      parameter_count(layer_) > kMaxElements) {
    fail("larger than this program takes: at most 2^20 rows, 2^16 columns, 2^28 elements; found " + shape(out) +
         " and " + std::to_string(parameter_count(layer_)) + " parameters");
    return {};
  }
  return out;
}

// One row per kind of layer: its name, the keys that it has besides name, kind and inputs, and the function that reads
// them.
struct LayerRow {
  LayerKind kind;
  TensorInfo (LayerReader::*reader)();
};
JsonKey epsilon_key(double fallback) {
  return number_key("epsilon", 1e-30, 1).otherwise(fallback).means("Added to the variance.", "1");
}
JsonKeys conv2d_keys() {
  return {size_key("out_channels", 1, kMaxChannels).means("Channels of the output.", "channels"),
          size_key("kernel", 1, 1024).means("Side of the kernel.", "pixels"),
          size_key("stride", 1, 1024)
              .otherwise(1)
              .means("Distance between two places of the kernel, in both axes.", "pixels"),
          size_key("pad", 0, 1024)
              .otherwise(0)
              .means("Zeros around the image, on each side; less than the kernel.", "pixels"),
          size_key("groups", 1, kMaxChannels)
              .otherwise(1)
              .means("Groups of channels; as many as channels: depthwise.", "groups"),
          flag_key("bias").otherwise(1).means("Adds a learned number to each channel.")};
}
JsonKeys attention_keys() {
  std::vector<std::string> attention_names;
  for (const AttentionKind kind : layer_attention_kinds()) attention_names.emplace_back(to_string(kind));
  return {size_key("heads", 1, kMaxHeads).means("Heads.", "heads"),
          size_key("d_qk", 1, 8192).means("Features of Q and K, a head.", "features"),
          size_key("d_v", 1, 8192).otherwise("d_qk").means("Features of V, a head; without it d_qk.", "features"),
          flag_key("position_bias").otherwise(0.0).means("Adds a learned matrix to the scores (LeViT)."),
          size_key("query_stride", 1, kMaxImageSide)
              .otherwise(1)
              .means("Queries are every so many pixels of both axes (LeViT).", "pixels"),
          choice_key("layout", {"qkv", "qkv_per_head", "q_and_kv_per_head", "q_and_k_and_v", "q_and_kv"})
              .means("Order of the inputs' columns: all Q, all K, all V; by head; two inputs, K and V by head; three "
                     "inputs; two inputs, all K, all V."),
          choice_key("attention", attention_names)
              .optional()
              .means("Kind of attention of this layer, whatever the config or an option says; without it theirs.")};
}
JsonKeys slice_keys() {
  return {
      size_key("first_row", 0, kMaxRows).otherwise(0).means("First row that stays, from 0 on.", "rows"),
      size_key("rows", 1, kMaxRows).optional().means("Number of rows; without it all from there on.", "rows"),
      size_key("first_channel", 0, kMaxChannels).otherwise(0).means("First channel that stays, from 0 on.", "channels"),
      size_key("channels", 1, kMaxChannels)
          .optional()
          .means("Number of channels; without it all from there on.", "channels")};
}
// Over 60 lines: a row for each kind.
const std::vector<LayerRow>& layer_rows() {
  static const std::vector<LayerRow> rows{
      {{"conv2d", conv2d_keys(), "convolution of an image, grouped or depthwise"}, &LayerReader::conv2d},
      {{"linear",
        {size_key("out_features", 1, kMaxChannels).means("Columns of the output.", "features"),
         size_key("rows", 1, kMaxRows)
             .optional()
             .means("So many rows alone (a class token: 1); without it all from first_row on.", "rows"),
         size_key("first_row", 0, kMaxRows)
             .otherwise(0)
             .means("The first row that it reads (a distillation token: 1).", "row"),
         flag_key("bias").otherwise(1).means("Adds a learned number to each column.")},
        "x W + b; rows, first_row: some rows alone (a class token)"},
       &LayerReader::linear},
      {{"attention", attention_keys(),
        "multi-head attention; layout of its inputs' columns: qkv, qkv_per_head, q_and_kv_per_head (2 inputs), "
        "q_and_k_and_v (3), q_and_kv (2)"},
       &LayerReader::attention},
      {{"layer_norm", {epsilon_key(kLayerNormEpsilon)}, "over channels, affine"}, &LayerReader::layer_norm},
      {{"batch_norm",
        {text_key("folds_into")
             .optional()
             .means("The linear layer after it that it is folded into; without it, it is folded "
                    "into the layer before."),
         epsilon_key(kBatchNormEpsilon)},
        "affine a channel; folds into the layer before it, or a linear layer after it"},
       &LayerReader::batch_norm},
      {{"activation",
        {choice_key("function", {"gelu", "hardswish", "silu", "relu", "gelu_tanh", "quick_gelu", "relu6"})
             .means("The function.")},
        "gelu, gelu_tanh, quick_gelu, hardswish, silu, relu or relu6"},
       &LayerReader::activation},
      {{"add",
        {flag_key("mean").otherwise(0.0).means("Half the sum: the mean of a distilled model's two heads.")},
        "sum of two inputs, or their mean"},
       &LayerReader::add},
      {{"position_embedding", {}, "adds a learned matrix"}, &LayerReader::position_embedding},
      {{"concat_token",
        {size_key("rows", 1, kMaxRows).otherwise(1).means("Learned rows: a class token; registers.", "rows")},
        "learned rows in front"},
       &LayerReader::concat_token},
      {{"concat_channels", {}, "two inputs side by side"}, &LayerReader::concat_channels},
      {{"subsample",
        {size_key("stride", 1, kMaxImageSide).means("Distance between two pixels that stay.", "pixels")},
        "every stride-th pixel of both axes"},
       &LayerReader::subsample},
      {{"mean_pool", {}, "mean over all rows"}, &LayerReader::mean_pool},
      {{"unfold",
        {size_key("patch", 1, 64).means("Side of a patch.", "pixels")},
        "patch^2 independent instances, one a pixel position (MobileViT)"},
       &LayerReader::unfold},
      {{"fold", {}, "undoes unfold"}, &LayerReader::fold},
      {{"layer_scale", {}, "every channel times a learned number (LayerScale)"}, &LayerReader::layer_scale},
      {{"mul", {}, "product of two inputs, element by element (a gate: SwiGLU)"}, &LayerReader::multiply},
      {{"average_pool",
        {size_key("kernel", 1, kMaxImageSide).means("Side of a window.", "pixels"),
         size_key("stride", 1, kMaxImageSide)
             .otherwise("kernel")
             .means("Distance between two windows, in both axes; without it kernel.", "pixels")},
        "mean over windows that lie inside the image"},
       &LayerReader::average_pool},
      {{"slice", slice_keys(), "a part of the rows and channels; several of them split their input"},
       &LayerReader::slice},
  };
  return rows;
}

}  // namespace

const std::vector<LayerKind>& layer_kinds() {
  static const std::vector<LayerKind> kinds = [] {
    std::vector<LayerKind> out;
    for (const LayerRow& row : layer_rows()) out.push_back(row.kind);
    return out;
  }();
  return kinds;
}

const std::vector<std::string>& layer_kind_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const LayerKind& kind : layer_kinds()) out.emplace_back(kind.name);
    return out;
  }();
  return names;
}

// More than 6 parameters: those of every reader of a value, plus the names that an expression may use.
bool read_size(const JsonValue& value, const std::string& pointer, const Dimensions& dimensions, int low, int high,
               Diagnostics& diagnostics, int& out) {
  std::int64_t wide = 0;
  const std::string expected = "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) +
                               " or an expression like \"4*dim\", found ";
  if (value.type() == JsonValue::Type::kString) {
    try {
      wide = evaluate(value.text(), dimensions);
    } catch (const std::invalid_argument& error) {
      diagnostics.add(pointer, expected + quoted(value.text()) + ": " + error.what());
      return false;
    }
    if (wide < low || wide > high) {
      diagnostics.add(pointer, expected + quoted(value.text()) + " = " + std::to_string(wide));
      return false;
    }
  } else if (value.type() == JsonValue::Type::kInteger || value.type() == JsonValue::Type::kNumber) {
    if (!read_integer(value, pointer, low, high, diagnostics, wide)) return false;
  } else {
    diagnostics.add(pointer, expected + describe(value));
    return false;
  }
  out = static_cast<int>(wide);
  return true;
}

TensorInfo read_layer(int kind, LayerSource& source, Layer& layer) {
  const LayerRow& row = layer_rows()[static_cast<std::size_t>(kind)];
  return LayerReader(row.kind.keys, source, layer).read(row.reader);
}

}  // namespace vitality
