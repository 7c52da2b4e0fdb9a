// Input stationary (the paper): each pass holds one stationary tile of the weights and streams the rows. gemm_plans.h
// chooses tiles, loops and what stays in the scratchpad; here the plan becomes jobs.
#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "mapping/forward/attention_mapper.h"
#include "mapping/forward/fused_plans.h"
#include "mapping/forward/gemm_mapper.h"
#include "mapping/forward/given_mapping.h"
#include "mapping/forward/residency.h"

namespace vitality {
namespace {

// The tiles of one operand and the buffers they lie in (OperandBuffers).
class OperandTiles {
 public:
  OperandTiles() = default;
  OperandTiles(std::vector<BufferId> kept, std::vector<BufferId> in_turn)
      : kept_(std::move(kept)), in_turn_(std::move(in_turn)), holds_(kept_.size() + in_turn_.size(), kNone) {}

  struct Place {
    BufferId buffer;
    bool fetch;  // the tile is not there yet
  };
  // tile: its number in the whole operand; position: its number in its sweep.
  Place place(int tile, int position) {
    std::size_t slot = static_cast<std::size_t>(position);
    if (slot >= kept_.size()) {
      slot = kept_.size();
      while (slot < holds_.size() && holds_[slot] != tile) ++slot;
      if (slot == holds_.size()) slot = kept_.size() + next_++ % in_turn_.size();
    }
    const bool fetch = holds_[slot] != tile;
    holds_[slot] = tile;
    return {slot < kept_.size() ? kept_[slot] : in_turn_[slot - kept_.size()], fetch};
  }

 private:
  std::vector<BufferId> kept_, in_turn_;
  std::vector<int> holds_;
  std::size_t next_ = 0;
};

class InputStationaryMapper : public GemmMapper {
 public:
  InputStationaryMapper(MappingContext& context, int layer, const Gemm& gemm,
                        const std::vector<EpilogueStage>& epilogue, TensorId output)
      : GemmMapper(context, layer, gemm, epilogue, output) {}

  void map() override {
    describe();
    for (const GemmImage& image : images_) make_resident(context_, image.output_layer());
    check();
    const std::vector<Bytes> sizes = start(given() ? *given() : choose());
    take_buffers(builder_.allocate(sizes, "layer " + name()));
    for (int i = 0; i < iterations(); ++i) emit_iteration(i);
  }

  // The steps of map(), for layers that work in turn. First: what the layer has to do, and where its operands are.
  void describe() { GemmMapper::describe(given() ? &given()->results : nullptr); }
  const GemmProblem& problem() const { return placed_.problem; }
  const InputStationaryMapping* given() const { return given_as<InputStationaryMapping>(context_, layer_); }
  // The laws of a given plan, once the results have their places.
  void check() const {
    if (given()) check_given(context_, layer_, problem(), *given());
  }
  // Takes this plan. The buffers that it needs are given next.
  std::vector<Bytes> start(const InputStationaryMapping& plan) {
    plan_ = plan;
    plan_.results = context_.residence(output_layer()).place;
    for (const GemmImage& image : images_) context_.record(image.layer, plan_);
    const GemmEstimator estimator(problem(), context_.config, builder_.capacity(), context_.dram_bytes_per_cycle());
    loops_ = estimator.loops(plan_);
    cut_operands();
    note();
    half_way_.assign(static_cast<std::size_t>(loops_.of(GemmLoop::kRows)) * columns_.size(), kNone);
    return estimator.buffer_list(plan_);
  }
  void take_buffers(const std::vector<BufferId>& buffers) {
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
      if (problem().has_result_tiles() && !results_in_sums_) outs_.push_back(take(1)[0]);
      seconds_.push_back(take(adds_));
    }
  }
  // Of the outermost loop.
  int iterations() const { return loops_.of(plan_.order[0]); }
  void emit_iteration(int outer) {
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
  // From now on, results or streamed rows are those of the part that begins with this row.
  void begin_part_of_results(int row) { part_row_ = row; }
  void begin_part_of_rows(int row) { streamed_part_row_ = row; }

 private:
  InputStationaryMapping choose() {
    if (context_.options->alternatives != nullptr) {
      const LayerMapping* const plan = context_.alternative(layer_, problem().key(builder_.capacity()), [this] {
        std::vector<LayerMapping> plans;
        for (const GemmPlan& each :
             GemmPlanner(problem(), context_.config, builder_.capacity(), context_.dram_bytes_per_cycle())
                 .choose_several())
          plans.push_back(with_a_buffer_in_turn(each));
        return plans;
      });
      if (plan != nullptr) return std::get<InputStationaryMapping>(*plan);
    }
    const GemmChoice& choice = context_.plan_gemm(problem(), builder_.capacity());
    if (!choice.plan) infeasible(choice.smallest);
    return with_a_buffer_in_turn(*choice.plan);
  }
  // If all tiles of an operand stay, moves the last one to a buffer that is used in turn: the mapping is then valid
  // in any order of the loops.
  static InputStationaryMapping with_a_buffer_in_turn(InputStationaryMapping m) {
    for (OperandBuffers* const buffers : {&m.streamed, &m.stationary})
      if (buffers->sets == 0 && buffers->kept > 0) buffers->sets = 1, --buffers->kept;
    return m;
  }
  // Whether a tile of the operand has to wait until the one before it has left its place.
  static bool waits(const OperandBuffers& buffers, int sweep) {
    return buffers.sets == 1 && (buffers.kept == 0 || buffers.kept + buffers.sets < sweep);
  }

  // Cuts the operands into the plan's tiles, which may be smaller than the array.
  void cut_operands() {
    for (const ContractionTile& whole : placed_.contraction)
      for (int k = 0; k < whole.count; k += plan_.tile_rows)
        contraction_.push_back({whole.first + k, std::min(plan_.tile_rows, whole.count - k), whole.part});
    for (const ColumnTile& whole : placed_.columns) {
      const int width = problem().column_cuts ? plan_.tile_cols : whole.count;
      for (int n = 0; n < whole.count; n += width)
        columns_.push_back({whole.first_group, whole.groups, whole.first + n, std::min(width, whole.count - n)});
    }
    for (const ColumnTile& column : columns_) column_start_.push_back(column_start_.back() + column.count);
  }

  void note() const {
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
        "; streamed operand " + (gemm_.strip ? "in image strips, " : "") +
        (problem().streamed_on_chip ? "resident" : words(plan_.streamed)) + ", stationary operand " +
        words(plan_.stationary) + (results_in_sums_ ? ", results in the place of their sums" : "") +
        results_words(plan_.results) +
        (images_.size() > 1 ? "; rows of " + std::to_string(images_.size()) + " images share the weights" : "");
    for (const GemmImage& image : images_) context_.note(image.layer, text);
  }

  // The number of a tile in its sweep: counts the loops inside `sweeps` that move the operand.
  int position(const std::array<int, 3>& at, GemmLoop sweeps, GemmLoop first, GemmLoop second) const {
    int number = 0;
    bool in_sweep = false;
    for (const GemmLoop loop : plan_.order) {
      if (in_sweep && (loop == first || loop == second))
        number = number * loops_.of(loop) + at[static_cast<std::size_t>(loop)];
      in_sweep = in_sweep || loop == sweeps;
    }
    return number;
  }

  struct Step {
    int row, m0, m;  // row: the row tile, counted over all images; rows [m0, m0 + m) of the image
    std::size_t c, c_end, k, k_end;
    BufferId streamed, stationary;
  };

  void emit_step(const std::array<int, 3>& at) {
    const int row = at[0], column = at[1], depth = at[2];
    Step s{};
    const int row_tiles = static_cast<int>(ceil_div(gemm_.m, plan_.m_tile));
    image_ = static_cast<std::size_t>(row / row_tiles);
    s.row = row, s.m0 = row % row_tiles * plan_.m_tile, s.m = std::min(plan_.m_tile, gemm_.m - s.m0);
    s.c = static_cast<std::size_t>(column * plan_.n_group);
    s.c_end = std::min(columns_.size(), s.c + static_cast<std::size_t>(plan_.n_group));
    s.k = static_cast<std::size_t>(depth * plan_.k_group);
    s.k_end = std::min(contraction_.size(), s.k + static_cast<std::size_t>(plan_.k_group));
    const GemmLoop deep = gemm_.strip ? GemmLoop::kRows : GemmLoop::kContraction;
    const OperandTiles::Place streamed =
        problem().streamed_on_chip
            ? OperandTiles::Place{kNone, false}
            : streamed_.place(gemm_.strip ? row : row * loops_.of(GemmLoop::kContraction) + depth,
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
  void fetch(const Step& s, bool streamed, bool stationary) {
    const std::size_t step = step_count_++;
    const bool apart =
        step < 2 || waits(plan_.streamed, loops_.streamed_sweep) != waits(plan_.stationary, loops_.stationary_sweep);
    std::vector<Transfer>& transfers = transfers_;
    transfers.clear();
    if (stationary) add_stationary(s);
    if (apart && stationary && streamed) load({kNone, DependencyKind::kDone});
    if (streamed && gemm_.strip) {
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
  void load(Dependency after) {
    last_load_ = builder_.transfer(UnitKind::kDmaLoad, image().layer, image().op, transfers_, after);
    transfers_.clear();
  }

  void add_stationary(const Step& s) {
    for (std::size_t i = s.k; i < s.k_end; ++i) {
      for (std::size_t j = s.c; j < s.c_end; ++j) {
        const int offset = stationary_offset(s, i, j);
        transfers_.push_back(stationary_transfer(contraction_[i], columns_[j], s.stationary, offset));
        if (i == 0 && gemm_.bias != kNone)  // behind the stationary tile of the first pass
          transfers_.push_back(builder_.make_transfer(gemm_.bias, 0, columns_[j].first, 1, columns_[j].count,
                                                      s.stationary,
                                                      offset + contraction_[i].count * columns_[j].count));
      }
    }
  }
  // Tiles are stored row by row in a step's buffer; a tile of the first contraction tile has its bias behind it.
  int stationary_offset(const Step& s, std::size_t i, std::size_t j) const {
    const auto columns = [this](std::size_t from, std::size_t to) { return column_start_[to] - column_start_[from]; };
    int rows = 0;
    for (std::size_t k = s.k; k < i; ++k) rows += contraction_[k].count;
    if (gemm_.bias != kNone && s.k == 0 && i > 0) ++rows;
    int offset = rows * columns(s.c, s.c_end);
    if (j > s.c) offset += columns(s.c, j) * (contraction_[i].count + (gemm_.bias != kNone && i == 0 ? 1 : 0));
    return offset;
  }

  void emit_pass(const Step& s, std::size_t i, std::size_t j) {
    const int offset = stationary_offset(s, i, j);
    const bool last = i + 1 == contraction_.size();
    if (s.m0 == 0 && !column_sums_.empty()) emit_column_sum(i, j, j - s.c, s.stationary, offset, last);
    emit_fold(s, i, j, offset, last);
  }

  // Adds the stationary tile's part to the sums of its columns; the last tile also sends the sums to memory.
  void emit_column_sum(std::size_t i, std::size_t j, std::size_t slot, BufferId stationary, int offset, bool last) {
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

  void emit_fold(const Step& s, std::size_t i, std::size_t j, int stationary_offset, bool last) {
    const ContractionTile& tile = contraction_[i];
    const ColumnTile& column = columns_[j];
    Job& job = builder_.begin(UnitKind::kMatrixEngine, JobKind::kFold, image().layer, image().op);
    job.m = s.m, job.k = tile.count * column.groups, job.n = column.count;
    job.flags = static_cast<std::uint16_t>(
        (i == 0 ? kFirst : 0) | (last ? kLast : 0) | (gemm_.bias != kNone && i == 0 ? kHasBias : 0) |
        (gemm_.streamed_transposed ? kTransposed : 0) | (gemm_.stationary_transposed ? kStationaryTransposed : 0) |
        (gemm_.wide ? kWide : 0));
    job.streamed = s.streamed;
    if (!gemm_.strip)
      for (std::size_t k = s.k; k < i; ++k) job.streamed_offset += s.m * contraction_[k].count;
    job.streamed_stride = gemm_.streamed_transposed ? s.m : tile.count;
    if (problem().streamed_on_chip) stream_resident(job, s.m0, tile.first);
    if (gemm_.strip) gather(job, s.m0, tile, column);
    job.stationary = s.stationary, job.stationary_offset = stationary_offset;
    job.stationary_stride = gemm_.stationary_transposed ? tile.count : column.count;
    builder_.read(job.streamed, streamed_elements(job));
    builder_.read(job.stationary);
    // Rows that lie in the scratchpad would let passes overtake those of the layer that is still making the others,
    // which all its results wait for.
    if (problem().streamed_on_chip && fold_count_++ == 0)
      builder_.depend_on(builder_.last_pass(), DependencyKind::kIssued);
    if (!partials_.empty()) {
      job.partial = partials_[partial_of(s, j)];
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
    if (2 * i >= contraction_.size() - 1 && half_way_[tile_number] == kNone)
      half_way_[tile_number] = builder_.next_job();
    builder_.finish();
    if (last) finish_tile(s.m0, s.m, column, place, {half_way_[tile_number], DependencyKind::kIssued});
  }

  // A chain of passes that ends within its step uses the next buffer in turn; otherwise every unfinished result tile
  // has a buffer of its own.
  std::size_t partial_of(const Step& s, std::size_t j) const {
    if (loops_.of(GemmLoop::kContraction) == 1) return (j - s.c) % partials_.size();
    const auto inside = [this](GemmLoop loop) {
      const auto at = [this](GemmLoop l) { return std::find(plan_.order.begin(), plan_.order.end(), l); };
      return at(loop) > at(GemmLoop::kContraction);
    };
    const std::size_t row = inside(GemmLoop::kRows) ? static_cast<std::size_t>(s.row) : 0;
    return inside(GemmLoop::kColumns) ? row * columns_.size() + j
                                      : row * static_cast<std::size_t>(plan_.n_group) + j - s.c;
  }

  InputStationaryMapping plan_;
  GemmLoops loops_;
  std::vector<ContractionTile> contraction_;
  std::vector<ColumnTile> columns_;
  std::vector<int> column_start_{0};  // of every column tile: the columns before it
  OperandTiles streamed_, stationary_;
  std::vector<BufferId> partials_, column_sums_;
  std::vector<Transfer> transfers_;  // of the load being made
  std::vector<JobId> half_way_;      // pass of every tile of results
  std::size_t step_count_ = 0, fold_count_ = 0;
  JobId first_load_, last_load_;
};

}  // namespace

void map_input_stationary(MappingContext& context, int layer, const Gemm& gemm,
                          const std::vector<EpilogueStage>& epilogue, TensorId output) {
  InputStationaryMapper(context, layer, gemm, epilogue, output).map();
}

namespace {

// Buffers of two layers and of what lies between them, side by side.
std::array<std::vector<BufferId>, 3> allocate_together(MappingContext& context, const std::string& what,
                                                       const std::array<std::vector<Bytes>, 3>& sizes) {
  std::vector<Bytes> all;
  for (const std::vector<Bytes>& each : sizes) all.insert(all.end(), each.begin(), each.end());
  const std::vector<BufferId> buffers = context.builder.allocate(all, what);
  std::array<std::vector<BufferId>, 3> split;
  auto next = buffers.begin();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto end = next + static_cast<std::ptrdiff_t>(sizes[i].size());
    split[i].assign(next, end);
    next = end;
  }
  return split;
}

int last_layer(const GemmLayer& gemm) {
  return gemm.epilogue.empty() ? gemm.layer : gemm.epilogue.back().layer;
}

std::vector<Bytes> repeated(const std::vector<Bytes>& sizes, int times) {
  std::vector<Bytes> all;
  for (int i = 0; i < times; ++i) all.insert(all.end(), sizes.begin(), sizes.end());
  return all;
}

// Of plans that a file gives; the search has found that its own fit.
[[noreturn]] void refuse_parts(const MappingContext& context, int layer) {
  const GivenMapping* const given = context.options->given;
  throw InfeasibleError((given == nullptr ? "" : given->file + ": ") + "layer " + context.layer(layer).name +
                        ": its buffers, those of the next layer and the results between them do not fit the "
                        "scratchpad of " +
                        std::to_string(context.builder.capacity()) + " bytes (scratchpad.capacity_kib)");
}

// The laws of two layers of a mapping file that work in turn.
void check_loop(const MappingContext& context, int layer, const InputStationaryMapping* given, GemmLoop outermost) {
  if (given != nullptr && given->order[0] != outermost)
    refuse_given(context, layer, "loop_order",
                 std::string("expected \"") + to_string(outermost) +
                     "\" as the outermost loop, whose iterations this layer and its neighbour do in turn, found \"" +
                     to_string(given->order[0]) + "\"");
}
void check_in_flight(const MappingContext& context, int layer, const InputStationaryMapping* given) {
  if (given != nullptr && (given->out_sets < 1 || given->out_sets > 2))
    refuse_given(context, layer, "result_buffers",
                 "expected 1 or 2 parts in flight, found " + std::to_string(given->out_sets));
}

}  // namespace

void map_row_parts(MappingContext& context, const GemmLayer& first, const Gemm& first_gemm, const GemmLayer& second,
                   const Gemm& second_gemm) {
  const int between = last_layer(first), end = last_layer(second);
  InputStationaryMapper producer(context, first.layer, first_gemm, first.epilogue, first.output),
      consumer(context, second.layer, second_gemm, second.epilogue, second.output);
  std::vector<ResidentTile>& tiles = context.resident[between] = context.residence(between).tiles;
  producer.describe(), consumer.describe();
  make_resident(context, end);
  const GivenGemms given{producer.given(), consumer.given()};
  producer.check(), consumer.check();
  check_loop(context, first.layer, given.first, GemmLoop::kRows);
  check_loop(context, second.layer, given.second, GemmLoop::kRows);
  check_in_flight(context, first.layer, given.first);
  if (given.first != nullptr && given.second != nullptr && given.first->m_tile != given.second->m_tile)
    refuse_given(context, second.layer, "row_tile",
                 "expected " + std::to_string(given.first->m_tile) +
                     ", the rows that the layer before makes at a time, found " + std::to_string(given.second->m_tile));
  const auto plan = plan_row_parts(context, producer.problem(), consumer.problem(), context.builder.capacity(), given);
  if (!plan) refuse_parts(context, first.layer);
  const int rows = plan->first.m_tile, in_flight = plan->first.out_sets;
  const std::vector<Bytes> first_buffers = producer.start(plan->first), second_buffers = consumer.start(plan->second);
  const auto buffers = allocate_together(
      context,
      "what layers " + context.layer(first.layer).name + " and " + context.layer(second.layer).name + " do in turn",
      {first_buffers, second_buffers, repeated(row_part(producer.problem(), rows), in_flight)});
  producer.take_buffers(buffers[0]), consumer.take_buffers(buffers[1]);
  for (int part = 0; part < producer.iterations(); ++part) {
    for (std::size_t i = 0; i < tiles.size(); ++i)
      tiles[i].buffer = buffers[2][static_cast<std::size_t>(part % in_flight) * tiles.size() + i];
    producer.begin_part_of_results(part * rows), consumer.begin_part_of_rows(part * rows);
    producer.emit_iteration(part), consumer.emit_iteration(part);
  }
  context.resident.erase(between);
}

void map_head_parts(MappingContext& context, const GemmLayer& first, const Gemm& gemm, int attention_layer,
                    TensorId output) {
  const int between = last_layer(first);
  const Residence& residence = context.residence(between);
  InputStationaryMapper producer(context, first.layer, gemm, first.epilogue, first.output);
  AttentionMapper attention(context, attention_layer, context.attention_kind(attention_layer), nullptr, output);
  producer.describe();
  make_resident(context, attention_layer);
  producer.check();
  const GivenHeads given{producer.given(), attention.given_in_place()};
  check_loop(context, first.layer, given.first, GemmLoop::kColumns);
  check_in_flight(context, first.layer, given.first);
  if (given.first != nullptr && given.first->n_group != 1)
    refuse_given(context, first.layer, "column_group",
                 "expected 1, because Q, K and V of a head are made one after the other, found " +
                     std::to_string(given.first->n_group));
  const std::vector<Bytes> part(residence.bytes.begin(), residence.bytes.begin() + kTilesOfHead);
  const auto plan =
      plan_head_parts(context, producer.problem(), part, attention_layer, context.builder.capacity(), given);
  if (!plan) refuse_parts(context, first.layer);
  const std::vector<Bytes> first_buffers = producer.start(plan->first),
                           second_buffers = attention.start_in_place(plan->second);
  const int in_flight = plan->first.out_sets;
  const auto buffers = allocate_together(
      context,
      "what layers " + context.layer(first.layer).name + " and " + context.layer(attention_layer).name + " do in turn",
      {first_buffers, second_buffers, repeated(part, in_flight)});
  producer.take_buffers(buffers[0]), attention.take_buffers(buffers[1]);
  std::vector<ResidentTile>& tiles = context.resident[between] = residence.tiles;
  for (std::size_t i = 0; i < tiles.size(); ++i) tiles[i].buffer = buffers[2][i % buffers[2].size()];
  for (int column = 0; column < producer.iterations(); ++column) {
    producer.emit_iteration(column);
    if ((column + 1) % kTilesOfHead == 0) attention.map_head(column / kTilesOfHead);
  }
  context.resident.erase(between);
}

}  // namespace vitality
