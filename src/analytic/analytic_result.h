// Results of machines that are formulas or measurements, not simulations: layers run one after the other on one device.
// The result is the same tree as a simulation's, and the same sums hold (busy + stalls + idle = total; spans add up to
// the run; energy is the sum of its parts).
#pragma once

#include <string>
#include <vector>

#include "config/hardware_config.h"
#include "report/result.h"
#include "workload/model.h"

namespace vitality {

// The work and time of one layer. Time is the larger of its two times; a device does not overlap layers.
struct AnalyticLayer {
  double compute_cycles = 0, memory_cycles = 0;
  Count macs = 0;
  OperationCounts operations;
  Bytes read_bytes = 0, write_bytes = 0;  // of memory
  bool charged = true;                    // false: the formula does not cover this layer
  std::string mapping;
};

struct AnalyticDevice {
  std::string name, kind;  // of the one unit
  double peak_macs_per_cycle = 0;
  double watts = 0;     // of the whole device while it runs; 0 = not known
  double area_mm2 = 0;  // 0 = not known
};

// layers: one for each layer of the model.
SimulationResult analytic_result(const HardwareConfig& config, const VitModel& model, const AnalyticDevice& device,
                                 const std::vector<AnalyticLayer>& layers);

// Whether layer_work can compute the work of this kind of attention: the kinds that rooflines and this computer can
// run.
bool has_layer_work(AttentionKind kind);
// MACs and operations of a layer for this kind of attention (softmax or Taylor); conv2d and linear do not depend on it.
// Refuses models with attention of another kind, in a sentence about `what`: "the time ... is not measured".
void check_layer_work(const HardwareConfig& config, const VitModel& model, const char* what, const char* done);
// otherwise: the kind of an attention layer to which the model gives none.
AnalyticLayer layer_work(const Layer& layer, AttentionKind otherwise);
// Elements that a layer reads (its inputs and parameters) and writes, each once.
struct LayerTraffic {
  Count inputs = 0, parameters = 0, outputs = 0;
};
LayerTraffic layer_traffic(const VitModel& model, std::size_t layer);

}  // namespace vitality
