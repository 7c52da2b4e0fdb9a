// One head of attention as the datapath computes it, with the whole problem as one tile: operands and stored results
// are in the storage format, products and sums in the accumulation format (tensor/precision.h). In fp64 the arithmetic
// is that of the reference.
//
// Fixed formats: Q, K, V and every stored result are codes, each tensor with a scale of its own that is calibrated from
// its largest magnitude. K_bar is a code in K's scale; K_hat keeps its extra bit; sums are exact integers; G is
// requantised to codes; t_D and T_N stay in wide registers (30 fractional bits below their largest magnitude for int8,
// 46 for int16); probabilities and Z are stored as codes. (Algorithm 1: the stored mean is wrong by up to half a unit,
// so k_hat_sum is not zero, and t_D includes it.) fp16 may overflow to infinity.
//
// Inputs and results are real numbers. Shapes as in reference/attention.h; callers have checked them.
#pragma once

#include "tensor/mask.h"
#include "tensor/matrix.h"
#include "tensor/precision.h"
#include "workload/attention_kind.h"

namespace vitality {

MatrixD round_to_format(Precision precision, const MatrixD& x);  // what the datapath reads for x

// Softmax over the kept entries (mask = nullptr: all; a row that keeps nothing is dense), times V.
MatrixD datapath_softmax(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask* mask);

// Algorithm 1 (kTaylor), or its elided form (kTaylorElided).
MatrixD datapath_taylor(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v, AttentionKind kind);

// ReLU of Q and K, G = K^T V, the sum of K, the quotient of their products with Q.
MatrixD datapath_relu_linear(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v);

// Algorithm 1 plus a sparse part, added before Z is stored: (P - T) V on the mask (kUnified) or P V
// (kUnifiedAdditive).
MatrixD datapath_unified(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v, const Mask& mask,
                         AttentionKind kind);

// (sparse_map V + Q (K~^T V)) / sqrt(d) with the given sparse map (from the 4-bit quantised Q and K).
MatrixD datapath_released(Precision precision, const MatrixD& q, const MatrixD& k, const MatrixD& v,
                          const MatrixD& sparse_map);

}  // namespace vitality
