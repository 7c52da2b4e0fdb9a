// ONNX operators that move, copy, cut or reshape elements (operators.h has the contract).
#pragma once

#include "import/operators.h"

namespace vitality::importing {

Outputs reshape(const Node& node, const Inputs& in);
Outputs flatten(const Node& node, const Inputs& in);
Outputs squeeze(const Node& node, const Inputs& in);
Outputs unsqueeze(const Node& node, const Inputs& in);
Outputs transpose(const Node& node, const Inputs& in);
Outputs concat(const Node& node, const Inputs& in);
Outputs split(const Node& node, const Inputs& in);
Outputs slice(const Node& node, const Inputs& in);
Outputs gather(const Node& node, const Inputs& in);
Outputs expand(const Node& node, const Inputs& in);
Outputs tile(const Node& node, const Inputs& in);
Outputs pad(const Node& node, const Inputs& in);
Outputs scatter_nd(const Node& node, const Inputs& in);
Outputs shape_of(const Node& node, const Inputs& in);
Outputs size_of(const Node& node, const Inputs& in);
Outputs constant(const Node& node, const Inputs& in);
Outputs constant_of_shape(const Node& node, const Inputs& in);
Outputs range(const Node& node, const Inputs& in);

// Input i; throws NodeError if it is missing.
const Tensor& required(const Inputs& in, std::size_t i);
// Input i as integers (empty if it is missing); throws NodeError if it is real.
std::vector<std::int64_t> integers_of(const Inputs& in, std::size_t i);
// An attribute that newer operator sets have as input i.
std::vector<std::int64_t> integers_of(const Node& node, const char* key, const Inputs& in, std::size_t i);

// out[i] = in[source(i)] for a tensor of either kind.
template <class Source>
Tensor gathered(const Tensor& in, Shape shape, Source source) {
  Tensor out = in.is_real ? real_tensor(std::move(shape)) : integer_tensor(std::move(shape));
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (in.is_real) {
      out.real[i] = in.real[source(i)];
    } else {
      out.integer[i] = in.integer[source(i)];
    }
  }
  return out;
}

// The number of elements before, along and behind an axis.
struct AxisSplit {
  std::size_t outer = 1, count = 1, inner = 1;
};
AxisSplit split_at(const Shape& shape, std::size_t axis);

}  // namespace vitality::importing
