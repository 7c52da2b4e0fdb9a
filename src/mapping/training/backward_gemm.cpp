// Backward of linear layers and patch embeddings: dX = dY W^T per image, with the derivative of an activation in front
// of the layer and the other parts of the input's gradient as its epilogue; dW = X^T dY and db in one GEMM whose
// contraction runs over the rows of all images.
#include <algorithm>

#include "mapping/forward/gemm_mapper.h"
#include "mapping/training/training_mapper.h"
#include "workload/parameters.h"

namespace vitality {
namespace {

struct LinearShape {
  int first_row, rows, inputs, outputs;  // of the input, the rows that the layer reads
  bool bias;
};
LinearShape shape_of(const Layer& layer) {
  if (const auto* linear = std::get_if<Linear>(&layer.parameters))
    return {linear->first_row, linear->rows, linear->in_features, linear->out_features, linear->bias};
  const auto& conv = std::get<Conv2d>(layer.parameters);
  return {0, conv.out_height * conv.out_width, conv.kernel * conv.kernel * conv.in_channels, conv.out_channels,
          conv.bias};
}

void tile_operands(const HardwareConfig& config, Gemm& gemm) {
  const int rows = config.matrix_engine.rows, cols = config.matrix_engine.cols;
  for (int n = 0; n < gemm.n; n += cols) gemm.columns.push_back({0, 1, n, std::min(cols, gemm.n - n)});
  if (!gemm.contraction.empty()) return;
  for (int k = 0; k < gemm.k; k += rows) gemm.contraction.push_back({k, std::min(rows, gemm.k - k)});
}

int users(const BackwardContext& b, int layer) {
  int count = 0;
  for (int other = layer + 1; other < b.layers; ++other) {
    const std::vector<int>& inputs = b.layer(other).inputs;
    count += static_cast<int>(std::count(inputs.begin(), inputs.end(), layer));
  }
  return count;
}

// The gradient of rows that are not the input's first: from a tensor of their own to their place.
void move_rows(BackwardContext& b, int layer, OperatorId op, TensorId from, TensorId to, const LinearShape& s) {
  ScheduleBuilder& builder = b.builder();
  const int index = b.backward_layer(layer);
  const Bytes row_bytes = b.context.element_bytes() * s.inputs;
  const int tile = static_cast<int>(std::min<Bytes>(s.rows, std::max<Bytes>(1, builder.capacity() / 4 / row_bytes)));
  const BufferId buffer = builder.allocate({row_bytes * tile}, "layer " + b.layer(layer).name)[0];
  for (int row = 0; row < s.rows; row += tile) {
    const int m = std::min(tile, s.rows - row);
    builder.transfer(UnitKind::kDmaLoad, index, op, {builder.make_transfer(from, row, 0, m, s.inputs, buffer)});
    builder.transfer(UnitKind::kDmaStore, index, op,
                     {builder.make_transfer(to, s.first_row + row, 0, m, s.inputs, buffer)});
  }
}

// Sets to zero the gradient of input rows that the layer does not read. More than 6 parameters: a job's kind, shape and
// operands.
void clear_rows(BackwardContext& b, int layer, OperatorId op, TensorId tensor, int first, int rows, int cols) {
  ScheduleBuilder& builder = b.builder();
  const int index = b.backward_layer(layer);
  const Bytes row_bytes = b.context.element_bytes() * cols;
  const int tile = static_cast<int>(std::min<Bytes>(rows, std::max<Bytes>(1, builder.capacity() / 4 / row_bytes)));
  const BufferId zeros = builder.allocate({row_bytes * tile}, "layer " + b.layer(layer).name)[0];
  Job& job = builder.begin(UnitKind::kAdders, JobKind::kClear, index, op);
  job.m = tile, job.n = cols, job.result = zeros, job.result_stride = cols;
  builder.write(zeros);
  builder.finish();
  for (int row = 0; row < rows; row += tile) {
    const int m = std::min(tile, rows - row);
    builder.transfer(UnitKind::kDmaStore, index, op, {builder.make_transfer(tensor, first + row, 0, m, cols, zeros)});
  }
}

void input_gradient(BackwardContext& b, int layer) {
  int target = b.layer(layer).inputs[0];
  if (b.is_given(target)) return;
  const LinearShape s = shape_of(b.layer(layer));
  const MatrixShape input = output_shape(b.layer(target));
  std::vector<EpilogueStage> epilogue;
  const bool whole = input.rows == s.rows;
  if (whole && std::holds_alternative<Activation>(b.layer(target).parameters) && users(b, target) == 1) {
    const int activation = target;
    target = b.layer(activation).inputs[0];
    EpilogueStage stage{
        b.backward_layer(activation), b.add_operator(OperatorRole::kActivationGradient, activation), true, false, true,
        b.context.tensor_of(target)};
    stage.activation_gradient = true;
    epilogue.push_back(stage);
  }
  const GradientRef present = b.gradient(target);
  const bool add = whole && present.tensor != kNone && present.first_row == 0;
  if (add)
    epilogue.push_back({b.backward_layer(layer), b.add_operator(OperatorRole::kGradientSum, layer), true, false, true,
                        present.tensor});
  Gemm gemm{};
  gemm.m = s.rows, gemm.k = s.outputs, gemm.n = s.inputs, gemm.groups = 1;
  gemm.op = b.add_operator(OperatorRole::kInputGradient, layer);
  gemm.source = gemm.weight = gemm.bias = kNone;
  gemm.streamed_parts = {{b.gradient(layer).tensor, b.gradient(layer).first_row}};
  gemm.stationary_parts = {{b.context.saved->weight[static_cast<std::size_t>(layer)]}};
  gemm.stationary_transposed = true;
  tile_operands(b.context.config, gemm);
  const TensorId result = b.add_gradient(target),
                 product = s.first_row > 0 ? b.add_rows_gradient(layer, s.rows, s.inputs) : result;
  map_input_stationary(b.context, b.backward_layer(layer), gemm, epilogue, product);
  if (product != result) {
    move_rows(b, layer, gemm.op, product, result, s);
    clear_rows(b, layer, gemm.op, result, 0, s.first_row, s.inputs);
  }
  const int behind = s.first_row + s.rows;
  if (behind < input.rows) clear_rows(b, layer, gemm.op, result, behind, input.rows - behind, s.inputs);
  if (add || present.tensor == kNone) {
    b.gradient(target) = {result, 0};
  } else {
    b.contribute(target, {result, 0});
  }
}

void weight_gradient(BackwardContext& b, int layer) {
  const LinearShape s = shape_of(b.layer(layer));
  const int images = b.context.model.images, rows = b.context.config.matrix_engine.rows;
  Gemm gemm{};
  gemm.m = s.inputs, gemm.k = s.rows * images, gemm.n = s.outputs, gemm.groups = 1;
  gemm.op = b.add_operator(OperatorRole::kWeightGradient, layer);
  gemm.source = gemm.weight = gemm.bias = kNone;
  gemm.streamed_transposed = gemm.wide = true;
  for (int image = 0; image < images; ++image) {
    const int index = layer + image * b.layers_per_image;
    gemm.streamed_parts.push_back({b.context.input_tensor(index, 0), s.first_row});
    gemm.stationary_parts.push_back({b.gradient(index).tensor, b.gradient(index).first_row});
    for (int k = 0; k < s.rows; k += rows) gemm.contraction.push_back({k, std::min(rows, s.rows - k), image});
  }
  if (const auto* conv = std::get_if<Conv2d>(&b.layer(layer).parameters)) {
    if (conv->kernel > 1) {
      gemm.geometry = static_cast<std::int32_t>(b.builder().schedule().geometries.size());
      b.builder().schedule().geometries.push_back(*conv);
    }
  }
  tile_operands(b.context.config, gemm);
  const Bytes wide = std::max(b.context.element_bytes(), wide_bytes(b.context.config.precision));
  const TensorId result = b.add_parameter_gradient(layer, ".weight", s.inputs, s.outputs, wide);
  if (s.bias) gemm.column_sums = b.add_parameter_gradient(layer, ".bias", 1, s.outputs, b.context.partial_bytes());
  map_input_stationary(b.context, b.backward_layer(layer), gemm, {}, result);
}

}  // namespace

void map_gemm_backward(BackwardContext& b, int layer) {
  for (int image = 0; image < b.context.model.images; ++image) input_gradient(b, layer + image * b.layers_per_image);
  weight_gradient(b, layer);
}

}  // namespace vitality
