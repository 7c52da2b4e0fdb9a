// Attention on the matrix engine and the pre- and post-processors.
//
// Taylor (Algorithm 1, docs/algorithm.md 2): accumulators sum K, dividers make K_bar, adders make K_hat in place of K;
// SA-General forms G = K_hat^T V with V stationary and then streams Q against G; SA-Diag forms Q k_hat_sum^T; adders
// add sqrt(d) v_sum and n sqrt(d); dividers make Z. Keys that do not fit the scratchpad at once are read twice, in
// chunks: once for the mean, once for G.
#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "base/error.h"
#include "mapping/forward/codec.h"
#include "mapping/forward/residency.h"
#include "mapping/forward/sparse_part.h"

namespace vitality {
namespace {

std::vector<Chunk> chunks(int total, int size) {
  std::vector<Chunk> list;
  for (int i = 0; i < total; i += size) list.push_back({i, std::min(size, total - i)});
  return list;
}

struct AttentionPlan {
  int token_chunk, query_chunk;
  std::array<int, 4> sets;  // buffers of K, V, Q, T
};

class AttentionMapper {
 public:
  AttentionMapper(MappingContext& context, int layer, AttentionKind kind, const AttentionMasks* masks, TensorId output)
      : context_(context),
        builder_(context.builder),
        config_(context.config),
        layer_(layer),
        a_(std::get<Attention>(context.layer(layer).parameters)),
        kind_(kind),
        output_(output),
        element_(context.element_bytes()),
        wide_(std::max(wide_bytes(context.config.precision), context.element_bytes())) {
    if (traits(kind).uses_mask) sparse_.emplace(context, layer, kind, masks);
  }

  // Beside so many resident bytes, with heads that need no buffers.
  bool fits_beside(Bytes resident, bool in_place) const {
    const AttentionPlan smallest{a_.n_kv, a_.n_q, in_place ? Sets{0, 0, 0, 1} : Sets{1, 1, 1, 1}};
    return bytes_of(smallest) + resident <= builder_.scratchpad_bytes();
  }

  void map() {
    in_place_ = context_.resident.count(context_.layer(layer_).inputs[0]) > 0;
    keep_results();
    plan();
    if (context_.plan_only) return release();
    for (int instance = 0; instance < a_.instances; ++instance) {
      for (int head = 0; head < a_.heads; ++head) {
        instance_ = instance, head_ = head;
        map_head();
      }
    }
    release();
  }

 private:
  using Sets = std::array<int, 4>;

  void release() {
    if (in_place_) release_resident(context_, context_.layer(layer_).inputs[0]);
  }
  // The results of Taylor attention leave the dividers (or adders) as they are: they can stay where the next layer
  // finds them.
  void keep_results() {
    const int consumer = taylor() && !sparse_ ? resident_consumer(context_, layer_) : kNone;
    if (consumer == kNone || a_.instances != 1) return;
    std::vector<ResidentTile> tiles;
    for (int head = 0; head < a_.heads; ++head) tiles.push_back({head * a_.d_v, a_.d_v, kNone});
    const std::vector<Bytes> sizes = resident_bytes(context_, consumer, a_.n_q, tiles);
    Bytes room = 0;
    for (const Bytes size : sizes) room += ceil_div(size, 8) * 8;
    const GemmChoice& next = context_.plan_gemm(linear_problem(context_, consumer, {}), builder_.scratchpad_bytes());
    const GemmChoice& on_chip =
        context_.plan_gemm(linear_problem(context_, consumer, tiles), builder_.scratchpad_bytes() - room);
    const Bytes others = builder_.scratchpad_bytes() - builder_.capacity();
    if (!on_chip.plan || !fits_beside(room + others, in_place_)) return;
    const auto score = [&](const GemmPlan& plan) {
      return plan_score(config_.mapping.objective, plan.cycles, plan.energy_pj,
                        static_cast<double>(plan.dram_bytes) / context_.dram_bytes_per_cycle());
    };
    if (next.plan && score(*next.plan) < score(*on_chip.plan)) return;
    out_in_place_ = true;
    make_resident(context_, layer_, tiles, sizes);
  }
  BufferId resident_head() const { return context_.resident.at(layer_)[static_cast<std::size_t>(head_)].buffer; }

  void map_head() {
    switch (kind_) {
      case AttentionKind::kSoftmax:
        return softmax_head();
      case AttentionKind::kSparse:
        return sparse_head();
      case AttentionKind::kTaylor:
      case AttentionKind::kTaylorElided:
      case AttentionKind::kUnified:
      case AttentionKind::kUnifiedAdditive:
        return taylor_head();
      case AttentionKind::kTaylorReleased:  // AttentionTraits::mapped is false
      case AttentionKind::kAuto:
        break;
    }
    throw std::logic_error(std::string("no mapper for attention ") + to_string(kind_));
  }

  bool taylor() const { return traits(kind_).low_rank; }
  bool elided() const { return kind_ == AttentionKind::kTaylorElided; }
  bool first_order_bias() const { return a_.bias_params > 0 && config_.attention_bias == AttentionBias::kFirstOrder; }
  OperatorId op(OperatorRole role) { return builder_.add_operator(role, layer_, instance_, head_); }

  // K_hat = K - K_bar needs one bit more than an integer operand: a plane of single bits behind the tile.
  bool guard_bit() const { return taylor() && is_integer(config_.precision); }
  int guard_flag() const { return guard_bit() ? kGuardBit : 0; }

  std::vector<Bytes> buffer_list(const AttentionPlan& p) const {
    const Bytes keys = Bytes{p.token_chunk} * a_.d_qk;
    const Bytes k = element_ * keys + (guard_bit() ? ceil_div(keys, 8) : 0), v = element_ * p.token_chunk * a_.d_v,
                q = element_ * p.query_chunk * a_.d_qk;
    const bool softmax = kind_ == AttentionKind::kSoftmax;
    // T holds T_N and then Z, or the scores and then P; behind it t_D.
    const Bytes t_cols = softmax ? a_.n_kv : a_.d_v;
    const Bytes t_element = a_.d_qk <= config_.matrix_engine.rows ? wide_ : std::max(wide_, context_.partial_bytes());
    const Bytes t = t_element * p.query_chunk * t_cols;
    std::vector<Bytes> list;
    const auto add = [&list](int count, Bytes each) { list.insert(list.end(), static_cast<std::size_t>(count), each); };
    add(p.sets[0], k), add(p.sets[1], v), add(p.sets[2], q), add(p.sets[3], t);
    if (softmax) add(p.sets[3], std::max(context_.partial_bytes(), element_) * p.query_chunk * a_.d_v);
    if (!taylor() && a_.bias_params > 0) list.push_back(element_ * p.query_chunk * a_.n_kv);
    if (taylor()) {
      list.push_back(context_.partial_bytes() * a_.d_qk * a_.d_v);  // G
      for (int i = 0; i < 2; ++i) {
        list.push_back(context_.partial_bytes() * a_.d_qk);  // 1^T K, then K_bar
        list.push_back(context_.partial_bytes() * a_.d_qk);  // k_hat_sum
        list.push_back(context_.partial_bytes() * a_.d_v);   // v_sum
      }
      for (int i = 0; i < 2; ++i) list.push_back(context_.partial_bytes() * p.query_chunk);  // t_D
      if (first_order_bias()) {
        list.push_back(element_ * p.query_chunk * a_.n_kv);
        list.push_back(context_.partial_bytes() * p.query_chunk * a_.d_v);  // B V
      }
    }
    if (sparse_) {
      for (const Bytes bytes : sparse_->buffer_list(p.token_chunk, p.query_chunk)) list.push_back(bytes);
    }
    return list;
  }

  Bytes bytes_of(const AttentionPlan& p) const {
    Bytes total = 0;
    for (const Bytes bytes : buffer_list(p)) total += ceil_div(bytes, 8) * 8;
    return total;
  }
  bool fits(const AttentionPlan& p) const { return bytes_of(p) <= builder_.capacity(); }

  // Over 60 lines: the search for sizes that fit, then the buffers in the order of buffer_list().
  void plan() {
    const int rows = config_.matrix_engine.rows;
    static constexpr std::array<Sets, 6> kDense{
        {{2, 2, 2, 2}, {2, 2, 1, 2}, {2, 2, 2, 1}, {2, 2, 1, 1}, {2, 1, 1, 1}, {1, 1, 1, 1}}};
    // Prediction runs a head ahead of the products: it needs the next K and Q, nobody needs V early.
    static constexpr std::array<Sets, 6> kSparse{
        {{2, 2, 2, 2}, {2, 1, 2, 2}, {2, 2, 2, 1}, {2, 1, 2, 1}, {2, 1, 1, 1}, {1, 1, 1, 1}}};
    static constexpr std::array<Sets, 6> kInPlace{
        {{0, 0, 0, 2}, {0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}}};
    const std::array<Sets, 6>& all_sets = in_place_ ? kInPlace : kind_ == AttentionKind::kSparse ? kSparse : kDense;
    std::optional<AttentionPlan> found;
    int token_chunk = a_.n_kv, query_chunk = a_.n_q;
    while (!found) {
      for (const Sets& sets : all_sets) {
        const AttentionPlan candidate{token_chunk, query_chunk, sets};
        if (fits(candidate)) {
          found = candidate;
          break;
        }
      }
      if (found) break;
      const auto halve = [rows](int size) {
        return static_cast<int>(std::max<std::int64_t>(ceil_div(ceil_div(size, 2), rows) * rows, 1));
      };
      // The sparse part reads the keys once a chunk of queries: it keeps them whole for as long as it can.
      if (query_chunk > 1 && (query_chunk >= token_chunk || token_chunk <= rows || (sparse_ && query_chunk > rows))) {
        query_chunk = query_chunk > rows ? halve(query_chunk) : query_chunk / 2;
      } else if (token_chunk > rows) {
        token_chunk = halve(token_chunk);
      } else {
        throw InfeasibleError(
            "layer " + context_.layer(layer_).name + ": one tile of its attention (" + std::to_string(a_.n_kv) +
            " keys, d = " + std::to_string(a_.d_qk) + ", e = " + std::to_string(a_.d_v) + ") needs " +
            std::to_string(bytes_of({token_chunk, query_chunk, all_sets.back()})) + " bytes, the scratchpad has " +
            std::to_string(builder_.capacity()) + " (scratchpad.capacity_kib)");
      }
    }
    plan_ = *found;
    const std::vector<BufferId> buffers = builder_.allocate(buffer_list(plan_), "layer " + context_.layer(layer_).name);
    auto next = buffers.cbegin();
    const auto take = [&](Ring& ring, int count) {
      for (int i = 0; i < count; ++i) ring.buffers.push_back(*next++);
    };
    take(k_, plan_.sets[0]);
    take(v_, plan_.sets[1]);
    take(q_, plan_.sets[2]);
    take(t_, plan_.sets[3]);
    if (kind_ == AttentionKind::kSoftmax) {
      take(z_, plan_.sets[3]);
    }
    if (!taylor() && a_.bias_params > 0) take(bias_, 1);
    if (taylor()) {
      take(g_, 1);
      for (int i = 0; i < 2; ++i) take(mean_, 1), take(key_sum_, 1), take(value_sum_, 1);
      take(denominator_, 2);
      if (first_order_bias()) take(bias_, 1), take(bias_sum_, 1);
    }
    if (sparse_) sparse_->take_buffers(next);
    if (a_.bias_params > 0 && (!taylor() || first_order_bias()))
      bias_tensor_ =
          context_.add_weight(context_.layer(layer_).name + ".bias", layer_, a_.heads * a_.n_q, a_.n_kv, element_);
    context_.note(layer_, std::to_string(ceil_div(a_.n_kv, plan_.token_chunk)) + " key chunks of " +
                              std::to_string(plan_.token_chunk) + ", " +
                              std::to_string(ceil_div(a_.n_q, plan_.query_chunk)) + " query chunks of " +
                              std::to_string(plan_.query_chunk) + ", buffers K x" + std::to_string(plan_.sets[0]) +
                              " V x" + std::to_string(plan_.sets[1]) + " Q x" + std::to_string(plan_.sets[2]) + " T x" +
                              std::to_string(plan_.sets[3]));
  }

  BufferId load(const HeadColumns& from, int tokens_per_instance, int depth, const Chunk& chunk, Ring& ring,
                OperatorId op_index) {
    if (in_place_) return resident_columns(from.offset + head_ * from.head_stride);
    const BufferId buffer = ring.take();
    Transfer load =
        builder_.make_transfer(context_.input_tensor(layer_, from.input), instance_ * tokens_per_instance + chunk.first,
                               from.offset + head_ * from.head_stride, chunk.count, depth, buffer);
    const bool is_coded = coded(context_, context_.layer(layer_).inputs[static_cast<std::size_t>(from.input)], load);
    builder_.transfer(UnitKind::kDmaLoad, layer_, op_index, {load});
    if (is_coded) decode(context_, layer_, op_index, load);
    return buffer;
  }

  BufferId resident_columns(int first) const {
    for (const ResidentTile& tile : context_.resident.at(context_.layer(layer_).inputs[0]))
      if (tile.col == first) return tile.buffer;
    throw std::logic_error("a head that is no tile of what stayed in the scratchpad");
  }

  // More than 6 parameters: a job's kind, shape and operands.
  Job& start(UnitKind unit, JobKind kind, OperatorId op_index, ScheduleBuilder::Shape shape, BufferId streamed,
             BufferId second, BufferId result, int flags = 0) {
    return builder_.begin(unit, kind, layer_, op_index, shape, streamed, second, result, flags);
  }
  JobId end(BufferId written) {
    builder_.write(written);
    return builder_.finish();
  }
  // More than 6 parameters: a job's kind, shape and operands.
  void column_sum(OperatorId op_index, int rows, int cols, BufferId source, BufferId sum, bool first, int flags = 0) {
    start(UnitKind::kAccumulators, JobKind::kColumnSum, op_index, {rows, 0, cols}, source, kNone, sum,
          flags | (first ? kFirst : 0));
    if (!first) builder_.read(sum);
    end(sum);
  }
  UnitKind diagonal() const {
    return config_.diagonal_engine.enabled ? UnitKind::kDiagonalEngine : UnitKind::kMatrixEngine;
  }

  // Over 60 lines: Algorithm 1's steps in their order, which share their buffers.
  void taylor_head() {
    const int d = a_.d_qk, e = a_.d_v;
    const std::vector<Chunk> tokens = chunks(a_.n_kv, plan_.token_chunk), queries = chunks(a_.n_q, plan_.query_chunk);
    const BufferId mean = mean_.take(), key_sum = key_sum_.take(), value_sum = value_sum_.take(), g = g_.take();
    // Step 1: K_bar.
    const OperatorId mean_op = op(OperatorRole::kKeyMean);
    BufferId k_buffer = kNone, v_buffer = kNone, q_buffer = kNone;
    if (sparse_) sparse_->begin_head(instance_, head_, queries);
    for (const Chunk& chunk : tokens) {
      k_buffer = load(a_.k, a_.n_kv, d, chunk, k_, mean_op);
      if (sparse_) q_buffer = predict(queries, chunk, k_buffer, mean_op);
      column_sum(mean_op, chunk.count, d, k_buffer, mean, chunk.first == 0);
    }
    start(UnitKind::kDividers, JobKind::kMeanDivide, mean_op, {1, 0, d}, mean, kNone, mean).detail = MeanOver{a_.n_kv};
    end(mean);
    save(&SavedAttention::key_mean, ".saved.key_mean", {1, d, element_}, {0, 1}, mean, mean_op);
    // Steps 1 to 3, chunk by chunk: K_hat in place of K, k_hat_sum, v_sum, G.
    const OperatorId centre_op = op(OperatorRole::kCentreKeys),
                     key_sum_op = elided() ? kNone : op(OperatorRole::kKeySum);
    const OperatorId value_sum_op = op(OperatorRole::kValueSum), context_op = op(OperatorRole::kContext);
    for (const Chunk& chunk : tokens) {
      const bool first = chunk.first == 0, last = chunk.first + chunk.count == a_.n_kv;
      if (tokens.size() > 1) k_buffer = load(a_.k, a_.n_kv, d, chunk, k_, centre_op);
      v_buffer = load(a_.v, a_.n_kv, e, chunk, v_, value_sum_op);
      start(UnitKind::kAdders, JobKind::kSubtractRow, centre_op, {chunk.count, 0, d}, k_buffer, mean, k_buffer,
            guard_flag());
      end(k_buffer);
      if (!elided()) column_sum(key_sum_op, chunk.count, d, k_buffer, key_sum, first, guard_flag());
      column_sum(value_sum_op, chunk.count, e, v_buffer, value_sum, first);
      context_folds(context_op, chunk, last, k_buffer, v_buffer, g, first);
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
      // Prediction has brought Q already, unless its place has gone to another chunk.
      if (q_buffer == kNone || queries.size() > 1) q_buffer = load(a_.q, a_.n_q, d, chunk, q_, numerator_op);
      const BufferId t_buffer = t_.take();
      BufferId t_d = kNone;
      if (!elided()) {
        t_d = denominator_.take();
        Job& dot = start(diagonal(), JobKind::kDotProduct, denominator_op, {chunk.count, d, 1}, q_buffer, key_sum, t_d);
        dot.streamed_stride = d, dot.stationary_stride = 1;
        end(t_d);
        start(UnitKind::kAdders, JobKind::kAddConstant, denominator_op, {chunk.count, 0, 1}, t_d, kNone, t_d);
        end(t_d);
        save(&SavedAttention::denominator, ".saved.denominator", {a_.n_q, 1, context_.partial_bytes()}, chunk, t_d,
             denominator_op);
      }
      numerator_folds(numerator_op, chunk.count, q_buffer, g, t_buffer);
      if (first_order_bias()) bias_folds(numerator_op, chunk, tokens, t_buffer);
      const BufferId z_buffer = out_in_place_ ? resident_head() : t_buffer;
      const BufferId sum = elided() ? z_buffer : t_buffer;
      start(UnitKind::kAdders, JobKind::kAddRow, numerator_op, {chunk.count, 0, e}, t_buffer, value_sum, sum,
            elided() ? kLast : 0)
          .result_offset = elided() ? result_offset(chunk) : 0;
      end(sum);
      if (!elided()) {
        Job& divide = start(UnitKind::kDividers, JobKind::kRowDivide, quotient_op, {chunk.count, 0, e}, t_buffer, t_d,
                            z_buffer, sparse_ ? kWide : 0);
        divide.stationary_stride = 1;
        divide.result_offset = result_offset(chunk);
        end(z_buffer);
      }
      if (sparse_) {
        sparse_->begin_queries(chunk);
        for (const Chunk& keys : tokens) {
          if (tokens.size() > 1) {  // K_hat once more
            k_buffer = load(a_.k, a_.n_kv, d, keys, k_, centre_op);
            start(UnitKind::kAdders, JobKind::kSubtractRow, centre_op, {keys.count, 0, d}, k_buffer, mean, k_buffer,
                  guard_flag());
            end(k_buffer);
          }
          sparse_->scores(keys, q_buffer, k_buffer, kNone);
        }
        sparse_->softmax(t_d);
        save(&SavedAttention::row_sums, ".saved.row_sums", {a_.n_q, 2, wide_}, chunk, sparse_->row_sums(),
             value_sum_op);
        sparse_values(tokens, v_buffer, sparse_->sums(), value_sum_op);
        save(&SavedAttention::low_rank, ".saved.low_rank", {a_.n_q, e, wide_}, chunk, t_buffer, quotient_op);
        sparse_->merge(t_buffer);
      }
      store(elided() ? numerator_op : quotient_op, chunk, z_buffer);
    }
  }

  // Predicts the blocks of the mask that lie in these keys; returns the last chunk of queries, or kNone where nothing
  // is predicted.
  BufferId predict(const std::vector<Chunk>& queries, const Chunk& keys, BufferId k_buffer, OperatorId op_index) {
    BufferId q_buffer = kNone;
    for (const Chunk& chunk : queries) {
      if (!sparse_->predicts()) break;
      q_buffer = load(a_.q, a_.n_q, a_.d_qk, chunk, q_, op_index);
      sparse_->predict(chunk, keys, q_buffer, k_buffer);
    }
    return q_buffer;
  }

  void sparse_values(const std::vector<Chunk>& tokens, BufferId v_buffer, BufferId result, OperatorId op_index) {
    for (const Chunk& keys : tokens) {
      if (v_buffer == kNone || tokens.size() > 1) v_buffer = load(a_.v, a_.n_kv, a_.d_v, keys, v_, op_index);
      sparse_->values(keys, keys.first + keys.count == a_.n_kv, v_buffer, result);
    }
  }

  // Attention on the mask alone.
  void sparse_head() {
    const int d = a_.d_qk;
    const std::vector<Chunk> tokens = chunks(a_.n_kv, plan_.token_chunk), queries = chunks(a_.n_q, plan_.query_chunk);
    const OperatorId load_op = op(OperatorRole::kSparseScores), store_op = op(OperatorRole::kSparseValues);
    BufferId k_buffer = kNone, v_buffer = kNone, q_buffer = kNone;
    sparse_->begin_head(instance_, head_, queries);
    for (const Chunk& keys : tokens) {
      if (!sparse_->predicts()) break;
      k_buffer = load(a_.k, a_.n_kv, d, keys, k_, load_op);
      q_buffer = predict(queries, keys, k_buffer, load_op);
    }
    for (const Chunk& chunk : queries) {
      if (q_buffer == kNone || queries.size() > 1) q_buffer = load(a_.q, a_.n_q, d, chunk, q_, load_op);
      const BufferId z_buffer = t_.take();
      sparse_->begin_queries(chunk);
      for (const Chunk& keys : tokens) {
        if (k_buffer == kNone || tokens.size() > 1) k_buffer = load(a_.k, a_.n_kv, d, keys, k_, load_op);
        const BufferId bias = a_.bias_params > 0 ? load_bias(load_op, chunk, keys) : kNone;
        sparse_->scores(keys, q_buffer, k_buffer, bias);
      }
      sparse_->softmax(kNone);
      if (v_buffer == kNone && tokens.size() == 1) v_buffer = load(a_.v, a_.n_kv, a_.d_v, tokens[0], v_, store_op);
      sparse_values(tokens, v_buffer, z_buffer, store_op);
      store(store_op, chunk, z_buffer);
    }
  }

  // Training: keeps rows of one head's intermediate in memory for the backward pass.
  struct SavedShape {
    int rows, cols;  // of a head
    Bytes each;
  };
  void save(TensorId SavedAttention::*field, const char* suffix, SavedShape shape, const Chunk& rows, BufferId buffer,
            OperatorId op_index) {
    if (context_.saved == nullptr) return;
    TensorId& tensor = context_.saved->attention[static_cast<std::size_t>(layer_)].*field;
    const int all = a_.instances * a_.heads * shape.rows;
    if (tensor == kNone)
      tensor = builder_.add_tensor(context_.layer(layer_).name + suffix, TensorRole::kActivation, layer_, all,
                                   shape.cols, shape.each * all * shape.cols);
    const int row = (instance_ * a_.heads + head_) * shape.rows + rows.first;
    builder_.transfer(UnitKind::kDmaStore, layer_, op_index,
                      {builder_.make_transfer(tensor, row, 0, rows.count, shape.cols, buffer)});
  }

  int result_offset(const Chunk& chunk) const { return out_in_place_ ? chunk.first * a_.d_v : 0; }
  void store(OperatorId op_index, const Chunk& chunk, BufferId buffer) {
    const Transfer transfer = builder_.make_transfer(output_, instance_ * a_.n_q + chunk.first, head_ * a_.d_v,
                                                     chunk.count, a_.d_v, buffer, result_offset(chunk));
    if (out_in_place_) return show_resident(context_, layer_, op_index, transfer);
    builder_.transfer(UnitKind::kDmaStore, layer_, op_index, {transfer});
  }

  void multiply(const Product& product) { emit_product(context_, layer_, product); }

  // G formed in the PEs and used there: only where it fits, and where no other pass of the array comes between (a score
  // bias, or t_D without an SA-Diag) and nobody rescales it on the way (elided).
  bool g_stationary() const {
    const MatrixEngineConfig& engine = config_.matrix_engine;
    return engine.accumulation == Accumulation::kGStationary && a_.d_qk <= engine.rows && a_.d_v <= engine.cols &&
           config_.diagonal_engine.enabled && !first_order_bias() && !elided();
  }

  // G += K_hat^T V over one chunk: V stationary, K_hat streamed by columns. G-stationary: the tokens stream through, G
  // forms in the PEs and stays there.
  // More than 6 parameters: a job's kind, shape and operands.
  void context_folds(OperatorId op_index, const Chunk& chunk, bool last_chunk, BufferId k_buffer, BufferId v_buffer,
                     BufferId g, bool first_chunk) {
    const int d = a_.d_qk, e = a_.d_v;
    multiply({op_index,
              d,
              chunk.count,
              e,
              {k_buffer, 0, d, true},
              {v_buffer, 0, e},
              {g, 0, e},
              first_chunk,
              last_chunk,
              g,
              guard_flag() | (g_stationary() ? kOutputStationary | kResultHeld : 0)});
  }

  // T_N (wide) = Q G.
  void numerator_folds(OperatorId op_index, int m, BufferId q_buffer, BufferId g, BufferId t_buffer) {
    const int d = a_.d_qk, e = a_.d_v;
    multiply({op_index,
              m,
              d,
              e,
              {q_buffer, 0, d},
              {g, 0, e},
              {t_buffer, 0, e},
              true,
              true,
              d > config_.matrix_engine.rows ? t_buffer : kNone,
              kWide | (g_stationary() ? kStationaryHeld : 0)});
  }

  // First-order score bias: T_N += sqrt(d) (B - rowmean(B)) V, the centred bias being a constant of the model. Summed
  // apart, because its unit is not T_N's, and added by the last pass.
  void bias_folds(OperatorId op_index, const Chunk& queries, const std::vector<Chunk>& tokens, BufferId t_buffer) {
    const int e = a_.d_v;
    const BufferId bias = load_bias(op_index, queries), sum = bias_sum_.take();
    for (const Chunk& chunk : tokens) {
      const BufferId v_buffer = load(a_.v, a_.n_kv, e, chunk, v_, op_index);
      multiply({op_index,
                queries.count,
                chunk.count,
                e,
                {bias, chunk.first, a_.n_kv},
                {v_buffer, 0, e},
                {t_buffer, 0, e},
                chunk.first == 0,
                chunk.first + chunk.count == a_.n_kv,
                sum,
                kWide | kOntoResult});
    }
  }

  BufferId load_bias(OperatorId op_index, const Chunk& queries) { return load_bias(op_index, queries, {0, a_.n_kv}); }
  BufferId load_bias(OperatorId op_index, const Chunk& queries, const Chunk& keys) {
    const BufferId buffer = bias_.take();
    builder_.transfer(UnitKind::kDmaLoad, layer_, op_index,
                      {builder_.make_transfer(bias_tensor_, head_ * a_.n_q + queries.first, keys.first, queries.count,
                                              keys.count, buffer)});
    return buffer;
  }

  // Exact attention: scores with K stationary, one row-softmax, P V with V stationary.
  void softmax_head() {
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
      start(UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, softmax_op, {queries.count, 0, a_.n_kv}, s_buffer,
            kNone, s_buffer);
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

  MappingContext& context_;
  ScheduleBuilder& builder_;
  const HardwareConfig& config_;
  int layer_;
  const Attention& a_;
  AttentionKind kind_;
  TensorId output_;
  Bytes element_, wide_;
  AttentionPlan plan_{};
  Ring k_, v_, q_, t_, z_, g_, mean_, key_sum_, value_sum_, denominator_, bias_, bias_sum_;
  TensorId bias_tensor_ = kNone;
  std::optional<SparsePart> sparse_;
  int instance_ = 0, head_ = 0;
  bool in_place_ = false, out_in_place_ = false;  // Q, K and V, and Z, stay in the scratchpad
};

}  // namespace

bool attention_fits(MappingContext& context, int layer, AttentionKind kind, Bytes resident) {
  return AttentionMapper(context, layer, kind, nullptr, kNone).fits_beside(resident, true);
}

void map_attention_layer(MappingContext& context, int layer, AttentionKind kind, const AttentionMasks* masks,
                         TensorId output) {
  AttentionMapper(context, layer, kind, masks, output).map();
}

}  // namespace vitality
