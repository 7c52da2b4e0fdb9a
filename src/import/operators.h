// The operators of ONNX in double: one node on given tensors. No libm beyond the square root (tensor/functions.h has
// the rest); sums run in ascending order. NodeError says what is wrong or not known.
#pragma once

#include <vector>

#include "import/graph.h"

namespace vitality::importing {

using Inputs = std::vector<const Tensor*>;  // nullptr: an optional input that is not there
using Outputs = std::vector<Tensor>;

// What an evaluation may cost, in elementary steps. NodeError when it is used up.
struct Budget {
  std::int64_t left = std::int64_t{1} << 39;
  void take(std::int64_t steps) {
    left -= steps;
    if (left < 0) throw NodeError("the graph takes more operations than this program does");
  }
};

bool is_known_operator(const Node& node);
Outputs evaluate(const Node& node, const Inputs& inputs, Budget& budget);

// The shape that both broadcast to.
Shape broadcast(const Shape& a, const Shape& b);
// An axis counted from the end when negative; NodeError outside [-rank, rank).
std::size_t axis_of(std::int64_t axis, std::size_t rank);
// Operators that move elements and compute none: they work on real and integer tensors alike.
bool moves_elements(const Node& node);
// One input, one result of the same place: Erf, Tanh, Clip, ...
bool is_elementwise_unary(const Node& node);
bool is_elementwise_binary(const Node& node);  // Add, Sub, Mul, Div, Pow, Min, Max of two inputs
// Inference leaves the first input as it is: Identity, Dropout, Cast between floats, QuantizeLinear.
bool is_identity(const Node& node);

}  // namespace vitality::importing
