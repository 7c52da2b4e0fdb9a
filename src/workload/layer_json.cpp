#include "workload/layer_json.h"

#include <stdexcept>

#include "workload/layer_reader.h"

namespace vitality {
namespace {

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
          flag_key("relative_bias")
              .otherwise(0.0)
              .means("Adds a learned number to a score, by how far apart its query and key are in both axes (Swin)."),
          choice_key("mask", {"none", "causal", "shifted_windows"})
              .optional()
              .means("Keys that a query does not see: none; those behind it; in a shifted window, those from elsewhere "
                     "in the image (Swin)."),
          choice_key("layout", {"qkv", "qkv_per_head", "q_and_kv_per_head", "q_and_k_and_v", "q_and_kv"})
              .means("Order of the inputs' columns: all Q, all K, all V; by head; two inputs, K and V by head; three "
                     "inputs; two inputs, all K, all V."),
          choice_key("attention", attention_names)
              .optional()
              .means("Kind of attention of this layer, whatever the config or an option says; without it theirs."),
          number_key("epsilon", 0, 1)
              .otherwise(0)
              .means("Of relu_linear attention: added to the sum of weights that a row is divided by.", "1")};
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
        {size_key("patch", 1, 64).means("Side of a patch.", "pixels"),
         flag_key("windows").otherwise(0.0).means("An instance a patch, of its pixels: windows (Swin)."),
         size_key("shift", 0, 63)
             .otherwise(0)
             .means("The image is moved up and left before, around its edges.", "pixels")},
        "independent instances: one a pixel position in a patch (MobileViT), or one a patch (Swin)"},
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
      {{"patch_merge",
        {size_key("patch", 1, 64).means("Side of a block.", "pixels")},
        "the pixels of each block side by side, column by column of the block (Swin)"},
       &LayerReader::patch_merge},
      {{"input",
        {size_key("rows", 1, kMaxRows).means("Rows: tokens.", "rows"),
         size_key("channels", 1, kMaxChannels).means("Columns.", "channels")},
        "another tensor that the run is given, beside the image (cross-attention); all images of a batch share it"},
       &LayerReader::given},
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
