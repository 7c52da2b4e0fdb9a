#include "mapping/mapper.h"

#include <algorithm>

#include "base/error.h"
#include "cost/sparse_machine.h"
#include "mapping/layer_mapper.h"

namespace vitality {
namespace {

bool is_gemm(const Layer& layer) {
  return std::holds_alternative<Conv2d>(layer.parameters) || std::holds_alternative<Linear>(layer.parameters);
}
bool is_folded(const Layer& layer, const HardwareConfig& config) {
  return config.batch_norm_folded && std::holds_alternative<BatchNorm>(layer.parameters);
}
bool is_add(const Layer& layer) {
  return std::holds_alternative<Add>(layer.parameters) || std::holds_alternative<PositionEmbedding>(layer.parameters);
}
bool is_elementwise(const Layer& layer) {
  return is_add(layer) || std::holds_alternative<Activation>(layer.parameters) ||
         std::holds_alternative<BatchNorm>(layer.parameters);
}

}  // namespace

Bytes wide_bytes(Precision precision) {
  return precision == Precision::kFp64 ? 8 : 4;
}

bool is_charged(const Layer& layer, const HardwareConfig& config) {
  if (is_folded(layer, config)) return false;
  if (std::holds_alternative<LayerNorm>(layer.parameters) || std::holds_alternative<BatchNorm>(layer.parameters) ||
      std::holds_alternative<Activation>(layer.parameters))
    return config.special_functions.charge == Charge::kCharged;
  return true;
}

std::int32_t MappingContext::add_activation(int layer_index) {
  const MatrixShape shape = output_shape(layer(layer_index));
  const auto tensor = builder.add_tensor(layer(layer_index).name, TensorRole::kActivation, layer_index, shape.rows,
                                         shape.cols, element_bytes() * shape.rows * shape.cols);
  output[static_cast<std::size_t>(layer_index)] = tensor;
  return tensor;
}

std::int32_t MappingContext::add_weight(const std::string& name, int layer_index, int rows, int cols,
                                        Bytes bytes_each) {
  const Bytes bytes = bytes_each * rows * cols;
  const std::string& owner = layer(layer_index).shared_parameters;
  if (owner.empty()) return builder.add_tensor(name, TensorRole::kWeight, layer_index, rows, cols, bytes);
  const std::string key = owner + name.substr(layer(layer_index).name.size());
  const auto found = shared_weights.find(key);
  if (found != shared_weights.end())
    return builder.add_tensor(name, TensorRole::kWeight, layer_index, rows, cols, bytes, found->second);
  const auto tensor = builder.add_tensor(name, TensorRole::kWeight, layer_index, rows, cols, bytes);
  shared_weights[key] = builder.schedule().tensors[static_cast<std::size_t>(tensor)].dram_address;
  return tensor;
}

double MappingContext::dram_bytes_per_cycle() const {
  const DramDevice& device = config.dram.device;
  return device.peak_gb_s_per_channel() * config.dram.channels * 1e3 / config.clock_mhz *
         (1 - static_cast<double>(device.trfc) / device.trefi);
}

std::vector<EpilogueStage> take_epilogue(MappingContext& context, int producer, const std::vector<bool>& selected) {
  std::vector<EpilogueStage> stages;
  const auto count = static_cast<int>(context.model.layers.size());
  int current = producer;
  for (int next = producer + 1; next < count; ++next) {
    const Layer& layer = context.layer(next);
    const bool consumes = std::count(layer.inputs.begin(), layer.inputs.end(), current) == 1;
    int users = 0;
    for (int other = current + 1; other < count; ++other) {
      const auto& inputs = context.layer(other).inputs;
      users += std::count(inputs.begin(), inputs.end(), current) > 0;
    }
    if (!consumes || users != 1 || !is_elementwise(layer) || !selected[static_cast<std::size_t>(next)]) break;
    EpilogueStage stage{next,          kNone, is_charged(layer, context.config), is_folded(layer, context.config),
                        is_add(layer), kNone};
    if (std::holds_alternative<Add>(layer.parameters)) {
      const int other = layer.inputs[0] == current ? layer.inputs[1] : layer.inputs[0];
      stage.second = context.tensor_of(other);
      stage.swapped = layer.inputs[0] != current;
      if (stage.second == kNone) break;
    } else if (std::holds_alternative<PositionEmbedding>(layer.parameters)) {
      const MatrixShape shape = output_shape(layer);
      stage.second = context.add_weight(layer.name + ".weight", next, shape.rows, shape.cols, context.element_bytes());
    }
    stage.op = context.builder.add_operator(OperatorRole::kElementwise, next);
    stages.push_back(stage);
    current = next;
  }
  return stages;
}

void emit_epilogue(MappingContext& context, const std::vector<EpilogueStage>& stages, std::int32_t buffer, int row,
                   int col, int m, int n, const std::vector<std::int32_t>& second_buffers) {
  ScheduleBuilder& builder = context.builder;
  std::size_t adds = 0;
  for (const EpilogueStage& stage : stages) {
    if (stage.folded) continue;
    std::int32_t second = kNone;
    if (stage.is_add) {
      second = second_buffers[adds++];
      builder.transfer(UnitKind::kDmaLoad, stage.layer, stage.op,
                       {builder.make_transfer(stage.second, row, col, m, n, second)});
    }
    const UnitKind unit = !stage.charged ? UnitKind::kUncharged
                          : stage.is_add ? UnitKind::kAdders
                                         : UnitKind::kSpecialFunctions;
    Job& job = builder.begin(unit, stage.is_add ? JobKind::kAddMatrix : JobKind::kElementwise, stage.layer, stage.op);
    job.m = m, job.n = n;
    job.streamed = job.result = buffer;
    job.streamed_stride = job.result_stride = n;
    job.flags = stage.swapped ? kSwapped : 0;
    job.aux = col;  // element-wise layers with per-channel parameters need the channel
    builder.read(buffer);
    if (second != kNone) {
      job.stationary = second;
      job.stationary_stride = n;
      builder.read(second);
    }
    builder.write(buffer);
    builder.finish();
  }
}

bool is_mapped(MachineKind machine) {
  return machine == MachineKind::kVitality || machine == MachineKind::kDense || is_sparse_machine(machine);
}
bool is_mapped(AttentionKind attention) {
  return attention == AttentionKind::kSoftmax || attention == AttentionKind::kTaylor ||
         attention == AttentionKind::kTaylorElided || uses_mask(attention);
}

// What would otherwise be simulated as something else.
static void check_supported(const HardwareConfig& config, const MappingOptions& options) {
  if (!is_mapped(config.machine))
    throw InfeasibleError("machine " + config.name + ": no mapper for machines of kind " + to_string(config.machine) +
                          " in this version");
  if (options.attention.empty() && !is_mapped(config.attention))  // `auto` comes with a kind a layer
    throw InfeasibleError("machine " + config.name + ": attention " + to_string(config.attention) +
                          " is not simulated in this version (taylor is: --set attention=taylor)");
  if (is_sparse_machine(config.machine)) {
    const auto sparse = [](AttentionKind kind) { return kind == AttentionKind::kSparse; };
    if (options.attention.empty() ? !sparse(config.attention)
                                  : !std::all_of(options.attention.begin(), options.attention.end(), sparse))
      throw InfeasibleError("machine " + config.name + ": " + to_string(config.machine) +
                            " runs sparse attention only, not " + to_string(config.attention) +
                            " (--set attention=sparse)");
    check_mask_source(config);
  }
  if (config.cost_model != CostModel::kSimulated)
    throw InfeasibleError("machine " + config.name + ": cost_model " + to_string(config.cost_model) +
                          " belongs to machines with a released cost model");
}

Schedule map_model(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  check_supported(config, options);
  const MatrixEngineConfig& engine = config.matrix_engine;
  ScheduleBuilder builder(
      static_cast<Bytes>(config.scratchpad.capacity_kib) * 1024,
      engine.dataflow == Dataflow::kOutputStationary || engine.accumulation == Accumulation::kGStationary);
  if (!config.pipeline.intra_layer) builder.run_layers_serially();
  MappingContext context{model, config, builder, std::vector<std::int32_t>(model.layers.size(), kNone)};
  builder.schedule().layer_mapping.resize(model.layers.size());
  std::vector<bool> selected = options.selected;
  if (selected.empty()) selected.assign(model.layers.size(), true);

  const Bytes element = context.element_bytes();
  const int pixels = model.image_height * model.image_width;
  for (int i = 0; i < model.images; ++i) {
    context.images.push_back(builder.add_tensor(i == 0 ? "input" : "input." + std::to_string(i), TensorRole::kInput,
                                                kModelInput - i, pixels, model.image_channels,
                                                element * pixels * model.image_channels));
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {  // outputs of layers left out are given
    if (std::holds_alternative<GivenTensor>(model.layers[i].parameters)) selected[i] = false;
    if (selected[i]) continue;
    const auto tensor = context.add_activation(static_cast<int>(i));
    builder.schedule().tensors[static_cast<std::size_t>(tensor)].role = TensorRole::kInput;
  }
  std::vector<int> aliases;
  for (int i = 0; i < static_cast<int>(model.layers.size()); ++i) {
    if (!selected[static_cast<std::size_t>(i)]) continue;
    const Layer& layer = context.layer(i);
    if (is_gemm(layer)) {
      const std::vector<EpilogueStage> epilogue = take_epilogue(context, i, selected);
      const int last = epilogue.empty() ? i : epilogue.back().layer;
      map_gemm_layer(context, i, epilogue, context.add_activation(last));
      i = last;
    } else if (std::holds_alternative<Attention>(layer.parameters)) {
      const AttentionKind kind =
          options.attention.empty() ? config.attention : options.attention[static_cast<std::size_t>(i)];
      map_attention_layer(context, i, kind, options.masks, context.add_activation(i));
    } else if (is_folded(layer, config)) {
      // In front of the layer that absorbs it: nothing happens here, the input is the output.
      context.output[static_cast<std::size_t>(i)] = context.input_tensor(i, 0);
      aliases.push_back(i);
    } else if (is_elementwise(layer) || std::holds_alternative<LayerNorm>(layer.parameters)) {
      map_elementwise_layer(context, i, context.add_activation(i));
    } else if (std::holds_alternative<MeanPool>(layer.parameters)) {
      map_pool_layer(context, i, context.add_activation(i));
    } else {
      map_rearrange_layer(context, i, context.add_activation(i));
    }
  }
  for (const int alias : aliases) context.output[static_cast<std::size_t>(alias)] = kNone;
  builder.schedule().layer_output = context.output;
  return std::move(builder.schedule());
}

}  // namespace vitality
