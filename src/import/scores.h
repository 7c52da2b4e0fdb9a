// Attention in a graph: scores from Q and K, what is done to them, and the layer that they become with V.
#pragma once

#include "import/draft.h"

namespace vitality::importing {

// scale Q K^T + bias, and softmax of it once `normalised`. Shapes: Q [.., n_q, d], K [.., d, n_kv], bias
// broadcasts to [.., n_q, n_kv].
struct Scores {
  View q, k;
  double scale = 1;
  Tensor bias;  // no elements: none
  bool normalised = false;
  Shape shape;
};

// Adds the attention layer (and what has to be done to Q for its scale) and returns the view of its output, of the
// shape [.., n_q, d_v]. NodeError: what cannot be mapped.
View add_attention(Draft& draft, const Scores& scores, const View& v, const std::string& name);

}  // namespace vitality::importing
