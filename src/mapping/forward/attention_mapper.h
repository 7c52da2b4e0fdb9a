// Attention on the matrix engine and the pre- and post-processors: what the kinds of attention have in common, the
// sizes of chunks, the buffers, loads and stores. The jobs of each kind are emitted in a file of their own:
// taylor_attention.cpp, softmax_attention.cpp, sparse_attention.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "mapping/forward/residency.h"
#include "mapping/forward/softmax_plans.h"
#include "mapping/forward/sparse_part.h"

namespace vitality {

// [0, total) cut into pieces of `size`; the last one may be shorter.
std::vector<Chunk> chunks(int total, int size);

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

  // See estimate_attention().
  std::optional<AttentionEstimate> estimate(Bytes capacity, const OperandsInPlace& in_place);

  void map();

  // In turn with the layer that makes Q, K and V of a head at a time (fused_plans.h). start: the buffers that the plan
  // needs; they are given next, and then each head is mapped.
  std::optional<AttentionInPlace> in_place(Bytes capacity, const AttentionMapping* given);
  const AttentionMapping* given_in_place();  // checked; null: there is none
  std::vector<Bytes> start_in_place(const AttentionMapping& plan);
  void take_buffers(const std::vector<BufferId>& buffers);
  void map_head(int head);

 private:
  using Sets = std::array<int, 4>;

  void map_head();

  double heads_at_once() const;
  bool low_rank() const { return traits(kind_).low_rank; }
  bool centres_keys() const { return traits(kind_).centres_keys; }
  bool elided() const { return kind_ == AttentionKind::kTaylorElided; }
  bool first_order_bias() const {
    return centres_keys() && a_.bias_params > 0 && config_.attention_bias == AttentionBias::kFirstOrder;
  }
  OperatorId op(OperatorRole role) { return builder_.add_operator(role, layer_, instance_, head_); }

  // In integer formats K_hat = K - K_bar needs one bit more than an operand: a plane of single bits behind the tile.
  bool guard_bit() const { return centres_keys() && is_integer(config_.precision); }
  int guard_flag() const { return guard_bit() ? kGuardBit : 0; }

  std::vector<Bytes> buffer_list(const AttentionMapping& p) const;
  Bytes bytes_of(const AttentionMapping& p) const { return aligned_sum(buffer_list(p)); }

  // Refuses a mapping from a file that the layer cannot run.
  void check(const AttentionMapping& given) const;
  std::optional<AttentionMapping> best(Bytes capacity) const;
  AttentionEstimate estimate_of(const AttentionMapping& plan) const;
  // Of a head, with one place for numerators: the cycles in which the next ones wait until these have been added to and
  // divided, as far as the next head's G does not hide it.
  double numerator_waits(const AttentionMapping& plan) const;
  AttentionMapping choose_chunks(Bytes capacity) const;
  // Up to `most`, the largest chunks first, in as many buffers as fit.
  std::vector<AttentionMapping> chunks_that_fit(Bytes capacity, std::size_t most) const;
  std::optional<AttentionMapping> largest_chunks(Bytes capacity) const;
  const LayerMapping* alternative();
  std::optional<AttentionMapping> best_softmax(Bytes capacity) const;
  std::string plan_text() const;

  // Brings rows of one head's columns, or says where they lie.
  TilePlace load(const HeadColumns& from, int tokens_per_instance, int depth, const Chunk& chunk, Ring& ring,
                 OperatorId op_index);
  // Where this row of these columns lies in what stays in the scratchpad of the output of `layer`.
  TilePlace resident_place(int layer, int row, int col) const;

  // More than 6 parameters: a job's kind, shape and operands.
  Job& start(UnitKind unit, JobKind kind, OperatorId op_index, ScheduleBuilder::Shape shape, TilePlace streamed,
             BufferId second, TilePlace result, int flags = 0) {
    return builder_.begin(unit, kind, layer_, op_index, shape, streamed, second, result, flags);
  }
  JobId end(BufferId written) {
    builder_.write(written);
    return builder_.finish();
  }
  JobId end(const TilePlace& written, int rows, int cols) {
    builder_.write(written.buffer, written.elements(rows, cols));
    return builder_.finish();
  }
  static Operand operand(const TilePlace& place, int cols, bool transposed = false) {
    return {place.buffer, place.offset, place.stride != 0 ? place.stride : cols, transposed};
  }
  // More than 6 parameters: a job's kind, shape and operands.
  void column_sum(OperatorId op_index, int rows, int cols, TilePlace source, BufferId sum, bool first, int flags = 0);
  UnitKind diagonal() const {
    return config_.diagonal_engine.enabled ? UnitKind::kDiagonalEngine : UnitKind::kMatrixEngine;
  }

  void taylor_head();
  void centre(OperatorId op_index, const Chunk& chunk, TilePlace k, BufferId mean);
  void relu_linear_head();
  void rectify(OperatorId op_index, const Chunk& chunk, TilePlace tile);
  // t_D = Q key_sum^T.
  void denominator(OperatorId op_index, int m, TilePlace q, BufferId key_sum, BufferId t_d);
  void add_constant(OperatorId op_index, int m, BufferId t_d);
  // Z = T_N / t_D, row by row.
  void quotient(OperatorId op_index, const Chunk& chunk, BufferId t_buffer, BufferId t_d, TilePlace z, int flags);

  // Predicts the blocks of the mask for these keys; returns the buffer of the last chunk of queries, or kNone if
  // nothing is predicted.
  BufferId predict(const std::vector<Chunk>& queries, const Chunk& keys, BufferId k_buffer, OperatorId op_index);

  void sparse_values(const std::vector<Chunk>& tokens, BufferId v_buffer, BufferId result, OperatorId op_index);

  // Attention on the mask alone.
  void sparse_head();

  // Training: keeps rows of one head's intermediate in memory for the backward pass.
  struct SavedShape {
    int rows, cols;  // of a head
    Bytes each;
  };
  void save(TensorId SavedAttention::*field, const char* suffix, SavedShape shape, const Chunk& rows, BufferId buffer,
            OperatorId op_index);

  // Where results go: to their place in the scratchpad, or to this buffer.
  TilePlace result_place(const Chunk& queries, BufferId buffer) const {
    if (plan_.results == ResultPlace::kMemory) return buffer;
    return resident_place(layer_, instance_ * a_.n_q + queries.first, head_ * a_.d_v);
  }
  void store(OperatorId op_index, const Chunk& chunk, TilePlace from);

  void multiply(const Product& product) { emit_product(context_, layer_, product); }

  // Whether G is formed in the PEs and used there. Possible only if it fits, if no other pass of the array comes
  // between (a score bias, or t_D without an SA-Diag), and if it is not rescaled in between (elided).
  bool g_stationary() const;

  // G += K_hat^T V over one chunk: V is stationary, K_hat is streamed by columns. G-stationary: the tokens stream
  // through, G is formed in the PEs and stays there. More than 6 parameters: a job's kind, shape and operands.
  void context_folds(OperatorId op_index, const Chunk& chunk, bool last_chunk, TilePlace k, TilePlace v, BufferId g,
                     bool first_chunk);

  // T_N (wide) = Q G.
  void numerator_folds(OperatorId op_index, int m, TilePlace q, BufferId g, BufferId t_buffer);

  // First-order score bias: T_N += sqrt(d) (B - rowmean(B)) V, where the centred bias is a constant of the model. It is
  // summed separately, because its unit is not that of T_N, and added by the last pass.
  void bias_folds(OperatorId op_index, const Chunk& queries, const std::vector<Chunk>& tokens, BufferId t_buffer);

  BufferId load_bias(OperatorId op_index, const Chunk& queries) { return load_bias(op_index, queries, {0, a_.n_kv}); }
  BufferId load_bias(OperatorId op_index, const Chunk& queries, const Chunk& keys);

  // Exact attention: scores with K stationary, softmax, P V with V stationary.
  void softmax_head() { plan_.online_softmax ? online_softmax_head() : whole_row_softmax_head(); }
  void whole_row_softmax_head();
  void online_softmax_head();
  BufferId online_scores(OperatorId scores_op, const Chunk& queries, const Chunk& keys, TilePlace q, TilePlace k);
  void rescale(OperatorId op_index, const Chunk& queries, BufferId sums, BufferId numbers, TilePlace result, int flags);

  MappingContext& context_;
  ScheduleBuilder& builder_;
  const HardwareConfig& config_;
  int layer_;
  const Attention& a_;
  AttentionKind kind_;
  TensorId output_;
  Bytes element_, wide_;
  AttentionMapping plan_;
  Ring k_, v_, q_, t_, z_, g_, mean_, key_sum_, value_sum_, denominator_, bias_, bias_sum_, row_numbers_;
  TensorId bias_tensor_ = kNone;
  std::array<int, 5> bias_tile_{-1};  // what bias_ holds: the head, its queries and keys
  std::optional<SparsePart> sparse_;
  int instance_ = 0, head_ = 0;
  OperandsInPlace in_place_;
};

}  // namespace vitality
