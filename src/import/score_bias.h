// What a graph adds to scores before the Softmax, as a workload has it: a table of numbers by the distance of a query
// and a key, and a mask.
#pragma once

#include <vector>

#include "import/draft.h"

namespace vitality::importing {

// What is added to a score at most where a key is hidden. Masks add -100 or less, which leaves a key less than the
// least unit of the judge's tolerance.
constexpr double kHiddenScore = -80;

// The instance and the head of each leading index of the scores.
struct ScorePlaces {
  std::vector<int> instance, head;
};

// `bias` is broadcast to `shape`, [.., n_q, n_kv]. Sets the bias, the mask and the windows of `a`, whose keys the layer
// `keys` of the draft makes, and returns the table; without elements if there is none. NodeError if no table and no
// mask give the bias.
MatrixD take_score_bias(const Draft& draft, const Tensor& bias, const Shape& shape, const ScorePlaces& places, int keys,
                        Attention& a);

}  // namespace vitality::importing
