// One head of attention of any kind, forward and backward, in double: the one place of the reference that tells the
// kinds apart. Shapes as in reference/attention.h.
#pragma once

#include <functional>

#include "reference/attention_gradients.h"
#include "reference/sparse_attention.h"
#include "workload/attention_kind.h"

namespace vitality::reference {

struct AttentionHead {
  const MatrixD &q, &k, &v;
  const MatrixD* bias = nullptr;        // added to the scores (kinds with a softmax map over all scores)
  bool score_bias_first_order = false;  // kinds with a low-rank part: to first order, or dropped
  double released_threshold = kReleasedThreshold;
  EmptyRows empty_rows = EmptyRows::kDense;  // of sparse attention
  double epsilon = 0;                        // of ReLU-linear attention
  // The mask, for kinds that use one; called once. Not called for other kinds.
  std::function<Mask()> mask = {};
  // Sparse attention: called with the probabilities before they are multiplied by their values; may drop some. May be
  // empty.
  std::function<void(SparseAttention&, const Mask&)> attended = {};
  // Kinds on a mask: called with the map as a machine stores it: P, or A - T on the mask (unified). May be empty.
  std::function<void(const MatrixD&)> stored_map = {};
};

// Z, m x e. Throws std::invalid_argument for kAuto, which is no kind that a head can have.
MatrixD attention_head(AttentionKind kind, const AttentionHead& head);
// Gradients of L with respect to Q, K, V (and the bias), given dZ = dL/dZ, m x e.
AttentionGradients attention_head_backward(AttentionKind kind, const AttentionHead& head, const MatrixD& dz);

}  // namespace vitality::reference
