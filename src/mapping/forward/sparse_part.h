// The jobs of sparse and unified attention on the units of the machine (cost/sparse_machine.h), head by head; the
// low-rank part is AttentionMapper's. Internal to the mapping room.
//
// Sparse: scores on the mask, softmax over the kept entries, times V. Unified (docs/algorithm.md 4): on the mask P - T
// (residual) or P (additive), times V, added to the low-rank output. P is the softmax over ALL keys, so its row sums
// need dense scores: SA-General computes them with K_hat, tile by tile (centring does not change a softmax), and the
// exp unit keeps two numbers per row. One SDDMM with K_hat gives both P and T on the mask.
#pragma once

#include <array>
#include <vector>

#include "cost/sparse_machine.h"
#include "mapping/forward/product.h"

namespace vitality {

// Rotating buffers of one operand.
struct Ring {
  std::vector<BufferId> buffers;
  std::size_t next = 0;
  BufferId take() { return buffers[static_cast<std::size_t>(next++ % buffers.size())]; }
};

struct Chunk {
  int first, count;
};

// kept_in_rows: the number of entries of rows [first, first + count). describe_block: a block of the mask
// as the sparse unit packs it, by rows or by columns.
Count kept_in_rows(const Mask& mask, int first, int count);
MaskTile describe_block(const Mask& mask, std::int32_t index, const Chunk& queries, const Chunk& tokens,
                        const HardwareConfig& config, bool transposed);

class SparsePart {
 public:
  // Adds the layer's masks to the schedule. Throws InfeasibleError if the machine has no sparse unit or there are no
  // masks.
  SparsePart(MappingContext& context, int layer, AttentionKind kind, const AttentionMasks* masks);

  std::vector<Bytes> buffer_list(int token_chunk, int query_chunk) const;
  void take_buffers(std::vector<BufferId>::const_iterator& next);

  bool predicts() const { return context_.config.sparsity.source == SparsitySource::kPredicted; }
  // Starts a head: its mask's operators, and a load of its mask if it is not predicted.
  void begin_head(int instance, int head, const std::vector<Chunk>& queries);
  // Predicts one block of the mask from the raw Q and K.
  void predict(const Chunk& queries, const Chunk& tokens, BufferId q_buffer, BufferId k_buffer);
  // The sparse part of one chunk of queries: every chunk of keys in turn, then softmax, then every chunk of values.
  void begin_queries(const Chunk& queries);
  void scores(const Chunk& tokens, BufferId q_buffer, BufferId k_buffer, BufferId bias_buffer);
  void softmax(BufferId t_d);
  void values(const Chunk& tokens, bool last, BufferId v_buffer, BufferId result);
  BufferId sums() const { return sum_; }  // where values() of unified attention adds its results
  BufferId row_sums() const { return row_sums_; }
  void merge(BufferId low_rank);  // += sums(), in the storage format

 private:
  bool unified() const { return kind_ != AttentionKind::kSparse; }
  Count entries_in(int head, int row, int rows) const {
    const std::size_t first = static_cast<std::size_t>(head) * (static_cast<std::size_t>(a_.n_q) + 1);
    return first_entry_[first + static_cast<std::size_t>(row + rows)] -
           first_entry_[first + static_cast<std::size_t>(row)];
  }
  void expect_fewest_entries();
  void save_mask();
  void save_entries();
  MaskTileId tile(const Mask& entries, const Chunk& queries, const Chunk& tokens);
  Job& start(UnitKind unit, JobKind kind, OperatorId op, int m, int k, int n, MaskTileId tile);
  const Mask& mask() const { return context_.builder.schedule().masks[static_cast<std::size_t>(mask_)].mask; }
  const Mask& mask_of(int instance, int head) const;

  MappingContext& context_;
  ScheduleBuilder& builder_;
  int layer_;
  const Attention& a_;
  AttentionKind kind_;
  const SparseMachine& machine_;
  std::int32_t first_mask_ = kNone, mask_ = kNone;
  TensorId mask_tensor_;
  int instance_ = 0, head_ = 0;
  OperatorId predict_op_ = kNone, scores_op_ = kNone, sums_op_ = kNone, softmax_op_ = kNone, values_op_ = kNone,
             merge_op_ = kNone;
  Ring bits_ring_, entries_ring_, sum_ring_, dense_ring_, row_sums_ring_;
  BufferId bits_ = kNone, entries_ = kNone, sum_ = kNone, row_sums_ = kNone;
  Chunk queries_{0, 0};
  Count saved_entries_ = 0;
  // Number of entries before each row, over all heads' masks one after the other; a head has n_q + 1 numbers.
  std::vector<Count> first_entry_;
  const Mask* described_ = nullptr;  // what the last tile is a block of
};

}  // namespace vitality
