// What the sparse unit computes on a block of a mask. Values on the mask ("entries") are stored row by row, the kept
// columns one after the other, over ALL columns of the mask; a block of columns works on its part of every row. Values
// travel as in arithmetic.h.
#pragma once

#include "kernels/tile.h"
#include "tensor/mask.h"

namespace vitality {

struct MaskBlock {
  const Mask& mask;
  int row, col, rows, cols;
};

// entries = wide(q . k * factor) (+ bias * bias_factor where the bias tile has data), q: rows x depth, k: cols x depth.
void masked_scores(const Arithmetic& arithmetic, const MaskBlock& block, int depth, ConstTile q, ConstTile k,
                   double factor, ConstTile bias, double bias_factor, double* entries);
// sums(m x 2): maximum of the scores, sum of exp((score - maximum) * scale). Extends the sums that are there, unless
// `first`.
void exponential_row_sums(const Arithmetic& arithmetic, int m, int n, ConstTile scores, double scale, bool first,
                          double* sums);
struct LowRankMap {             // T_ij = root_d (1 + score_ij) / t_d_i in real numbers
  const double* t_d = nullptr;  // nullptr: not subtracted
  double unit = 1, root_d = 1;
};
// entries = store((P - T) / unit). P is exp of the score over the row's sum: the one in `sums` (over all scores), or,
// if `sums` is null, the sum over the kept scores.
void masked_softmax(const Arithmetic& arithmetic, const MaskBlock& block, double scale, const double* sums,
                    const LowRankMap& low_rank, double unit, double* entries);
// sums(rows x n) (+)= entries of the block's columns * v(cols x n). `values`: use only the entries on this part of the
// mask (empty: all).
void masked_times(const Arithmetic& arithmetic, const MaskBlock& block, const Mask& values, int n,
                  const double* entries, ConstTile v, bool first, Tile sums);

}  // namespace vitality
