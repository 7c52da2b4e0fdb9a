// Taylor and ReLU-linear attention written out, found by their values: the operators between Q, K, V and Z run on
// random numbers, and what comes out is compared with both kinds, whatever the order of their steps.
#pragma once

#include <optional>
#include <vector>

#include "import/draft.h"

namespace vitality::importing {

// The elements of a view, if its source has the random elements that belong to this source.
Tensor probe_of(const Draft& draft, const View& view);

struct AttentionMatch {
  AttentionKind kind = AttentionKind::kTaylor;
  View q, k, v;        // [instances, heads, tokens, features]
  double scale = 0;    // of Q K^T
  double epsilon = 0;  // of ReLU-linear attention
  // The element of Z, [instances, heads, queries, features] in this order, that each element of the value is.
  std::vector<std::int64_t> elements;
};

// What `value`, computed on the probes of `leaves`, is: nothing if no assignment of three of the leaves to Q, K and V
// gives it.
std::optional<AttentionMatch> match_attention(const Draft& draft, const std::vector<View>& leaves, const Tensor& value);

}  // namespace vitality::importing
