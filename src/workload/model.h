// A vision transformer as a list of layers with resolved shapes.
//
// Every tensor is a matrix: rows = tokens (or pixels, in row-major image order), columns = channels. Layers are in
// execution order. A layer names its inputs by index into VitModel::layers (kModelInput = the image, with H*W rows and
// 3 columns; image i of a batch is kModelInput - i). MobileViT's independent attention problems ("instances") lie one
// after the other in the rows.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/units.h"
#include "workload/attention_kind.h"

namespace vitality {

constexpr int kModelInput = -1;
constexpr bool is_model_input(int index) {
  return index < 0;
}
constexpr int image_of(int index) {
  return kModelInput - index;
}  // which image of the batch

// Gemm view (im2col): M = out_h*out_w, K = kernel^2*in_channels/groups, N = out_channels/groups, `groups` times.
// Weights: (kernel*kernel*in_channels/groups) x out_channels, row = (ky*kernel + kx)*in_channels/groups + channel.
struct Conv2d {
  int in_channels, out_channels, kernel, stride, pad, groups, in_height, in_width, out_height, out_width;
  bool bias;
};
// The rows [begin, end) of its image that `outputs` pixels of its output, from `first` on, are computed from.
struct InputRows {
  int begin, end;
};
InputRows input_rows(const Conv2d& conv, int first, int outputs);
// y = x W + b, W in_features x out_features. Uses `rows` rows of its input from `first_row` on (the class token: row 0;
// the distillation token: row 1).
struct Linear {
  int rows, in_features, out_features;
  bool bias;
  int first_row = 0;
};
// Where the heads of an attention operand lie: head h of an operand with depth x is columns [offset + h*head_stride,
// offset + h*head_stride + x) of input `input`.
struct HeadColumns {
  int input;  // index into Layer::inputs
  int offset, head_stride;
};
// The tokens of an instance that lie on windows of an image (Swin): windows of side x side pixels of an image that was
// moved `shift` pixels up and left around its edges.
struct WindowGrid {
  int height = 0, width = 0, side = 0, shift = 0;
};
// Which keys a query does not see: none; those behind it; in a shifted window, those that the image has elsewhere.
enum class ScoreMask { kNone, kCausal, kShiftedWindows };
// Output: instances*n_q rows, heads*d_v columns (head h at column h*d_v). Q has instances*n_q rows, K and V
// instances*n_kv. bias_params > 0: a learned additive score bias, B(h, i, j) = table(h, |difference of positions i and
// j|), or of their difference with its signs, expanded heads x n_q x n_kv.
struct Attention {
  int heads, instances, n_q, n_kv, d_qk, d_v;
  HeadColumns q, k, v;
  Count bias_params;
  // The token grid that the bias indexes (LeViT): keys on grid x grid, queries on every query_stride-th key of both
  // axes.
  int bias_grid, query_stride;
  // The kind of attention that the model itself gives this layer, whatever the rest of the run has; none: the run's.
  std::optional<AttentionKind> kind = {};
  bool signed_bias = false;           // the table has (2 bias_grid - 1)^2 columns: i - j of both axes, not |i - j|
  ScoreMask mask = ScoreMask::kNone;  // of softmax attention only
  WindowGrid windows = {};            // of kShiftedWindows
  double epsilon = 0;                 // of ReLU-linear attention: added to the sum that a row is divided by
};
bool is_masked(const Attention& attention);
// Whether the query sees the key, by their rows in the instance.
bool sees(const Attention& attention, int instance, int query, int key);
constexpr double kLayerNormEpsilon = 1e-6, kBatchNormEpsilon = 1e-5;  // where a workload says nothing else
struct LayerNorm {
  int tokens, channels;  // over channels, affine
  double epsilon = kLayerNormEpsilon;
};
struct BatchNorm {
  int tokens, channels;
  int folded_into;  // index of the conv2d or linear layer whose weights can absorb it
  double epsilon = kBatchNormEpsilon;
};
// GELU with erf, x relu6(x + 3) / 6, x sigmoid(x), max(0, x), GELU with tanh, x sigmoid(1.702 x), min(6, max(0, x)).
enum class ActivationKind { kGelu, kHardswish, kSilu, kRelu, kGeluTanh, kQuickGelu, kRelu6 };
struct Activation {
  ActivationKind function;
  int rows, channels;
};
struct Add {  // two inputs of equal shape
  int rows, channels;
  bool mean = false;  // half the sum: the mean of a distilled model's two heads
};
struct PositionEmbedding {  // one input plus a learned matrix
  int rows, channels;
};
struct ConcatToken {     // learned rows in front
  int tokens, channels;  // of the output
  int learned = 1;       // rows in front
};
struct ConcatChannels {  // [a | b]
  int rows, channels;
};
struct Subsample {  // every stride-th pixel of both axes
  int in_height, in_width, stride, channels;
};
struct MeanPool {  // mean over all rows -> 1 row
  int rows, channels;
};
// Blocks of patch x patch pixels to instances of tokens, and back: a permutation of rows. MobileViT: an instance for
// each place in a block, patch^2 of them: output row (py*patch + px)*tokens + (by*width/patch + bx) = input row
// (by*patch + py)*width + bx*patch + px. Windows (Swin): an instance for each block: output row
// (by*width/patch + bx)*patch^2 + (py*patch + px) = input row ((by*patch + py + shift) mod height)*width +
// (bx*patch + px + shift) mod width. Fold is the inverse.
struct Unfold {
  int height, width, patch, channels;
  bool windows = false;
  int shift = 0;
};
struct Fold {
  int height, width, patch, channels;
  bool windows = false;
  int shift = 0;
};

struct LayerScale {  // every channel times a learned number
  int rows, channels;
};
struct Multiply {  // two inputs of equal shape, element by element
  int rows, channels;
};
// Mean over each kernel x kernel window; windows that reach beyond the image are left out.
struct AveragePool {
  int in_height, in_width, kernel, stride, channels, out_height, out_width;
};
// The pixels of each patch x patch block side by side in one row, column by column of the block (Swin's patch merging).
struct PatchMerge {
  int in_height, in_width, patch, channels;  // channels of the input
};
struct Slice {  // a block of the input's rows and columns
  int first_row, rows, first_channel, channels;
};

// A tensor that is given to the run, so that nothing is computed: another input beside the image; the Q, K and V of
// `vitality attention`. The images of a batch share it.
struct GivenTensor {
  int rows, cols;
};

using LayerParameters = std::variant<Conv2d, Linear, Attention, LayerNorm, BatchNorm, Activation, Add,
                                     PositionEmbedding, ConcatToken, ConcatChannels, Subsample, MeanPool, Unfold, Fold,
                                     LayerScale, Multiply, AveragePool, Slice, PatchMerge, GivenTensor>;

struct MatrixShape {
  int rows, cols;
};

struct Layer {
  std::string name;
  std::vector<int> inputs;
  LayerParameters parameters;
  // In a batch: the layer of the one-image model whose learned parameters this one shares; "": it has its own.
  std::string shared_parameters = {};
};

const char* kind_name(const Layer& layer);  // "conv2d", "linear", "attention", "layer_norm", ...
MatrixShape output_shape(const Layer& layer);
Count parameter_count(const Layer& layer);
// Multiply-accumulates of conv2d, linear and attention, counted as published counters do: softmax attention's QK^T and
// PV; where the model itself says relu_linear, K^T V and Q (K^T V) with a column of ones beside V. 0 for other layers.
Count macs(const Layer& layer);

struct VitModel {
  std::string name, description, source;
  int image_height = 0, image_width = 0, image_channels = 0;
  std::vector<Layer> layers;
  int images = 1;  // in the batch (batch.h): the layers of the first image come first, then those of the next
};
Count parameter_count(const VitModel& model);  // parameters that the images share count once
Count macs(const VitModel& model);

// The kind of attention of a layer in a run that has `otherwise` where the model says nothing.
AttentionKind attention_kind(const Layer& layer, AttentionKind otherwise);
// Whether some attention layer of such a run has a kind of which `has` is true.
bool any_attention(const VitModel& model, AttentionKind otherwise, const std::function<bool(AttentionKind)>& has);
bool any_mask(const VitModel& model, AttentionKind otherwise);
// Whether the model gives some layer a kind of its own.
bool names_attention(const VitModel& model);

}  // namespace vitality
