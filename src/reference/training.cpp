#include "reference/training.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "base/parallel.h"
#include "reference/layer_gradients.h"
#include "reference/model_gradient.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality::reference {
namespace {

int last_layer(const VitModel& model) {
  return static_cast<int>(model.layers.size()) - 1;
}

double scheduled_rate(const TrainingSettings& settings, int step) {
  const double peak = settings.optimizer.rate;
  if (step < settings.warmup_steps) return peak * (step + 1) / settings.warmup_steps;
  const double done = static_cast<double>(step - settings.warmup_steps) / (settings.steps - settings.warmup_steps);
  switch (settings.schedule) {
    case RateSchedule::kCosine:
      return peak * 0.5 * (1 + cosine(3.14159265358979323846 * done));
    case RateSchedule::kLinear:
      return peak * (1 - done);
    case RateSchedule::kConstant:
      return peak;
  }
  throw std::logic_error("a schedule that is none");
}

// The weights and one image.
class WithImage : public ParameterSource {
 public:
  WithImage(const ParameterSource& weights, const MatrixD& image) : weights_(weights), image_(image) {}
  MatrixD tensor(const ParameterInfo& info) const override {
    return info.role == ParameterRole::kImage ? image_ : weights_.tensor(info);
  }

 private:
  const ParameterSource& weights_;
  const MatrixD& image_;
};

struct ImageGradients {
  double loss = 0;
  std::map<std::string, MatrixD> parameters;
};

ImageGradients image_gradients(const VitModel& model, const LabelledImage& sample, ForwardOptions options,
                               const ParameterSource& weights) {
  const WithImage parameters(weights, sample.pixels);
  // The backward pass meets the same queries and keys: predicting their masks again is a fifth of a step's time.
  std::map<std::array<int, 3>, Mask> masks;
  if (!options.mask)
    options.mask = [&](int layer, int instance, int head, const MatrixD& q, const MatrixD& k) {
      Mask& mask = masks[{layer, instance, head}];
      if (mask.empty()) mask = predict_mask(q, k, options.predictor);
      return mask;
    };
  const ForwardResult saved = forward(model, parameters, options);
  const Loss loss = softmax_cross_entropy(saved.outputs.back(), sample.label);
  return {loss.value, backward(model, parameters, options, saved, {{last_layer(model), loss.gradient}}).parameters};
}

// Images are added up in their order, whichever thread computed them.
BatchGradients gradients_of(const VitModel& model, const ImageSource& images, std::uint64_t first,
                            const TrainingSettings& settings, const ParameterSource& parameters) {
  BatchGradients result;
  ForwardOptions options = settings.forward;
  options.measure_ranges = false;
  std::vector<ImageGradients> some;
  for (int done = 0; done < settings.batch; done += settings.threads) {
    const int now = std::min(settings.threads, settings.batch - done);
    some.assign(static_cast<std::size_t>(now), {});
    for_each_index(settings.threads, some.size(), [&](std::size_t i) {
      some[i] = image_gradients(model, images(first + static_cast<std::uint64_t>(done) + i), options, parameters);
    });
    for (const ImageGradients& image : some) {
      result.loss += image.loss / settings.batch;
      for (const auto& [name, gradient] : image.parameters) {
        MatrixD& sum = result.parameters[name];
        if (sum.empty()) sum = MatrixD(gradient.rows(), gradient.cols());
        add_to(sum, gradient, 1.0 / settings.batch);
      }
    }
  }
  return result;
}

}  // namespace

BatchGradients batch_gradients(const VitModel& model, const ImageSource& images, std::uint64_t first_image, int batch,
                               const ForwardOptions& options, const ParameterSource& parameters) {
  TrainingSettings settings;
  settings.forward = options, settings.batch = batch;
  return gradients_of(model, images, first_image, settings, parameters);
}

void store_trainable(const VitModel& model, const ParameterSource& source, StoredParameters& parameters) {
  for (const Layer& layer : model.layers) {
    const bool statistics = std::holds_alternative<BatchNorm>(layer.parameters);
    const std::vector<ParameterInfo> infos = parameters_of(layer);
    const std::size_t count = statistics ? 2 : infos.size();
    for (std::size_t i = 0; i < count; ++i) parameters.tensors()[infos[i].name] = source.tensor(infos[i]);
  }
}

std::vector<double> train(const VitModel& model, const ImageSource& images, const TrainingSettings& settings,
                          StoredParameters& parameters, TrainingState begin) {
  TrainingState state = std::move(begin);
  Optimizer optimizer(settings.optimizer);
  optimizer.restore(std::move(state.optimizer));
  for (int step = static_cast<int>(state.losses.size()); step < settings.steps; ++step) {
    const auto first = static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(settings.batch);
    const BatchGradients batch = gradients_of(model, images, first, settings, parameters);
    state.losses.push_back(batch.loss);
    if (!std::isfinite(batch.loss)) break;
    optimizer.set_rate(scheduled_rate(settings, step));
    for (const auto& [name, gradient] : batch.parameters) {
      MatrixD& tensor = parameters.tensors().at(name);
      optimizer.update(name, tensor, gradient, tensor.rows() > 1);  // decay matrices, not biases and norms
    }
    if (settings.progress) settings.progress(step + 1);
    if (settings.keep_every > 0 && (step + 1) % settings.keep_every == 0) {
      state.optimizer = optimizer.states();
      settings.keep(state);
    }
  }
  return state.losses;
}

int right_answers(const VitModel& model, const ImageSource& images, std::uint64_t first, int count,
                  const TrainingSettings& settings, const ParameterSource& parameters) {
  ForwardOptions options = settings.forward;
  options.measure_ranges = false;
  std::vector<char> right(static_cast<std::size_t>(count));
  for_each_index(settings.threads, right.size(), [&](std::size_t i) {
    const LabelledImage sample = images(first + i);
    const ForwardResult result = forward(model, WithImage(parameters, sample.pixels), options);
    const MatrixD& logits = result.outputs.back();
    right[i] = std::max_element(logits.data(), logits.data() + logits.size()) - logits.data() == sample.label;
  });
  return static_cast<int>(std::count(right.begin(), right.end(), 1));
}

}  // namespace vitality::reference
