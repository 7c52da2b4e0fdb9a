// Maps a model onto a machine: layers -> tile jobs. What machines share (GEMMs, element-wise layers, data movement) is
// in the *_mapper files that it calls.
//
// Throws InfeasibleError, with the layer, the operand and the bytes, when a tile cannot fit the scratchpad.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "config/hardware_config.h"
#include "mapping/forward/mapping_options.h"
#include "schedule/schedule.h"
#include "workload/model.h"

namespace vitality {

// Whether this version can map the kind of machine, or the kind of attention on it; map_model refuses others with an
// InfeasibleError. A mapped machine runs only some of the mapped kinds of attention.
bool is_mapped(MachineKind machine);
bool is_mapped(MachineKind machine, AttentionKind attention);

// Refuses what map_model would refuse whatever the masks are, with the same message, before masks and tensors are made.
// options.masks may be null.
void check_fits(const VitModel& model, const HardwareConfig& config, const MappingOptions& options);

Schedule map_model(const VitModel& model, const HardwareConfig& config, const MappingOptions& options = {});

struct ModelPlans;
// What is decided for a whole model before its jobs are made, for those who map it in more than one way. Keeps
// references to the model, the machine and the options.
class PlannedModel {
 public:
  PlannedModel(const VitModel& model, const HardwareConfig& config, const MappingOptions& options);
  ~PlannedModel();
  PlannedModel(const PlannedModel&) = delete;
  PlannedModel& operator=(const PlannedModel&) = delete;

  std::optional<ModelEstimate> estimate() const;  // none: not known
  // Whether the outputs of these `count` layers and of those from `other` on stay in the scratchpad in the same way.
  bool alike(int layer, int other, int count) const;
  Schedule map();  // as map_model()
  // Maps a model from which some of equal blocks were left out (workload/repeated_blocks.h) in the way of the whole
  // model: its outputs stay where those of the whole model do. stands_for: of every layer of the whole model, the layer
  // that is mapped in its place. Nothing if layers with the same one are not alike.
  std::optional<Schedule> map_shortened(const VitModel& fewer, const std::vector<int>& stands_for);

 private:
  const VitModel& model_;
  const HardwareConfig& config_;
  const MappingOptions& options_;
  std::unique_ptr<ModelPlans> plans_;
};

}  // namespace vitality
