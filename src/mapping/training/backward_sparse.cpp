// Backward pass of sparse and unified attention. The mask and its entries come from memory, where the forward pass left
// them.
//
// Sparse: P lives on the mask, and so does everything else: dA = dZ V^T (SDDMM), dS = P .* (dA - rowsum(dA .* P)) /
// sqrt(d) on the exp unit, dQ = dS K, dK = dS^T Q, dV = P^T dZ (SpMM, the last two with the mask packed by columns).
// Unified: Z = (T + M .* (P - T)) V, or (T + M .* P) V. The gradient of T everywhere is Taylor's backward pass on
// SA-General. On the mask the sparse engine forms dA and the scores once more, and the exp unit the rows' sums of dA P
// and dA T. P is a softmax over ALL keys, so its gradient is dense: SA-General forms the scores again tile by tile, the
// exp unit turns a tile into the gradient of Q K_hat^T (the residual's -M .* dA / t_D included), and two products take
// it into dQ and dK_hat. dV takes the saved entries (SpMM).
#include "mapping/training/backward_sparse.h"

#include <algorithm>

#include "tensor/row_numbers.h"

namespace vitality {
namespace {

class MaskBackward : public AttentionBackward {
 public:
  MaskBackward(BackwardContext& b, int layer, AttentionKind kind) : AttentionBackward(b, layer), kind_(kind) {
    Count entries = 0;
    for (int head = 0; head < a_.instances * a_.heads; ++head) {
      const Mask& mask = builder_.schedule().masks[static_cast<std::size_t>(saved().first_mask + head)].mask;
      for (int row = 0; row < a_.n_q; ++row) {
        first_entry_.push_back(entries);
        entries += kept_in_rows(mask, row, 1);
      }
    }
    first_entry_.push_back(entries);
  }

 protected:
  const ScheduledMask& scheduled_mask() const {
    return builder_.schedule().masks[static_cast<std::size_t>(mask_index())];
  }
  std::int32_t mask_index() const { return saved().first_mask + instance_ * a_.heads + head_; }
  Bytes bits_bytes() const { return ceil_div(a_.n_kv, 8) * a_.n_q; }
  // Number of entries in `rows` rows from `row` on, counted over all heads.
  Count entries_in(int row, int rows) const {
    return first_entry_[static_cast<std::size_t>(row + rows)] - first_entry_[static_cast<std::size_t>(row)];
  }
  Count most_entries(int query_chunk) const {
    Count most = 1;
    for (int head = 0; head < a_.instances * a_.heads; ++head)
      for (int row = 0; row < a_.n_q; row += query_chunk)
        most = std::max(most, entries_in(head * a_.n_q + row, std::min(query_chunk, a_.n_q - row)));
    return most;
  }
  MaskTileId tile(const Chunk& queries, bool transposed = false) { return tile(queries, {0, a_.n_kv}, transposed); }
  MaskTileId tile(const Chunk& queries, const Chunk& keys, bool transposed) {
    IdVector<MaskTileId, MaskTile>& tiles = builder_.schedule().mask_tiles;
    MaskTileId& last = described_[transposed ? 1 : 0];  // a block is needed several times in a row
    const Chunk &rows = transposed ? keys : queries, &cols = transposed ? queries : keys;
    if (last != kNone) {
      const MaskTile known = tiles[last];
      if (known.mask == mask_index() && known.row == rows.first && known.rows == rows.count &&
          known.col == cols.first && known.cols == cols.count) {
        const MaskTileId again = tiles.next();
        tiles.push_back(known);
        return again;
      }
    }
    last = tiles.next();
    tiles.push_back(describe_block(scheduled_mask().mask, mask_index(), queries, keys, context_.config, transposed));
    return last;
  }
  void load_bits(OperatorId op_index, BufferId bits) {
    load(op_index, {rows_of_saved(saved().mask, a_.n_q, {0, a_.n_q}, bits)});
  }
  void load_entries(OperatorId op_index, const Chunk& rows, BufferId buffer) {
    const int row = (instance_ * a_.heads + head_) * a_.n_q + rows.first;
    const auto first = static_cast<int>(first_entry_[static_cast<std::size_t>(row)]);
    const auto count = static_cast<int>(entries_in(row, rows.count));
    if (count > 0) load(op_index, {builder_.make_transfer(saved().entries, first, 0, count, 1, buffer)});
  }
  // streamed(m x k) . second(n x k) on the mask.
  // More than 6 parameters: a job's kind, shape and operands.
  void sddmm(OperatorId op_index, const Chunk& rows, MaskTileId index, int depth, BufferId streamed, BufferId second,
             BufferId bits, BufferId entries) {
    Job& job = start(UnitKind::kSparseEngine, JobKind::kSddmm, op_index, {rows.count, depth, a_.n_kv}, streamed, second,
                     entries);
    job.streamed_stride = job.stationary_stride = depth, job.detail = index;
    builder_.read(bits);
    end(entries);
  }
  // result(n_kv x cols) (+)= entries^T x.
  // More than 6 parameters: a job's kind, shape and operands.
  void transposed_spmm(OperatorId op_index, const Chunk& rows, int cols, BufferId entries, BufferId x, BufferId result,
                       bool first, bool last) {
    const MaskTileId index = tile(rows, true);
    Job& job = start(UnitKind::kSparseEngine, JobKind::kSpmmTransposed, op_index, {a_.n_kv, rows.count, cols}, entries,
                     x, result, (first ? kFirst : 0) | (last ? kLast : 0));
    job.detail = index;
    if (!first) builder_.read(result);
    end(result);
  }
  std::string describe() const override {
    return std::to_string(ceil_div(a_.n_q, plan_.query_chunk)) + " query chunks of " +
           std::to_string(plan_.query_chunk) + ", mask and its entries from memory";
  }

  AttentionKind kind_;

 private:
  MaskTileId described_[2];
  std::vector<Count> first_entry_;  // for each row of all heads' masks, one after the other
};

class SparseBackward : public MaskBackward {
 public:
  using MaskBackward::MaskBackward;

 protected:
  std::vector<Bytes> buffer_list(const Plan& p) const override {
    const Count entries = most_entries(p.query_chunk);
    std::vector<Bytes> list{element_ * a_.n_kv * a_.d_qk, element_ * a_.n_kv * a_.d_v, wide_ * a_.n_kv * a_.d_qk,
                            wide_ * a_.n_kv * a_.d_v, bits_bytes()};
    for (const Bytes bytes : {element_ * p.query_chunk * a_.d_qk, element_ * p.query_chunk * a_.d_v,
                              wide_ * p.query_chunk * a_.d_qk, element_ * entries, wide_ * entries})
      list.insert(list.end(), static_cast<std::size_t>(p.sets), bytes);
    return list;
  }
  void take_buffers(std::vector<BufferId>::const_iterator& next) override {
    take(next, {&k_, &v_, &dk_, &dv_, &bits_}, {&q_pair_, &dz_pair_, &dq_pair_, &p_pair_, &da_pair_});
  }

  void map_head() override {
    const int d = a_.d_qk, e = a_.d_v, n = a_.n_kv;
    const OperatorId da_op = op(OperatorRole::kProbabilityGradient), ds_op = op(OperatorRole::kScoreGradient),
                     q_op = op(OperatorRole::kQueryGradient), k_op = op(OperatorRole::kKeyGradient),
                     v_op = op(OperatorRole::kValueGradient);
    load_bits(da_op, bits_);
    load(da_op, {rows_of(a_.k, n, d, {0, n}, k_), rows_of(a_.v, n, e, {0, n}, v_)});
    for (const Chunk& rows : row_chunks(a_.n_q, plan_.query_chunk)) {
      const bool first = rows.first == 0, last = rows.first + rows.count == a_.n_q;
      next_chunk();
      const BufferId q = now(q_pair_), dz = now(dz_pair_), dq = now(dq_pair_), p = now(p_pair_), da = now(da_pair_);
      load(da_op, {rows_of_dz(rows, dz)});
      load_entries(ds_op, rows, p);
      load(k_op, {rows_of(a_.q, a_.n_q, d, rows, q)});
      const MaskTileId index = tile(rows);
      sddmm(da_op, rows, index, e, dz, v_, bits_, da);
      transposed_spmm(v_op, rows, e, p, dz, dv_, first, last);
      start(UnitKind::kExpUnit, JobKind::kSparseSoftmaxGradient, ds_op, {rows.count, 0, n}, p, da, da).detail = index;
      end(da);
      Job& job = start(UnitKind::kSparseEngine, JobKind::kSpmm, q_op, {rows.count, n, d}, da, k_, dq, kFirst | kLast);
      job.detail = index;
      end(dq);
      store(q_op, a_.q, a_.n_q, d, rows, dq);
      transposed_spmm(k_op, rows, d, da, q, dk_, first, last);
    }
    store(k_op, a_.k, n, d, {0, n}, dk_);
    store(v_op, a_.v, n, e, {0, n}, dv_);
  }

 private:
  BufferId k_ = kNone, v_ = kNone, dk_ = kNone, dv_ = kNone, bits_ = kNone;
  Pair q_pair_, dz_pair_, dq_pair_, p_pair_, da_pair_;
};

class UnifiedBackward : public MaskBackward {
 public:
  using MaskBackward::MaskBackward;

 protected:
  bool residual() const { return kind_ == AttentionKind::kUnified; }
  int dense_columns() const { return std::min(a_.n_kv, context_.config.matrix_engine.cols); }

  std::vector<Bytes> buffer_list(const Plan& p) const override {
    const Bytes d = a_.d_qk, e = a_.d_v, n = a_.n_kv, m = p.query_chunk, depth = std::max(d, e);
    const Count entries = most_entries(p.query_chunk);
    std::vector<Bytes> list{element_ * n * d, element_ * n * e, wide_ * n * d, wide_ * n * e, bits_bytes()};
    list.insert(list.end(), {element_ * d * e, wide_ * d * e});  // G, dG
    list.insert(list.end(), 2, wide_ * m * dense_columns());
    list.insert(list.end(), 6, partial_ * depth);  // K_bar, k_hat_sum, dv_sum, dk_hat_sum and a part of it, mean
    // Q, dZ, Z of T, dQ; A, dA and scores on the mask; the numbers of the rows; t_D, its gradient dt, and the mask's
    // part of dt.
    for (const Bytes bytes :
         {element_ * m * d, element_ * m * e, wide_ * m * e, wide_ * m * d, element_ * entries, wide_ * entries,
          wide_ * entries, wide_ * m * kRowNumbers, partial_ * m, partial_ * m, partial_ * m})
      list.insert(list.end(), static_cast<std::size_t>(p.sets), bytes);
    return list;
  }
  void take_buffers(std::vector<BufferId>::const_iterator& next) override {
    take(next,
         {&k_, &v_, &dk_hat_, &dv_, &bits_, &g_, &dg_, &dense_[0], &dense_[1], &key_mean_, &key_sum_, &dv_sum_,
          &dk_sum_, &part_, &mean_},
         {&q_pair_, &dz_pair_, &z_pair_, &dq_pair_, &map_pair_, &da_pair_, &scores_pair_, &rows_pair_, &t_d_pair_,
          &dt_pair_, &terms_pair_});
  }

  void map_head() override {
    const int d = a_.d_qk, e = a_.d_v, n = a_.n_kv;
    scores_op_ = op(OperatorRole::kSparseScores), dense_op_ = op(OperatorRole::kRowSums);
    map_op_ = op(OperatorRole::kProbabilityGradient), ds_op_ = op(OperatorRole::kScoreGradient);
    numerator_op_ = op(OperatorRole::kNumeratorGradient), denominator_op_ = op(OperatorRole::kDenominatorGradient);
    query_op_ = op(OperatorRole::kQueryGradient), context_op_ = op(OperatorRole::kContextGradient);
    value_sum_op_ = op(OperatorRole::kValueSumGradient), key_sum_op_ = op(OperatorRole::kKeySumGradient);
    value_op_ = op(OperatorRole::kValueGradient), key_op_ = op(OperatorRole::kKeyGradient);
    load_bits(map_op_, bits_);
    load(scores_op_, {rows_of(a_.k, n, d, {0, n}, k_), rows_of_saved(saved().key_mean, 1, {0, 1}, key_mean_)});
    load(map_op_, {rows_of(a_.v, n, e, {0, n}, v_)});
    load(query_op_,
         {rows_of_saved(saved().context, d, {0, d}, g_), rows_of_saved(saved().key_sum, 1, {0, 1}, key_sum_)});
    start(UnitKind::kAdders, JobKind::kSubtractRow, value_op_, {n, 0, d}, k_, key_mean_, k_);
    end(k_);
    for (const Chunk& rows : row_chunks(a_.n_q, plan_.query_chunk)) queries(rows);
    start(diagonal(), JobKind::kScaleVector, value_sum_op_, {1, 0, e}, dv_sum_, kNone, dv_sum_);
    end(dv_sum_);
    // Adds the part of Taylor's backward pass to dV and dK_hat; then takes the mean over all keys.
    multiply({value_op_, n, d, e, {k_, 0, d}, {dg_, 0, e}, {dv_, 0, e}, false, true, dv_, kWide});
    start(UnitKind::kAdders, JobKind::kAddRow, value_op_, {n, 0, e}, dv_, dv_sum_, dv_, kLast);
    end(dv_);
    store(value_op_, a_.v, n, e, {0, n}, dv_);
    multiply({key_op_, n, e, d, {v_, 0, e}, {dg_, 0, e, true}, {dk_hat_, 0, d}, false, true, dk_hat_, kWide});
    start(UnitKind::kAdders, JobKind::kAddRow, key_op_, {n, 0, d}, dk_hat_, dk_sum_, dk_hat_);
    end(dk_hat_);
    column_sum(key_op_, n, d, dk_hat_, 0, mean_, true, kWide);
    start(UnitKind::kDividers, JobKind::kMeanDivide, key_op_, {1, 0, d}, mean_, kNone, mean_).detail = MeanOver{n};
    end(mean_);
    start(UnitKind::kAdders, JobKind::kAddRow, key_op_, {n, 0, d}, dk_hat_, mean_, dk_hat_, kLast);
    end(dk_hat_);
    store(key_op_, a_.k, n, d, {0, n}, dk_hat_);
  }

 private:
  void queries(const Chunk& rows) {
    const int m = rows.count, d = a_.d_qk, e = a_.d_v;
    next_chunk();
    q_ = now(q_pair_), dz_ = now(dz_pair_), z_ = now(z_pair_), dq_ = now(dq_pair_), map_ = now(map_pair_);
    da_ = now(da_pair_), scores_ = now(scores_pair_), rows_ = now(rows_pair_), t_d_ = now(t_d_pair_);
    dt_ = now(dt_pair_), terms_ = now(terms_pair_);
    load(map_op_, {rows_of_dz(rows, dz_)});
    load(scores_op_, {rows_of(a_.q, a_.n_q, d, rows, q_)});
    Transfer sums = rows_of_saved(saved().row_sums, a_.n_q, rows, rows_),
             denominator = rows_of_saved(saved().denominator, a_.n_q, rows, rows_);
    sums.buffer_stride = denominator.buffer_stride = kRowNumbers;
    denominator.buffer_offset = kRowNumbers - 1;
    load(ds_op_, {sums, denominator, rows_of_saved(saved().denominator, a_.n_q, rows, t_d_)});
    load(denominator_op_, {rows_of_saved(saved().low_rank, a_.n_q, rows, z_)});
    load_entries(value_op_, rows, map_);
    const MaskTileId index = tile(rows);
    sddmm(map_op_, rows, index, e, dz_, v_, bits_, da_);
    sddmm(scores_op_, rows, index, d, q_, k_, bits_, scores_);
    transposed_spmm(value_op_, rows, e, map_, dz_, dv_, rows.first == 0, false);
    row_terms(rows, index, rows_, 0);
    start(UnitKind::kSpecialFunctions, JobKind::kRowProducts, denominator_op_, {m, 0, e}, dz_, z_, dt_, kWide);
    end(dt_);
    if (residual()) {
      row_terms(rows, index, terms_, kLast);
      start(UnitKind::kAdders, JobKind::kAddMatrix, denominator_op_, {m, 0, 1}, dt_, terms_, dt_, kWide);
      end(dt_);
    }
    start(UnitKind::kDividers, JobKind::kRowDivide, denominator_op_, {m, 0, 1}, dt_, t_d_, dt_, kWide);
    end(dt_);
    start(UnitKind::kDividers, JobKind::kRowDivide, numerator_op_, {m, 0, e}, dz_, t_d_, dz_, kNarrow)
        .stationary_stride = 1;
    end(dz_);
    multiply({query_op_, m, e, d, {dz_, 0, e}, {g_, 0, e, true}, {dq_, 0, d}, true, true, dq_, kWide});
    const int step = dense_columns();
    for (int key = 0; key < a_.n_kv; key += step) dense_tile(rows, {key, std::min(step, a_.n_kv - key)});
    finish_queries({query_op_, context_op_, value_sum_op_, key_sum_op_, key_sum_, dg_, dv_sum_, dk_sum_, part_},
                   {rows, q_, dz_, dq_, dt_});
  }

  // Row sums over the entries of the mask: of dA P into `rows_` or, with kLast, of -dA T into a vector.
  void row_terms(const Chunk& rows, MaskTileId index, BufferId result, int flags) {
    Job& job =
        start(UnitKind::kExpUnit, JobKind::kRowTerms, ds_op_, {rows.count, 0, a_.n_kv}, scores_, da_, result, flags);
    job.detail = index, job.partial = rows_, job.result_stride = 1;
    builder_.read(rows_);
    end(result);
  }

  void dense_tile(const Chunk& rows, const Chunk& keys) {
    const int m = rows.count, d = a_.d_qk, n = keys.count;
    const BufferId dense = dense_[dense_count_++ % 2];
    multiply({dense_op_,
              m,
              d,
              n,
              {q_, 0, d},
              {k_, keys.first * d, d, true},
              {dense, 0, n},
              true,
              true,
              partial_of(d, dense),
              kWide});
    const MaskTileId index = tile(rows, keys, false);
    Job& job = start(UnitKind::kExpUnit, JobKind::kUnifiedGradient, ds_op_, {m, 0, n}, dense, da_, dense,
                     residual() ? kLast : 0);
    job.detail = index, job.partial = rows_;
    builder_.read(rows_);
    end(dense);
    multiply({query_op_, m, n, d, {dense, 0, n}, {k_, keys.first * d, d}, {dq_, 0, d}, false, true, dq_, kWide});
    multiply({key_op_,
              n,
              m,
              d,
              {dense, 0, n, true},
              {q_, 0, d},
              {dk_hat_, keys.first * d, d},
              rows.first == 0,
              false,
              dk_hat_});
  }

  BufferId k_ = kNone, v_ = kNone, dk_hat_ = kNone, dv_ = kNone, bits_ = kNone, g_ = kNone, dg_ = kNone, q_ = kNone,
           dz_ = kNone, z_ = kNone, dq_ = kNone, map_ = kNone, da_ = kNone, scores_ = kNone, rows_ = kNone,
           t_d_ = kNone, dt_ = kNone, terms_ = kNone, key_mean_ = kNone, key_sum_ = kNone, dv_sum_ = kNone,
           dk_sum_ = kNone, part_ = kNone, mean_ = kNone;
  BufferId dense_[2] = {kNone, kNone};
  // The two buffers behind q_, dz_, ...: the current chunk uses one of each pair.
  Pair q_pair_, dz_pair_, z_pair_, dq_pair_, map_pair_, da_pair_, scores_pair_, rows_pair_, t_d_pair_, dt_pair_,
      terms_pair_;
  std::size_t dense_count_ = 0;
  OperatorId scores_op_ = kNone, dense_op_ = kNone, map_op_ = kNone, ds_op_ = kNone, numerator_op_ = kNone,
             denominator_op_ = kNone, query_op_ = kNone, context_op_ = kNone, value_sum_op_ = kNone,
             key_sum_op_ = kNone, value_op_ = kNone, key_op_ = kNone;
};

}  // namespace

void map_mask_backward(BackwardContext& b, int layer, AttentionKind kind) {
  if (kind == AttentionKind::kSparse) {
    SparseBackward(b, layer, kind).map();
  } else {
    UnifiedBackward(b, layer, kind).map();
  }
}

}  // namespace vitality
