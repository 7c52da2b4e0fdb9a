// What the units compute on tiles in the backward pass and the update. Values as in arithmetic.h; sums of rows and
// whatever lies between operands and results is taken in double, results are rounded to the storage format (or the wide
// one).
#pragma once

#include "kernels/tile.h"
#include "workload/model.h"

namespace vitality {

// Of a layer norm: a factor a channel, and what is added to the variance.
struct NormFactors {
  const double* scale;
  double epsilon;
};

// result = (softmax(logits) - onehot(label)) * factor.
void loss_gradient(const Arithmetic& arithmetic, int n, const double* logits, int label, double factor, double* result);
// result = dX, x_hat_products = dY .* x_hat; result may be x.
void norm_gradient(const Arithmetic& arithmetic, int m, int n, ConstTile dy, ConstTile x, const NormFactors& norm,
                   Tile result, Tile x_hat_products);
void activation_gradient(const Arithmetic& arithmetic, ActivationKind kind, int m, int n, ConstTile dy, ConstTile x,
                         Tile result);
// result = P .* (dP - rowsum(dP .* P)) * factor.
void softmax_gradient(const Arithmetic& arithmetic, int m, int n, ConstTile dp, ConstTile p, double factor,
                      Tile result);
void row_products(const Arithmetic& arithmetic, int m, int n, ConstTile a, ConstTile b, double* result);
// result = store(x + column row).
void add_outer(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* column, const double* row,
               Tile result);

// One optimiser step, its first (moments of zeros are `first` and `second` as given); gradients are divided by `scale`.
struct UpdateRule {
  bool adamw;
  double rate, momentum, beta1, beta2, epsilon, decay, scale;
};
// Weights and moments are rounded as `state` has it (fp32, fp64); copy: the new weights in the storage format, or
// nullptr.
void update_weights(const Arithmetic& state, const Arithmetic& storage, const UpdateRule& rule, int count,
                    double* weights, const double* gradient, double* first, double* second, double* copy);

}  // namespace vitality
