// What an evaluation counts.
#pragma once

#include <cstddef>
#include <vector>

#include "base/units.h"
#include "reference/model.h"
#include "tensor/difference.h"

namespace vitality {

// A share of trials, with its interval of 95 % by Wilson's score (Wilson 1927): unlike the normal approximation it
// stays within 0 and 1 and has a width where all trials agree.
struct Proportion {
  Count hits = 0, trials = 0;
  void add(bool hit) { hits += hit, ++trials; }
  double share() const { return trials > 0 ? static_cast<double>(hits) / static_cast<double>(trials) : 0; }
  double low() const;
  double high() const;
};

// The value below which a share of the values lies: linear between ranks, as numpy.percentile. values: one or more.
double quantile(std::vector<double> values, double share);

// The first of the largest values.
int best_class(const std::vector<double>& logits);
// Whether fewer than `ranks` classes are ahead of this one; of equal logits the class of the smaller number is ahead.
bool is_among(const std::vector<double>& logits, int wanted, int ranks);

// A layer of attention, over heads, instances and images.
struct AttentionStatistics {
  Difference z;                    // against softmax on the same Q, K, V
  Count scores = 0, negative = 0;  // all; those with q . (k - mean k) / sqrt(d) < -1: a negative Taylor weight
  Count entries = 0, kept = 0, executed = 0;  // of masks; executed: with the rows that fell back to dense ones
  void add(const AttentionStatistics& other);
};

// One head. softmax: z is that of softmax attention, which needs no comparison.
void measure(const reference::AttendedHead& head, bool softmax, AttentionStatistics& statistics);

}  // namespace vitality
