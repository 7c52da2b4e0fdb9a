// Optimiser updates in double, elementwise on named tensors.
//
// SGD with momentum (Polyak's heavy ball): v = momentum v + g; w -= rate v.
// AdamW (Loshchilov and Hutter, ICLR 2019), decoupled weight decay: m = b1 m + (1-b1) g; s = b2 s + (1-b2) g^2;
//   w -= rate (m / (1-b1^t) / (sqrt(s / (1-b2^t)) + epsilon) + decay w), with the w of before the update in the decay.
// A tensor's state (v, or m and s) is made of zeros at its first update; t counts the updates of that tensor.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "tensor/matrix.h"

namespace vitality::reference {

enum class OptimizerKind { kSgd, kAdamW };

struct OptimizerSettings {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double rate = 1e-3;
  double momentum = 0.9;  // SGD
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0;  // AdamW: decoupled; SGD: added to the gradient
};

class Optimizer {
 public:
  explicit Optimizer(const OptimizerSettings& settings) : settings_(settings) {}
  void set_rate(double rate) { settings_.rate = rate; }
  // One update of one tensor; without weight decay if `decay` is false (biases, norms). The gradient must have the
  // tensor's shape (std::invalid_argument otherwise).
  void update(const std::string& name, MatrixD& tensor, const MatrixD& gradient, bool decay = true);

  struct State {
    MatrixD first, second;  // v and nothing, or m and s
    int steps = 0;
  };
  // What a run that goes on later has to keep, by tensor name.
  const std::map<std::string, State>& states() const { return states_; }
  void restore(std::map<std::string, State> states) { states_ = std::move(states); }

 private:
  OptimizerSettings settings_;
  std::map<std::string, State> states_;
};

}  // namespace vitality::reference
