// Backward of layers that move rows (windows, patches, their inverses, merged patches): the DMA moves the gradient
// back.
#include "mapping/training/training_mapper.h"

namespace vitality {
namespace {

// Moves the gradient of one image.
class MoveBack {
 public:
  MoveBack(BackwardContext& b, int layer)
      : b_(b),
        builder_(b.builder()),
        layer_(layer),
        target_(b.layer(layer).inputs[0]),
        from_(b.gradient(layer)),
        shape_(output_shape(b.layer(target_))),
        merge_(std::get_if<PatchMerge>(&b.layer(layer).parameters)) {}

  void map() {
    const OperatorId op = b_.add_operator(OperatorRole::kRearrange, layer_);
    const int index = b_.backward_layer(layer_), together = merge_ != nullptr ? merge_->in_width : 1;
    const Bytes row_bytes = b_.context.element_bytes() * shape_.cols;
    const int rows = together * fitting_rows(b_, layer_, shape_.rows / together, 2 * row_bytes * together);
    const std::vector<BufferId> buffers =
        builder_.allocate({row_bytes * rows, row_bytes * rows}, "layer " + b_.layer(layer_).name);
    if (merge_ == nullptr) add_map();
    const TensorId result = b_.add_gradient(target_);
    for (int row = 0, tile = 0; row < shape_.rows; row += rows, ++tile) {
      const int m = std::min(rows, shape_.rows - row);
      const BufferId buffer = buffers[static_cast<std::size_t>(tile % 2)];
      builder_.transfer(UnitKind::kDmaLoad, index, op,
                        merge_ != nullptr ? merged(row, m, buffer) : moved(row, m, buffer));
      builder_.transfer(UnitKind::kDmaStore, index, op,
                        {builder_.make_transfer(result, row, 0, m, shape_.cols, buffer)});
    }
    b_.contribute(target_, {result, 0});
  }

 private:
  // Every row of the input is one row of the output.
  void add_map() {
    const std::vector<std::int32_t> rows = source_rows(b_.layer(layer_));
    std::vector<std::int32_t> back(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      back[static_cast<std::size_t>(rows[i])] = from_.first_row + static_cast<std::int32_t>(i);
    map_ = static_cast<std::int32_t>(builder_.schedule().row_maps.size());
    builder_.schedule().row_maps.push_back(std::move(back));
  }
  std::vector<Transfer> moved(int row, int m, BufferId buffer) {
    Transfer load = builder_.make_transfer(from_.tensor, row, 0, m, shape_.cols, buffer);
    load.row_map = map_;
    return {load};
  }
  // Pixels side by side in a row of blocks lie in one block of columns for each place of a block, column by column.
  std::vector<Transfer> merged(int row, int m, BufferId buffer) {
    const int p = merge_->patch, width = merge_->in_width, blocks = width / p;
    std::vector<Transfer> list;
    for (int y = row / width; y < (row + m) / width; ++y)
      for (int x = 0; x < p; ++x)
        list.push_back(builder_.make_transfer(from_.tensor, from_.first_row + y / p * blocks,
                                              (x * p + y % p) * shape_.cols, blocks, shape_.cols, buffer,
                                              (y * width - row + x) * shape_.cols, p * shape_.cols));
    return list;
  }

  BackwardContext& b_;
  ScheduleBuilder& builder_;
  int layer_, target_;
  GradientRef from_;
  MatrixShape shape_;  // of the input
  const PatchMerge* merge_;
  std::int32_t map_ = kNone;
};

}  // namespace

void map_move_backward(BackwardContext& b, int layer) {
  if (!b.is_given(b.layer(layer).inputs[0])) MoveBack(b, layer).map();
}

}  // namespace vitality
