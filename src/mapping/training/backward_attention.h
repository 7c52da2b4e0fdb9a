// What the backward passes of all attention kinds share: operands of a head, gradients of Q, K and V. Internal to the
// mapping room.
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
    int sets;  // of the buffers that change with the chunk: with two, the next chunk comes in while one is computed
  };
  struct Pair {
    std::int32_t buffer[2] = {kNone, kNone};
  };
  std::int32_t now(const Pair& pair) const { return pair.buffer[set_]; }
  void next_chunk() { set_ = plan_.sets - 1 - set_; }
  void take(std::vector<std::int32_t>::const_iterator& next, std::initializer_list<std::int32_t*> single,
            std::initializer_list<Pair*> pairs);
  virtual std::vector<Bytes> buffer_list(const Plan& plan) const = 0;
  virtual void take_buffers(std::vector<std::int32_t>::const_iterator& next) = 0;
  virtual void map_head() = 0;
  virtual std::string describe() const = 0;

  std::int32_t op(OperatorRole role) { return builder_.add_operator(role, index_, instance_, head_); }
  // Rows of an operand (q, k, v) of this head, of dZ, and of what the forward pass saved.
  Transfer rows_of(const HeadColumns& from, int tokens, int depth, const Chunk& rows, std::int32_t buffer) const;
  Transfer rows_of_dz(const Chunk& rows, std::int32_t buffer) const;
  Transfer rows_of_saved(std::int32_t tensor, int rows_of_head, const Chunk& rows, std::int32_t buffer) const;
  void load(std::int32_t op_index, const std::vector<Transfer>& transfers) {
    builder_.transfer(UnitKind::kDmaLoad, index_, op_index, transfers);
  }
  // Rows of dQ, dK or dV of this head to memory.
  void store(std::int32_t op_index, const HeadColumns& from, int tokens, int depth, const Chunk& rows,
             std::int32_t buffer, int offset = 0);
  Job& start(UnitKind unit, JobKind kind, std::int32_t op_index, ScheduleBuilder::Shape shape, std::int32_t streamed,
             std::int32_t second, std::int32_t result, int flags = 0) {
    return builder_.begin(unit, kind, index_, op_index, shape, streamed, second, result, flags);
  }
  void end(std::int32_t written) {
    builder_.write(written);
    builder_.finish();
  }
  void column_sum(std::int32_t op_index, int rows, int cols, std::int32_t source, int offset, std::int32_t sum,
                  bool first, int flags = 0);
  void multiply(const Product& product) { emit_product(context_, index_, product); }
  UnitKind diagonal() const {
    return context_.config.diagonal_engine.enabled ? UnitKind::kDiagonalEngine : UnitKind::kMatrixEngine;
  }
  // A sum that does not fit one pass of the array needs room for partial sums; they lie where the result will.
  std::int32_t partial_of(int depth, std::int32_t result) const {
    return depth > context_.config.matrix_engine.rows ? result : kNone;
  }
  const SavedAttention& saved() const { return b_.context.saved->attention[static_cast<std::size_t>(layer_)]; }

  BackwardContext& b_;
  MappingContext& context_;
  ScheduleBuilder& builder_;
  int layer_, index_;  // of the forward and of the backward pass
  const Attention& a_;
  Bytes element_, partial_, wide_;  // wide_: of a result that may hold partial sums first
  Plan plan_{};
  int instance_ = 0, head_ = 0;
  int set_ = 0;

 private:
  std::vector<std::int32_t> targets_;  // tensors of the gradients of the layer's inputs
};

}  // namespace vitality
