// What the sparse unit computes in the backward pass on a block of a mask. Entries are as in sparse.h. Row sums and all
// intermediate values are taken in double; results are rounded to the storage format (or to the wide one).
#pragma once

#include "kernels/sparse.h"
#include "tensor/row_numbers.h"

namespace vitality {

// entries = P .* (dP - rowsum(dP .* P)) * factor, all on the mask.
void masked_softmax_gradient(const Arithmetic& arithmetic, const MaskBlock& block, const double* p, const double* dp,
                             double factor, double* entries);
// sums(cols x n) (+)= entries^T of the block * x(rows x n).
void masked_transposed_times(const Arithmetic& arithmetic, const MaskBlock& block, int n, const double* entries,
                             ConstTile x, bool first, Tile sums);

// rows: a tile of kRowNumbers columns. rows[.](kRowProbabilityTerm) = sum over the mask of dA P.
void probability_terms(const Arithmetic& arithmetic, const MaskBlock& block, const double* scores, const double* da,
                       Tile rows);
// result[r] = -(sum over the mask of dA T), T = root_d (1 + score) / t_D.
void taylor_terms(const Arithmetic& arithmetic, const MaskBlock& block, const double* scores, const double* da,
                  ConstTile rows, double root_d, double* result);
// The gradient of Q K_hat^T on a dense block of scores: (P (M .* dA) - P rowterm) / root_d, minus M .* dA / t_D if the
// sparse part is the residual.
void unified_gradient(const Arithmetic& arithmetic, const MaskBlock& block, ConstTile scores, const double* da,
                      ConstTile rows, double root_d, bool residual, Tile result);

}  // namespace vitality
