// One GEMM of a layer, and what its mappers share: tiles of operands, transfers, the epilogue and the store of a result
// tile. Internal to the mapping room.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "mapping/forward/layer_mapper.h"

namespace vitality {

struct ContractionTile {
  int first, count;
  int part = 0;  // of the operands (GemmPart)
};
// Where a part of an operand lies: in the contraction of a weight gradient the images of a batch follow each other.
struct GemmPart {
  TensorId tensor;
  int first_row = 0;
};
// Output channels that one pass produces. groups > 1: block-diagonal packing of a grouped convolution's groups.
struct ColumnTile {
  int first_group, groups, first, count;
};

// Rows of the streamed operand that belong to one image of a batch: the layer of the image, its operator, its input,
// and what becomes of its results.
struct GemmImage {
  int layer;
  OperatorId op;
  TensorId source;
  std::vector<EpilogueStage> epilogue;
  TensorId output;
  int output_layer() const { return epilogue.empty() ? layer : epilogue.back().layer; }
};

struct Gemm {
  int m, k, n, groups;  // k: contraction of one group
  int first_row;        // of the streamed operand
  OperatorId op;
  TensorId source, weight, bias;
  bool has_bias = false;
  std::int32_t geometry = kNone;  // convolution
  bool strip = false;             // streamed operand is gathered from image strips on chip
  std::vector<ContractionTile> contraction;
  std::vector<ColumnTile> columns;
  // Training. dX = dY W^T: the stationary operand is stored n x k. dW = X^T dY: the streamed operand is stored k x m,
  // in parts; its result is wide, and the columns of the stationary operand are summed at the same time (db).
  bool stationary_transposed = false, streamed_transposed = false, wide = false;
  std::vector<GemmPart> streamed_parts = {}, stationary_parts = {};  // empty: source, weight
  TensorId column_sums;
  std::vector<GemmImage> more_images = {};  // whose rows stream through the same stationary tiles
};

// Whether its streamed rows are those of its input, which may then stay in the scratchpad for it.
inline bool is_pixel_wise(const Conv2d& conv) {
  return conv.kernel == 1 && conv.stride == 1 && conv.groups == 1 && conv.pad == 0;
}
// Number of image rows that `output_rows` rows of outputs need, padding included.
inline int strip_rows(const Conv2d& conv, int output_rows) {
  return std::min(conv.in_height + 2 * conv.pad, (output_rows - 1) * conv.stride + conv.kernel);
}

// The GEMM of a linear layer or a convolution, without tensors.
Gemm describe_gemm(const MappingContext& context, int layer);
// The same for the planner, with operands and results in memory. conv: of a convolution in image strips, else unused.
GemmProblem problem_of(const MappingContext& context, const Gemm& gemm, const Conv2d* conv);

// A GEMM with its operands and results where they lie: in memory, or tiles in the scratchpad.
struct PlacedGemm {
  GemmProblem problem;
  std::vector<ContractionTile> contraction;  // as large as the array
  std::vector<ColumnTile> columns;
};
// adds: additions of the epilogue whose second operand is fetched.
PlacedGemm place_gemm(const MappingContext& context, int layer, const Gemm& gemm, int adds, const Residence& results);

class GemmMapper {
 public:
  GemmMapper(MappingContext& context, int layer, const Gemm& gemm, const std::vector<EpilogueStage>& epilogue,
             TensorId output);
  virtual ~GemmMapper() = default;
  virtual void map() = 0;

 protected:
  const Conv2d& geometry() const { return builder_.schedule().geometries[static_cast<std::size_t>(gemm_.geometry)]; }
  const std::string& name() const { return context_.layer(layer_).name; }
  // Rows [m0, m0 + m) of the streamed operand's contraction tile, gathered by the DMA where the layer is a patch
  // embedding.
  Transfer stationary_transfer(const ContractionTile& tile, const ColumnTile& column, BufferId buffer,
                               int offset) const;
  Transfer streamed_transfer(int m0, int m, const ContractionTile& tile, BufferId buffer, int offset) const;
  // The first row of the image strip that outputs from row m0 on need.
  int strip_first_row(int m0) const;
  JobId load_strip(int m0, int m, BufferId buffer);
  // Marks the job's streamed operand as gathered from a strip.
  void gather(Job& job, int m0, const ContractionTile& tile, const ColumnTile& column);
  // Finds out where operands and results lie; refuses a mapping from a file that leaves the results elsewhere.
  void describe(const ResultPlace* given);
  // For people: where the results are, if not in memory alone.
  static std::string results_words(ResultPlace place);
  // Has the job take its rows from what lies in the scratchpad, from contraction index `first` on.
  void stream_resident(Job& job, int m0, int first) const;
  Elements streamed_elements(const Job& job) const {
    return placed_.problem.streamed_on_chip ? Elements::of(job.streamed_offset, job.m, job.k, job.streamed_stride)
                                            : Elements{};
  }
  // For a finished result tile: the epilogue, then the store to DRAM. Result buffers and second operands rotate.
  TilePlace result_place(int m0, const ColumnTile& column) const {
    if (outs_.empty()) return resident_place(m0 + rows_moved(image().epilogue), column);
    return {outs_[out_count_ % outs_.size()], 0, column.count};
  }
  // The tile lies in `place`. fetch_after: the point from which the second operands of the epilogue may be loaded.
  void finish_tile(int m0, int m, const ColumnTile& column, const TilePlace& place,
                   Dependency fetch_after = {kNone, DependencyKind::kDone});
  [[noreturn]] void infeasible(Bytes smallest) const;

  MappingContext& context_;
  ScheduleBuilder& builder_;
  int layer_;
  const Gemm& gemm_;
  std::vector<GemmImage> images_;
  std::size_t image_ = 0;  // whose rows are being mapped
  const GemmImage& image() const { return images_[image_]; }
  int rows_, cols_;
  Bytes element_;
  int adds_ = 0;  // epilogue stages with a second operand that is fetched
  int output_layer() const { return image().output_layer(); }
  // Where rows of these columns lie in the output that stays in the scratchpad; no buffer if it does not.
  TilePlace resident_place(int row, const ColumnTile& column) const;
  void finish_rows(const EpilogueTile& tile, const std::vector<EpilogueStage>& stages);
  void add_token_rows(const ColumnTile& column, const TilePlace& place, Dependency fetch_after);
  PlacedGemm placed_;
  bool in_memory_ = true;         // results are written there
  int streamed_part_row_ = 0;     // the first row that is in the scratchpad, of rows in parts
  int part_row_ = 0;              // the first row that is in the scratchpad, of results in parts
  bool results_in_sums_ = false;  // InputStationaryMapping::out_sets is 0
  std::vector<BufferId> outs_;
  std::vector<std::vector<BufferId>> seconds_;
  std::size_t out_count_ = 0;
};

void map_input_stationary(MappingContext& context, int layer, const Gemm& gemm,
                          const std::vector<EpilogueStage>& epilogue, TensorId output);
// In turn with another layer (fused_plans.h).
void map_row_parts(MappingContext& context, const GemmLayer& first, const Gemm& first_gemm, const GemmLayer& second,
                   const Gemm& second_gemm);
void map_head_parts(MappingContext& context, const GemmLayer& first, const Gemm& gemm, int attention_layer,
                    TensorId output);
void map_output_stationary(MappingContext& context, int layer, const Gemm& gemm,
                           const std::vector<EpilogueStage>& epilogue, TensorId output);

}  // namespace vitality
