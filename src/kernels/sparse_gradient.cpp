// More than 6 parameters: sizes, operands and results of a tile, as the fields of a job give them.
#include "kernels/sparse_gradient.h"

#include <cmath>
#include <vector>

#include "kernels/mask_walk.h"
#include "tensor/functions.h"

namespace vitality {
namespace {

double probability(double score, const double* row) {
  return exponential(score - row[kRowMaximum]) / row[kRowSum];
}

}  // namespace

void masked_softmax_gradient(const Arithmetic& arithmetic, const MaskBlock& block, const double* p, const double* dp,
                             double factor, double* entries) {
  std::vector<double> sums(static_cast<std::size_t>(block.rows));
  for_each_entry(block, [&](int r, int, std::ptrdiff_t i) { sums[static_cast<std::size_t>(r)] += dp[i] * p[i]; });
  for_each_entry(block, [&](int r, int, std::ptrdiff_t i) {
    entries[i] = arithmetic.store(p[i] * (dp[i] - sums[static_cast<std::size_t>(r)]) * factor);
  });
}

void masked_transposed_times(const Arithmetic& arithmetic, const MaskBlock& block, int n, const double* entries,
                             ConstTile x, bool first, Tile sums) {
  for (int c = 0; first && c < block.cols; ++c) std::fill(sums.row(c), sums.row(c) + n, 0.0);
  for_each_entry(block, [&](int r, int c, std::ptrdiff_t i) {
    const double p = entries[i];
    const double* value = x.row(r);
    double* sum = sums.row(c);
    if (arithmetic.single()) {
      for (int j = 0; j < n; ++j)
        sum[j] = static_cast<double>(static_cast<float>(sum[j]) + static_cast<float>(p) * static_cast<float>(value[j]));
    } else {
      for (int j = 0; j < n; ++j) sum[j] += p * value[j];
    }
  });
}

void probability_terms(const Arithmetic& arithmetic, const MaskBlock& block, const double* scores, const double* da,
                       Tile rows) {
  for (int r = 0; r < block.rows; ++r) rows.row(r)[kRowProbabilityTerm] = 0;
  for_each_entry(block, [&](int r, int, std::ptrdiff_t i) {
    double* row = rows.row(r);
    row[kRowProbabilityTerm] = arithmetic.wide(row[kRowProbabilityTerm] + da[i] * probability(scores[i], row));
  });
}

void taylor_terms(const Arithmetic& arithmetic, const MaskBlock& block, const double* scores, const double* da,
                  ConstTile rows, double root_d, double* result) {
  std::fill(result, result + block.rows, 0.0);
  for_each_entry(block, [&](int r, int, std::ptrdiff_t i) {
    result[r] = arithmetic.wide(result[r] - da[i] * root_d * (1 + scores[i]) / rows.row(r)[kRowDenominator]);
  });
}

void unified_gradient(const Arithmetic& arithmetic, const MaskBlock& block, ConstTile scores, const double* da,
                      ConstTile rows, double root_d, bool residual, Tile result) {
  MatrixD on_mask(block.rows, block.cols);
  for_each_entry(block, [&](int r, int c, std::ptrdiff_t i) { on_mask(r, c) = da[i]; });
  for (int r = 0; r < block.rows; ++r) {
    const double *row = rows.row(r), *score = scores.row(r);
    double* out = result.row(r);
    for (int c = 0; c < block.cols; ++c) {
      double gradient = probability(score[c], row) * (on_mask(r, c) - row[kRowProbabilityTerm]) / root_d;
      if (residual) gradient -= on_mask(r, c) / row[kRowDenominator];
      out[c] = arithmetic.store(gradient);
    }
  }
}

}  // namespace vitality
