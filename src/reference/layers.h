// Layers other than attention in double, whole matrices: rows = tokens or pixels, columns = channels (model.h).
#pragma once

#include <vector>

#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality::reference {

MatrixD linear(const MatrixD& x, const MatrixD& weight, const std::vector<double>& bias);  // bias may be empty
// Weights (kernel^2 in_channels/groups) x out_channels, row (ky*kernel + kx)*in_channels/groups + channel; zero
// padding.
MatrixD conv2d(const Conv2d& conv, const MatrixD& image, const MatrixD& weight, const std::vector<double>& bias);
// Of one token. Sums are those of interleaved_sum() (tensor/functions.h); y may be x.
void layer_norm(const double* x, std::size_t count, const double* scale, const double* shift, double epsilon,
                double* y);
MatrixD layer_norm(const MatrixD& x, const MatrixD& scale, const MatrixD& shift, double epsilon = kLayerNormEpsilon);
MatrixD batch_norm(const MatrixD& x, const MatrixD& scale, const MatrixD& shift, const MatrixD& mean,
                   const MatrixD& variance, double epsilon = kBatchNormEpsilon);
// y may be x.
void activate(ActivationKind kind, const double* x, std::size_t count, double* y);
double activate(ActivationKind kind, double x);
MatrixD activation(ActivationKind kind, const MatrixD& x);
MatrixD add(const MatrixD& a, const MatrixD& b);
MatrixD layer_scale(const MatrixD& x, const MatrixD& gamma);  // gamma: 1 x channels
MatrixD multiply_elements(const MatrixD& a, const MatrixD& b);
MatrixD mean_rows(const MatrixD& x);
MatrixD average_pool(const AveragePool& pool, const MatrixD& image);
MatrixD concat_token(const MatrixD& tokens, const MatrixD& x);
MatrixD concat_channels(const std::vector<const MatrixD*>& parts);
MatrixD subsample(const Subsample& s, const MatrixD& x);
// A head's score bias (empty: none) with minus infinity where a query does not see a key.
MatrixD masked(const Attention& a, int instance, MatrixD bias);
MatrixD patch_merge(const PatchMerge& p, const MatrixD& x);
// The row of the unfolded matrix that pixel (y, x) goes to.
int unfolded_row(const Unfold& u, int y, int x);
MatrixD unfold(const Unfold& u, const MatrixD& x);
MatrixD fold(const Fold& f, const MatrixD& x);
// Columns [first, first + count) of rows [row, row + rows).
MatrixD block(const MatrixD& x, int row, int rows, int first, int count);

}  // namespace vitality::reference
