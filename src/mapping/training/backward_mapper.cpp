// Goes through the layers for the backward pass of a training step; and what the mappers of its layers share.
#include <algorithm>

#include "base/error.h"
#include "mapping/training/training_mapper.h"
#include "workload/parameters.h"
#include "workload/training_step.h"

namespace vitality {

static Bytes row_budget(const BackwardContext& b) {
  return b.context.builder.capacity() / 2;
}

int fitting_rows(const BackwardContext& b, int layer, int rows, Bytes row_bytes) {
  const Bytes fitting = row_budget(b) / std::max<Bytes>(1, row_bytes);
  if (fitting < 1)
    throw InfeasibleError("layer " + b.layer(layer).name + ": rows of " + std::to_string(row_bytes) +
                          " bytes do not fit half the scratchpad of " + std::to_string(b.context.builder.capacity()) +
                          " bytes (scratchpad.capacity_kib)");
  return static_cast<int>(std::min<Bytes>(fitting, rows));
}

namespace {

[[noreturn]] void refuse(const Layer& layer, const std::string& why) {
  throw InfeasibleError("layer " + layer.name + " (" + kind_name(layer) + "): " + why);
}

void check_layer(const Layer& layer, const HardwareConfig& config) {
  if (const auto* conv = std::get_if<Conv2d>(&layer.parameters)) {
    if (!is_model_input(layer.inputs[0]) || conv->stride != conv->kernel || conv->pad > 0 || conv->groups > 1)
      refuse(layer, "the backward pass of conv2d is simulated for patch embeddings of the image only");
  } else if (const auto* a = std::get_if<Attention>(&layer.parameters)) {
    if (a->bias_params > 0) refuse(layer, "the backward pass of a score bias is not simulated");
    const AttentionKind kind = attention_kind(layer, config.attention);
    if (!is_trainable(kind))
      refuse(layer, std::string("the backward pass of ") + to_string(kind) + " is not simulated; that of taylor is" +
                        (a->kind ? "" : " (--set attention=taylor)"));
  } else if (!is_trainable(layer.parameters)) {
    refuse(layer, std::string("the backward pass of ") + kind_name(layer) + " is not simulated");
  }
}

// The gradient of the loss: (softmax(logits) - onehot(label)) / images, times the loss scale.
void map_loss(BackwardContext& b, int layer, int label) {
  ScheduleBuilder& builder = b.builder();
  const MatrixShape shape = output_shape(b.layer(layer));
  const OperatorId op = b.add_operator(OperatorRole::kLoss, layer);
  const BufferId buffer = builder.allocate({b.context.element_bytes() * shape.cols}, "layer " + b.layer(layer).name)[0];
  builder.transfer(UnitKind::kDmaLoad, b.backward_layer(layer), op,
                   {builder.make_transfer(b.context.tensor_of(layer), 0, 0, 1, shape.cols, buffer)});
  Job& job = builder.begin(UnitKind::kSpecialFunctions, JobKind::kLossGradient, b.backward_layer(layer), op);
  job.m = 1, job.n = shape.cols, job.detail = LossLabel{label};
  job.streamed = job.result = buffer;
  job.streamed_stride = job.result_stride = shape.cols;
  builder.read(buffer);
  builder.write(buffer);
  builder.finish();
  const TensorId gradient = b.add_gradient(layer);
  builder.transfer(UnitKind::kDmaStore, b.backward_layer(layer), op,
                   {builder.make_transfer(gradient, 0, 0, 1, shape.cols, buffer)});
  b.gradient(layer) = {gradient, 0};
}

// total = total (kind) other, element by element.
// More than 6 parameters: a job's kind, shape and operands.
void pairwise(ScheduleBuilder& builder, UnitKind unit, JobKind kind, int layer, OperatorId op,
              ScheduleBuilder::Shape shape, BufferId total, BufferId other) {
  builder.begin(unit, kind, layer, op, shape, total, other, total, 0);
  builder.write(total);
  builder.finish();
}

// Half the gradient of a mean of two: the mean of the gradient and 0.
GradientRef map_half(BackwardContext& b, int layer) {
  ScheduleBuilder& builder = b.builder();
  const OperatorId op = b.add_operator(OperatorRole::kMeanGradient, layer);
  const int index = b.backward_layer(layer);
  const MatrixShape shape = output_shape(b.layer(layer));
  const Bytes row_bytes = b.context.element_bytes() * shape.cols;
  const int tile = fitting_rows(b, layer, shape.rows, 2 * row_bytes);
  const std::vector<BufferId> buffers =
      builder.allocate(std::vector<Bytes>(2, row_bytes * tile), "layer " + b.layer(layer).name);
  Job& clear = builder.begin(UnitKind::kAdders, JobKind::kClear, index, op);
  clear.m = tile, clear.n = shape.cols, clear.result = buffers[1], clear.result_stride = shape.cols;
  builder.write(buffers[1]);
  builder.finish();
  const TensorId result = b.add_gradient(layer);
  const GradientRef whole = b.gradient(layer);
  for (int row = 0; row < shape.rows; row += tile) {
    const int m = std::min(tile, shape.rows - row);
    builder.transfer(UnitKind::kDmaLoad, index, op,
                     {builder.make_transfer(whole.tensor, whole.first_row + row, 0, m, shape.cols, buffers[0])});
    pairwise(builder, UnitKind::kAdders, JobKind::kAddMatrix, index, op, {m, 0, shape.cols}, buffers[0], buffers[1]);
    builder.transfer(UnitKind::kDmaStore, index, op,
                     {builder.make_transfer(result, row, 0, m, shape.cols, buffers[0])});
  }
  return {result, 0};
}

// The gradient of a mean over rows: the same row for all of them, of the gradient over their number.
void map_mean_backward(BackwardContext& b, int layer, int rows) {
  const int target = b.layer(layer).inputs[0];
  if (b.is_given(target)) return;
  ScheduleBuilder& builder = b.builder();
  const OperatorId op = b.add_operator(OperatorRole::kPool, layer);
  const int index = b.backward_layer(layer), cols = output_shape(b.layer(layer)).cols;
  fitting_rows(b, layer, 1, b.context.element_bytes() * cols);
  const BufferId row = builder.allocate({b.context.element_bytes() * cols}, "layer " + b.layer(layer).name)[0];
  const GradientRef whole = b.gradient(layer);
  builder.transfer(UnitKind::kDmaLoad, index, op,
                   {builder.make_transfer(whole.tensor, whole.first_row, 0, 1, cols, row)});
  builder.begin(UnitKind::kDividers, JobKind::kMeanDivide, index, op, {1, 0, cols}, row, kNone, row, kLast).detail =
      MeanOver{rows};
  builder.write(row);
  builder.finish();
  const TensorId result = b.add_gradient(target);
  std::vector<Transfer> stores;
  stores.reserve(static_cast<std::size_t>(rows));
  for (int r = 0; r < rows; ++r) stores.push_back(builder.make_transfer(result, r, 0, 1, cols, row));
  builder.transfer(UnitKind::kDmaStore, index, op, stores);
  b.contribute(target, {result, 0});
}

// The gradient of a parameter that each image computes on its own (position embedding, class token): the sum over the
// images.
void map_sum_over_images(BackwardContext& b, int layer, int rows) {
  ScheduleBuilder& builder = b.builder();
  const int images = b.context.model.images, cols = output_shape(b.layer(layer)).cols;
  const std::string name = parameters_of(b.layer(layer))[0].name;
  if (images == 1) return b.check(ScheduledGradient::Kind::kParameter, layer, name, b.gradient(layer), rows, cols);
  const OperatorId op = b.add_operator(OperatorRole::kGradientSum, layer);
  const Bytes row_bytes = b.context.element_bytes() * cols;
  const int tile = fitting_rows(b, layer, rows, 4 * row_bytes);
  const std::vector<BufferId> buffers =
      builder.allocate(std::vector<Bytes>(4, row_bytes * tile), "layer " + b.layer(layer).name);
  const TensorId sum = b.add_parameter_gradient(layer, ".weight", rows, cols, b.context.element_bytes());
  for (int row = 0, t = 0; row < rows; row += tile, ++t) {
    const int m = std::min(tile, rows - row);
    const BufferId total = buffers[static_cast<std::size_t>(t % 2)];
    for (int image = 0; image < images; ++image) {
      const GradientRef part = b.gradient(layer + image * b.layers_per_image);
      const BufferId buffer = image == 0 ? total : buffers[static_cast<std::size_t>(2 + image % 2)];
      builder.transfer(UnitKind::kDmaLoad, b.backward_layer(layer), op,
                       {builder.make_transfer(part.tensor, part.first_row + row, 0, m, cols, buffer)});
      if (image == 0) continue;
      pairwise(builder, UnitKind::kAdders, JobKind::kAddMatrix, b.backward_layer(layer), op, {m, 0, cols}, total,
               buffer);
    }
    builder.transfer(UnitKind::kDmaStore, b.backward_layer(layer), op,
                     {builder.make_transfer(sum, row, 0, m, cols, total)});
  }
}

class Walk {
 public:
  Walk(BackwardContext& b, const MappingOptions& options) : b_(b), options_(options) {}

  void run() {
    const VitModel& model = b_.context.model;
    for (int image = 0; image < model.images; ++image)
      map_loss(b_, (image + 1) * b_.layers_per_image - 1, options_.labels[static_cast<std::size_t>(image)]);
    for (int layer = b_.layers_per_image - 1; layer >= 0; --layer) {
      if (b_.gradient(layer).tensor == kNone)
        continue;  // the loss does not depend on it, or the layer that reads it
                   // has already handled it
      for (int image = 0; image < model.images; ++image) {
        const int index = layer + image * b_.layers_per_image;
        const MatrixShape shape = output_shape(b_.layer(index));
        b_.check(ScheduledGradient::Kind::kOutput, index, "", b_.gradient(index), shape.rows, shape.cols);
      }
      std::visit([&](const auto& p) { apply(layer, p); }, b_.layer(layer).parameters);
    }
  }

 private:
  template <class Function>
  void each_image(int layer, Function&& function) {
    for (int image = 0; image < b_.context.model.images; ++image) function(layer + image * b_.layers_per_image);
  }

  void apply(int layer, const Linear&) { map_gemm_backward(b_, layer); }
  void apply(int layer, const Conv2d&) { map_gemm_backward(b_, layer); }
  void apply(int layer, const LayerNorm&) { map_norm_backward(b_, layer); }
  void apply(int layer, const Attention&) {
    each_image(layer, [&](int index) { map_attention_backward(b_, index, b_.context.attention_kind(index)); });
  }
  void apply(int layer, const Add& p) {
    each_image(layer, [&](int index) {
      const GradientRef part = p.mean ? map_half(b_, index) : b_.gradient(index);
      for (const int input : b_.layer(index).inputs) b_.contribute(input, part);
    });
  }
  void apply(int layer, const Unfold&) { move(layer); }
  void apply(int layer, const Fold&) { move(layer); }
  void apply(int layer, const PatchMerge&) { move(layer); }
  void move(int layer) {
    each_image(layer, [&](int index) { map_move_backward(b_, index); });
  }
  void apply(int, const GivenTensor&) {}  // its gradient is asked for by nobody
  void apply(int layer, const MeanPool& p) {
    each_image(layer, [&](int index) { map_mean_backward(b_, index, p.rows); });
  }
  void apply(int layer, const PositionEmbedding& p) {
    map_sum_over_images(b_, layer, p.rows);
    each_image(layer, [&](int index) { b_.contribute(b_.layer(index).inputs[0], b_.gradient(index)); });
  }
  void apply(int layer, const ConcatToken& p) {
    map_sum_over_images(b_, layer, p.learned);
    each_image(layer, [&](int index) {
      const GradientRef whole = b_.gradient(index);
      b_.contribute(b_.layer(index).inputs[0], {whole.tensor, whole.first_row + p.learned});
    });
  }
  void apply(int layer, const Activation& p) {
    each_image(layer, [&](int index) {
      const int input = b_.layer(index).inputs[0];
      const TensorId result = b_.add_gradient(input);
      emit_pairwise(b_, index, OperatorRole::kActivationGradient, UnitKind::kSpecialFunctions,
                    JobKind::kActivationGradient, b_.gradient(index), {b_.context.tensor_of(input), 0}, p.rows,
                    p.channels, result);
      b_.contribute(input, {result, 0});
    });
  }
  template <class Other>
  void apply(int layer, const Other&) {
    refuse(b_.layer(layer), "no backward pass");
  }

  BackwardContext& b_;
  const MappingOptions& options_;
};

}  // namespace

bool is_trainable(AttentionKind attention) {
  return attention == AttentionKind::kSoftmax || attention == AttentionKind::kTaylor || traits(attention).uses_mask;
}
bool is_trainable(const LayerParameters& layer) {
  return !std::holds_alternative<BatchNorm>(layer) && !std::holds_alternative<ConcatChannels>(layer) &&
         !std::holds_alternative<Subsample>(layer) && !std::holds_alternative<LayerScale>(layer) &&
         !std::holds_alternative<Multiply>(layer) && !std::holds_alternative<AveragePool>(layer) &&
         !std::holds_alternative<Slice>(layer);
}

void check_trainable(const VitModel& step, const HardwareConfig& config) {
  const std::string machine = "machine " + config.name + ": training ";
  if (!traits(config.machine).trains)
    throw InfeasibleError(machine + "is not simulated on machines of kind " + to_string(config.machine));
  if (config.special_functions.charge != Charge::kCharged)
    throw InfeasibleError(machine +
                          "needs the special functions unit for the loss, layer norm, activations and the update, and "
                          "this machine does not charge it (--set special_functions.charge=charged)");
  if (config.matrix_engine.dataflow != Dataflow::kInputStationary)
    throw InfeasibleError(machine + "is simulated on an input-stationary matrix engine only (matrix_engine.dataflow)");
  if (config.matrix_engine.accumulation != Accumulation::kDownForward)
    throw InfeasibleError(machine +
                          "needs G in memory, and this machine keeps it in the PEs "
                          "(--set matrix_engine.accumulation=down_forward)");
  if (storage_bytes(config.precision) < 2)
    throw InfeasibleError(machine + "in " + to_string(config.precision) +
                          " is not simulated: gradients need 16 bits (--set precision=fp16)");
  const int layers = forward_layers(step);
  for (int i = 0; i < layers; ++i) check_layer(step.layers[static_cast<std::size_t>(i)], config);
  const Layer& last = step.layers[static_cast<std::size_t>(layers - 1)];
  const bool logits = std::holds_alternative<Linear>(last.parameters) || std::holds_alternative<Add>(last.parameters);
  if (!logits || output_shape(last).rows != 1)
    refuse(last, "the loss needs one row of logits from a linear layer, or a sum of two, at the end of the model");
}

TensorId BackwardContext::add_gradient(int index) {
  const MatrixShape shape = output_shape(layer(index));
  return builder().add_tensor(layer(index).name + ".gradient", TensorRole::kGradient, backward_layer(index), shape.rows,
                              shape.cols, context.element_bytes() * shape.rows * shape.cols);
}

TensorId BackwardContext::add_rows_gradient(int index, int rows, int cols) {
  return builder().add_tensor(layer(index).name + ".rows.gradient", TensorRole::kGradient, backward_layer(index), rows,
                              cols, context.element_bytes() * rows * cols);
}

TensorId BackwardContext::add_parameter_gradient(int index, const std::string& suffix, int rows, int cols,
                                                 Bytes bytes_each) {
  const std::string& owner = layer(index).shared_parameters;
  const std::string name = (owner.empty() ? layer(index).name : owner) + suffix;
  const TensorId tensor = builder().add_tensor(name + ".gradient", TensorRole::kGradient, backward_layer(index), rows,
                                               cols, bytes_each * rows * cols);
  check(ScheduledGradient::Kind::kParameter, index, name, {tensor, 0}, rows, cols);
  return tensor;
}

void BackwardContext::check(ScheduledGradient::Kind kind, int index, const std::string& parameter, GradientRef where,
                            int rows, int cols) {
  builder().schedule().gradients.push_back({kind, index, parameter, where.tensor, where.first_row, rows, cols});
}

void BackwardContext::contribute(int target, GradientRef part) {
  if (is_given(target)) return;
  GradientRef& present = gradient(target);
  if (present.tensor == kNone) {
    present = part;
    return;
  }
  const MatrixShape shape = output_shape(layer(target));
  const TensorId sum = add_gradient(target);
  emit_pairwise(*this, target, OperatorRole::kGradientSum, UnitKind::kAdders, JobKind::kAddMatrix, present, part,
                shape.rows, shape.cols, sum);
  present = {sum, 0};
}

// More than 6 parameters: a job's kind, shape and operands.
void emit_pairwise(BackwardContext& b, int layer, OperatorRole role, UnitKind unit, JobKind kind, GradientRef first,
                   GradientRef second, int rows, int cols, TensorId result) {
  ScheduleBuilder& builder = b.builder();
  const OperatorId op = b.add_operator(role, layer);
  const int index = b.backward_layer(layer);
  const Bytes row_bytes = b.context.element_bytes() * cols;
  const int tile = fitting_rows(b, layer, rows, 4 * row_bytes);
  const std::vector<BufferId> buffers =
      builder.allocate(std::vector<Bytes>(4, row_bytes * tile), "layer " + b.layer(layer).name);
  for (int row = 0, t = 0; row < rows; row += tile, ++t) {
    const int m = std::min(tile, rows - row);
    const BufferId x = buffers[static_cast<std::size_t>(t % 2)], y = buffers[static_cast<std::size_t>(2 + t % 2)];
    builder.transfer(UnitKind::kDmaLoad, index, op,
                     {builder.make_transfer(first.tensor, first.first_row + row, 0, m, cols, x),
                      builder.make_transfer(second.tensor, second.first_row + row, 0, m, cols, y)});
    pairwise(builder, unit, kind, index, op, {m, 0, cols}, x, y);
    builder.transfer(UnitKind::kDmaStore, index, op, {builder.make_transfer(result, row, 0, m, cols, x)});
  }
}

// Over 60 lines: one pass over the tiles, whose jobs share their buffers.
void map_norm_backward(BackwardContext& b, int first_layer) {
  ScheduleBuilder& builder = b.builder();
  const auto& norm = std::get<LayerNorm>(b.layer(first_layer).parameters);
  const int cols = norm.channels;
  const OperatorId op = b.add_operator(OperatorRole::kNormGradient, first_layer);
  const int first_index = b.backward_layer(first_layer);
  const int images = b.context.model.images;
  const Bytes row_bytes = b.context.element_bytes() * cols, sum_bytes = b.context.partial_bytes() * cols;
  // x (then dX), dY, dY .* x_hat, and the part of dX that is there already, in two sets each; the sums of all images.
  const int tile = fitting_rows(b, first_layer, norm.tokens, 8 * row_bytes);
  std::vector<Bytes> sizes(8, row_bytes * tile);
  sizes.insert(sizes.end(), 2, sum_bytes);
  const std::vector<BufferId> buffers = builder.allocate(sizes, "layer " + b.layer(first_layer).name);
  const BufferId scale_sum = buffers[8], shift_sum = buffers[9];
  bool first = true;
  const auto column_sum = [&](int index, int m, BufferId source, BufferId sum) {
    builder.begin(UnitKind::kAccumulators, JobKind::kColumnSum, index, op, {m, 0, cols}, source, kNone, sum,
                  first ? kFirst : 0);
    if (!first) builder.read(sum);
    builder.write(sum);
    builder.finish();
  };
  int set = 0;
  for (int image = 0; image < images; ++image) {
    const int layer = first_layer + image * b.layers_per_image, index = b.backward_layer(layer);
    const int input = b.layer(layer).inputs[0];
    const GradientRef dy = b.gradient(layer);
    const GradientRef present = b.is_given(input) ? GradientRef{} : b.gradient(input);
    const TensorId result = b.is_given(input) ? kNone : b.add_gradient(input);
    for (int row = 0; row < norm.tokens; row += tile, ++set) {
      const int m = std::min(tile, norm.tokens - row);
      const auto at = [&](int which) { return buffers[static_cast<std::size_t>(which * 2 + set % 2)]; };
      const BufferId x = at(0), gradient = at(1), product = at(2), sum = at(3);
      std::vector<Transfer> loads{builder.make_transfer(b.context.tensor_of(input), row, 0, m, cols, x),
                                  builder.make_transfer(dy.tensor, dy.first_row + row, 0, m, cols, gradient)};
      if (present.tensor != kNone)
        loads.push_back(builder.make_transfer(present.tensor, present.first_row + row, 0, m, cols, sum));
      builder.transfer(UnitKind::kDmaLoad, index, op, loads);
      builder.begin(UnitKind::kSpecialFunctions, JobKind::kNormGradient, index, op, {m, 0, cols}, gradient, x, x, 0)
          .partial = product;
      builder.write(x);
      builder.write(product);
      builder.finish();
      column_sum(index, m, product, scale_sum);
      column_sum(index, m, gradient, shift_sum);
      first = false;
      if (present.tensor != kNone)
        pairwise(builder, UnitKind::kAdders, JobKind::kAddMatrix, index, op, {m, 0, cols}, x, sum);
      if (result != kNone)
        builder.transfer(UnitKind::kDmaStore, index, op, {builder.make_transfer(result, row, 0, m, cols, x)});
    }
    if (result != kNone) b.gradient(input) = {result, 0};
  }
  const TensorId scale = b.add_parameter_gradient(first_layer, ".weight", 1, cols, b.context.partial_bytes()),
                 shift = b.add_parameter_gradient(first_layer, ".bias", 1, cols, b.context.partial_bytes());
  builder.transfer(
      UnitKind::kDmaStore, first_index, op,
      {builder.make_transfer(scale, 0, 0, 1, cols, scale_sum), builder.make_transfer(shift, 0, 0, 1, cols, shift_sum)});
}

void map_backward(MappingContext& context, const MappingOptions& options) {
  const int layers = forward_layers(context.model);
  BackwardContext b{context, layers, layers / context.model.images};
  b.gradients.resize(static_cast<std::size_t>(layers));
  Walk(b, options).run();
}

Bytes saved_bytes(const Schedule& schedule, int layers) {
  IdVector<TensorId, std::uint8_t> saved(schedule.tensors.size());
  Bytes bytes = 0;
  for (const Job& job : schedule.jobs) {
    if (job.kind != JobKind::kLoad || job.layer < layers) continue;
    for (const Transfer& transfer : schedule.transfers_of(job)) {
      const ScheduledTensor& tensor = schedule.tensors[transfer.tensor];
      if (saved[transfer.tensor] != 0 || (tensor.role != TensorRole::kActivation && tensor.role != TensorRole::kMask))
        continue;
      saved[transfer.tensor] = 1;
      bytes += tensor.bytes;
    }
  }
  return bytes;
}

}  // namespace vitality
