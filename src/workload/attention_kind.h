// The kinds of attention, and what distinguishes them: one row each. docs/algorithm.md has the arithmetic.
#pragma once

#include "base/enum_table.h"

namespace vitality {

enum class AttentionKind {
  kSoftmax,
  kTaylor,           // Algorithm 1 of the paper
  kTaylorElided,     // the same result in exact arithmetic, without the steps whose outcome is constant
  kTaylorReleased,   // the authors' released layer, a different algorithm
  kSparse,           // softmax over the kept entries of a mask
  kUnified,          // Taylor, exact on the mask: A = T + M .* (P - T)
  kUnifiedAdditive,  // A = T + M .* P
  kReluLinear,       // ReLU(Q) (ReLU(K)^T V) / (ReLU(Q) 1^T ReLU(K)) (EfficientViT)
  kAuto              // per layer the cheaper of taylor and softmax; not a kind that a layer can have
};

struct AttentionTraits {
  const char* name;  // in JSON and on command lines; nullptr: no enumerator
  // Runs on masks that are decided before the simulation starts.
  bool uses_mask;
  // Computes G, the keys times the values, so that no n x n map is formed.
  bool low_rank;
  // The keys in G are K_hat = K - K_bar, which needs a bit more than K, and two sweeps over K.
  bool centres_keys;
  // There is a mapper for it.
  bool mapped;
};

constexpr AttentionTraits traits(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::kSoftmax:
      return {"softmax", false, false, false, true};
    case AttentionKind::kTaylor:
      return {"taylor", false, true, true, true};
    case AttentionKind::kTaylorElided:
      return {"taylor_elided", false, true, true, true};
    case AttentionKind::kTaylorReleased:
      return {"taylor_released", false, true, true, false};
    case AttentionKind::kSparse:
      return {"sparse", true, false, false, true};
    case AttentionKind::kUnified:
      return {"unified", true, true, true, true};
    case AttentionKind::kUnifiedAdditive:
      return {"unified_additive", true, true, true, true};
    case AttentionKind::kReluLinear:
      return {"relu_linear", false, true, false, true};
    case AttentionKind::kAuto:
      return {"auto", false, false, false, false};
  }
  return {};
}
constexpr const char* to_string(AttentionKind kind) {
  return traits(kind).name;
}

}  // namespace vitality
