// The statistics of an evaluation.
#pragma once

#include <cstddef>
#include <vector>

#include "base/units.h"
#include "reference/model.h"
#include "tensor/difference.h"

namespace vitality {

// A share of trials, with its 95 % interval by Wilson's score (Wilson 1927). Unlike the normal approximation, it stays
// within 0 and 1 and has a width even if all trials agree.
struct Proportion {
  Count hits = 0, trials = 0;
  void add(bool hit) { hits += hit, ++trials; }
  double share() const { return trials > 0 ? static_cast<double>(hits) / static_cast<double>(trials) : 0; }
  double low() const;
  double high() const;
};

// The value below which a share of the values lies, linear between ranks as in numpy.percentile. values: at least one.
double quantile(std::vector<double> values, double share);

// The index of the largest value; of equal values the first.
int best_class(const std::vector<double>& logits);
// Whether fewer than `ranks` classes are ahead of `wanted`; of classes with equal logits the one with the smaller index
// is ahead.
bool is_among(const std::vector<double>& logits, int wanted, int ranks);

// Statistics of one attention layer, over heads, instances and images.
struct AttentionStatistics {
  Difference z;                    // against softmax on the same Q, K, V
  Count scores = 0, negative = 0;  // all; those with q . (k - mean k) / sqrt(d) < -1: a negative Taylor weight
  Count entries = 0, kept = 0, executed = 0;  // of masks; executed: including the rows that fell back to dense ones
  void add(const AttentionStatistics& other);
};

// Adds one head. softmax: z is that of softmax attention itself, which needs no comparison.
void measure(const reference::AttendedHead& head, bool softmax, AttentionStatistics& statistics);

}  // namespace vitality
