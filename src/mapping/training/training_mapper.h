// The backward pass and the update of a training step (docs/training.md). They follow the forward pass, which has saved
// what they need. Internal to the mapping room.
//
// The backward pass goes through the layers from the last to the first, over all images of the batch. dL/d(output) of a
// layer is one tensor in the storage format; for a layer with several users it is the sum, which is added where the
// last part is computed. Gradients of parameters are wide and summed over the batch on chip. The loss is the softmax
// cross-entropy of the last layer's row with a label, as a mean over the batch.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

// Throws InfeasibleError if a layer has no backward pass here (with the layer's name and kind), or if the machine lacks
// a unit.
void check_trainable(const VitModel& step, const HardwareConfig& config);

// dL/d(output of a layer): rows of a tensor.
struct GradientRef {
  TensorId tensor = kNone;
  int first_row = 0;
};

// What the mappers of single layers' backward passes share.
struct BackwardContext {
  MappingContext& context;
  int layers;  // of the forward model
  int layers_per_image;
  std::vector<GradientRef> gradients = {};  // by forward layer; kNone: none yet

  ScheduleBuilder& builder() { return context.builder; }
  int backward_layer(int layer) const { return layers + layer; }
  const Layer& layer(int index) const { return context.layer(index); }
  OperatorId add_operator(OperatorRole role, int layer) {
    return context.builder.add_operator(role, backward_layer(layer));
  }
  // The image, or a tensor that the run is given: nobody asks for its gradient.
  bool is_given(int index) const {
    return is_model_input(index) || std::holds_alternative<GivenTensor>(layer(index).parameters);
  }
  GradientRef& gradient(int layer) { return gradients[static_cast<std::size_t>(layer)]; }
  TensorId add_gradient(int layer);  // tensor of the output's shape
  // Of some rows of the layer's input, as the layer computes them.
  TensorId add_rows_gradient(int layer, int rows, int cols);
  // The gradient of a parameter: rows x cols, in the accumulation format or the wide one.
  TensorId add_parameter_gradient(int layer, const std::string& suffix, int rows, int cols, Bytes bytes_each);
  // Adds a further part of a layer's gradient, which is already in memory, to the part that is there.
  void contribute(int layer, GradientRef part);
  // Records a finished tensor for the comparison with the reference.
  void check(ScheduledGradient::Kind kind, int layer, const std::string& parameter, GradientRef where, int rows,
             int cols);
};

// How many of `rows` rows of row_bytes fit half the scratchpad: at least one, or InfeasibleError.
int fitting_rows(const BackwardContext& b, int layer, int rows, Bytes row_bytes);

// result = f(first, second), tile by tile, for sums of gradients (adders) and derivatives of activations.
void emit_pairwise(BackwardContext& b, int layer, OperatorRole role, UnitKind unit, JobKind kind, GradientRef first,
                   GradientRef second, int rows, int cols, TensorId result);

void map_gemm_backward(BackwardContext& b, int layer);                           // linear, convolution: over all images
void map_norm_backward(BackwardContext& b, int layer);                           // over all images
void map_move_backward(BackwardContext& b, int layer);                           // of one image
void map_attention_backward(BackwardContext& b, int layer, AttentionKind kind);  // of one image

void map_backward(MappingContext& context, const MappingOptions& options);
void map_update(MappingContext& context);

// Bytes of tensors of the forward pass that the backward pass reads again.
Bytes saved_bytes(const Schedule& schedule, int layers);

}  // namespace vitality
