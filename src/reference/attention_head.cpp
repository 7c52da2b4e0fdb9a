#include "reference/attention_head.h"

#include <stdexcept>
#include <utility>

#include "tensor/matrix_ops.h"

namespace vitality::reference {
namespace {

const MatrixD* low_rank_bias(const AttentionHead& head) {
  return head.score_bias_first_order ? head.bias : nullptr;
}

}  // namespace

MatrixD attention_head(AttentionKind kind, const AttentionHead& head) {
  const auto& [q, k, v] = std::tie(head.q, head.k, head.v);
  switch (kind) {
    case AttentionKind::kSoftmax:
      return softmax_attention(q, k, v, head.bias);
    case AttentionKind::kTaylor:
      return taylor_attention(q, k, v, low_rank_bias(head)).z;
    case AttentionKind::kTaylorElided:
      return taylor_elided_attention(q, k, v, low_rank_bias(head)).z;
    case AttentionKind::kReluLinear:
      return relu_linear_attention(q, k, v, head.epsilon).z;
    case AttentionKind::kTaylorReleased:
      return taylor_released_attention(q, k, v, head.released_threshold).z;
    case AttentionKind::kSparse: {
      const Mask mask = head.mask();
      SparseAttention sparse = sparse_attention(q, k, v, mask, head.bias, head.empty_rows);
      if (head.stored_map) head.stored_map(sparse.p);
      if (head.attended) head.attended(sparse, mask);
      return std::move(sparse.z);
    }
    case AttentionKind::kUnified:
    case AttentionKind::kUnifiedAdditive: {
      UnifiedAttention unified = unified_attention(q, k, v, head.mask(), kind, low_rank_bias(head));
      if (head.stored_map) {
        add_to(unified.a, unified.t, -1);
        head.stored_map(unified.a);
      }
      return std::move(unified.z);
    }
    case AttentionKind::kAuto:
      break;
  }
  throw std::invalid_argument("no head has this kind of attention");
}

AttentionGradients attention_head_backward(AttentionKind kind, const AttentionHead& head, const MatrixD& dz) {
  const auto& [q, k, v] = std::tie(head.q, head.k, head.v);
  switch (kind) {
    case AttentionKind::kSoftmax:
      return softmax_backward(q, k, v, dz, head.bias);
    case AttentionKind::kTaylor:
      return taylor_backward(q, k, v, dz, low_rank_bias(head));
    case AttentionKind::kTaylorElided:
      return taylor_elided_backward(q, k, v, dz);
    case AttentionKind::kReluLinear:
      return relu_linear_backward(q, k, v, dz, head.epsilon);
    case AttentionKind::kTaylorReleased:
      return taylor_released_backward(q, k, v, dz, head.released_threshold);
    case AttentionKind::kSparse:
      return sparse_backward(q, k, v, head.mask(), dz, head.bias);
    case AttentionKind::kUnified:
    case AttentionKind::kUnifiedAdditive:
      return unified_backward(q, k, v, head.mask(), kind, dz, low_rank_bias(head));
    case AttentionKind::kAuto:
      break;
  }
  throw std::invalid_argument("no head has this kind of attention");
}

}  // namespace vitality::reference
