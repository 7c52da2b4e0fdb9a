#include "evaluate/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/vectorised.h"
#include "tensor/functions.h"
#include "tensor/matrix_ops.h"

namespace vitality {
namespace {

constexpr double kNormalQuantile = 1.959963984540054;  // of 97.5 %

// Centre and half width of Wilson's interval.
struct Interval {
  double centre, half;
};

Interval wilson(const Proportion& p) {
  if (p.trials == 0) return {0.5, 0.5};
  const auto n = static_cast<double>(p.trials);
  const double share = p.share(), z2 = kNormalQuantile * kNormalQuantile;
  const double half = kNormalQuantile * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return {(share + z2 / (2 * n)) / (1 + z2 / n), half / (1 + z2 / n)};
}

// How many of a row's values are more than 1 below their mean.
Count count_negative(const double* row, std::size_t count) {
  return static_cast<Count>(vectorised([=]() VITALITY_LOOP {
    const double limit =
        interleaved_sum(count, [row](std::size_t i) { return row[i]; }) / static_cast<double>(count) - 1;
    return interleaved_sum(count, [row, limit](std::size_t i) { return row[i] < limit ? 1.0 : 0.0; });
  }));
}

}  // namespace

double Proportion::low() const {
  const Interval interval = wilson(*this);
  return hits == 0 ? 0 : std::max(0.0, interval.centre - interval.half);
}

double Proportion::high() const {
  const Interval interval = wilson(*this);
  return hits == trials ? 1 : std::min(1.0, interval.centre + interval.half);
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const double above = values[std::min(below + 1, values.size() - 1)];
  return values[below] + (rank - static_cast<double>(below)) * (above - values[below]);
}

int best_class(const std::vector<double>& logits) {
  return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

bool is_among(const std::vector<double>& logits, int wanted, int ranks) {
  const double own = logits[static_cast<std::size_t>(wanted)];
  int ahead = 0;
  for (int c = 0; c < static_cast<int>(logits.size()); ++c) {
    const double other = logits[static_cast<std::size_t>(c)];
    ahead += other > own || (other == own && c < wanted);
  }
  return ahead < ranks;
}

void AttentionStatistics::add(const AttentionStatistics& other) {
  z.add(other.z);
  scores += other.scores, negative += other.negative;
  entries += other.entries, kept += other.kept, executed += other.executed;
}

void measure(const reference::AttendedHead& head, bool softmax, AttentionStatistics& statistics) {
  // The mean of q . k over the keys is q . (mean k), so scores minus the mean of their row are the scores of centred
  // keys.
  MatrixD scores = multiply_transposed_b(head.q, head.k);
  scale(scores, 1 / std::sqrt(static_cast<double>(head.q.cols())));
  statistics.scores += static_cast<Count>(scores.size());
  const auto count = static_cast<std::size_t>(scores.cols());
  for (int r = 0; r < scores.rows(); ++r) statistics.negative += count_negative(scores.row(r), count);
  if (softmax) return;
  if (head.bias != nullptr) add_to(scores, *head.bias, 1);
  for (int r = 0; r < scores.rows(); ++r) vitality::softmax(scores.row(r), count);
  statistics.z.add(head.z, 1, multiply(scores, head.v));
}

}  // namespace vitality
