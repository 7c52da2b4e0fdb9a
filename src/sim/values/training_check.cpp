#include "sim/values/training_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "reference/layer_gradients.h"
#include "reference/layers.h"
#include "reference/model_gradient.h"
#include "reference/optimizer.h"
#include "tensor/difference.h"
#include "tensor/matrix_ops.h"
#include "workload/training_step.h"

namespace vitality {
namespace {

// Largest error over the largest value of `want`.
Difference difference(const MatrixD& got, const MatrixD& want) {
  Difference d;
  d.add(got, 1, want);
  return d;
}

reference::OptimizerSettings settings_of(const TrainingConfig& t) {
  reference::OptimizerSettings s;
  s.kind = t.optimizer == OptimizerChoice::kAdamW ? reference::OptimizerKind::kAdamW : reference::OptimizerKind::kSgd;
  s.rate = t.learning_rate, s.momentum = t.momentum, s.beta1 = t.beta1, s.beta2 = t.beta2;
  s.epsilon = t.epsilon, s.weight_decay = t.weight_decay;
  return s;
}

class Comparison {
 public:
  Comparison(const TrainingInputs& in, const Schedule& schedule, const ValueExecutor& values, SimulationResult& result)
      : in_(in),
        schedule_(schedule),
        values_(values),
        result_(result),
        scale_(loss_scale(in.config)),
        tolerance_(std::max(gradient_tolerance(in.config.precision), result.numerics.tolerance)) {
    for (const char* kind : {"output gradients", "parameter gradients", "new weights", "update arithmetic"})
      result_.training.errors.push_back({kind, "", 0, 0, tolerance_});
  }

  void run() {
    const reference::ModelGradients expected = gradients();
    for (const ScheduledGradient& g : schedule_.gradients) {
      const std::size_t layer = static_cast<std::size_t>(g.layer);
      const auto backward = layer + in_.model.layers.size(), update = layer + 2 * in_.model.layers.size();
      if (g.kind == ScheduledGradient::Kind::kOutput) {
        note(0, in_.model.layers[layer].name, difference(machine(g, 1 / scale_), expected.outputs[layer]), tolerance_,
             backward);
      } else if (g.kind == ScheduledGradient::Kind::kParameter) {
        note(1, g.parameter, difference(machine(g, 1 / scale_), expected.parameters.at(g.parameter)), tolerance_,
             backward);
        of_parameter_[g.parameter] = &g;
      } else {
        compare_weights(g, expected.parameters.at(g.parameter), update);
      }
    }
    NumericsResult& numerics = result_.numerics;
    for (const GradientError& error : result_.training.errors)
      numerics.passed = numerics.passed && error.max_rel_error <= error.tolerance;
  }

 private:
  reference::ModelGradients gradients() {
    const int images = in_.model.images, count = static_cast<int>(in_.model.layers.size()) / images;
    std::vector<std::pair<int, MatrixD>> heads;
    for (int i = 0; i < images; ++i) {
      const int last = (i + 1) * count - 1;
      reference::Loss loss = reference::softmax_cross_entropy(in_.forward.outputs[static_cast<std::size_t>(last)],
                                                              in_.labels[static_cast<std::size_t>(i)]);
      result_.training.loss += loss.value / images;
      scale(loss.gradient, 1.0 / images);
      heads.emplace_back(last, std::move(loss.gradient));
    }
    return reference::backward(in_.model, in_.parameters, in_.options, in_.forward, heads);
  }

  MatrixD machine(const ScheduledGradient& g, double factor) const {
    MatrixD values = reference::block(values_.codes(g.tensor), g.row, g.rows, 0, g.cols);
    scale(values, factor);
    return values;
  }

  ParameterInfo info_of(const ScheduledGradient& g) const {
    for (const ParameterInfo& info : parameters_of(in_.model.layers[static_cast<std::size_t>(g.layer)]))
      if (info.name == g.parameter) return info;
    return {};
  }

  // The new weights are checked in two steps: from the reference's gradient, and from the machine's own gradient. The
  // reason: AdamW's first step is rate * sign(g), so where a gradient is lost in its noise, two right answers may
  // differ by 2 rate.
  void compare_weights(const ScheduledGradient& g, const MatrixD& gradient, std::size_t layer) {
    const MatrixD got = machine(g, 1), old = in_.parameters.tensor(info_of(g));
    const TrainingConfig& t = in_.config.training;
    const auto stepped = [&](const MatrixD& by) {
      MatrixD weights = old;
      reference::Optimizer(settings_of(t)).update(g.parameter, weights, by, g.rows > 1);
      return weights;
    };
    const MatrixD want = stepped(gradient);
    const double peak = max_abs(want), jump = t.optimizer == OptimizerChoice::kAdamW ? 2 * t.learning_rate : 0;
    note(2, g.parameter, difference(got, want), tolerance_ + (peak > 0 ? jump / peak : jump), layer);
    const double rounding = in_.config.precision == Precision::kFp64 ? 1e-11 : 1e-5;
    note(3, g.parameter, difference(got, stepped(machine(*of_parameter_.at(g.parameter), 1 / scale_))), rounding,
         layer);
  }

  // The worst tensor is the one whose error is largest relative to its tolerance.
  void note(std::size_t kind, const std::string& name, const Difference& d, double tolerance, std::size_t layer) {
    GradientError& error = result_.training.errors[kind];
    ++error.tensors;
    const bool worse = !(d.relative() / tolerance <= error.max_rel_error / error.tolerance);
    if (error.tensors == 1 || worse)
      error.worst = name, error.max_rel_error = d.relative(), error.tolerance = tolerance;
    LayerResult& l = result_.layers[layer];
    l.max_abs_error = std::max(l.max_abs_error, d.absolute()),
    l.max_rel_error = std::max(l.max_rel_error, d.relative());
    l.cosine_similarity = l.has_error ? std::min(l.cosine_similarity, d.cosine()) : d.cosine();
    l.tolerance = std::max(l.tolerance, tolerance);
    l.has_error = true;
  }

  const TrainingInputs& in_;
  const Schedule& schedule_;
  const ValueExecutor& values_;
  SimulationResult& result_;
  double scale_;
  double
      tolerance_;  // of gradients: they are computed from values, so they are no more exact than the least exact layer
  std::map<std::string, const ScheduledGradient*> of_parameter_;
};

}  // namespace

std::vector<int> training_labels(const VitModel& model, std::uint64_t seed) {
  const auto classes = static_cast<std::uint64_t>(output_shape(model.layers.back()).cols);
  std::vector<int> labels;
  labels.reserve(static_cast<std::size_t>(model.images));
  for (int i = 0; i < model.images; ++i)
    labels.push_back(static_cast<int>(Random(seed + static_cast<std::uint64_t>(i)).below(classes)));
  return labels;
}

double gradient_tolerance(Precision precision) {
  switch (precision) {
    case Precision::kFp64:
      return 1e-9;
    case Precision::kFp32:
      return 1e-4;
    case Precision::kInt16:
      return 0.01;
    case Precision::kFp16:
    case Precision::kInt8:
      return 0.02;
    case Precision::kBf16:  // three bits less than fp16
      return 0.16;
    case Precision::kFp8E4m3:  // no training: gradients need 16 bits
    case Precision::kFp8E5m2:
      break;
  }
  return 0;
}

void compare_training(const TrainingInputs& inputs, const Schedule& schedule, const ValueExecutor& values,
                      SimulationResult& result) {
  Comparison(inputs, schedule, values, result).run();
}

void describe_training(const VitModel& step, const HardwareConfig& config, const Schedule& schedule,
                       SimulationResult& result) {
  TrainingResult& training = result.training;
  training.present = true;
  training.optimizer = to_string(config.training.optimizer);
  training.loss_scale = loss_scale(config);
  training.saved_activation_bytes = schedule.saved_activation_bytes;
  training.time_per_step_ms = result.totals.latency_ms;
  training.images_per_second = result.totals.latency_ms > 0 ? 1e3 * step.images / result.totals.latency_ms : 0;
  const int layers = forward_layers(step);
  Cycles before = 0;
  for (int p = 0; p < kStepPhases; ++p) {
    PhaseResult phase;
    phase.name = phase_name(static_cast<StepPhase>(p));
    phase.start_cycle = std::numeric_limits<Cycles>::max();
    for (int i = p * layers; i < (p + 1) * layers; ++i) {
      const LayerResult& layer = result.layers[static_cast<std::size_t>(i)];
      if (!layer.executed) continue;
      phase.start_cycle = std::min(phase.start_cycle, layer.start_cycle);
      phase.end_cycle = std::max(phase.end_cycle, layer.end_cycle);
      phase.macs += layer.macs, phase.operations += layer.operations;
      phase.energy.compute += layer.energy.compute, phase.energy.sram += layer.energy.sram;
      phase.energy.noc += layer.energy.noc, phase.energy.dram += layer.energy.dram;
      phase.dram_read_bytes += layer.dram_read_bytes, phase.dram_write_bytes += layer.dram_write_bytes;
    }
    phase.cycles = std::max<Cycles>(0, phase.end_cycle - before);
    before = std::max(before, phase.end_cycle);
    phase.energy.leakage = result.totals.cycles == 0 ? 0
                                                     : result.energy.leakage * static_cast<double>(phase.cycles) /
                                                           static_cast<double>(result.totals.cycles);
    training.phases.push_back(std::move(phase));
  }
}

}  // namespace vitality
