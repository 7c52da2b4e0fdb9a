// A product of two matrices in the scratchpad on the matrix engine: result(m x n) (+)= streamed(m x k) stationary(k x
// n), in passes of the machine's dataflow. Internal to the mapping room.
#pragma once

#include "mapping/forward/layer_mapper.h"

namespace vitality {

struct Operand {
  BufferId buffer;
  int offset, stride;
  bool transposed = false;
  int at(int row, int col) const { return offset + (transposed ? col * stride + row : row * stride + col); }
};

struct Product {
  OperatorId op;
  int m, k, n;
  Operand streamed, stationary, result;
  bool first, last;  // of a sum over several products
  BufferId partial;  // sums between passes; kNone: the product is one pass deep
  int flags = 0;
};

void emit_product(MappingContext& context, int layer, const Product& product);

}  // namespace vitality
