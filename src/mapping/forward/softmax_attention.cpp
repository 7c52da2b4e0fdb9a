// Exact attention: scores with K stationary, softmax, P V with V stationary. With whole rows: one softmax a row.
// Online: tile of keys after tile of keys, each with the exponentials below the largest score so far; where that grows,
// what was summed before shrinks. The row's sum divides at the end.
#include "mapping/forward/attention_mapper.h"

namespace vitality {

void AttentionMapper::whole_row_softmax_head() {
  const int d = a_.d_qk, e = a_.d_v;
  const std::vector<Chunk> tokens = chunks(a_.n_kv, plan_.token_chunk);
  const OperatorId scores_op = op(OperatorRole::kScores), softmax_op = op(OperatorRole::kSoftmax),
                   values_op = op(OperatorRole::kWeightedValues);
  TilePlace k, v;
  bool fresh = true;
  for (const Chunk& queries : chunks(a_.n_q, plan_.query_chunk)) {
    const TilePlace q = load(a_.q, a_.n_q, d, queries, q_, scores_op);
    const BufferId s_buffer = t_.take(), z_buffer = z_.take();
    const TilePlace z = result_place(queries, z_buffer);
    for (const Chunk& chunk : tokens) {
      if (fresh || tokens.size() > 1) k = load(a_.k, a_.n_kv, d, chunk, k_, scores_op);
      multiply({scores_op,
                queries.count,
                d,
                chunk.count,
                operand(q, d),
                operand(k, d, true),
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
    Job& softmax = start(UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, softmax_op, {queries.count, 0, a_.n_kv},
                         s_buffer, kNone, s_buffer);
    if (is_masked(a_)) softmax.detail = ScoreRows{instance_, queries.first};
    end(s_buffer);
    save(&SavedAttention::probabilities, ".saved.probabilities", {a_.n_q, a_.n_kv, element_}, queries, s_buffer,
         softmax_op);
    for (const Chunk& chunk : tokens) {
      if (fresh || tokens.size() > 1) v = load(a_.v, a_.n_kv, e, chunk, v_, values_op);
      multiply({values_op,
                queries.count,
                chunk.count,
                e,
                {s_buffer, chunk.first, a_.n_kv},
                operand(v, e),
                operand(z, e),
                chunk.first == 0,
                chunk.first + chunk.count == a_.n_kv,
                z_buffer});
    }
    fresh = false;
    store(values_op, queries, z);
  }
}

BufferId AttentionMapper::online_scores(OperatorId scores_op, const Chunk& queries, const Chunk& keys, TilePlace q,
                                        TilePlace k) {
  const int d = a_.d_qk;
  const BufferId s_buffer = t_.take();
  multiply({scores_op,
            queries.count,
            d,
            keys.count,
            operand(q, d),
            operand(k, d, true),
            {s_buffer, 0, keys.count},
            true,
            true,
            d > config_.matrix_engine.rows ? s_buffer : kNone,
            kWide});
  if (a_.bias_params > 0) {
    const BufferId bias = load_bias(scores_op, queries, keys);
    start(UnitKind::kAdders, JobKind::kAddMatrix, scores_op, {queries.count, 0, keys.count}, s_buffer, bias, s_buffer);
    end(s_buffer);
  }
  return s_buffer;
}

void AttentionMapper::rescale(OperatorId op_index, const Chunk& queries, BufferId sums, BufferId numbers,
                              TilePlace result, int flags) {
  start(UnitKind::kSpecialFunctions, JobKind::kRescaleRows, op_index, {queries.count, 0, a_.d_v}, sums, numbers, result,
        flags);
  end(result, queries.count, a_.d_v);
}

void AttentionMapper::online_softmax_head() {
  const int d = a_.d_qk, e = a_.d_v;
  const std::vector<Chunk> tiles = chunks(a_.n_kv, plan_.token_chunk);
  const OperatorId scores_op = op(OperatorRole::kScores), softmax_op = op(OperatorRole::kSoftmax),
                   values_op = op(OperatorRole::kWeightedValues);
  const auto tile_count = static_cast<int>(tiles.size());
  std::vector<TilePlace> k(tiles.size()), v(tiles.size());
  for (const Chunk& queries : chunks(a_.n_q, plan_.query_chunk)) {
    const TilePlace q = load(a_.q, a_.n_q, d, queries, q_, scores_op);
    const BufferId z_buffer = z_.take(), numbers = row_numbers_.take();
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      const Chunk& keys = tiles[i];
      const bool first = i == 0;
      const auto loads = [&](int buffers) { return buffers < tile_count || queries.first == 0; };
      if (loads(plan_.sets[0])) k[i] = load(a_.k, a_.n_kv, d, keys, k_, scores_op);
      const BufferId s_buffer = online_scores(scores_op, queries, keys, q, k[i]);
      Job& softmax = start(UnitKind::kSpecialFunctions, JobKind::kOnlineSoftmax, softmax_op,
                           {queries.count, 0, keys.count}, s_buffer, kNone, s_buffer, first ? kFirst : 0);
      softmax.partial = numbers;
      builder_.write(numbers);
      end(s_buffer);
      if (!first) rescale(softmax_op, queries, z_buffer, numbers, z_buffer, 0);
      if (loads(plan_.sets[1])) v[i] = load(a_.v, a_.n_kv, e, keys, v_, values_op);
      multiply({values_op,
                queries.count,
                keys.count,
                e,
                {s_buffer, 0, keys.count},
                operand(v[i], e),
                {z_buffer, 0, e},
                first,
                false,
                z_buffer});
    }
    const TilePlace z = result_place(queries, z_buffer);
    rescale(softmax_op, queries, z_buffer, numbers, z, kLast);
    store(values_op, queries, z);
  }
}

}  // namespace vitality
