#include "mapping/forward/input_stationary_mapper.h"

#include <algorithm>
#include <string>

#include "mapping/forward/residency.h"

namespace vitality {
namespace {

// If all tiles of an operand stay, moves the last one to a buffer that is used in turn: the mapping is then valid
// in any order of the loops.
InputStationaryMapping with_a_buffer_in_turn(InputStationaryMapping m) {
  for (OperandBuffers* const buffers : {&m.streamed, &m.stationary})
    if (buffers->sets == 0 && buffers->kept > 0) buffers->sets = 1, --buffers->kept;
  return m;
}

// Whether a tile of the operand has to wait until the one before it has left its place.
bool waits(const OperandBuffers& buffers, int sweep) {
  return buffers.sets == 1 && (buffers.kept == 0 || buffers.kept + buffers.sets < sweep);
}

}  // namespace

void InputStationaryMapper::map() {
  describe();
  for (const GemmImage& image : images_) make_resident(context_, image.output_layer());
  check();
  const std::vector<Bytes> sizes = start(given() ? *given() : choose());
  take_buffers(builder_.allocate(sizes, "layer " + name()));
  for (int i = 0; i < iterations(); ++i) emit_iteration(i);
}

std::vector<Bytes> InputStationaryMapper::start(const InputStationaryMapping& plan) {
  plan_ = plan;
  const Residence& residence = context_.residence(output_layer());
  plan_.results = residence.place, plan_.high_end = residence.at_high_end();
  for (const GemmImage& image : images_) context_.record(image.layer, plan_);
  const GemmEstimator estimator(problem_, context_.config, context_.prices, builder_.capacity(),
                                context_.dram_bytes_per_cycle());
  loops_ = estimator.loops(plan_);
  cut_operands();
  note();
  half_way_.assign(static_cast<std::size_t>(loops_.of(GemmLoop::kRows)) * columns_.size(), kNone);
  pass_before_ = builder_.last_on_array();
  return estimator.buffer_list(plan_);
}

void InputStationaryMapper::take_buffers(const std::vector<BufferId>& buffers) {
  auto take = [next = buffers.begin()](int count) mutable {
    std::vector<BufferId> taken(next, next + count);
    next += count;
    return taken;
  };
  std::vector<BufferId> kept = take(plan_.streamed.kept);
  streamed_ = OperandTiles(std::move(kept), take(plan_.streamed.sets));
  kept = take(plan_.stationary.kept);
  stationary_ = OperandTiles(std::move(kept), take(plan_.stationary.sets));
  partials_ = take(loops_.partials);
  column_sums_ = take(loops_.column_sums);
  results_in_sums_ = plan_.out_sets == 0;
  for (int set = 0; set < std::max(1, plan_.out_sets); ++set) {
    if (problem_.has_result_tiles() && !results_in_sums_) outs_.push_back(take(1)[0]);
    seconds_.push_back(take(adds_));
  }
}

void InputStationaryMapper::emit_iteration(int outer) {
  builder_.reserve(3 * static_cast<std::size_t>(loops_.of(GemmLoop::kRows)) * columns_.size() * contraction_.size() /
                   static_cast<std::size_t>(iterations()));
  std::array<int, 3> at{};  // by GemmLoop
  const auto index = [&](int level) -> int& {
    return at[static_cast<std::size_t>(plan_.order[static_cast<std::size_t>(level)])];
  };
  const auto count = [&](int level) { return loops_.of(plan_.order[static_cast<std::size_t>(level)]); };
  index(0) = outer;
  for (index(1) = 0; index(1) < count(1); ++index(1))
    for (index(2) = 0; index(2) < count(2); ++index(2)) emit_step(at);
}

InputStationaryMapping InputStationaryMapper::choose() {
  if (context_.options->alternatives != nullptr) {
    const LayerMapping* const plan = context_.alternative(layer_, problem_.key(builder_.capacity()), [this] {
      std::vector<LayerMapping> plans;
      for (const GemmPlan& each :
           GemmPlanner(problem_, context_.config, context_.prices, builder_.capacity(), context_.dram_bytes_per_cycle())
               .choose_several())
        plans.push_back(with_a_buffer_in_turn(each));
      return plans;
    });
    if (plan != nullptr) return std::get<InputStationaryMapping>(*plan);
  }
  const GemmChoice& choice = context_.plan_gemm(problem_, builder_.capacity());
  if (!choice.plan) infeasible(choice.smallest);
  return with_a_buffer_in_turn(*choice.plan);
}

void InputStationaryMapper::cut_operands() {
  for (const ContractionTile& whole : whole_.contraction)
    for (int k = 0; k < whole.count; k += plan_.tile_rows)
      contraction_.push_back({whole.first + k, std::min(plan_.tile_rows, whole.count - k), whole.part});
  for (const ColumnTile& whole : whole_.columns) {
    const int width = problem_.column_cuts ? plan_.tile_cols : whole.count;
    for (int n = 0; n < whole.count; n += width)
      columns_.push_back({whole.first_group, whole.groups, whole.first + n, std::min(width, whole.count - n)});
  }
  for (const ColumnTile& column : columns_) column_start_.push_back(column_start_.back() + column.count);
}

void InputStationaryMapper::note() const {
  const auto words = [](const OperandBuffers& buffers) {
    return std::to_string(buffers.kept) + " kept + " + std::to_string(buffers.sets) + " in turn";
  };
  std::string order;
  for (const GemmLoop loop : plan_.order) {
    order += order.empty() ? "" : ", ";
    order += loop == GemmLoop::kRows ? "rows" : loop == GemmLoop::kColumns ? "columns" : "contraction";
  }
  const std::string text =
      std::to_string(loops_.of(GemmLoop::kRows)) + " row tiles of " + std::to_string(plan_.m_tile) +
      ", stationary tiles " + std::to_string(plan_.tile_rows) + " x " + std::to_string(plan_.tile_cols) + ", " +
      std::to_string(plan_.k_group) + " x " + std::to_string(plan_.n_group) + " a step, loops " + order +
      "; streamed operand " + (problem_.strip ? "in image strips, " : "") +
      (problem_.streamed_on_chip ? "resident" : words(plan_.streamed)) + ", stationary operand " +
      words(plan_.stationary) + (results_in_sums_ ? ", results in the place of their sums" : "") +
      results_words(plan_.results) +
      (images_.size() > 1 ? "; rows of " + std::to_string(images_.size()) + " images share the weights" : "");
  for (const GemmImage& image : images_) context_.note(image.layer, text);
}

int InputStationaryMapper::position(const std::array<int, 3>& at, GemmLoop sweeps, GemmLoop first,
                                    GemmLoop second) const {
  int number = 0;
  bool in_sweep = false;
  for (const GemmLoop loop : plan_.order) {
    if (in_sweep && (loop == first || loop == second))
      number = number * loops_.of(loop) + at[static_cast<std::size_t>(loop)];
    in_sweep = in_sweep || loop == sweeps;
  }
  return number;
}

void InputStationaryMapper::emit_step(const std::array<int, 3>& at) {
  const int row = at[0], column = at[1], depth = at[2];
  Step s{};
  const int row_tiles = static_cast<int>(ceil_div(gemm_.m, plan_.m_tile));
  image_ = static_cast<std::size_t>(row / row_tiles);
  s.row = row, s.m0 = row % row_tiles * plan_.m_tile, s.m = std::min(plan_.m_tile, gemm_.m - s.m0);
  s.c = static_cast<std::size_t>(column * plan_.n_group);
  s.c_end = std::min(columns_.size(), s.c + static_cast<std::size_t>(plan_.n_group));
  s.k = static_cast<std::size_t>(depth * plan_.k_group);
  s.k_end = std::min(contraction_.size(), s.k + static_cast<std::size_t>(plan_.k_group));
  const GemmLoop deep = problem_.strip ? GemmLoop::kRows : GemmLoop::kContraction;
  const OperandTiles::Place streamed =
      problem_.streamed_on_chip
          ? OperandTiles::Place{kNone, false}
          : streamed_.place(problem_.strip ? row : row * loops_.of(GemmLoop::kContraction) + depth,
                            position(at, GemmLoop::kColumns, GemmLoop::kRows, deep));
  const OperandTiles::Place stationary =
      stationary_.place(column * loops_.of(GemmLoop::kContraction) + depth,
                        position(at, GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction));
  s.streamed = streamed.buffer, s.stationary = stationary.buffer;
  fetch(s, streamed.fetch, stationary.fetch);
  if (loops_.of(GemmLoop::kContraction) == 1) {  // one column of tiles after the other: its sums end in this step
    for (std::size_t j = s.c; j < s.c_end; ++j)
      for (std::size_t i = s.k; i < s.k_end; ++i) emit_pass(s, i, j);
  } else {
    for (std::size_t i = s.k; i < s.k_end; ++i)
      for (std::size_t j = s.c; j < s.c_end; ++j) emit_pass(s, i, j);
  }
}

// Both operands are fetched in one load, with two exceptions. (1) One operand has to wait for its place and the other
// has not. (2) At the beginning of the layer, the weights need not wait for the layer before, and the operands of the
// second step must not take bandwidth from those of the first.
void InputStationaryMapper::fetch(const Step& s, bool streamed, bool stationary) {
  const std::size_t step = step_count_++;
  const bool apart =
      step < 2 || waits(plan_.streamed, loops_.streamed_sweep) != waits(plan_.stationary, loops_.stationary_sweep);
  std::vector<Transfer>& transfers = transfers_;
  transfers.clear();
  if (stationary) add_stationary(s);
  if (apart && stationary && streamed) load({kNone, DependencyKind::kDone});
  if (streamed && problem_.strip) {
    last_load_ = load_strip(s.m0, s.m, s.streamed);
  } else if (streamed) {
    int offset = 0;
    for (std::size_t i = s.k; i < s.k_end; ++i) {
      transfers.push_back(streamed_transfer(s.m0, s.m, contraction_[i], s.streamed, offset));
      offset += s.m * contraction_[i].count;
    }
  }
  if (!transfers.empty()) load({step == 1 ? first_load_ : JobId{}, DependencyKind::kDone});
  if (step == 0) first_load_ = last_load_;
}

void InputStationaryMapper::load(Dependency after) {
  last_load_ = builder_.transfer(UnitKind::kDmaLoad, image().layer, image().op, transfers_, after);
  transfers_.clear();
}

void InputStationaryMapper::add_stationary(const Step& s) {
  for (std::size_t i = s.k; i < s.k_end; ++i) {
    for (std::size_t j = s.c; j < s.c_end; ++j) {
      const int offset = stationary_offset(s, i, j);
      transfers_.push_back(stationary_transfer(contraction_[i], columns_[j], s.stationary, offset));
      transfers_.back().row_map = weight_rows_;
      if (i == 0 && gemm_.bias != kNone)  // behind the stationary tile of the first pass
        transfers_.push_back(builder_.make_transfer(gemm_.bias, 0, columns_[j].first, 1, columns_[j].count,
                                                    s.stationary, offset + contraction_[i].count * columns_[j].count));
    }
  }
}

// Tiles are stored row by row in a step's buffer; a tile of the first contraction tile has its bias behind it.
int InputStationaryMapper::stationary_offset(const Step& s, std::size_t i, std::size_t j) const {
  const auto columns = [this](std::size_t from, std::size_t to) { return column_start_[to] - column_start_[from]; };
  int rows = 0;
  for (std::size_t k = s.k; k < i; ++k) rows += contraction_[k].count;
  if (gemm_.bias != kNone && s.k == 0 && i > 0) ++rows;
  int offset = rows * columns(s.c, s.c_end);
  if (j > s.c) offset += columns(s.c, j) * (contraction_[i].count + (gemm_.bias != kNone && i == 0 ? 1 : 0));
  return offset;
}

void InputStationaryMapper::emit_pass(const Step& s, std::size_t i, std::size_t j) {
  const int offset = stationary_offset(s, i, j);
  const bool last = i + 1 == contraction_.size();
  if (s.m0 == 0 && !column_sums_.empty()) emit_column_sum(i, j, j - s.c, s.stationary, offset, last);
  emit_fold(s, i, j, offset, last);
}

// Adds the stationary tile's part to the sums of its columns; the last tile also sends the sums to memory.
void InputStationaryMapper::emit_column_sum(std::size_t i, std::size_t j, std::size_t slot, BufferId stationary,
                                            int offset, bool last) {
  const ColumnTile& column = columns_[j];
  const BufferId sums = column_sums_[slot];
  Job& job = builder_.begin(UnitKind::kAccumulators, JobKind::kColumnSum, layer_, gemm_.op);
  job.m = contraction_[i].count, job.n = column.count;
  job.flags = i == 0 ? kFirst : 0;
  job.streamed = stationary, job.streamed_offset = offset, job.streamed_stride = column.count;
  job.result = sums;
  builder_.read(stationary);
  if (i > 0) builder_.read(sums);
  builder_.write(sums);
  builder_.finish();
  if (last)
    builder_.transfer(UnitKind::kDmaStore, layer_, gemm_.op,
                      {builder_.make_transfer(gemm_.column_sums, 0, column.first, 1, column.count, sums)});
}

void InputStationaryMapper::emit_fold(const Step& s, std::size_t i, std::size_t j, int stationary_offset, bool last) {
  const ContractionTile& tile = contraction_[i];
  const ColumnTile& column = columns_[j];
  Job& job = builder_.begin(UnitKind::kMatrixEngine, JobKind::kFold, image().layer, image().op);
  job.m = s.m, job.k = tile.count * column.groups, job.n = column.count;
  job.flags = static_cast<std::uint16_t>(
      (i == 0 ? kFirst : 0) | (last ? kLast : 0) | (gemm_.bias != kNone && i == 0 ? kHasBias : 0) |
      (gemm_.streamed_transposed ? kTransposed : 0) | (gemm_.stationary_transposed ? kStationaryTransposed : 0) |
      (gemm_.wide ? kWide : 0));
  const Elements streamed = stream(job, s, i, column);
  job.stationary = s.stationary, job.stationary_offset = stationary_offset;
  job.stationary_stride = gemm_.stationary_transposed ? tile.count : column.count;
  builder_.read(job.streamed, streamed);
  builder_.read(job.stationary);
  if (problem_.streamed_on_chip) builder_.depend_on(pass_before(s), DependencyKind::kIssued);
  if (!partials_.empty()) {
    job.partial = partials_[partial_of(s, j)];
    job.partial_stride = column.count;
    builder_.accumulate(job.partial, i == 0);
  }
  job.result_stride = column.count;
  TilePlace place{job.partial, 0, column.count};
  if (last) {
    if (!results_in_sums_) place = result_place(s.m0, column);
    job.result = place.buffer, job.result_offset = place.offset, job.result_stride = place.stride;
    builder_.write(job.result, Elements::of(job.result_offset, s.m, column.count, job.result_stride));
  }
  // The second operands of the epilogue are fetched in the second half of the passes of a result tile: in the first
  // half the memory is busy with the results of the tile before.
  const std::size_t tile_number = static_cast<std::size_t>(s.row) * columns_.size() + j;
  if (2 * i >= contraction_.size() - 1 && half_way_[tile_number] == kNone) half_way_[tile_number] = builder_.next_job();
  builder_.finish();
  if (last) finish_tile(s.m0, s.m, column, place, {half_way_[tile_number], DependencyKind::kIssued});
}

// The job's streamed operand; of a buffer that stays, the elements that it reads.
Elements InputStationaryMapper::stream(Job& job, const Step& s, std::size_t i, const ColumnTile& column) {
  const ContractionTile& tile = contraction_[i];
  if (problem_.streamed_on_chip) return stream_resident(job, s.m0, s.m, tile, column);
  job.streamed = s.streamed;
  job.streamed_stride = gemm_.streamed_transposed ? s.m : tile.count;
  if (problem_.strip) {
    gather(job, s.m0, tile, column);
  } else {
    for (std::size_t k = s.k; k < i; ++k) job.streamed_offset += s.m * contraction_[k].count;
  }
  return {};
}

// Columns that lie in the scratchpad already would let a pass overtake those of the layer that is still making the
// other columns of these rows, which the pass needs in the end. It follows the last pass before all of them were made.
JobId InputStationaryMapper::pass_before(const Step& s) {
  if (gemm_.geometry != kNone || context_.residence(source_layer()).place == ResultPlace::kParts) return pass_before_;
  if (s.row == row_) return row_pass_;
  row_ = s.row, row_pass_ = kNone;
  for (const ResidentTile& tile : context_.resident.at(source_layer()))
    row_pass_ = std::max(
        row_pass_,
        builder_.last_on_array(tile.buffer, Elements::of((gemm_.first_row + s.m0) * tile.cols, s.m, tile.cols, 0)));
  return row_pass_;
}

// A chain of passes that ends within its step uses the next buffer in turn; otherwise every unfinished result tile
// has a buffer of its own.
std::size_t InputStationaryMapper::partial_of(const Step& s, std::size_t j) const {
  if (loops_.of(GemmLoop::kContraction) == 1) return (j - s.c) % partials_.size();
  const auto inside = [this](GemmLoop loop) {
    const auto at = [this](GemmLoop l) { return std::find(plan_.order.begin(), plan_.order.end(), l); };
    return at(loop) > at(GemmLoop::kContraction);
  };
  const std::size_t row = inside(GemmLoop::kRows) ? static_cast<std::size_t>(s.row) : 0;
  return inside(GemmLoop::kColumns) ? row * columns_.size() + j
                                    : row * static_cast<std::size_t>(plan_.n_group) + j - s.c;
}

void map_input_stationary(MappingContext& context, int layer, const Gemm& gemm,
                          const std::vector<EpilogueStage>& epilogue, TensorId output) {
  InputStationaryMapper(context, layer, gemm, epilogue, output).map();
}

}  // namespace vitality
