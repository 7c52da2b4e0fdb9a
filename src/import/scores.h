// Attention in a graph: the scores of Q and K, the operations on them, and the layer that they form with V.
#pragma once

#include "import/draft.h"

namespace vitality::importing {

// scale Q K^T + bias; `normalised` once softmax has been applied. Shapes: Q [.., n_q, d], K [.., d, n_kv]; bias is
// broadcast to [.., n_q, n_kv].
struct Scores {
  View q, k;
  double scale = 1;
  Tensor bias;  // no elements: none
  bool normalised = false;
  Shape shape;
};

// Adds the attention layer (and what Q needs for its scale) and returns the view of its output, of shape [.., n_q,
// d_v]. Throws NodeError for what cannot be mapped.
View add_attention(Draft& draft, const Scores& scores, const View& v, const std::string& name);

}  // namespace vitality::importing
