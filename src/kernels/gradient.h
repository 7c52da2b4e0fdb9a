// What the units compute on tiles in the backward pass and the update. Values travel as in arithmetic.h. Row sums and
// all intermediate values are taken in double; results are rounded to the storage format (or to the wide one).
#pragma once

#include "kernels/tile.h"
#include "workload/model.h"

namespace vitality {

// The parameters of a layer norm: one factor per channel, and what is added to the variance.
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

// One step of the optimiser, its first one: the moments that are passed in are zeros. Gradients are
// divided by `scale`.
struct UpdateRule {
  bool adamw;
  double rate, momentum, beta1, beta2, epsilon, decay, scale;
};
// Weights and moments are rounded to the format of `state` (fp32, fp64). copy: receives the new weights in the storage
// format; may be nullptr.
void update_weights(const Arithmetic& state, const Arithmetic& storage, const UpdateRule& rule, int count,
                    double* weights, const double* gradient, double* first, double* second, double* copy);

}  // namespace vitality
