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
  int part = 0;  // of the operands (GemmPart), or the tile of an operand that stays in the scratchpad (GemmTiles)
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
  int group_channels;   // of the input, in one group
  int groups_in_pass;   // as many fit the array
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

// Whether its streamed rows are those of its input.
inline bool is_pixel_wise(const Conv2d& conv) {
  return conv.kernel == 1 && conv.stride == 1 && conv.groups == 1 && conv.pad == 0;
}

// The GEMM of a linear layer or a convolution, without tensors.
Gemm describe_gemm(const MappingContext& context, int layer);
// The same for the planner, with operands and results in memory.
GemmProblem problem_of(const MappingContext& context, int layer, const Gemm& gemm);

// The tiles of a GEMM, as large as the array, of which none reaches across a border of what lies in the scratchpad: of
// the tiles that its rows are streamed from (null: they come from memory), and of those that its results stay in
// (empty: they do not). A convolution that is not grouped goes through all kernel positions of one tile of its input,
// then through those of the next: `first` counts in this order, `part` is the tile.
struct GemmTiles {
  std::vector<ContractionTile> contraction;
  std::vector<ColumnTile> columns;
};

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
  JobId load_strip(int m0, int m, BufferId buffer);
  // Marks the job's streamed operand as gathered from a strip, or from other rows of an image.
  void gather(Job& job, int m0, const ContractionTile& tile, const ColumnTile& column);
  void gather(Job& job, const Im2colTile& tile);
  // Finds out where operands and results lie; refuses a mapping from a file that leaves the results elsewhere.
  void describe(const ResultPlace* given);
  // For people: where the results are, if not in memory alone.
  static std::string results_words(ResultPlace place);
  // Has the job take rows [m0, m0 + m) from what lies in the scratchpad. The elements that it reads.
  Elements stream_resident(Job& job, int m0, int m, const ContractionTile& tile, const ColumnTile& column);
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
  int source_layer() const { return context_.layer(image().layer).inputs[0]; }
  void describe_gathering(const std::vector<ResidentTile>& tiles);
  void finish_rows(const EpilogueTile& tile, const std::vector<EpilogueStage>& stages);
  void add_token_rows(const ColumnTile& column, const TilePlace& place, Dependency fetch_after);
  GemmTiles whole_;  // as large as the array
  GemmProblem problem_;
  // Of a convolution whose operand stays in the scratchpad: the geometry of each of its tiles, and the rows of the
  // weights in the order of GemmTiles (kNone: as they are).
  std::vector<std::int32_t> tile_geometry_;
  std::int32_t weight_rows_ = kNone;
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
