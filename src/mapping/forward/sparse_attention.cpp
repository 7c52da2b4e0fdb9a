// Attention on the mask alone: prediction, scores, softmax and values of the sparse part, chunk by chunk.
#include "mapping/forward/attention_mapper.h"

namespace vitality {

BufferId AttentionMapper::predict(const std::vector<Chunk>& queries, const Chunk& keys, BufferId k_buffer,
                                  OperatorId op_index) {
  BufferId q_buffer = kNone;
  for (const Chunk& chunk : queries) {
    if (!sparse_->predicts()) break;
    q_buffer = load(a_.q, a_.n_q, a_.d_qk, chunk, q_, op_index).buffer;
    sparse_->predict(chunk, keys, q_buffer, k_buffer);
  }
  return q_buffer;
}

void AttentionMapper::sparse_values(const std::vector<Chunk>& tokens, BufferId v_buffer, BufferId result,
                                    OperatorId op_index) {
  for (const Chunk& keys : tokens) {
    if (v_buffer == kNone || tokens.size() > 1) v_buffer = load(a_.v, a_.n_kv, a_.d_v, keys, v_, op_index).buffer;
    sparse_->values(keys, keys.first + keys.count == a_.n_kv, v_buffer, result);
  }
}

void AttentionMapper::sparse_head() {
  const int d = a_.d_qk;
  const std::vector<Chunk> tokens = chunks(a_.n_kv, plan_.token_chunk), queries = chunks(a_.n_q, plan_.query_chunk);
  const OperatorId load_op = op(OperatorRole::kSparseScores), store_op = op(OperatorRole::kSparseValues);
  BufferId k_buffer = kNone, v_buffer = kNone, q_buffer = kNone;
  sparse_->begin_head(instance_, head_, queries);
  for (const Chunk& keys : tokens) {
    if (!sparse_->predicts()) break;
    k_buffer = load(a_.k, a_.n_kv, d, keys, k_, load_op).buffer;
    q_buffer = predict(queries, keys, k_buffer, load_op);
  }
  for (const Chunk& chunk : queries) {
    if (q_buffer == kNone || queries.size() > 1) q_buffer = load(a_.q, a_.n_q, d, chunk, q_, load_op).buffer;
    const BufferId z_buffer = t_.take();
    sparse_->begin_queries(chunk);
    for (const Chunk& keys : tokens) {
      if (k_buffer == kNone || tokens.size() > 1) k_buffer = load(a_.k, a_.n_kv, d, keys, k_, load_op).buffer;
      const BufferId bias = a_.bias_params > 0 ? load_bias(load_op, chunk, keys) : kNone;
      sparse_->scores(keys, q_buffer, k_buffer, bias);
    }
    sparse_->softmax(kNone);
    if (v_buffer == kNone && tokens.size() == 1) v_buffer = load(a_.v, a_.n_kv, a_.d_v, tokens[0], v_, store_op).buffer;
    sparse_values(tokens, v_buffer, z_buffer, store_op);
    store(store_op, chunk, z_buffer);
  }
}

}  // namespace vitality
