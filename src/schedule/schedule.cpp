#include "schedule/schedule.h"

#include <algorithm>

namespace vitality {

const char* operand_name(int operand) {
  static const char* const names[kTrafficOperands] = {"input",     "weights",         "activations", "masks",
                                                      "gradients", "optimizer_state", "results",     "descriptors"};
  return names[operand];
}

Elements gathered_elements(const Conv2d& geometry, const Im2colTile& tile, int m) {
  const InputRows rows = input_rows(geometry, tile.first_output, m);
  const int row = geometry.in_width * geometry.in_channels;
  return {(rows.begin - tile.first_input_row) * row, (rows.end - tile.first_input_row) * row};
}

}  // namespace vitality
