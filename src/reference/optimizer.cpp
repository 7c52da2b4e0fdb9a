#include "reference/optimizer.h"

#include <cmath>
#include <stdexcept>

#include "tensor/functions.h"

namespace vitality::reference {
namespace {

void sgd(const OptimizerSettings& s, double decay, MatrixD& velocity, MatrixD& w, const MatrixD& g) {
  for (std::size_t i = 0; i < w.size(); ++i) {
    velocity.data()[i] = s.momentum * velocity.data()[i] + g.data()[i] + decay * w.data()[i];
    w.data()[i] -= s.rate * velocity.data()[i];
  }
}

// More than 6 parameters: the settings, the step, and the tensors that it changes.
void adamw(const OptimizerSettings& s, double decay, int steps, MatrixD& m, MatrixD& v, MatrixD& w, const MatrixD& g) {
  const double unbias1 = 1 / (1 - power(s.beta1, steps)), unbias2 = 1 / (1 - power(s.beta2, steps));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double gradient = g.data()[i];
    double &first = m.data()[i], &second = v.data()[i], &value = w.data()[i];
    first = s.beta1 * first + (1 - s.beta1) * gradient;
    second = s.beta2 * second + (1 - s.beta2) * gradient * gradient;
    value -= s.rate * (first * unbias1 / (std::sqrt(second * unbias2) + s.epsilon) + decay * value);
  }
}

}  // namespace

void Optimizer::update(const std::string& name, MatrixD& tensor, const MatrixD& gradient, bool decay) {
  if (tensor.rows() != gradient.rows() || tensor.cols() != gradient.cols())
    throw std::invalid_argument("gradient of " + name + " has another shape");
  State& state = states_[name];
  if (state.steps++ == 0) {
    state.first = MatrixD(tensor.rows(), tensor.cols());
    if (settings_.kind == OptimizerKind::kAdamW) state.second = state.first;
  }
  const double factor = decay ? settings_.weight_decay : 0;
  if (settings_.kind == OptimizerKind::kSgd) {
    sgd(settings_, factor, state.first, tensor, gradient);
  } else {
    adamw(settings_, factor, state.steps, state.first, state.second, tensor, gradient);
  }
}

}  // namespace vitality::reference
