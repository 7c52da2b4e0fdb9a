// What the backward passes of all attention kinds share: the operands of a head, and the gradients of Q, K and V.
// Internal to the mapping room.
#pragma once

#include <initializer_list>
#include <vector>

#include "mapping/forward/sparse_part.h"
#include "mapping/training/training_mapper.h"

namespace vitality {

std::vector<Chunk> row_chunks(int total, int size);

class AttentionBackward {
 public:
  AttentionBackward(BackwardContext& b, int layer);
  virtual ~AttentionBackward() = default;
  void map();

 protected:
  struct Plan {
    int query_chunk, key_chunk;
    int sets;  // of the buffers that change with the chunk; with two sets, the next chunk is loaded while one is
               // computed
  };
  struct Pair {
    BufferId buffer[2] = {kNone, kNone};
  };
  BufferId now(const Pair& pair) const { return pair.buffer[set_]; }
  void next_chunk() { set_ = plan_.sets - 1 - set_; }
  void take(std::vector<BufferId>::const_iterator& next, std::initializer_list<BufferId*> single,
            std::initializer_list<Pair*> pairs);
  virtual std::vector<Bytes> buffer_list(const Plan& plan) const = 0;
  virtual void take_buffers(std::vector<BufferId>::const_iterator& next) = 0;
  virtual void map_head() = 0;
  virtual std::string describe() const = 0;

  OperatorId op(OperatorRole role) { return builder_.add_operator(role, index_, instance_, head_); }
  // Rows of an operand (q, k, v) of this head, of dZ, and of what the forward pass saved.
  Transfer rows_of(const HeadColumns& from, int tokens, int depth, const Chunk& rows, BufferId buffer) const;
  Transfer rows_of_dz(const Chunk& rows, BufferId buffer) const;
  Transfer rows_of_saved(TensorId tensor, int rows_of_head, const Chunk& rows, BufferId buffer) const;
  void load(OperatorId op_index, const std::vector<Transfer>& transfers) {
    builder_.transfer(UnitKind::kDmaLoad, index_, op_index, transfers);
  }
  // Rows of dQ, dK or dV of this head to memory.
  void store(OperatorId op_index, const HeadColumns& from, int tokens, int depth, const Chunk& rows, BufferId buffer,
             int offset = 0);
  // More than 6 parameters: a job's kind, shape and operands.
  Job& start(UnitKind unit, JobKind kind, OperatorId op_index, ScheduleBuilder::Shape shape, BufferId streamed,
             BufferId second, BufferId result, int flags = 0) {
    return builder_.begin(unit, kind, index_, op_index, shape, streamed, second, result, flags);
  }
  void end(BufferId written) {
    builder_.write(written);
    builder_.finish();
  }
  void column_sum(OperatorId op_index, int rows, int cols, BufferId source, int offset, BufferId sum, bool first,
                  int flags = 0);
  // The end of a chunk of queries of the low-rank part. Given: dQ without the term of k_sum in `dq`, and the gradient
  // of the chunk's denominators in `d_t`. It adds the term to dQ, stores dQ, and adds the chunk's share to dG, to the
  // sum of dV and to the sum of dK.
  struct QueryChunk {
    Chunk rows;
    BufferId q, dz, dq, d_t;
  };
  struct LowRankSums {
    OperatorId query, context, value_sum, key_sum;      // operators
    BufferId key_total, dg, dv_sum, dk_sum, d_key_sum;  // k_sum; the three sums; a buffer for a chunk's share of dk_sum
  };
  void finish_queries(const LowRankSums& sums, const QueryChunk& chunk);
  void multiply(const Product& product) { emit_product(context_, index_, product); }
  UnitKind diagonal() const {
    return context_.config.diagonal_engine.enabled ? UnitKind::kDiagonalEngine : UnitKind::kMatrixEngine;
  }
  // A sum that takes more than one pass of the array needs room for partial sums; they use the place of the result.
  BufferId partial_of(int depth, BufferId result) const {
    return depth > context_.config.matrix_engine.rows ? result : kNone;
  }
  const SavedAttention& saved() const { return b_.context.saved->attention[static_cast<std::size_t>(layer_)]; }

  BackwardContext& b_;
  MappingContext& context_;
  ScheduleBuilder& builder_;
  int layer_, index_;  // layer numbers in the forward and in the backward pass
  const Attention& a_;
  Bytes element_, partial_, wide_;  // wide_: of a result that may hold partial sums first
  Plan plan_{};
  int instance_ = 0, head_ = 0;
  int set_ = 0;

 private:
  std::vector<TensorId> targets_;  // tensors of the gradients of the layer's inputs
};

}  // namespace vitality
