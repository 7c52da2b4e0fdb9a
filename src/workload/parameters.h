// The values of a model's parameters and its input image.
//
// Seeded values are a pure function of (seed, tensor name, element index): any tensor can be produced when needed,
// dropped, and produced again, on any machine, with the same bits. Tensor names: LAYER.weight (linear, conv:
// contraction x outputs, in the order of model.h; norms: scale; concat_token, position_embedding: the learned rows),
// LAYER.gamma (layer_scale), LAYER.bias (attention: the table of the score bias, heads x grid^2), LAYER.running_mean,
// LAYER.running_var, and `input` (pixels x channels). Image i of a batch is `input.i`: the `input` of seed + i.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality {

enum class ParameterRole { kWeight, kBias, kNormScale, kRunningVariance, kEmbedding, kScoreBias, kImage, kInput };

struct ParameterInfo {
  std::string name;
  int rows, cols;
  ParameterRole role;
  int image = 0;             // of the batch, where the role is kImage
  const char* layout = "";   // what a row and a column stand for: "inputs x outputs"
  const char* meaning = "";  // one sentence for people
};

// Every parameter tensor of a layer, and of the whole model (the images first).
std::vector<ParameterInfo> parameters_of(const Layer& layer);
std::vector<ParameterInfo> parameters_of(const VitModel& model);
// The same without a tensor twice: layers may share their parameters.
std::vector<ParameterInfo> distinct_parameters_of(const VitModel& model);

class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  virtual MatrixD tensor(const ParameterInfo& info) const = 0;
};

// Uniform values that keep the variance of a signal near 1: weights +-sqrt(3 / fan_in), biases +-0.1, scales and
// variances of norms 1 +- 0.1, embeddings and score biases +-0.5, images +-sqrt(3).
class SeededParameters : public ParameterSource {
 public:
  explicit SeededParameters(std::uint64_t seed) : seed_(seed) {}
  MatrixD tensor(const ParameterInfo& info) const override;

 private:
  std::uint64_t seed_;
};

// A convolution's or linear layer's weights and bias; if `fold`, with the batch norm absorbed that is folded into it.
struct EffectiveWeights {
  MatrixD weight;
  std::vector<double> bias;  // empty: none
};
EffectiveWeights effective_weights(const VitModel& model, int layer, const ParameterSource& source,
                                   bool fold_batch_norm);
void absorb_batch_norms(const VitModel& model, int layer, const ParameterSource& source, EffectiveWeights& weights);

// The score bias of all heads, (heads * n_q) x n_kv, from its table: B(h, i, j) = table(h, |dy| * grid + |dx|).
MatrixD expanded_score_bias(const Attention& attention, const MatrixD& table);
// Its adjoint: the gradient of the table (heads x grid^2) from that of the expanded bias.
MatrixD collapsed_score_bias(const Attention& attention, const MatrixD& d_bias);

}  // namespace vitality
