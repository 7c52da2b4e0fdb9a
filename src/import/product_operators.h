// Operators of ONNX that multiply, sum or normalise (operators.h has the contract).
#pragma once

#include "import/operators.h"

namespace vitality::importing {

// Number of multiply-adds of MatMul, Gemm and Conv; 0 if the shapes do not fit (the operator itself reports that).
std::int64_t product_steps(const Node& node, const Inputs& in);
Outputs matmul(const Node& node, const Inputs& in);
Outputs gemm_operator(const Node& node, const Inputs& in);
Outputs einsum(const Node& node, const Inputs& in);
Outputs conv(const Node& node, const Inputs& in);
Outputs softmax_operator(const Node& node, const Inputs& in);
Outputs layer_normalization(const Node& node, const Inputs& in);
Outputs batch_normalization(const Node& node, const Inputs& in);
Outputs reduce(const Node& node, const Inputs& in);
Outputs global_average_pool(const Node& node, const Inputs& in);
Outputs pool(const Node& node, const Inputs& in);

// Kernel, strides, pads and groups of a convolution or pooling over images, in the form of our layers: square, and the
// same on all sides. NodeError for other forms.
struct Window {
  int kernel, stride, pad, groups;
  int out(std::int64_t size) const { return static_cast<int>((size + 2 * pad - kernel) / stride + 1); }
};
Window window_of(const Node& node, const Shape& image, std::int64_t kernel_height, std::int64_t kernel_width);

// The axes that a reduction runs over, sorted.
std::vector<std::size_t> reduced_axes(const Node& node, const Inputs& in);

}  // namespace vitality::importing
