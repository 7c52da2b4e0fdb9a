#include "config/hardware_config.h"

#include "config/names.h"

namespace vitality {

// In the order of each enum.
const std::vector<std::string>& machine_names() {
  static const std::vector<std::string> names{"vitality", "dense", "sanger", "vitcod",   "salo",
                                              "spatten",  "elsa",  "dota",   "roofline", "host"};
  return names;
}
const std::vector<std::string>& dataflow_names() {
  static const std::vector<std::string> names{"input_stationary", "output_stationary"};
  return names;
}
const std::vector<std::string>& accumulation_names() {
  static const std::vector<std::string> names{"down_forward", "g_stationary"};
  return names;
}
const std::vector<std::string>& attention_names() {
  static const std::vector<std::string> names{"softmax", "taylor",  "taylor_elided",    "taylor_released",
                                              "sparse",  "unified", "unified_additive", "auto"};
  return names;
}
const std::vector<std::string>& attention_bias_names() {
  static const std::vector<std::string> names{"drop", "first_order"};
  return names;
}
const std::vector<std::string>& dram_model_names() {
  static const std::vector<std::string> names{"bandwidth", "banked"};
  return names;
}
const std::vector<std::string>& charge_names() {
  static const std::vector<std::string> names{"not_charged", "charged"};
  return names;
}
const std::vector<std::string>& scratchpad_layout_names() {
  static const std::vector<std::string> names{"skewed", "linear"};
  return names;
}
const std::vector<std::string>& topology_names() {
  static const std::vector<std::string> names{"bus", "mesh"};
  return names;
}
const std::vector<std::string>& sparsity_source_names() {
  static const std::vector<std::string> names{"predicted", "file", "density", "pattern"};
  return names;
}
const std::vector<std::string>& cost_model_names() {
  static const std::vector<std::string> names{"simulated", "as_published", "corrected"};
  return names;
}

namespace {
template <class Enum>
const char* name_of(Enum value, const std::vector<std::string>& names) {
  return names[static_cast<std::size_t>(value)].c_str();
}
}  // namespace

const char* to_string(MachineKind value) {
  return name_of(value, machine_names());
}
const char* to_string(Dataflow value) {
  return name_of(value, dataflow_names());
}
const char* to_string(Accumulation value) {
  return name_of(value, accumulation_names());
}
const char* to_string(AttentionKind value) {
  return name_of(value, attention_names());
}
const char* to_string(AttentionBias value) {
  return name_of(value, attention_bias_names());
}
const char* to_string(DramModel value) {
  return name_of(value, dram_model_names());
}
const char* to_string(Charge value) {
  return name_of(value, charge_names());
}
const char* to_string(NocTopology value) {
  return name_of(value, topology_names());
}
const char* to_string(ScratchpadLayout value) {
  return name_of(value, scratchpad_layout_names());
}
const char* to_string(SparsitySource value) {
  return name_of(value, sparsity_source_names());
}
const char* to_string(CostModel value) {
  return name_of(value, cost_model_names());
}

}  // namespace vitality
