// The optimiser's step: for every parameter, master weights, gradient and moments are loaded, and the new weights and
// moments are stored; formats of 16 bits also get a copy of the weights for the next step. The step writes new tensors,
// so a pass that still reads the old weights is not disturbed.
#include <algorithm>

#include "mapping/training/training_mapper.h"
#include "workload/training_step.h"

namespace vitality {
namespace {

constexpr int kTileColumns = 512;

// Over 60 lines: one pass over the tiles, whose jobs share their buffers.
void map_parameter(MappingContext& context, OperatorId op, const ScheduledGradient& gradient) {
  ScheduleBuilder& builder = context.builder;
  const bool adamw = context.config.training.optimizer == OptimizerChoice::kAdamW;
  const bool copied = context.element_bytes() < 4;
  const Bytes each = std::max<Bytes>(4, context.element_bytes());
  const int layer = step_layer(context.model, StepPhase::kUpdate, gradient.layer);
  const int rows = gradient.rows, cols = gradient.cols, width = std::min(cols, kTileColumns);
  const Bytes bytes = each * rows * cols;
  const auto state = [&](const char* suffix) {
    return builder.add_tensor(gradient.parameter + suffix, TensorRole::kState, layer, rows, cols, bytes);
  };
  const TensorId master = state(".master"), first = state(".moment1"), second = adamw ? state(".moment2") : kNone;
  const TensorId new_master = state(".master.new"), new_first = state(".moment1.new"),
                 new_second = adamw ? state(".moment2.new") : kNone;
  const TensorId copy = copied ? builder.add_tensor(gradient.parameter + ".new", TensorRole::kState, layer, rows, cols,
                                                    context.element_bytes() * rows * cols)
                               : kNone;
  const ScheduledTensor& source = builder.schedule().tensors[gradient.tensor];
  const Bytes gradient_each = source.bytes / (static_cast<Bytes>(source.rows) * source.cols);
  // Two sets: one tile is loaded while the other is computed.
  const Bytes row_bytes = width * (each * (adamw ? 3 : 2) + gradient_each + (copied ? context.element_bytes() : 0));
  const int tile =
      static_cast<int>(std::min<Bytes>(rows, std::max<Bytes>(1, builder.capacity() / 2 / (2 * row_bytes))));
  std::vector<Bytes> sizes;
  for (int set = 0; set < 2; ++set) {
    sizes.insert(sizes.end(), {each * width * tile, gradient_each * width * tile, each * width * tile});
    if (adamw) sizes.push_back(each * width * tile);
    if (copied) sizes.push_back(context.element_bytes() * width * tile);
  }
  const std::vector<BufferId> buffers = builder.allocate(sizes, "parameter " + gradient.parameter);
  const std::size_t per_set = buffers.size() / 2;
  int set = 0;
  for (int row = 0; row < rows; row += tile) {
    for (int col = 0; col < cols; col += width, ++set) {
      const int m = std::min(tile, rows - row), n = std::min(width, cols - col);
      auto next = buffers.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(set % 2) * per_set);
      ScheduledUpdate update{};
      update.master = *next++, update.gradient = *next++, update.first = *next++;
      update.second = adamw ? *next++ : kNone;
      update.gradient_element = gradient_each;
      update.decay = rows > 1;
      const BufferId copy_buffer = copied ? *next++ : kNone;
      const auto at = [&](TensorId tensor, BufferId buffer, int first_row = 0) {
        return builder.make_transfer(tensor, first_row + row, col, m, n, buffer);
      };
      std::vector<Transfer> loads{at(master, update.master), at(gradient.tensor, update.gradient, gradient.row),
                                  at(first, update.first)};
      std::vector<Transfer> stores{at(new_master, update.master), at(new_first, update.first)};
      if (adamw) loads.push_back(at(second, update.second)), stores.push_back(at(new_second, update.second));
      if (copied) stores.push_back(at(copy, copy_buffer));
      builder.transfer(UnitKind::kDmaLoad, layer, op, loads);
      Job& job = builder.begin(UnitKind::kSpecialFunctions, JobKind::kUpdate, layer, op);
      job.m = m, job.n = n;
      job.detail = builder.schedule().updates.next();
      job.result = copy_buffer;
      job.streamed_stride = job.result_stride = n;
      builder.schedule().updates.push_back(update);
      builder.read(update.gradient);
      for (const BufferId buffer : {update.master, update.first, update.second}) {
        if (buffer == kNone) continue;
        builder.read(buffer);
        builder.write(buffer);
      }
      if (copied) builder.write(copy_buffer);
      builder.finish();
      builder.transfer(UnitKind::kDmaStore, layer, op, stores);
    }
  }
  builder.schedule().gradients.push_back(
      {ScheduledGradient::Kind::kUpdated, gradient.layer, gradient.parameter, new_master, 0, rows, cols});
}

}  // namespace

void map_update(MappingContext& context) {
  const std::vector<ScheduledGradient> gradients = context.builder.schedule().gradients;
  for (const ScheduledGradient& gradient : gradients) {
    if (gradient.kind != ScheduledGradient::Kind::kParameter) continue;
    const OperatorId op = context.builder.add_operator(OperatorRole::kUpdate,
                                                       step_layer(context.model, StepPhase::kUpdate, gradient.layer));
    map_parameter(context, op, gradient);
  }
}

}  // namespace vitality
