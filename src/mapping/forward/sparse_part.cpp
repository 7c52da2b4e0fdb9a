#include "mapping/forward/sparse_part.h"

#include <algorithm>

#include "base/error.h"
#include "cost/mask_entries.h"
#include "cost/sparse_machine.h"

namespace vitality {
namespace {

// Number of columns of dense scores that wait for the exp unit at a time.
int dense_columns(const MappingContext& context, int keys) {
  return std::min(keys, context.config.matrix_engine.cols);
}

}  // namespace

Count kept_in_rows(const Mask& mask, int first, int count) {
  return count <= 0 || mask.empty() ? 0 : entries_between(mask.row(first), mask.row(first) + count * mask.cols());
}

MaskTile describe_block(const Mask& mask, std::int32_t index, const Chunk& queries, const Chunk& tokens,
                        const HardwareConfig& config, bool transposed) {
  if (transposed) {
    Mask turned(tokens.count, queries.count);
    for (int r = 0; r < queries.count; ++r) {
      const std::uint8_t* row = mask.row(queries.first + r) + tokens.first;
      for_each_entry(row, row + tokens.count, [&](std::ptrdiff_t c) { turned(static_cast<int>(c), r) = 1; });
    }
    MaskTile tile = describe_block(turned, index, {0, tokens.count}, {0, queries.count}, config, false);
    tile.row = tokens.first, tile.col = queries.first, tile.transposed = true;
    if (queries.first == 0) return tile;  // every key with an entry is met here for the first time
    tile.fresh_rows = 0;                  // only keys that earlier chunks of queries have not met
    std::vector<std::uint8_t> met(static_cast<std::size_t>(tokens.count));
    for (int r = 0; r < queries.first; ++r) {
      const std::uint8_t* row = mask.row(r) + tokens.first;
      for (int c = 0; c < tokens.count; ++c) met[static_cast<std::size_t>(c)] |= row[c];
    }
    for (int c = 0; c < tokens.count; ++c)
      tile.fresh_rows +=
          met[static_cast<std::size_t>(c)] == 0 && entries_between(turned.row(c), turned.row(c) + queries.count) > 0;
    return tile;
  }
  MaskTile tile{index, queries.first, tokens.first, queries.count, tokens.count};
  for (int r = 0; r < queries.count; ++r) {
    const std::uint8_t* row = mask.row(queries.first + r) + tokens.first;
    const Count ones = entries_between(row, row + tokens.count);
    tile.kept += ones;
    tile.used_rows += ones > 0;
    tile.fresh_rows += ones > 0 && entries_between(row - tokens.first, row) == 0;
  }
  sparse_machine(config).describe(config, mask, tile);
  return tile;
}

SparsePart::SparsePart(MappingContext& context, int layer, AttentionKind kind, const AttentionMasks* masks)
    : context_(context),
      builder_(context.builder),
      layer_(layer),
      a_(std::get<Attention>(context.layer(layer).parameters)),
      kind_(kind),
      machine_(sparse_machine(context.config)) {
  const std::string name = "layer " + context.layer(layer).name;
  if (needs_sparse_unit(context.config.machine, kind) && !context.config.sparse_unit.enabled)
    throw InfeasibleError(name + ": " + to_string(kind) +
                          " attention needs a sparse unit, this machine has none (sparse_unit.enabled)");
  if (unified() && a_.bias_params > 0 && context.config.attention_bias == AttentionBias::kFirstOrder)
    throw InfeasibleError(name + ": " + to_string(kind) +
                          " attention with a score bias of first order is not simulated; attention_bias drop is");
  if (machine_.masks.square_only && a_.n_q != a_.n_kv)
    throw InfeasibleError(name + ": " + to_string(context.config.machine) +
                          " runs attention with as many queries as keys only, this layer has " +
                          std::to_string(a_.n_q) + " queries and " + std::to_string(a_.n_kv) + " keys");
  if (context.plan_only) {
    expect_fewest_entries();
    return;
  }
  if (masks == nullptr || masks->of_layer[static_cast<std::size_t>(layer)].empty())
    throw InfeasibleError(name + ": " + to_string(kind) + " attention needs masks");
  std::vector<ScheduledMask>& list = builder_.schedule().masks;
  first_mask_ = static_cast<std::int32_t>(list.size());
  const std::vector<Mask>& given = masks->of_layer[static_cast<std::size_t>(layer)];
  for (int instance = 0; instance < a_.instances; ++instance) {
    for (int head = 0; head < a_.heads; ++head) {
      ScheduledMask scheduled{layer, instance, head, given[static_cast<std::size_t>(instance * a_.heads + head)], {}};
      scheduled.kept = kept_entries(scheduled.mask);
      if (!masks->values_of_layer.empty())
        scheduled.values = masks->values_of_layer[static_cast<std::size_t>(layer)]
                                                 [static_cast<std::size_t>(instance * a_.heads + head)];
      for (int r = 0; r < a_.n_q && !unified() && machine_.empty_rows == EmptyRows::kDense; ++r) {
        std::uint8_t* row = scheduled.mask.row(r);
        if (std::any_of(row, row + a_.n_kv, [](auto bit) { return bit != 0; })) continue;
        std::fill(row, row + a_.n_kv, std::uint8_t{1});
        ++scheduled.fallback_rows;
      }
      first_entry_.push_back(first_entry_.empty() ? 0 : first_entry_.back());
      for (int r = 0; r < a_.n_q; ++r) first_entry_.push_back(first_entry_.back() + kept_in_rows(scheduled.mask, r, 1));
      list.push_back(std::move(scheduled));
    }
  }
  if (!predicts() || context.saved != nullptr) {
    const int rows = a_.instances * a_.heads * a_.n_q, cols = static_cast<int>(ceil_div(a_.n_kv, 8));
    mask_tensor_ = builder_.add_tensor(context.layer(layer).name + ".mask", TensorRole::kMask, layer, rows, cols,
                                       Bytes{rows} * cols);
  }
  if (context.saved == nullptr) return;
  SavedAttention& saved = context.saved->attention[static_cast<std::size_t>(layer)];
  Count entries = first_entry_.empty() ? 0 : first_entry_.back();
  saved.first_mask = first_mask_, saved.mask = mask_tensor_;
  entries = std::max<Count>(1, entries);
  saved.entries = builder_.add_tensor(context.layer(layer).name + ".saved.entries", TensorRole::kActivation, layer,
                                      static_cast<int>(entries), 1, context.element_bytes() * entries);
}

// Assumes for every mask the fewest entries that it can get: if these do not fit, no mask does.
void SparsePart::expect_fewest_entries() {
  const Count a_row = !unified() && machine_.empty_rows == EmptyRows::kDense ? 1 : 0;
  for (int head = 0; head < a_.instances * a_.heads; ++head)
    for (Count row = 0; row <= a_.n_q; ++row) first_entry_.push_back(row * a_row);
}

// Training: the predicted mask of a head, and the entries of a chunk of queries, stay in memory for the backward pass.
void SparsePart::save_mask() {
  if (context_.saved == nullptr || !predicts() || queries_.first > 0) return;
  const int cols = static_cast<int>(ceil_div(a_.n_kv, 8));
  builder_.transfer(
      UnitKind::kDmaStore, layer_, predict_op_,
      {builder_.make_transfer(mask_tensor_, (instance_ * a_.heads + head_) * a_.n_q, 0, a_.n_q, cols, bits_)});
}

void SparsePart::save_entries() {
  if (context_.saved == nullptr) return;
  const Count count = entries_in(mask_ - first_mask_, queries_.first, queries_.count);
  if (count > 0)
    builder_.transfer(
        UnitKind::kDmaStore, layer_, softmax_op_,
        {builder_.make_transfer(context_.saved->attention[static_cast<std::size_t>(layer_)].entries,
                                static_cast<int>(saved_entries_), 0, static_cast<int>(count), 1, entries_)});
  saved_entries_ += count;
}

std::vector<Bytes> SparsePart::buffer_list(int token_chunk, int query_chunk) const {
  const Bytes wide = std::max(wide_bytes(context_.config.precision), context_.element_bytes());
  const Bytes sum = std::max(wide, context_.partial_bytes());
  Count most = 1;  // entries of a chunk of queries
  for (int head = 0; head < a_.instances * a_.heads; ++head)
    for (int row = 0; row < a_.n_q; row += query_chunk)
      most = std::max(most, entries_in(head, row, std::min(query_chunk, a_.n_q - row)));
  std::vector<Bytes> list(2, ceil_div(a_.n_kv, 8) * a_.n_q);  // bits of a head
  list.push_back(wide * most);                                // scores, then probabilities
  list.push_back(wide * most);
  if (!unified()) return list;
  list.push_back(sum * query_chunk * a_.d_v);
  for (int i = 0; i < 2; ++i) list.push_back(sum * query_chunk * dense_columns(context_, token_chunk));
  for (int i = 0; i < 2; ++i) list.push_back(2 * wide * query_chunk);
  return list;
}

void SparsePart::take_buffers(std::vector<BufferId>::const_iterator& next) {
  const auto take = [&](Ring& ring, int count) {
    for (int i = 0; i < count; ++i) ring.buffers.push_back(*next++);
  };
  take(bits_ring_, 2);
  take(entries_ring_, 2);
  if (!unified()) return;
  take(sum_ring_, 1);
  take(dense_ring_, 2);
  take(row_sums_ring_, 2);
}

void SparsePart::begin_head(int instance, int head, const std::vector<Chunk>& queries) {
  instance_ = instance, head_ = head;
  mask_ = first_mask_ + instance * a_.heads + head;
  bits_ = bits_ring_.take();
  const auto op = [&](OperatorRole role) { return builder_.add_operator(role, layer_, instance, head); };
  if (predicts()) predict_op_ = op(OperatorRole::kPrediction);
  scores_op_ = op(OperatorRole::kSparseScores);
  softmax_op_ = op(OperatorRole::kSparseSoftmax);
  values_op_ = op(OperatorRole::kSparseValues);
  if (unified()) sums_op_ = op(OperatorRole::kRowSums), merge_op_ = op(OperatorRole::kMerge);
  if (predicts()) return;
  std::vector<Transfer> transfers;
  const int first = (instance * a_.heads + head) * a_.n_q, cols = static_cast<int>(ceil_div(a_.n_kv, 8));
  for (const Chunk& chunk : queries)
    transfers.push_back(
        builder_.make_transfer(mask_tensor_, first + chunk.first, 0, chunk.count, cols, bits_, chunk.first * cols));
  builder_.transfer(UnitKind::kDmaLoad, layer_, scores_op_, transfers);
}

MaskTileId SparsePart::tile(const Mask& entries, const Chunk& queries, const Chunk& tokens) {
  IdVector<MaskTileId, MaskTile>& tiles = builder_.schedule().mask_tiles;
  const MaskTileId id = tiles.next();
  // If the keys are one chunk, scores, softmax and values use the same block.
  if (&entries != described_ || tiles.empty() || tiles.back().mask != mask_ || tiles.back().row != queries.first ||
      tiles.back().rows != queries.count || tiles.back().col != tokens.first || tiles.back().cols != tokens.count) {
    tiles.push_back(describe_block(entries, mask_, queries, tokens, context_.config, false));
    described_ = &entries;
  } else {
    tiles.push_back(MaskTile(tiles.back()));
  }
  return id;
}

// More than 6 parameters: a job's kind, shape and operands.
Job& SparsePart::start(UnitKind unit, JobKind kind, OperatorId op, int m, int k, int n, MaskTileId tile_index) {
  Job& job = builder_.begin(unit, kind, layer_, op);
  job.m = m, job.k = k, job.n = n;
  job.detail = tile_index;
  return job;
}

void SparsePart::predict(const Chunk& queries, const Chunk& tokens, BufferId q_buffer, BufferId k_buffer) {
  Job& job = start(UnitKind::kPredictor, JobKind::kPredict, predict_op_, queries.count, a_.d_qk, tokens.count,
                   tile(mask(), queries, tokens));
  job.streamed = q_buffer, job.stationary = k_buffer, job.result = bits_;
  builder_.read(q_buffer);
  builder_.read(k_buffer);
  builder_.write(bits_);
  builder_.finish();
}

void SparsePart::begin_queries(const Chunk& queries) {
  queries_ = queries;
  entries_ = entries_ring_.take();
  if (unified()) sum_ = sum_ring_.take(), row_sums_ = row_sums_ring_.take();
  save_mask();
}

void SparsePart::scores(const Chunk& tokens, BufferId q_buffer, BufferId k_buffer, BufferId bias_buffer) {
  const int d = a_.d_qk, m = queries_.count;
  Job& job = start(machine_.engine, JobKind::kSddmm, scores_op_, m, d, tokens.count, tile(mask(), queries_, tokens));
  job.streamed = q_buffer, job.streamed_stride = d;
  job.stationary = k_buffer, job.stationary_stride = d;
  job.result = entries_;
  for (const BufferId operand : {q_buffer, k_buffer, bits_}) builder_.read(operand);
  if (bias_buffer != kNone) {
    job.partial = bias_buffer, job.flags = kHasBias;
    builder_.read(bias_buffer);
  }
  const bool integer = is_integer(context_.config.precision);
  if (unified() && integer) job.flags |= kGuardBit;  // the keys are K_hat
  builder_.write(entries_);
  builder_.finish();
  if (!unified()) return;
  const int step = dense_columns(context_, tokens.count);
  for (int key = 0; key < tokens.count; key += step) {
    const int n = std::min(step, tokens.count - key);
    const BufferId dense = dense_ring_.take();
    emit_product(context_, layer_,
                 {sums_op_,
                  m,
                  d,
                  n,
                  {q_buffer, 0, d},
                  {k_buffer, key * d, d, true},
                  {dense, 0, n},
                  true,
                  true,
                  d > context_.config.matrix_engine.rows ? dense : kNone,
                  kWide | (integer ? kGuardBit : 0)});
    Job& sums = start(UnitKind::kExpUnit, JobKind::kRowSums, sums_op_, m, 0, n, kNone);
    sums.flags = tokens.first + key == 0 ? kFirst : 0;
    sums.streamed = dense, sums.streamed_stride = n;
    sums.result = row_sums_;
    builder_.read(dense);
    if (tokens.first + key > 0) builder_.read(row_sums_);
    builder_.write(row_sums_);
    builder_.finish();
  }
}

void SparsePart::softmax(BufferId t_d) {
  Job& job = start(machine_.softmax, JobKind::kSparseSoftmax, softmax_op_, queries_.count, 0, a_.n_kv,
                   tile(mask(), queries_, {0, a_.n_kv}));
  job.streamed = job.result = entries_;
  builder_.read(entries_);
  if (unified()) {
    job.stationary = row_sums_;
    builder_.read(row_sums_);
  }
  if (kind_ == AttentionKind::kUnified) {
    job.partial = t_d;
    builder_.read(t_d);
  }
  builder_.write(entries_);
  builder_.finish();
  save_entries();
}

void SparsePart::values(const Chunk& tokens, bool last, BufferId v_buffer, BufferId result) {
  const Mask& meeting = builder_.schedule().masks[static_cast<std::size_t>(mask_)].values;
  Job& job = start(machine_.engine, JobKind::kSpmm, values_op_, queries_.count, tokens.count, a_.d_v,
                   tile(meeting.empty() ? mask() : meeting, queries_, tokens));
  job.flags =
      static_cast<std::uint16_t>((tokens.first == 0 ? kFirst : 0) | (last ? kLast : 0) | (unified() ? kWide : 0));
  job.streamed = entries_;
  job.stationary = v_buffer, job.stationary_stride = a_.d_v;
  job.result = result, job.result_stride = a_.d_v;
  builder_.read(entries_);
  builder_.read(v_buffer);
  if (tokens.first > 0) builder_.read(result);
  builder_.write(result);
  builder_.finish();
}

void SparsePart::merge(BufferId low_rank) {
  Job& job = start(UnitKind::kAdders, JobKind::kMerge, merge_op_, queries_.count, 0, a_.d_v, kNone);
  job.streamed = job.result = low_rank, job.stationary = sum_;
  job.streamed_stride = job.stationary_stride = job.result_stride = a_.d_v;
  builder_.read(low_rank);
  builder_.read(sum_);
  builder_.write(low_rank);
  builder_.finish();
}

}  // namespace vitality
