#include "reference/model_gradient.h"

#include "reference/attention_head.h"
#include "reference/layer_gradients.h"
#include "reference/layers.h"
#include "tensor/matrix_ops.h"

namespace vitality::reference {
namespace {

class Backward {
 public:
  Backward(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options,
           const ForwardResult& saved)
      : model_(model), parameters_(parameters), options_(options), saved_(saved) {
    const std::vector<ParameterInfo> infos = parameters_of(model);
    for (int i = 0; i < model.images; ++i) images_.push_back(parameters.tensor(infos[static_cast<std::size_t>(i)]));
    d_images_.assign(images_.size(), MatrixD(images_[0].rows(), images_[0].cols()));
    result_.outputs.resize(model.layers.size());
  }

  ModelGradients run(const std::vector<std::pair<int, MatrixD>>& d_outputs) {
    for (const auto& [index, gradient] : d_outputs) add_to_output(index, gradient);
    for (index_ = static_cast<int>(model_.layers.size()) - 1; index_ >= 0; --index_) {
      if (d_output().empty()) continue;
      std::visit([this](const auto& p) { apply(p); }, layer().parameters);
    }
    result_.image = std::move(d_images_[0]);
    return std::move(result_);
  }

 private:
  const Layer& layer() const { return model_.layers[static_cast<std::size_t>(index_)]; }
  const MatrixD& d_output() const { return result_.outputs[static_cast<std::size_t>(index_)]; }
  const MatrixD& input(std::size_t i = 0) const {
    const int source = layer().inputs[i];
    return is_model_input(source) ? images_[static_cast<std::size_t>(image_of(source))]
                                  : saved_.outputs[static_cast<std::size_t>(source)];
  }
  MatrixD parameter(std::size_t i) const { return parameters_.tensor(parameters_of(layer())[i]); }

  void set_parameter(std::size_t i, MatrixD gradient) {
    const std::vector<ParameterInfo> infos = parameters_of(layer());
    if (i >= infos.size()) return;
    MatrixD& sum = result_.parameters[infos[i].name];
    if (sum.empty()) {
      sum = std::move(gradient);
    } else {
      add_to(sum, gradient);  // of another image
    }
  }
  MatrixD& sum_of(int source) {
    if (is_model_input(source)) return d_images_[static_cast<std::size_t>(image_of(source))];
    MatrixD& sum = result_.outputs[static_cast<std::size_t>(source)];
    if (sum.empty()) {
      const MatrixD& like = saved_.outputs[static_cast<std::size_t>(source)];
      sum = MatrixD(like.rows(), like.cols());
    }
    return sum;
  }
  void add_to_output(int source, const MatrixD& gradient) { add_to_block(sum_of(source), 0, 0, gradient); }
  void add_to_input(const MatrixD& gradient, std::size_t i = 0) { add_to_output(layer().inputs[i], gradient); }

  void apply(const Conv2d& p) {
    WeightGradients gradients = conv2d_backward(p, input(), parameter(0), d_output());
    add_to_input(gradients.input);
    set_weight_gradients(std::move(gradients));
  }
  void apply(const Linear& p) {
    const bool whole = input().rows() == p.rows;
    WeightGradients gradients = linear_backward(whole ? input() : block(input(), p.first_row, p.rows, 0, p.in_features),
                                                parameter(0), d_output());
    add_to_block(sum_of(layer().inputs[0]), p.first_row, 0, gradients.input);
    set_weight_gradients(std::move(gradients));
  }
  void set_weight_gradients(WeightGradients gradients) {
    set_parameter(0, std::move(gradients.weight));
    set_parameter(1, std::move(gradients.bias));
  }
  void apply(const LayerNorm& p) {
    set_norm_gradients(layer_norm_backward(input(), parameter(0), d_output(), p.epsilon));
  }
  void apply(const BatchNorm& p) {
    set_norm_gradients(batch_norm_backward(input(), parameter(0), parameter(2), parameter(3), d_output(), p.epsilon));
  }
  void set_norm_gradients(NormGradients gradients) {
    add_to_input(gradients.input);
    set_parameter(0, std::move(gradients.scale));
    set_parameter(1, std::move(gradients.shift));
  }
  void apply(const Activation& p) { add_to_input(activation_backward(p.function, input(), d_output())); }
  void apply(const Add& p) {
    MatrixD gradient = d_output();
    if (p.mean) scale(gradient, 0.5);
    add_to_input(gradient, 0);
    add_to_input(gradient, 1);
  }
  void apply(const PositionEmbedding&) {
    add_to_input(d_output());
    set_parameter(0, d_output());
  }
  void apply(const ConcatToken& p) {
    add_to_input(block(d_output(), p.learned, p.tokens - p.learned, 0, p.channels));
    set_parameter(0, block(d_output(), 0, p.learned, 0, p.channels));
  }
  void apply(const ConcatChannels& p) {
    int first = 0;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const int channels = input(i).cols();
      add_to_input(block(d_output(), 0, p.rows, first, channels), i);
      first += channels;
    }
  }
  void apply(const LayerScale&) {
    add_to_input(layer_scale(d_output(), parameter(0)));
    set_parameter(0, column_sums(multiply_elements(d_output(), input())));
  }
  void apply(const Multiply&) {
    add_to_input(multiply_elements(d_output(), input(1)), 0);
    add_to_input(multiply_elements(d_output(), input(0)), 1);
  }
  void apply(const AveragePool& p) { add_to_input(average_pool_backward(p, d_output())); }
  void apply(const Slice& p) { add_to_block(sum_of(layer().inputs[0]), p.first_row, p.first_channel, d_output()); }
  void apply(const Subsample& p) { add_to_input(subsample_backward(p, d_output())); }
  void apply(const MeanPool& p) { add_to_input(mean_rows_backward(p.rows, d_output())); }
  void apply(const PatchMerge& p) { add_to_input(patch_merge_backward(p, d_output())); }
  void apply(const Unfold& p) {
    add_to_input(fold({p.height, p.width, p.patch, p.channels, p.windows, p.shift}, d_output()));
  }
  void apply(const GivenTensor&) {}  // the gradient ends here
  void apply(const Fold& p) {
    add_to_input(unfold({p.height, p.width, p.patch, p.channels, p.windows, p.shift}, d_output()));
  }

  // Where head h of instance i of an operand lies in its input.
  struct Place {
    std::size_t input;
    int row, rows, first, depth;
  };
  static Place place(const HeadColumns& from, int tokens, int depth, int instance, int h) {
    return {static_cast<std::size_t>(from.input), instance * tokens, tokens, from.offset + h * from.head_stride, depth};
  }
  MatrixD at(const Place& p) const { return block(input(p.input), p.row, p.rows, p.first, p.depth); }
  void add_at(const Place& p, const MatrixD& gradient) {
    add_to_block(sum_of(layer().inputs[p.input]), p.row, p.first, gradient);
  }

  void apply(const Attention& a) {
    MatrixD bias, d_bias;
    if (a.bias_params > 0) {
      bias = expanded_score_bias(a, parameter(0));
      d_bias = MatrixD(bias.rows(), bias.cols());
    }
    for (int instance = 0; instance < a.instances; ++instance) {
      for (int h = 0; h < a.heads; ++h) {
        const Place q = place(a.q, a.n_q, a.d_qk, instance, h), k = place(a.k, a.n_kv, a.d_qk, instance, h),
                    v = place(a.v, a.n_kv, a.d_v, instance, h);
        const MatrixD dz = block(d_output(), instance * a.n_q, a.n_q, h * a.d_v, a.d_v);
        const MatrixD head_bias =
            masked(a, instance, bias.empty() ? MatrixD() : block(bias, h * a.n_q, a.n_q, 0, a.n_kv));
        const AttentionGradients gradients = head_gradients(instance, h, at(q), at(k), at(v), dz, head_bias);
        add_at(q, gradients.q);
        add_at(k, gradients.k);
        add_at(v, gradients.v);
        if (!d_bias.empty() && !gradients.bias.empty()) add_to_block(d_bias, h * a.n_q, 0, gradients.bias);
      }
    }
    if (!bias.empty()) set_parameter(0, collapsed_score_bias(a, d_bias));
  }

  // More than 6 parameters: which head, its operands and what else its kind of attention takes.
  AttentionGradients head_gradients(int instance, int h, const MatrixD& q, const MatrixD& k, const MatrixD& v,
                                    const MatrixD& dz, const MatrixD& bias) const {
    AttentionHead head{
        q, k, v, bias.empty() ? nullptr : &bias, options_.score_bias_first_order, options_.predictor.threshold};
    head.epsilon = std::get<Attention>(model_.layers[static_cast<std::size_t>(index_)].parameters).epsilon;
    head.mask = [&] { return head_mask(options_, index_, instance, h, q, k); };
    return attention_head_backward(attention_kind(options_, model_, index_), head, dz);
  }

  const VitModel& model_;
  const ParameterSource& parameters_;
  const ForwardOptions& options_;
  const ForwardResult& saved_;
  std::vector<MatrixD> images_, d_images_;
  int index_ = 0;
  ModelGradients result_;
};

}  // namespace

ModelGradients backward(const VitModel& model, const ParameterSource& parameters, const ForwardOptions& options,
                        const ForwardResult& saved, const std::vector<std::pair<int, MatrixD>>& d_outputs) {
  return Backward(model, parameters, options, saved).run(d_outputs);
}

}  // namespace vitality::reference
