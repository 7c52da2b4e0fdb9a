// A whole model in double, layer by layer. The machine's values are compared with it and their scales calibrated from
// it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "reference/relu_linear_sensitivity.h"
#include "reference/sparse_attention.h"
#include "tensor/matrix.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality::reference {

// Largest magnitudes of a layer's output and of the intermediates of attention, over heads and instances. Fixed-point
// formats are calibrated from them.
struct LayerRanges {
  double output = 0;
  double context = 0;      // G (Taylor), G / (n sqrt d) is context / (n sqrt d)
  double numerator = 0;    // Q G and T_N
  double scores = 0;       // Q K^T / sqrt(d), with its bias (softmax)
  double probability = 0;  // P, on the mask where there is one; P - T there in the residual form of unified attention
  double weight = 0;       // of a linear layer or convolution, without batch norms; of a batch norm: its factor
  // Rows of the map whose kept entries have a standard deviation in [2^-i, 2^(1 - i)): how flat rows are.
  std::array<double, 32> rows_of_deviation = {};
  double kept = 0;       // number of entries of the map that are not 0, on average
  bool repeats = false;  // neighbours in weights, Q, K, V, or a row of the map or of the output are often equal:
                         // they round alike
  // Mean squares over all elements, for the error model (sim/values/error_model.h).
  double output_square = 0, weight_square = 0, context_square = 0, probability_square = 0;
  double query_square = 0, key_square = 0, centred_key_square = 0, value_square = 0;
  double largest_query_square = 0;  // mean square of the query that has the largest
  // How far large values are multiplied with large values: the mean product of squares over the product of their means,
  // for Q and K channel by channel, for K and V token by token. 1 when large values meet at random, more when they meet
  // each other.
  double query_key_match = 1, key_value_match = 1;
  std::vector<RowSensitivity> sensitivities;  // of ReLU-linear attention: every row of every head
  double gain = 1;          // root of the mean square of the derivative of an output by its input: norms, activations
  double largest_gain = 1;  // of layer norms: the gain of the row with the least variance
};

// The layer's kind of attention compared with softmax on the same Q, K, V: the error of the approximation, not of the
// arithmetic.
struct ApproximationError {
  int layer;
  double max_rel_error;  // max |Z - Z_softmax| / max |Z_softmax|
  double cosine_similarity;
};

using MaskChooser = std::function<Mask(int layer, int instance, int head, const MatrixD& q, const MatrixD& k)>;

using AttentionObserver = std::function<void(int layer, int instance, int head, const SparseAttention& attention)>;

// One head of attention of any kind, with its operands and its result.
struct AttendedHead {
  int layer, instance, head;
  const MatrixD &q, &k, &v, &z;
  const MatrixD* bias;  // of the scores; null: none
};

using ValueChooser = std::function<Mask(int layer, int instance, int head, const MatrixD& p, const Mask& mask)>;

struct ForwardOptions {
  // Per layer, of attention layers to which the model gives no kind; empty = Taylor.
  std::vector<AttentionKind> attention;
  bool score_bias_first_order = false;  // LeViT's score bias in Taylor and unified attention: first order, or dropped
  PredictorOptions predictor;           // of kinds on a mask; its threshold is that of kTaylorReleased too
  // Gives the mask of one head in place of Sanger's prediction, from its Q and K or from elsewhere; may be empty.
  // forward() calls it once per head, in the order of the heads.
  MaskChooser mask;
  EmptyRows empty_rows = EmptyRows::kDense;       // of sparse attention
  ValueChooser values;                            // of sparse attention: entries of P that meet their value; empty: all
  AttentionObserver attended;                     // sees every head of sparse attention, after its mask; may be empty
  std::function<void(const Mask&)> mask_seen;     // every mask that forward() or backward() uses; may be empty
  std::function<void(const AttendedHead&)> head;  // sees every head of forward(), after its result; may be empty
  // Weights and biases of linear layers and convolutions by layer, in place of those of the parameters; may be null.
  const std::vector<EffectiveWeights>* weights = nullptr;
  std::function<void(int layer, EffectiveWeights&& weights)> used;  // is given the weights that are no longer
                                                                    // needed; may be empty
  bool measure_ranges = true;  // false: ForwardResult::ranges mean nothing, and the pass is faster
  bool measure_approximation = false;
  std::function<void(int layer)> progress;  // after each layer; may be empty
};

struct ForwardResult {
  std::vector<MatrixD> outputs;       // per layer
  std::vector<LayerRanges> ranges;    // per layer
  std::vector<double> image_squares;  // per image of the batch: the mean square of its values
  std::vector<ApproximationError> approximation;
};

// Ranges seen on other images than those of the run; the scales of fixed formats come from them. As a source of
// parameters it returns, as the image, the largest magnitude of each pixel value.
struct Calibration : ParameterSource {
  std::vector<LayerRanges> ranges;  // per layer
  MatrixD largest_pixels;
  // Adds another image. The order of the images does not matter.
  void add(const std::vector<LayerRanges>& seen, const MatrixD& image);
  MatrixD tensor(const ParameterInfo& /*image*/) const override { return largest_pixels; }
};

inline AttentionKind attention_kind(const ForwardOptions& options, const VitModel& model, int layer) {
  const auto index = static_cast<std::size_t>(layer);
  return vitality::attention_kind(model.layers[index],
                                  options.attention.empty() ? AttentionKind::kTaylor : options.attention[index]);
}
// The mask of a sparse or unified head: from `options.mask`, or predicted.
Mask head_mask(const ForwardOptions& options, int layer, int instance, int head, const MatrixD& q, const MatrixD& k);

ForwardResult forward(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options);

// The same in steps, for callers that look at one layer at a time: outputs that are no longer needed are dropped.
// Model, parameters and options must outlive this.
class ForwardPass {
 public:
  ForwardPass(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options);
  ~ForwardPass();
  void reach(int layer);  // runs the layers up to this one
  void drop(int layer);   // drops its output: now, or once it is computed and the last layer has read it
  ForwardResult& result();

 private:
  class Layers;
  std::unique_ptr<Layers> layers_;
};

}  // namespace vitality::reference
