// Backward of every layer but attention, in double, whole matrices: given a layer's inputs and dL/d(output), the
// gradients of its inputs and parameters. The partner of layers.h; checked by finite differences.
//
// add, position_embedding and concat_token pass their gradient through (the parameter's is the same, or its first
// rows); unfold and fold are each other's backward. Batch norm is the inference form: its running statistics are
// constants.
#pragma once

#include <vector>

#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality::reference {

struct WeightGradients {
  MatrixD input, weight, bias;  // bias: 1 x outputs
};
// y = x W + b: dX = dY W^T, dW = X^T dY, db = 1^T dY.
WeightGradients linear_backward(const MatrixD& x, const MatrixD& weight, const MatrixD& d_output);
WeightGradients conv2d_backward(const Conv2d& conv, const MatrixD& image, const MatrixD& weight,
                                const MatrixD& d_output);

struct NormGradients {
  MatrixD input, scale, shift;  // scale, shift: 1 x channels
};
NormGradients layer_norm_backward(const MatrixD& x, const MatrixD& scale, const MatrixD& d_output,
                                  double epsilon = kLayerNormEpsilon);
NormGradients batch_norm_backward(const MatrixD& x, const MatrixD& scale, const MatrixD& mean, const MatrixD& variance,
                                  const MatrixD& d_output, double epsilon = kBatchNormEpsilon);

double activation_derivative(ActivationKind kind, double x);
MatrixD activation_backward(ActivationKind kind, const MatrixD& x, const MatrixD& d_output);
MatrixD mean_rows_backward(int rows, const MatrixD& d_output);
MatrixD average_pool_backward(const AveragePool& pool, const MatrixD& d_output);
MatrixD patch_merge_backward(const PatchMerge& p, const MatrixD& d_output);
MatrixD subsample_backward(const Subsample& s, const MatrixD& d_output);
// Adds x to the block of `to` whose first element is (row, col): the backward of block().
void add_to_block(MatrixD& to, int row, int col, const MatrixD& x);

struct Loss {
  double value;
  MatrixD gradient;  // of the logits
};
// -log softmax(logits)[label]; logits 1 x classes. gradient = softmax(logits) - onehot(label).
Loss softmax_cross_entropy(const MatrixD& logits, int label);

}  // namespace vitality::reference
