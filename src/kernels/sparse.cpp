// More than 6 parameters: sizes, operands and results of a tile, as the fields of a job give them.
#include "kernels/sparse.h"

#include <cmath>

#include "kernels/mask_walk.h"
#include "tensor/functions.h"

namespace vitality {
namespace {

double lane(const Arithmetic& arithmetic, double x) {
  return arithmetic.single() ? arithmetic.wide(x) : x;
}

}  // namespace

void masked_scores(const Arithmetic& arithmetic, const MaskBlock& block, int depth, ConstTile q, ConstTile k,
                   double factor, ConstTile bias, double bias_factor, double* entries) {
  for_each_entry(block, [&](int r, int c, std::ptrdiff_t index) {
    const double *x = q.row(r), *y = k.row(c);
    double sum = 0;
    if (arithmetic.single()) {
      float total = 0;
      for (int i = 0; i < depth; ++i) total += static_cast<float>(x[i]) * static_cast<float>(y[i]);
      sum = static_cast<double>(total);
    } else {
      for (int i = 0; i < depth; ++i) sum += x[i] * y[i];
    }
    double score = arithmetic.wide(sum * factor);
    if (bias.data != nullptr) score = arithmetic.wide(score + arithmetic.wide(bias.row(r)[c] * bias_factor));
    entries[index] = score;
  });
}

void exponential_row_sums(const Arithmetic& arithmetic, int m, int n, ConstTile scores, double scale, bool first,
                          double* sums) {
  for (int r = 0; r < m; ++r) {
    const double* x = scores.row(r);
    double& largest = sums[2 * r];
    double& sum = sums[2 * r + 1];
    double top = first ? x[0] : largest;
    for (int c = 0; c < n; ++c) top = std::max(top, x[c]);
    double total = first ? 0 : sum * exponential((largest - top) * scale);
    for (int c = 0; c < n; ++c) total = lane(arithmetic, total + exponential((x[c] - top) * scale));
    largest = top, sum = total;
  }
}

void masked_softmax(const Arithmetic& arithmetic, const MaskBlock& block, double scale, const double* sums,
                    const LowRankMap& low_rank, double unit, double* entries) {
  std::vector<double> own;
  if (sums == nullptr) {
    own.assign(2 * static_cast<std::size_t>(block.rows), 0);
    std::vector<bool> seen(static_cast<std::size_t>(block.rows));
    for_each_entry(block, [&](int r, int, std::ptrdiff_t index) {
      double& largest = own[2 * static_cast<std::size_t>(r)];
      largest = seen[static_cast<std::size_t>(r)] ? std::max(largest, entries[index]) : entries[index];
      seen[static_cast<std::size_t>(r)] = true;
    });
    for_each_entry(block, [&](int r, int, std::ptrdiff_t index) {
      double& sum = own[2 * static_cast<std::size_t>(r) + 1];
      sum = lane(arithmetic, sum + exponential((entries[index] - own[2 * static_cast<std::size_t>(r)]) * scale));
    });
    sums = own.data();
  }
  for_each_entry(block, [&](int r, int, std::ptrdiff_t index) {
    const double x = entries[index];
    double p = exponential((x - sums[2 * r]) * scale) / sums[2 * r + 1];
    if (low_rank.t_d != nullptr) p -= low_rank.root_d * (1 + x * scale) / (low_rank.t_d[r] * low_rank.unit);
    entries[index] = arithmetic.store(p / unit);
  });
}

void masked_times(const Arithmetic& arithmetic, const MaskBlock& block, const Mask& values, int n,
                  const double* entries, ConstTile v, bool first, Tile sums) {
  for (int r = 0; first && r < block.rows; ++r) std::fill(sums.row(r), sums.row(r) + n, 0.0);
  for_each_entry(block, [&](int r, int c, std::ptrdiff_t index) {
    if (!values.empty() && values(block.row + r, block.col + c) == 0) return;
    const double p = entries[index];
    const double* value = v.row(c);
    double* sum = sums.row(r);
    if (arithmetic.single()) {
      for (int j = 0; j < n; ++j)
        sum[j] = static_cast<double>(static_cast<float>(sum[j]) + static_cast<float>(p) * static_cast<float>(value[j]));
    } else {
      for (int j = 0; j < n; ++j) sum[j] += p * value[j];
    }
  });
}

}  // namespace vitality
