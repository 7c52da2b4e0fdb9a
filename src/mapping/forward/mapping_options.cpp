#include "mapping/forward/mapping_options.h"

namespace vitality {

Bytes wide_bytes(Precision precision) {
  return precision == Precision::kFp64 ? 8 : 4;
}

bool is_charged(const Layer& layer, const HardwareConfig& config) {
  if (is_folded(layer, config)) return false;
  if (std::holds_alternative<LayerNorm>(layer.parameters) && config.layer_norm.lanes > 0) return true;
  if (std::holds_alternative<LayerNorm>(layer.parameters) || std::holds_alternative<BatchNorm>(layer.parameters) ||
      std::holds_alternative<Activation>(layer.parameters) || std::holds_alternative<LayerScale>(layer.parameters) ||
      std::holds_alternative<Multiply>(layer.parameters))
    return config.special_functions.charge == Charge::kCharged;
  return true;
}

bool is_folded(const Layer& layer, const HardwareConfig& config) {
  return config.batch_norm_folded && std::holds_alternative<BatchNorm>(layer.parameters);
}

}  // namespace vitality
