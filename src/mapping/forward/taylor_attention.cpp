// Taylor (Algorithm 1, docs/algorithm.md 2): accumulators sum K, dividers make K_bar, adders make K_hat in place of K;
// SA-General forms G = K_hat^T V with V stationary and then streams Q against G; SA-Diag forms Q k_hat_sum^T; adders
// add sqrt(d) v_sum and n sqrt(d); dividers make Z. Keys that do not fit the scratchpad at once are read twice, in
// chunks: once for the mean, once for G.
#include "mapping/forward/attention_mapper.h"

namespace vitality {

// More than 6 parameters: a job's kind, shape and operands.
void AttentionMapper::column_sum(OperatorId op_index, int rows, int cols, TilePlace source, BufferId sum, bool first,
                                 int flags) {
  start(UnitKind::kAccumulators, JobKind::kColumnSum, op_index, {rows, 0, cols}, source, kNone, sum,
        flags | (first ? kFirst : 0));
  if (!first) builder_.read(sum);
  end(sum);
}

void AttentionMapper::denominator(OperatorId op_index, int m, TilePlace q, BufferId key_sum, BufferId t_d) {
  start(diagonal(), JobKind::kDotProduct, op_index, {m, a_.d_qk, 1}, q, key_sum, t_d);
  end(t_d);
}

void AttentionMapper::add_constant(OperatorId op_index, int m, BufferId t_d) {
  start(UnitKind::kAdders, JobKind::kAddConstant, op_index, {m, 0, 1}, t_d, kNone, t_d);
  end(t_d);
}

void AttentionMapper::quotient(OperatorId op_index, const Chunk& chunk, BufferId t_buffer, BufferId t_d, TilePlace z,
                               int flags) {
  start(UnitKind::kDividers, JobKind::kRowDivide, op_index, {chunk.count, 0, a_.d_v}, t_buffer, t_d, z, flags)
      .stationary_stride = 1;
  end(z, chunk.count, a_.d_v);
}

// K_hat in place of K.
void AttentionMapper::centre(OperatorId op_index, const Chunk& chunk, TilePlace k, BufferId mean) {
  start(UnitKind::kAdders, JobKind::kSubtractRow, op_index, {chunk.count, 0, a_.d_qk}, k, mean, k, guard_flag());
  end(k, chunk.count, a_.d_qk);
}

// Over 60 lines: Algorithm 1's steps in their order, which share their buffers.
void AttentionMapper::taylor_head() {
  const int d = a_.d_qk, e = a_.d_v;
  const std::vector<Chunk> tokens = chunks(a_.n_kv, plan_.token_chunk), queries = chunks(a_.n_q, plan_.query_chunk);
  const BufferId mean = mean_.take(), key_sum = key_sum_.take(), value_sum = value_sum_.take(), g = g_.take();
  // Step 1: K_bar.
  const OperatorId mean_op = op(OperatorRole::kKeyMean);
  TilePlace k, v, q;
  if (sparse_) sparse_->begin_head(instance_, head_, queries);
  for (const Chunk& chunk : tokens) {
    k = load(a_.k, a_.n_kv, d, chunk, k_, mean_op);
    if (sparse_) q = predict(queries, chunk, k.buffer, mean_op);
    column_sum(mean_op, chunk.count, d, k, mean, chunk.first == 0);
  }
  start(UnitKind::kDividers, JobKind::kMeanDivide, mean_op, {1, 0, d}, mean, kNone, mean).detail = MeanOver{a_.n_kv};
  end(mean);
  save(&SavedAttention::key_mean, ".saved.key_mean", {1, d, element_}, {0, 1}, mean, mean_op);
  // Steps 1 to 3, chunk by chunk: K_hat in place of K, k_hat_sum, v_sum, G.
  const OperatorId centre_op = op(OperatorRole::kCentreKeys), key_sum_op = elided() ? kNone : op(OperatorRole::kKeySum);
  const OperatorId value_sum_op = op(OperatorRole::kValueSum), context_op = op(OperatorRole::kContext);
  for (const Chunk& chunk : tokens) {
    const bool first = chunk.first == 0, last = chunk.first + chunk.count == a_.n_kv;
    if (tokens.size() > 1) k = load(a_.k, a_.n_kv, d, chunk, k_, centre_op);
    v = load(a_.v, a_.n_kv, e, chunk, v_, value_sum_op);
    centre(centre_op, chunk, k, mean);
    if (!elided()) column_sum(key_sum_op, chunk.count, d, k, key_sum, first, guard_flag());
    column_sum(value_sum_op, chunk.count, e, v, value_sum, first);
    context_folds(context_op, chunk, last, k, v, g, first);
  }
  if (elided()) {
    // G / (n sqrt d) and V_bar = v_sum / n.
    start(diagonal(), JobKind::kScaleVector, context_op, {d, 0, e}, g, kNone, g);
    end(g);
    start(UnitKind::kDividers, JobKind::kMeanDivide, value_sum_op, {1, 0, e}, value_sum, kNone, value_sum).detail =
        MeanOver{a_.n_kv};
    end(value_sum);
  } else {
    start(diagonal(), JobKind::kScaleVector, value_sum_op, {1, 0, e}, value_sum, kNone, value_sum);
    end(value_sum);
    save(&SavedAttention::context, ".saved.context", {d, e, element_}, {0, d}, g, context_op);
    save(&SavedAttention::key_sum, ".saved.key_sum", {1, d, context_.partial_bytes()}, {0, 1}, key_sum, key_sum_op);
  }
  // Steps 4 to 6, query chunk by query chunk.
  const OperatorId denominator_op = elided() ? kNone : op(OperatorRole::kDenominator),
                   numerator_op = op(OperatorRole::kNumerator);
  const OperatorId quotient_op = elided() ? kNone : op(OperatorRole::kQuotient);
  for (const Chunk& chunk : queries) {
    // The prediction has already loaded Q, unless its buffer has been given to another chunk.
    if (q.buffer == kNone || queries.size() > 1) q = load(a_.q, a_.n_q, d, chunk, q_, numerator_op);
    const BufferId t_buffer = t_.take();
    BufferId t_d = kNone;
    if (!elided()) {
      t_d = denominator_.take();
      denominator(denominator_op, chunk.count, q, key_sum, t_d);
      add_constant(denominator_op, chunk.count, t_d);
      save(&SavedAttention::denominator, ".saved.denominator", {a_.n_q, 1, context_.partial_bytes()}, chunk, t_d,
           denominator_op);
    }
    numerator_folds(numerator_op, chunk.count, q, g, t_buffer);
    if (first_order_bias()) bias_folds(numerator_op, chunk, tokens, t_buffer);
    const TilePlace z = result_place(chunk, t_buffer), sum = elided() ? z : t_buffer;
    start(UnitKind::kAdders, JobKind::kAddRow, numerator_op, {chunk.count, 0, e}, t_buffer, value_sum, sum,
          elided() ? kLast : 0);
    end(sum, chunk.count, e);
    if (!elided()) quotient(quotient_op, chunk, t_buffer, t_d, z, sparse_ ? kWide : 0);
    if (sparse_) {
      sparse_->begin_queries(chunk);
      for (const Chunk& keys : tokens) {
        if (tokens.size() > 1) {  // K_hat once more
          k = load(a_.k, a_.n_kv, d, keys, k_, centre_op);
          centre(centre_op, keys, k, mean);
        }
        sparse_->scores(keys, q.buffer, k.buffer, kNone);
      }
      sparse_->softmax(t_d);
      save(&SavedAttention::row_sums, ".saved.row_sums", {a_.n_q, 2, wide_}, chunk, sparse_->row_sums(), value_sum_op);
      sparse_values(tokens, v.buffer, sparse_->sums(), value_sum_op);
      save(&SavedAttention::low_rank, ".saved.low_rank", {a_.n_q, e, wide_}, chunk, t_buffer, quotient_op);
      sparse_->merge(t_buffer);
    }
    store(elided() ? numerator_op : quotient_op, chunk, z);
  }
}

bool AttentionMapper::g_stationary() const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  return engine.accumulation == Accumulation::kGStationary && a_.d_qk <= engine.rows && a_.d_v <= engine.cols &&
         config_.diagonal_engine.enabled && !first_order_bias() && !elided();
}

// More than 6 parameters: a job's kind, shape and operands.
void AttentionMapper::context_folds(OperatorId op_index, const Chunk& chunk, bool last_chunk, TilePlace k, TilePlace v,
                                    BufferId g, bool first_chunk) {
  const int d = a_.d_qk, e = a_.d_v;
  multiply({op_index,
            d,
            chunk.count,
            e,
            operand(k, d, true),
            operand(v, e),
            {g, 0, e},
            first_chunk,
            last_chunk,
            g,
            guard_flag() | (g_stationary() ? kOutputStationary | kResultHeld : 0)});
}

void AttentionMapper::numerator_folds(OperatorId op_index, int m, TilePlace q, BufferId g, BufferId t_buffer) {
  const int d = a_.d_qk, e = a_.d_v;
  multiply({op_index,
            m,
            d,
            e,
            operand(q, d),
            {g, 0, e},
            {t_buffer, 0, e},
            true,
            true,
            d > config_.matrix_engine.rows ? t_buffer : kNone,
            kWide | (g_stationary() ? kStationaryHeld : 0)});
}

void AttentionMapper::bias_folds(OperatorId op_index, const Chunk& queries, const std::vector<Chunk>& tokens,
                                 BufferId t_buffer) {
  const int e = a_.d_v;
  const BufferId bias = load_bias(op_index, queries), sum = bias_sum_.take();
  for (const Chunk& chunk : tokens) {
    const TilePlace v = load(a_.v, a_.n_kv, e, chunk, v_, op_index);
    multiply({op_index,
              queries.count,
              chunk.count,
              e,
              {bias, chunk.first, a_.n_kv},
              operand(v, e),
              {t_buffer, 0, e},
              chunk.first == 0,
              chunk.first + chunk.count == a_.n_kv,
              sum,
              kWide | kOntoResult});
  }
}

}  // namespace vitality
