// Backward of Taylor and softmax attention.
//
// Taylor (docs/algorithm.md 5, every term): with dN = dZ / t_D and dt = -(dZ . Z) / t_D by rows,
//   dQ = dN G^T + dt k_hat_sum    dG = Q^T dN    dv_sum = sqrt(d) 1^T dN    dk_hat_sum = dt^T Q
//   dV = K_hat dG + 1 dv_sum      dK_hat = V dG^T + 1 dk_hat_sum            dK = dK_hat - 1 mean(dK_hat)
// G, K_bar, k_hat_sum and t_D come from memory, where the forward pass left them; no m x n matrix is formed. SA-General
// does the four products, SA-Diag dt^T Q and sqrt(d) dv_sum, the special functions the products by rows, the dividers
// dN, dt and the mean, the accumulators the column sums, the adders the rest. Softmax: P comes from memory; dP = dZ
// V^T, dS = P .* (dP - rowsum(dP .* P)) / sqrt(d), dQ = dS K, dK = dS^T Q, dV = P^T dZ, a chunk of queries at a time.
#include "mapping/training/backward_attention.h"

#include <algorithm>

#include "base/error.h"
#include "mapping/training/backward_sparse.h"

namespace vitality {

std::vector<Chunk> row_chunks(int total, int size) {
  std::vector<Chunk> list;
  for (int i = 0; i < total; i += size) list.push_back({i, std::min(size, total - i)});
  return list;
}

AttentionBackward::AttentionBackward(BackwardContext& b, int layer)
    : b_(b),
      context_(b.context),
      builder_(b.context.builder),
      layer_(layer),
      index_(b.backward_layer(layer)),
      a_(std::get<Attention>(b.layer(layer).parameters)),
      element_(b.context.element_bytes()),
      partial_(b.context.partial_bytes()),
      wide_(std::max({wide_bytes(b.context.config.precision), b.context.element_bytes(), b.context.partial_bytes()})) {}

void AttentionBackward::map() {
  const std::string name = "layer " + b_.layer(layer_).name;
  const int rows = context_.config.matrix_engine.rows;
  const auto bytes_of = [&](const Plan& plan) { return aligned_sum(buffer_list(plan)); };
  plan_ = {a_.n_q, a_.n_kv, 2};
  const auto halved = [rows](int size) {
    return size > rows ? static_cast<int>(ceil_div(ceil_div(size, 2), rows) * rows) : std::max(1, size / 2);
  };
  while (bytes_of(plan_) > builder_.capacity()) {
    if (plan_.query_chunk == 1 && plan_.key_chunk == 1 && plan_.sets == 1)
      throw InfeasibleError(name + ": one row of its attention's backward pass needs " +
                            std::to_string(bytes_of(plan_)) + " bytes, the scratchpad has " +
                            std::to_string(builder_.capacity()) + " (scratchpad.capacity_kib)");
    if (plan_.sets == 2) {
      plan_.sets = 1;
      continue;
    }
    plan_.sets = 2;
    int& larger = plan_.query_chunk >= plan_.key_chunk ? plan_.query_chunk : plan_.key_chunk;
    larger = halved(larger);
  }
  const std::vector<BufferId> buffers = builder_.allocate(buffer_list(plan_), name);
  auto next = buffers.cbegin();
  take_buffers(next);
  context_.note(index_, describe());

  const std::vector<int>& inputs = b_.layer(layer_).inputs;
  Count covered = 0, whole = 0;
  for (const int input : inputs) {
    if (is_model_input(input)) throw InfeasibleError(name + ": attention on the image itself has no backward pass");
    targets_.push_back(b_.add_gradient(input));
    whole += static_cast<Count>(output_shape(b_.layer(input)).rows) * output_shape(b_.layer(input)).cols;
  }
  covered =
      static_cast<Count>(a_.instances) * a_.heads * (Count{a_.n_q} * a_.d_qk + Count{a_.n_kv} * (a_.d_qk + a_.d_v));
  if (covered != whole)
    throw InfeasibleError(name + ": its heads do not cover their inputs; such a layer has no backward pass here");
  for (instance_ = 0; instance_ < a_.instances; ++instance_)
    for (head_ = 0; head_ < a_.heads; ++head_) map_head();
  for (std::size_t i = 0; i < inputs.size(); ++i) b_.contribute(inputs[i], {targets_[i], 0});
}

void AttentionBackward::take(std::vector<BufferId>::const_iterator& next, std::initializer_list<BufferId*> single,
                             std::initializer_list<Pair*> pairs) {
  for (BufferId* buffer : single) *buffer = *next++;
  for (Pair* pair : pairs) {
    pair->buffer[0] = *next++;
    pair->buffer[1] = plan_.sets == 2 ? *next++ : pair->buffer[0];
  }
}

Transfer AttentionBackward::rows_of(const HeadColumns& from, int tokens, int depth, const Chunk& rows,
                                    BufferId buffer) const {
  return builder_.make_transfer(context_.input_tensor(layer_, from.input), instance_ * tokens + rows.first,
                                from.offset + head_ * from.head_stride, rows.count, depth, buffer);
}

Transfer AttentionBackward::rows_of_dz(const Chunk& rows, BufferId buffer) const {
  const GradientRef dz = b_.gradient(layer_);
  return builder_.make_transfer(dz.tensor, dz.first_row + instance_ * a_.n_q + rows.first, head_ * a_.d_v, rows.count,
                                a_.d_v, buffer);
}

Transfer AttentionBackward::rows_of_saved(TensorId tensor, int rows_of_head, const Chunk& rows, BufferId buffer) const {
  const int cols = builder_.schedule().tensors[tensor].cols;
  return builder_.make_transfer(tensor, (instance_ * a_.heads + head_) * rows_of_head + rows.first, 0, rows.count, cols,
                                buffer);
}

// More than 6 parameters: a job's kind, shape and operands.
void AttentionBackward::store(OperatorId op_index, const HeadColumns& from, int tokens, int depth, const Chunk& rows,
                              BufferId buffer, int offset) {
  builder_.transfer(
      UnitKind::kDmaStore, index_, op_index,
      {builder_.make_transfer(targets_[static_cast<std::size_t>(from.input)], instance_ * tokens + rows.first,
                              from.offset + head_ * from.head_stride, rows.count, depth, buffer, offset)});
}

// More than 6 parameters: a job's kind, shape and operands.
void AttentionBackward::column_sum(OperatorId op_index, int rows, int cols, BufferId source, int offset, BufferId sum,
                                   bool first, int flags) {
  start(UnitKind::kAccumulators, JobKind::kColumnSum, op_index, {rows, 0, cols}, source, kNone, sum,
        flags | (first ? kFirst : 0))
      .streamed_offset = offset;
  if (!first) builder_.read(sum);
  end(sum);
}

void AttentionBackward::finish_queries(const LowRankSums& sums, const QueryChunk& chunk) {
  const auto [rows, q, dz, dq, d_t] = chunk;
  const int m = rows.count, d = a_.d_qk, e = a_.d_v;
  const bool first = rows.first == 0, last = rows.first + m == a_.n_q;
  Job& outer = start(UnitKind::kSpecialFunctions, JobKind::kAddOuter, sums.query, {m, 0, d}, dq, sums.key_total, dq);
  outer.partial = d_t;
  builder_.read(d_t);
  end(dq);
  store(sums.query, a_.q, a_.n_q, d, rows, dq);
  multiply({sums.context, d, m, e, {q, 0, d, true}, {dz, 0, e}, {sums.dg, 0, e}, first, last, sums.dg});
  column_sum(sums.value_sum, m, e, dz, 0, sums.dv_sum, first);
  Job& dot = start(diagonal(), JobKind::kDotProduct, sums.key_sum, {d, m, 1}, q, d_t, sums.d_key_sum, kTransposed);
  dot.streamed_stride = d, dot.stationary_stride = 1;
  end(sums.d_key_sum);
  column_sum(sums.key_sum, 1, d, sums.d_key_sum, 0, sums.dk_sum, first, kWide);
}

namespace {

class SoftmaxBackward : public AttentionBackward {
 public:
  using AttentionBackward::AttentionBackward;

 protected:
  std::vector<Bytes> buffer_list(const Plan& p) const override {
    const Bytes q = element_ * p.query_chunk * a_.d_qk, dz = element_ * p.query_chunk * a_.d_v;
    const Bytes map = Bytes{p.query_chunk} * a_.n_kv;
    std::vector<Bytes> list{element_ * a_.n_kv * a_.d_qk, element_ * a_.n_kv * a_.d_v, wide_ * a_.n_kv * a_.d_qk,
                            wide_ * a_.n_kv * a_.d_v};
    for (const Bytes bytes : {q, dz, element_ * map, wide_ * map, wide_ * p.query_chunk * a_.d_qk})
      list.insert(list.end(), static_cast<std::size_t>(p.sets), bytes);
    return list;
  }
  void take_buffers(std::vector<BufferId>::const_iterator& next) override {
    take(next, {&k_, &v_, &dk_, &dv_}, {&q_pair_, &dz_pair_, &p_pair_, &dp_pair_, &dq_pair_});
  }
  std::string describe() const override {
    return std::to_string(ceil_div(a_.n_q, plan_.query_chunk)) + " query chunks of " +
           std::to_string(plan_.query_chunk) + ", probabilities from memory";
  }

  void map_head() override {
    const int d = a_.d_qk, e = a_.d_v, n = a_.n_kv;
    const OperatorId dp_op = op(OperatorRole::kProbabilityGradient), ds_op = op(OperatorRole::kScoreGradient),
                     q_op = op(OperatorRole::kQueryGradient), k_op = op(OperatorRole::kKeyGradient),
                     v_op = op(OperatorRole::kValueGradient);
    load(dp_op, {rows_of(a_.k, n, d, {0, n}, k_), rows_of(a_.v, n, e, {0, n}, v_)});
    for (const Chunk& rows : row_chunks(a_.n_q, plan_.query_chunk)) {
      const int m = rows.count;
      const BufferId q = now(q_pair_), dz = now(dz_pair_), p = now(p_pair_), dp = now(dp_pair_), dq = now(dq_pair_);
      const bool first = rows.first == 0, last = rows.first + m == a_.n_q;
      load(dp_op, {rows_of_dz(rows, dz), rows_of_saved(saved().probabilities, a_.n_q, rows, p)});
      load(k_op, {rows_of(a_.q, a_.n_q, d, rows, q)});
      multiply({dp_op, m, e, n, {dz, 0, e}, {v_, 0, e, true}, {dp, 0, n}, true, true, partial_of(e, dp), kWide});
      multiply({v_op, n, m, e, {p, 0, n, true}, {dz, 0, e}, {dv_, 0, e}, first, last, dv_});
      start(UnitKind::kSpecialFunctions, JobKind::kSoftmaxGradient, ds_op, {m, 0, n}, dp, p, dp);
      end(dp);
      multiply({q_op, m, n, d, {dp, 0, n}, {k_, 0, d}, {dq, 0, d}, true, true, dq});
      store(q_op, a_.q, a_.n_q, d, rows, dq);
      multiply({k_op, n, m, d, {dp, 0, n, true}, {q, 0, d}, {dk_, 0, d}, first, last, dk_});
      next_chunk();
    }
    store(k_op, a_.k, n, d, {0, n}, dk_);
    store(v_op, a_.v, n, e, {0, n}, dv_);
  }

 private:
  BufferId k_ = kNone, v_ = kNone, dk_ = kNone, dv_ = kNone;
  Pair q_pair_, dz_pair_, p_pair_, dp_pair_, dq_pair_;
};

class TaylorBackward : public AttentionBackward {
 public:
  using AttentionBackward::AttentionBackward;

 protected:
  std::vector<Bytes> buffer_list(const Plan& p) const override {
    const Bytes rows = std::max(p.query_chunk, p.key_chunk), depth = std::max(a_.d_qk, a_.d_v);
    std::vector<Bytes> list{wide_ * a_.n_kv * a_.d_qk, element_ * a_.d_qk * a_.d_v, wide_ * a_.d_qk * a_.d_v};
    list.insert(list.end(), 6, partial_ * depth);  // K_bar, k_hat_sum, dv_sum, dk_hat_sum, a part of it; mean
    for (const Bytes bytes :
         {element_ * p.query_chunk * a_.d_qk, element_ * p.query_chunk * a_.d_v, element_ * p.query_chunk * a_.d_v,
          element_ * p.key_chunk * a_.d_qk, element_ * p.key_chunk * a_.d_v, wide_ * rows * depth,
          partial_ * p.query_chunk, partial_ * p.query_chunk})
      list.insert(list.end(), static_cast<std::size_t>(p.sets), bytes);
    return list;
  }
  void take_buffers(std::vector<BufferId>::const_iterator& next) override {
    take(next, {&dk_hat_, &g_, &dg_, &key_mean_, &key_sum_, &dv_sum_, &dk_sum_, &part_, &mean_},
         {&q_pair_, &dz_pair_, &z_pair_, &k_pair_, &v_pair_, &rows_pair_, &t_d_pair_, &dt_pair_});
  }
  std::string describe() const override {
    return std::to_string(ceil_div(a_.n_q, plan_.query_chunk)) + " query chunks of " +
           std::to_string(plan_.query_chunk) + ", " + std::to_string(ceil_div(a_.n_kv, plan_.key_chunk)) +
           " key chunks of " + std::to_string(plan_.key_chunk) + ", G from memory";
  }

  void map_head() override {
    numerator_op_ = op(OperatorRole::kNumeratorGradient), denominator_op_ = op(OperatorRole::kDenominatorGradient);
    query_op_ = op(OperatorRole::kQueryGradient), context_op_ = op(OperatorRole::kContextGradient);
    value_sum_op_ = op(OperatorRole::kValueSumGradient), key_sum_op_ = op(OperatorRole::kKeySumGradient);
    value_op_ = op(OperatorRole::kValueGradient), key_op_ = op(OperatorRole::kKeyGradient);
    load(query_op_, {rows_of_saved(saved().context, a_.d_qk, {0, a_.d_qk}, g_),
                     rows_of_saved(saved().key_sum, 1, {0, 1}, key_sum_)});
    for (const Chunk& rows : row_chunks(a_.n_q, plan_.query_chunk)) queries(rows);
    start(diagonal(), JobKind::kScaleVector, value_sum_op_, {1, 0, a_.d_v}, dv_sum_, kNone, dv_sum_);
    end(dv_sum_);
    load(value_op_, {rows_of_saved(saved().key_mean, 1, {0, 1}, key_mean_)});
    const std::vector<Chunk> keys = row_chunks(a_.n_kv, plan_.key_chunk);
    for (const Chunk& rows : keys) keys_and_values(rows);
    // The mean over all keys goes out again.
    start(UnitKind::kDividers, JobKind::kMeanDivide, key_op_, {1, 0, a_.d_qk}, mean_, kNone, mean_).detail =
        MeanOver{a_.n_kv};
    end(mean_);
    for (const Chunk& rows : keys) {
      const int offset = rows.first * a_.d_qk;
      Job& job =
          start(UnitKind::kAdders, JobKind::kAddRow, key_op_, {rows.count, 0, a_.d_qk}, dk_hat_, mean_, dk_hat_, kLast);
      job.streamed_offset = job.result_offset = offset;
      end(dk_hat_);
      store(key_op_, a_.k, a_.n_kv, a_.d_qk, rows, dk_hat_, offset);
    }
  }

 private:
  void queries(const Chunk& rows) {
    const int m = rows.count, d = a_.d_qk, e = a_.d_v;
    next_chunk();
    const BufferId q = now(q_pair_), dz = now(dz_pair_), z = now(z_pair_), dq = now(rows_pair_), t_d = now(t_d_pair_),
                   d_t = now(dt_pair_);
    load(numerator_op_, {rows_of_dz(rows, dz), rows_of_saved(saved().denominator, a_.n_q, rows, t_d)});
    load(denominator_op_,
         {builder_.make_transfer(context_.tensor_of(layer_), instance_ * a_.n_q + rows.first, head_ * e, m, e, z)});
    load(context_op_, {rows_of(a_.q, a_.n_q, d, rows, q)});
    start(UnitKind::kSpecialFunctions, JobKind::kRowProducts, denominator_op_, {m, 0, e}, dz, z, d_t);
    end(d_t);
    Job& dt = start(UnitKind::kDividers, JobKind::kRowDivide, denominator_op_, {m, 0, 1}, d_t, t_d, d_t, kWide);
    dt.stationary_stride = 1;
    end(d_t);
    Job& dn = start(UnitKind::kDividers, JobKind::kRowDivide, numerator_op_, {m, 0, e}, dz, t_d, dz, kNarrow);
    dn.stationary_stride = 1;
    end(dz);
    multiply({query_op_, m, e, d, {dz, 0, e}, {g_, 0, e, true}, {dq, 0, d}, true, true, partial_of(e, dq), kWide});
    finish_queries({query_op_, context_op_, value_sum_op_, key_sum_op_, key_sum_, dg_, dv_sum_, dk_sum_, part_},
                   {rows, q, dz, dq, d_t});
  }

  void keys_and_values(const Chunk& rows) {
    const int m = rows.count, d = a_.d_qk, e = a_.d_v, offset = rows.first * d;
    next_chunk();
    const BufferId k = now(k_pair_), v = now(v_pair_), dv = now(rows_pair_);
    load(value_op_, {rows_of(a_.k, a_.n_kv, d, rows, k)});
    load(key_op_, {rows_of(a_.v, a_.n_kv, e, rows, v)});
    start(UnitKind::kAdders, JobKind::kSubtractRow, value_op_, {m, 0, d}, k, key_mean_, k);
    end(k);
    multiply({value_op_, m, d, e, {k, 0, d}, {dg_, 0, e}, {dv, 0, e}, true, true, partial_of(d, dv), kWide});
    start(UnitKind::kAdders, JobKind::kAddRow, value_op_, {m, 0, e}, dv, dv_sum_, dv, kLast);
    end(dv);
    store(value_op_, a_.v, a_.n_kv, e, rows, dv);
    multiply({key_op_,
              m,
              e,
              d,
              {v, 0, e},
              {dg_, 0, e, true},
              {dk_hat_, offset, d},
              true,
              true,
              partial_of(e, dk_hat_),
              kWide});
    Job& add = start(UnitKind::kAdders, JobKind::kAddRow, key_op_, {m, 0, d}, dk_hat_, dk_sum_, dk_hat_);
    add.streamed_offset = add.result_offset = offset;
    end(dk_hat_);
    column_sum(key_op_, m, d, dk_hat_, offset, mean_, rows.first == 0, kWide);
  }

  BufferId dk_hat_ = kNone, g_ = kNone, dg_ = kNone, key_mean_ = kNone, key_sum_ = kNone, dv_sum_ = kNone,
           dk_sum_ = kNone, part_ = kNone, mean_ = kNone;
  Pair q_pair_, dz_pair_, z_pair_, k_pair_, v_pair_, rows_pair_, t_d_pair_, dt_pair_;
  OperatorId numerator_op_ = kNone, denominator_op_ = kNone, query_op_ = kNone, context_op_ = kNone,
             value_sum_op_ = kNone, key_sum_op_ = kNone, value_op_ = kNone, key_op_ = kNone;
};

}  // namespace

void map_attention_backward(BackwardContext& b, int layer, AttentionKind kind) {
  if (kind == AttentionKind::kSoftmax) {
    SoftmaxBackward(b, layer).map();
  } else if (kind == AttentionKind::kTaylor) {
    TaylorBackward(b, layer).map();
  } else if (traits(kind).uses_mask) {
    map_mask_backward(b, layer, kind);
  } else {
    throw InfeasibleError("layer " + b.layer(layer).name + " (attention): the backward pass of " + to_string(kind) +
                          " is not simulated");
  }
}

}  // namespace vitality
