// ReLU-linear attention (docs/algorithm.md 2.6): adders replace K and Q by their ReLU in place; accumulators sum K;
// SA-General forms G = K^T V with V stationary and then streams Q against G; SA-Diag forms Q k_sum^T, to which
// adders add epsilon where the layer has one; dividers make Z.
// Keys that do not fit the scratchpad at once are read once, in chunks.
#include "mapping/forward/attention_mapper.h"

namespace vitality {

void AttentionMapper::rectify(OperatorId op_index, const Chunk& chunk, TilePlace tile) {
  start(UnitKind::kAdders, JobKind::kRectify, op_index, {chunk.count, 0, a_.d_qk}, tile, kNone, tile);
  end(tile, chunk.count, a_.d_qk);
}

void AttentionMapper::relu_linear_head() {
  const int d = a_.d_qk, e = a_.d_v;
  const BufferId key_sum = key_sum_.take(), g = g_.take();
  const OperatorId rectify_op = op(OperatorRole::kRectify), key_sum_op = op(OperatorRole::kKeySum),
                   context_op = op(OperatorRole::kContext);
  for (const Chunk& chunk : chunks(a_.n_kv, plan_.token_chunk)) {
    const bool first = chunk.first == 0, last = chunk.first + chunk.count == a_.n_kv;
    const TilePlace k = load(a_.k, a_.n_kv, d, chunk, k_, rectify_op),
                    v = load(a_.v, a_.n_kv, e, chunk, v_, context_op);
    rectify(rectify_op, chunk, k);
    column_sum(key_sum_op, chunk.count, d, k, key_sum, first);
    context_folds(context_op, chunk, last, k, v, g, first);
  }
  const OperatorId denominator_op = op(OperatorRole::kDenominator), numerator_op = op(OperatorRole::kNumerator),
                   quotient_op = op(OperatorRole::kQuotient);
  for (const Chunk& chunk : chunks(a_.n_q, plan_.query_chunk)) {
    const TilePlace q = load(a_.q, a_.n_q, d, chunk, q_, rectify_op);
    rectify(rectify_op, chunk, q);
    const BufferId t_buffer = t_.take(), t_d = denominator_.take();
    denominator(denominator_op, chunk.count, q, key_sum, t_d);
    if (a_.epsilon != 0) add_constant(denominator_op, chunk.count, t_d);
    numerator_folds(numerator_op, chunk.count, q, g, t_buffer);
    const TilePlace z = result_place(chunk, t_buffer);
    quotient(quotient_op, chunk, t_buffer, t_d, z, 0);
    store(quotient_op, chunk, z);
  }
}

}  // namespace vitality
