// Taylor attention written out, found by its values: the operators between Q, K, V and Z run on random numbers, and
// what comes out is compared with Taylor attention, whatever the order of its steps.
#pragma once

#include <optional>
#include <vector>

#include "import/draft.h"

namespace vitality::importing {

// The elements of a view, if its source has the random elements that belong to this source.
Tensor probe_of(const Draft& draft, const View& view);

struct TaylorMatch {
  View q, k, v;      // [instances, heads, tokens, features]
  double scale = 0;  // of Q K^T
  // The element of Z, [instances, heads, queries, features] in this order, that each element of the value is.
  std::vector<std::int64_t> elements;
};

// What `value`, computed on the probes of `leaves`, is: nothing if no assignment of three of the leaves to Q, K and V
// gives it.
std::optional<TaylorMatch> match_taylor(const Draft& draft, const std::vector<View>& leaves, const Tensor& value);

}  // namespace vitality::importing
