// The JSON names of the enums of hardware_config.h, in the enums' order.
#pragma once

#include <string>
#include <vector>

namespace vitality {

const std::vector<std::string>& machine_names();
const std::vector<std::string>& dataflow_names();
const std::vector<std::string>& accumulation_names();
const std::vector<std::string>& attention_names();
const std::vector<std::string>& attention_bias_names();
const std::vector<std::string>& dram_model_names();
const std::vector<std::string>& charge_names();
const std::vector<std::string>& topology_names();
const std::vector<std::string>& scratchpad_layout_names();
const std::vector<std::string>& sparsity_source_names();
const std::vector<std::string>& cost_model_names();

}  // namespace vitality
