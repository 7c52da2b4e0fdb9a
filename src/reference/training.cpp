#include "reference/training.h"

#include <algorithm>
#include <cmath>

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
  return peak * 0.5 * (1 + cosine(3.14159265358979323846 * done));
}

}  // namespace

BatchGradients batch_gradients(const VitModel& model, const SyntheticImages& images, std::uint64_t first_image,
                               int batch, const ForwardOptions& options, StoredParameters& parameters) {
  BatchGradients result;
  for (int i = 0; i < batch; ++i) {
    LabelledImage sample = images.image(first_image + static_cast<std::uint64_t>(i));
    parameters.tensors()["input"] = std::move(sample.pixels);
    const ForwardResult saved = forward(model, parameters, options);
    const Loss loss = softmax_cross_entropy(saved.outputs.back(), sample.label);
    result.loss += loss.value / batch;
    const ModelGradients gradients = backward(model, parameters, options, saved, {{last_layer(model), loss.gradient}});
    for (const auto& [name, gradient] : gradients.parameters) {
      MatrixD& sum = result.parameters[name];
      if (sum.empty()) sum = MatrixD(gradient.rows(), gradient.cols());
      add_to(sum, gradient, 1.0 / batch);
    }
  }
  return result;
}

void store_trainable(const VitModel& model, const ParameterSource& source, StoredParameters& parameters) {
  for (const Layer& layer : model.layers) {
    const bool statistics = std::holds_alternative<BatchNorm>(layer.parameters);
    const std::vector<ParameterInfo> infos = parameters_of(layer);
    const std::size_t count = statistics ? 2 : infos.size();
    for (std::size_t i = 0; i < count; ++i) parameters.tensors()[infos[i].name] = source.tensor(infos[i]);
  }
}

std::vector<double> train(const VitModel& model, const SyntheticImages& images, const TrainingSettings& settings,
                          StoredParameters& parameters) {
  std::vector<double> losses;
  Optimizer optimizer(settings.optimizer);
  for (int step = 0; step < settings.steps; ++step) {
    const auto first = static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(settings.batch);
    const BatchGradients batch = batch_gradients(model, images, first, settings.batch, settings.forward, parameters);
    losses.push_back(batch.loss);
    if (!std::isfinite(batch.loss)) break;
    optimizer.set_rate(scheduled_rate(settings, step));
    for (const auto& [name, gradient] : batch.parameters) {
      MatrixD& tensor = parameters.tensors().at(name);
      optimizer.update(name, tensor, gradient, tensor.rows() > 1);  // decay matrices, not biases and norms
    }
    if (settings.progress) settings.progress(step, batch.loss);
  }
  return losses;
}

double accuracy(const VitModel& model, const SyntheticImages& images, std::uint64_t first, int count,
                const ForwardOptions& options, StoredParameters& parameters) {
  int right = 0;
  for (int i = 0; i < count; ++i) {
    LabelledImage sample = images.image(first + static_cast<std::uint64_t>(i));
    parameters.tensors()["input"] = std::move(sample.pixels);
    const ForwardResult result = forward(model, parameters, options);
    const MatrixD& logits = result.outputs.back();
    right += std::max_element(logits.data(), logits.data() + logits.size()) - logits.data() == sample.label;
  }
  return static_cast<double>(right) / count;
}

}  // namespace vitality::reference
