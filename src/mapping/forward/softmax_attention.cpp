// Exact attention: scores with K stationary, one row-softmax, P V with V stationary.
#include "mapping/forward/attention_mapper.h"

namespace vitality {

void AttentionMapper::softmax_head() {
  const int d = a_.d_qk, e = a_.d_v;
  const std::vector<Chunk> tokens = chunks(a_.n_kv, plan_.token_chunk);
  const OperatorId scores_op = op(OperatorRole::kScores), softmax_op = op(OperatorRole::kSoftmax),
                   values_op = op(OperatorRole::kWeightedValues);
  BufferId k_buffer = kNone, v_buffer = kNone;
  bool fresh = true;
  for (const Chunk& queries : chunks(a_.n_q, plan_.query_chunk)) {
    const BufferId q_buffer = load(a_.q, a_.n_q, d, queries, q_, scores_op);
    const BufferId s_buffer = t_.take(), z_buffer = z_.take();
    for (const Chunk& chunk : tokens) {
      if (fresh || tokens.size() > 1) k_buffer = load(a_.k, a_.n_kv, d, chunk, k_, scores_op);
      multiply({scores_op,
                queries.count,
                d,
                chunk.count,
                {q_buffer, 0, d},
                {k_buffer, 0, d, true},
                {s_buffer, chunk.first, a_.n_kv},
                true,
                true,
                d > config_.matrix_engine.rows ? s_buffer : kNone,
                kWide});
    }
    if (a_.bias_params > 0) {
      const BufferId bias = load_bias(scores_op, queries);
      start(UnitKind::kAdders, JobKind::kAddMatrix, scores_op, {queries.count, 0, a_.n_kv}, s_buffer, bias, s_buffer);
      end(s_buffer);
    }
    start(UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, softmax_op, {queries.count, 0, a_.n_kv}, s_buffer, kNone,
          s_buffer);
    end(s_buffer);
    save(&SavedAttention::probabilities, ".saved.probabilities", {a_.n_q, a_.n_kv, element_}, queries, s_buffer,
         softmax_op);
    for (const Chunk& chunk : tokens) {
      if (fresh || tokens.size() > 1) v_buffer = load(a_.v, a_.n_kv, e, chunk, v_, values_op);
      multiply({values_op,
                queries.count,
                chunk.count,
                e,
                {s_buffer, chunk.first, a_.n_kv},
                {v_buffer, 0, e},
                {z_buffer, 0, e},
                chunk.first == 0,
                chunk.first + chunk.count == a_.n_kv,
                z_buffer});
    }
    fresh = false;
    store(values_op, queries, z_buffer);
  }
}

}  // namespace vitality
