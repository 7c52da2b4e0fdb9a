// Number formats of a run: the scale of every tensor and the factors of every operator.
//
// Floating formats: every scale is 1. Fixed formats: real = code * scale, scale = largest magnitude in the double
// reference / largest code, per tensor over all images of a batch (post-training calibration). Layers that only move
// rows share one scale with their inputs.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "config/hardware_config.h"
#include "reference/model.h"
#include "schedule/schedule.h"
#include "workload/model.h"
#include "workload/parameters.h"

namespace vitality {

struct AttentionScales {
  double q = 1, k = 1, v = 1, context = 1, numerator = 1, scores = 1, result = 1;
  double probability = 1;  // P; P - T on the mask in the residual form of unified attention
  double exponential = 1;  // exponentials below a running maximum (online softmax), which are at most 1
  double wide_result = 1;  // low-rank and sparse output before they are added
};

class ValuePlan {
 public:
  // If given, reach(layer) makes the reference known up to that layer: scales are calibrated when they are first
  // needed.
  ValuePlan(const VitModel& model, const HardwareConfig& config, const reference::ForwardResult& reference,
            const ParameterSource& parameters, std::function<void(int layer)> reach = {});

  // Scale of a layer's output (kModelInput: of the images).
  double scale(int layer) const;
  double input_scale(int layer, int input) const;
  double weight_scale(double largest) const;
  AttentionScales attention(int layer) const;

 private:
  struct Group {  // of layers that share one scale
    double scale = 0;
    std::vector<int> waiting;  // layers that have not been calibrated from, in ascending order
  };

  const VitModel& model_;
  const HardwareConfig& config_;
  const reference::ForwardResult& reference_;
  std::function<void(int)> reach_;
  std::vector<int> group_of_;  // per layer; the last is the image's
  mutable std::map<int, Group> groups_;
};

}  // namespace vitality
