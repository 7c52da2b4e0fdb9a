// The operators of ONNX in double: runs one node on given tensors. Uses no libm function except the square root
// (tensor/functions.h has the others); sums run in ascending order. NodeError says what is wrong or not supported.
#pragma once

#include <vector>

#include "import/graph.h"

namespace vitality::importing {

using Inputs = std::vector<const Tensor*>;  // nullptr: an optional input that is missing
using Outputs = std::vector<Tensor>;

// The cost that an evaluation may have, in elementary steps. NodeError when it is used up.
struct Budget {
  std::int64_t left = std::int64_t{1} << 39;
  void take(std::int64_t steps) {
    left -= steps;
    if (left < 0) throw NodeError("the graph takes more operations than this program does");
  }
};

bool is_known_operator(const Node& node);
Outputs evaluate(const Node& node, const Inputs& inputs, Budget& budget);

// The shape to which both are broadcast.
Shape broadcast(const Shape& a, const Shape& b);
// An axis; a negative number counts from the end. NodeError outside [-rank, rank).
std::size_t axis_of(std::int64_t axis, std::size_t rank);
// Whether the operator moves elements and computes none: it then works on real and integer tensors alike.
bool moves_elements(const Node& node);
// Whether each result depends on one input element at the same place: Erf, Tanh, Clip, ...
bool is_elementwise_unary(const Node& node);
bool is_elementwise_binary(const Node& node);  // Add, Sub, Mul, Div, Pow, Min, Max of two inputs
// Whether inference leaves the first input unchanged: Identity, Dropout, Cast between floats, QuantizeLinear.
bool is_identity(const Node& node);

}  // namespace vitality::importing
