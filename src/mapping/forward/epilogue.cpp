#include <algorithm>

#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

bool is_add(const Layer& layer) {
  return std::holds_alternative<Add>(layer.parameters) || std::holds_alternative<PositionEmbedding>(layer.parameters);
}

// A linear layer or a convolution whose results are tiles of whole rows can have a learned row put in front of them.
bool takes_tokens(const MappingContext& context, int producer) {
  if (!keeps_outputs(context)) return false;
  if (std::holds_alternative<Linear>(context.layer(producer).parameters)) return true;
  const auto* conv = std::get_if<Conv2d>(&context.layer(producer).parameters);
  return conv != nullptr && conv->groups == 1;
}

void take_epilogue_form(MappingContext& context, int layer, bool in_place) {
  const auto* given = given_as<EpilogueMapping>(context, layer);
  if (given != nullptr && given->in_place != in_place)
    refuse_given(context, layer, "operand",
                 in_place ? "expected \"scratchpad\", because what this layer adds stays there, found \"memory\""
                          : "expected \"memory\", because what this layer adds does not stay in the scratchpad until "
                            "here, found \"scratchpad\"");
  context.record(layer, EpilogueMapping{in_place});
}

}  // namespace

bool is_elementwise(const Layer& layer) {
  return is_add(layer) || std::holds_alternative<Activation>(layer.parameters) ||
         std::holds_alternative<BatchNorm>(layer.parameters) || std::holds_alternative<LayerScale>(layer.parameters);
}

std::vector<int> epilogue_layers(const MappingContext& context, int producer) {
  std::vector<int> layers;
  const auto count = static_cast<int>(context.model.layers.size());
  int current = producer;
  for (int next = producer + 1; next < count; current = next++) {
    const Layer& layer = context.layer(next);
    const bool consumes = std::count(layer.inputs.begin(), layer.inputs.end(), current) == 1;
    const bool alone = context.users[static_cast<std::size_t>(current)] == 1;
    const auto* token = std::get_if<ConcatToken>(&layer.parameters);
    const auto* norm = std::get_if<BatchNorm>(&layer.parameters);
    // A norm in the weights of a layer behind it is no part of these results.
    const bool ahead = norm != nullptr && norm->folded_into > next && is_folded(layer, context.config);
    const bool can = (is_elementwise(layer) && !ahead) ||
                     (token != nullptr && token->learned == 1 && takes_tokens(context, producer));
    if (!consumes || !alone || !can || !context.selected(next) || leaves_epilogue(context, next)) break;
    layers.push_back(next);
  }
  return layers;
}

std::vector<EpilogueStage> take_epilogue(MappingContext& context, int producer) {
  std::vector<EpilogueStage> stages;
  int current = producer;
  const std::vector<int> layers = epilogue_layers(context, producer);
  const Residence& results = context.residence(layers.empty() ? producer : layers.back());
  for (const int next : layers) {
    const Layer& layer = context.layer(next);
    EpilogueStage stage{next,          kNone, is_charged(layer, context.config), is_folded(layer, context.config),
                        is_add(layer), kNone};
    if (std::holds_alternative<Add>(layer.parameters)) {
      const int other = layer.inputs[0] == current ? layer.inputs[1] : layer.inputs[0];
      stage.second = context.tensor_of(other);
      stage.swapped = layer.inputs[0] != current;
      stage.in_place = results.takes_place_of(other);
    } else if (std::holds_alternative<ConcatToken>(layer.parameters)) {
      stage.is_token = true;
      stage.second =
          context.add_weight(layer.name + ".weight", next, 1, output_shape(layer).cols, context.element_bytes());
    } else if (std::holds_alternative<PositionEmbedding>(layer.parameters)) {
      const MatrixShape shape = output_shape(layer);
      stage.second = context.add_weight(layer.name + ".weight", next, shape.rows, shape.cols, context.element_bytes());
    }
    stage.scales = std::holds_alternative<LayerScale>(layer.parameters);
    stage.op =
        context.builder.add_operator(stage.is_token ? OperatorRole::kRearrange : OperatorRole::kElementwise, next);
    if (context.saved != nullptr && std::holds_alternative<Activation>(layer.parameters))
      stage.saved = context.add_activation(current);
    if (stage.folded)
      take_form<FoldedMapping>(context, next);
    else
      take_epilogue_form(context, next, stage.in_place);
    stages.push_back(stage);
    current = next;
  }
  return stages;
}

namespace {

// The second operand of an addition, in its buffer: fetched, or where the results will stay.
TilePlace second_operand(MappingContext& context, const EpilogueStage& stage, const EpilogueTile& tile, int row,
                         BufferId buffer) {
  if (stage.in_place) return tile.resident;
  context.builder.transfer(UnitKind::kDmaLoad, stage.layer, stage.op,
                           {context.builder.make_transfer(stage.second, row, tile.col, tile.m, tile.n, buffer)},
                           tile.after);
  return {buffer, 0, tile.n};
}

}  // namespace

TilePlace emit_epilogue(MappingContext& context, const std::vector<EpilogueStage>& stages, const EpilogueTile& tile,
                        const std::vector<BufferId>& second_buffers) {
  ScheduleBuilder& builder = context.builder;
  TilePlace place = tile.place;
  int row = tile.row;
  std::size_t fetched = 0;
  for (const EpilogueStage& stage : stages) {
    if (stage.is_token) ++row;
    if (stage.is_token || stage.folded) continue;
    if (stage.saved != kNone)
      builder.transfer(UnitKind::kDmaStore, stage.layer, stage.op,
                       {builder.make_transfer(stage.saved, row, tile.col, tile.m, tile.n, place.buffer, place.offset,
                                              place.stride)});
    TilePlace second{kNone};
    if (stage.is_add)
      second = second_operand(context, stage, tile, row, stage.in_place ? BufferId{} : second_buffers[fetched++]);
    const UnitKind unit = !stage.charged                               ? UnitKind::kUncharged
                          : stage.is_add && !stage.activation_gradient ? UnitKind::kAdders
                                                                       : UnitKind::kSpecialFunctions;
    const JobKind kind = stage.activation_gradient ? JobKind::kActivationGradient
                         : stage.is_add            ? JobKind::kAddMatrix
                         : stage.scales            ? JobKind::kScaleColumns
                                                   : JobKind::kElementwise;
    const bool onto_second = tile.sum_in_second && kind == JobKind::kAddMatrix;
    const TilePlace target = stage.in_place ? tile.resident : onto_second ? second : place;
    Job& job = builder.begin(unit, kind, stage.layer, stage.op);
    job.m = tile.m, job.n = tile.n;
    job.streamed = place.buffer, job.streamed_offset = place.offset, job.streamed_stride = place.stride;
    job.result = target.buffer, job.result_offset = target.offset, job.result_stride = target.stride;
    job.flags = stage.swapped ? kSwapped : 0;
    if (kind == JobKind::kElementwise || kind == JobKind::kScaleColumns) job.detail = ElementwiseStep{tile.col, 1};
    const auto elements = [&tile](const TilePlace& at) { return Elements::of(at.offset, tile.m, tile.n, at.stride); };
    builder.read(place.buffer, elements(place));
    if (second.buffer != kNone) {
      job.stationary = second.buffer, job.stationary_offset = second.offset, job.stationary_stride = second.stride;
      builder.read(second.buffer, elements(second));
    }
    builder.write(target.buffer, elements(target));
    builder.finish();
    place = target;
  }
  return place;
}

int rows_moved(const std::vector<EpilogueStage>& stages) {
  return static_cast<int>(
      std::count_if(stages.begin(), stages.end(), [](const EpilogueStage& s) { return s.is_token; }));
}

}  // namespace vitality
