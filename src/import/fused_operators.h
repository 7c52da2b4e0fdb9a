// The fused operators that onnxruntime's optimiser puts into graphs of transformers, written out in operators of ONNX.
#pragma once

#include "import/graph.h"

namespace vitality::importing {

// Replaces Attention, MultiHeadAttention, SkipLayerNormalization, BiasGelu, FastGelu with a bias, BiasAdd, BiasSoftmax,
// FusedMatMul, FusedGemm and FusedConv of the domain com.microsoft by nodes that compute the same and carry its name.
// Throws InputError that names the node for a form that is not known, such as one with a mask. Semantics:
// the page "Contrib Operators" in the documentation of github.com/microsoft/onnxruntime
void write_out_fused_operators(Graph& graph);

}  // namespace vitality::importing
