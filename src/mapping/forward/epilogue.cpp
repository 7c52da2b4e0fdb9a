#include <algorithm>

#include "mapping/forward/given_mapping.h"
#include "mapping/forward/layer_mapper.h"

namespace vitality {
namespace {

bool is_add(const Layer& layer) {
  return std::holds_alternative<Add>(layer.parameters) || std::holds_alternative<PositionEmbedding>(layer.parameters);
}

}  // namespace

bool is_elementwise(const Layer& layer) {
  return is_add(layer) || std::holds_alternative<Activation>(layer.parameters) ||
         std::holds_alternative<BatchNorm>(layer.parameters);
}

std::vector<EpilogueStage> take_epilogue(MappingContext& context, int producer, const std::vector<bool>& selected) {
  std::vector<EpilogueStage> stages;
  const auto count = static_cast<int>(context.model.layers.size());
  int current = producer;
  for (int next = producer + 1; next < count; ++next) {
    const Layer& layer = context.layer(next);
    const bool consumes = std::count(layer.inputs.begin(), layer.inputs.end(), current) == 1;
    const bool alone = context.users[static_cast<std::size_t>(current)] == 1;
    if (!consumes || !alone || !is_elementwise(layer) || !selected[static_cast<std::size_t>(next)] ||
        leaves_epilogue(context, next))
      break;
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
    if (context.saved != nullptr && std::holds_alternative<Activation>(layer.parameters))
      stage.saved = context.add_activation(current);
    if (stage.folded)
      take_form<FoldedMapping>(context, next);
    else
      take_form<EpilogueMapping>(context, next);
    stages.push_back(stage);
    current = next;
  }
  return stages;
}

void emit_epilogue(MappingContext& context, const std::vector<EpilogueStage>& stages, const EpilogueTile& tile,
                   const std::vector<BufferId>& second_buffers) {
  const auto& [buffer, row, col, m, n, after] = tile;
  ScheduleBuilder& builder = context.builder;
  std::size_t adds = 0;
  for (const EpilogueStage& stage : stages) {
    if (stage.folded) continue;
    if (stage.saved != kNone)
      builder.transfer(UnitKind::kDmaStore, stage.layer, stage.op,
                       {builder.make_transfer(stage.saved, row, col, m, n, buffer)});
    BufferId second = kNone;
    if (stage.is_add) {
      second = second_buffers[adds++];
      builder.transfer(UnitKind::kDmaLoad, stage.layer, stage.op,
                       {builder.make_transfer(stage.second, row, col, m, n, second)}, after);
    }
    const UnitKind unit = !stage.charged                               ? UnitKind::kUncharged
                          : stage.is_add && !stage.activation_gradient ? UnitKind::kAdders
                                                                       : UnitKind::kSpecialFunctions;
    const JobKind kind = stage.activation_gradient ? JobKind::kActivationGradient
                         : stage.is_add            ? JobKind::kAddMatrix
                                                   : JobKind::kElementwise;
    Job& job = builder.begin(unit, kind, stage.layer, stage.op);
    job.m = m, job.n = n;
    job.streamed = job.result = buffer;
    job.streamed_stride = job.result_stride = n;
    job.flags = stage.swapped ? kSwapped : 0;
    if (kind == JobKind::kElementwise) job.detail = ElementwiseStep{col, 1};
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

}  // namespace vitality
