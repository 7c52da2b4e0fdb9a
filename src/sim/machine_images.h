// Images in the machine's arithmetic, with scales that were calibrated on other images.
//
// If masks do not depend on the data, one image is simulated. The others execute the same jobs without time, in the
// order and on the units of that run, so their values are those of a simulation of each. If masks depend on the data,
// every image is simulated in a process of its own.
#pragma once

#include <functional>
#include <vector>

#include "base/checkpoint.h"
#include "config/hardware_config.h"
#include "evaluate/images.h"
#include "evaluate/reference_evaluation.h"
#include "evaluate/weights.h"
#include "reference/model.h"
#include "report/result.h"
#include "workload/model.h"

namespace vitality {

struct MachineImage {
  std::vector<double> logits, reference;  // of the machine; of the double reference with the machine's attention
  std::vector<Count> saturated;           // per layer: results that did not fit the format
  double cycles = 0, latency_ms = 0, energy_mj = 0;
  double mask_density = -1, mask_kept_density = -1;  // < 0: no mask
};

struct MachineRequest {
  const HardwareConfig& config;
  const VitModel& model;
  const std::vector<AttentionKind>& attention;  // per layer
  const ModelWeights& weights;
  const ImageFile& images;
  std::size_t count;                         // images to run, from the first one on
  std::size_t first_calibrated, calibrated;  // images that the scales come from
  int jobs;
  std::function<void(double fraction)> progress;  // may be empty
};

// The options of the reference for this kind of attention on this machine, with the machine's masks.
ForwardOptionsSource machine_options(const VitModel& model, const HardwareConfig& config,
                                     const std::vector<AttentionKind>& attention);

// Whether cycles and energy depend on the image.
bool depends_on_data(const HardwareConfig& config, const VitModel& model);

// Images 0 to count - 1. Can be called once per process (sim/simulate.h), before the caller starts threads. Throws
// InfeasibleError.
std::vector<MachineImage> evaluate_on_machine(const MachineRequest& request, Checkpoint& checkpoint);

}  // namespace vitality
