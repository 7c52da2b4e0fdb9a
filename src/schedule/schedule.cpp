#include "schedule/schedule.h"

#include <algorithm>

namespace vitality {

const char* operand_name(int operand) {
  static const char* const names[kTrafficOperands] = {"input",     "weights",         "activations", "masks",
                                                      "gradients", "optimizer_state", "results",     "descriptors"};
  return names[operand];
}

Elements gathered_elements(const Conv2d& geometry, const Im2colTile& tile, int m) {
  const auto first_row = [&](int output) { return output / geometry.out_width * geometry.stride - geometry.pad; };
  const int begin = std::max(0, first_row(tile.first_output)),
            end = std::min(geometry.in_height, first_row(tile.first_output + m - 1) + geometry.kernel);
  const int row = geometry.in_width * geometry.in_channels;
  return {(begin - tile.first_input_row) * row, (end - tile.first_input_row) * row};
}

}  // namespace vitality
