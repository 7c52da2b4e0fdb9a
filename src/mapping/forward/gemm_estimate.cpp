#include "mapping/forward/gemm_estimate.h"

#include <limits>

#include "cost/array_cost.h"
#include "cost/noc_route.h"
#include "mapping/forward/schedule_builder.h"

namespace vitality {
namespace {

// For the objective `latency`, bytes that move while the array works still cost this share of their time: plans of the
// same speed differ in how much memory time they leave to neighbouring layers.
constexpr double kHiddenShare = 0.02;

// Bounds are sums in another order than estimates, so they may differ in the last digits.
constexpr double kRounding = 1 - 1e-9;

int tiles_of(int total, int size) {
  return static_cast<int>(ceil_div(total, size));
}
int largest(const std::vector<int>& sizes, int most) {
  return std::min(most, *std::max_element(sizes.begin(), sizes.end()));
}
int count(const std::vector<int>& sizes, int most) {
  int count = 0;
  for (const int size : sizes) count += tiles_of(size, most);
  return count;
}
bool moves_streamed(GemmLoop loop, bool strip) {
  return loop == GemmLoop::kRows || (loop == GemmLoop::kContraction && !strip);
}
bool moves_stationary(GemmLoop loop) {
  return loop != GemmLoop::kRows;
}

}  // namespace

double request_latency(const HardwareConfig& config) {
  const DramDevice& device = config.dram.device;
  return device.first_burst_clocks() * device.tck_ns * config.clock_mhz * 1e-3;
}

std::vector<int> cut_tiles(const std::vector<int>& sizes, int most) {
  std::vector<int> tiles;
  for (int size : sizes)
    for (; size > 0; size -= most) tiles.push_back(std::min(size, most));
  return tiles;
}

std::vector<std::int64_t> GemmProblem::key(Bytes capacity) const {
  std::vector<std::int64_t> key{capacity,
                                m,
                                k,
                                n,
                                row_unit,
                                packed_groups,
                                column_cuts,
                                element,
                                partial,
                                result,
                                adds,
                                functions,
                                bias,
                                column_sums,
                                streamed_on_chip,
                                results_on_chip,
                                images,
                                results_in_memory,
                                added_in_place,
                                shared_result_tiles,
                                outermost ? static_cast<std::int64_t>(*outermost) : -1,
                                fixed_rows,
                                groups};
  key.insert(key.end(), contraction.begin(), contraction.end());
  key.push_back(0);
  key.insert(key.end(), columns.begin(), columns.end());
  key.push_back(0);
  if (strip)
    key.insert(key.end(), {strip->in_channels, strip->kernel, strip->stride, strip->pad, strip->in_height,
                           strip->in_width, strip->out_height, strip->out_width});
  return key;
}

GemmEstimator::GemmEstimator(const GemmProblem& problem, const HardwareConfig& config, const EnergyModel& prices,
                             Bytes capacity, double dram_bytes_per_cycle)
    : problem_(problem),
      config_(config),
      prices_(prices),
      capacity_(capacity),
      bandwidth_(dram_bytes_per_cycle),
      latency_(request_latency(config)),
      memory_pj_(prices_.dram_per_byte() + prices_.per_action(Action::kScratchpadWrite)),
      cycle_pj_(prices_.idle_per_cycle()) {}

GemmEstimator::TileCounts GemmEstimator::count_tiles(int tile_rows, int tile_cols) const {
  const GemmProblem& p = problem_;
  return {p.column_cuts ? count(p.columns, tile_cols) : static_cast<int>(p.columns.size()),
          count(p.contraction, tile_rows), largest(p.columns, p.column_cuts ? tile_cols : p.n)};
}

GemmCut GemmEstimator::cut(int tile_rows, int tile_cols, int m_tile) const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const TileCounts counts = count_tiles(tile_rows, tile_cols);
  GemmCut cut{tile_rows,
              tile_cols,
              m_tile,
              counts.columns,
              counts.contraction,
              counts.width,
              {},
              {},
              streamed_bytes(m_tile),
              on_chip_energy(problem_.images * tiles_of(problem_.m, m_tile), counts.columns, counts.contraction)};
  set_passes(cut, [&](int rows) -> GemmPass {
    const FoldTiming fold = input_stationary_fold(engine.rows, engine.cols, rows, engine.stationary_prefetch);
    return {static_cast<double>(engine.stationary_prefetch ? fold.interval : fold.latency())};
  });
  return cut;
}

void GemmEstimator::add_ports(GemmCut& cut) const {
  static const Schedule kNoSchedule;
  set_passes(cut, [&](int rows) -> GemmPass {
    Job job{};
    job.unit = UnitKind::kMatrixEngine, job.kind = JobKind::kFold;
    job.m = rows;
    job.k = largest(problem_.contraction, cut.tile_rows) * problem_.packed_groups;
    job.n = cut.width;
    job.flags = cut.contraction == 1 ? kFirst | kLast : 0;
    const JobCost cost = job_cost(job, kNoSchedule, config_);
    if (config_.matrix_engine.stationary_prefetch) return {static_cast<double>(std::max(cost.load, cost.stream))};
    return {static_cast<double>(cost.load + cost.stream + cost.drain), static_cast<double>(cost.drain)};
  });
}

template <typename PassOf>
void GemmEstimator::set_passes(GemmCut& cut, const PassOf& pass_of) const {
  cut.pass = pass_of(cut.m_tile);
  if (const int rest = problem_.m % cut.m_tile; rest > 0) cut.last_pass = pass_of(rest);
}

GemmLoops GemmEstimator::loops(const InputStationaryMapping& plan) const {
  return loops(plan, count_tiles(plan.tile_rows, plan.tile_cols));
}
GemmLoops GemmEstimator::loops(const InputStationaryMapping& plan, const GemmCut& cut) const {
  return loops(plan, TileCounts{cut.columns, cut.contraction, cut.width});
}

GemmLoops GemmEstimator::loops(const InputStationaryMapping& plan, const TileCounts& counts) const {
  const GemmProblem& p = problem_;
  GemmLoops l;
  l.columns = counts.columns, l.contraction = counts.contraction;
  l.tiles = {p.images * tiles_of(p.m, plan.m_tile), tiles_of(l.columns, plan.n_group),
             tiles_of(l.contraction, plan.k_group)};
  for (const GemmLoop loop : plan.order) {
    if (inside(plan.order, loop, GemmLoop::kColumns) && moves_streamed(loop, p.strip.has_value()))
      l.streamed_sweep *= l.of(loop);
    if (inside(plan.order, loop, GemmLoop::kRows) && moves_stationary(loop)) l.stationary_sweep *= l.of(loop);
  }
  if (l.contraction > 1) {
    const bool one_step = l.of(GemmLoop::kContraction) == 1;
    const int rows = inside(plan.order, GemmLoop::kRows, GemmLoop::kContraction) ? l.of(GemmLoop::kRows) : 1;
    const int columns = inside(plan.order, GemmLoop::kColumns, GemmLoop::kContraction) ? l.columns : plan.n_group;
    l.partials = one_step ? std::min(plan.n_group, config_.matrix_engine.count) : rows * columns;
  }
  l.column_sums = p.column_sums ? plan.n_group : 0;
  const int width = counts.width;
  const Bytes depth = std::min(plan.tile_rows * plan.k_group, p.k),
              wide = std::min<Bytes>(Bytes{width} * plan.n_group, p.n), m = plan.m_tile;
  if (p.strip) {
    const Conv2d& conv = *p.strip;
    const Bytes rows =
        std::min(conv.in_height + 2 * conv.pad, (plan.m_tile / conv.out_width - 1) * conv.stride + conv.kernel);
    l.streamed_tile = p.element * rows * conv.in_width * conv.in_channels;
  } else {
    l.streamed_tile = p.element * m * depth;
  }
  l.stationary_tile = p.element * depth * wide + (p.bias ? p.partial * wide : 0);
  l.partial_tile = p.partial * m * width;
  l.sums_tile = p.partial * width;
  l.out_tile = p.result * m * width;
  return l;
}

std::vector<Bytes> GemmEstimator::buffer_list(const InputStationaryMapping& plan) const {
  const GemmLoops l = loops(plan);
  std::vector<Bytes> list;
  const auto add = [&list](int count, Bytes bytes) { list.insert(list.end(), static_cast<std::size_t>(count), bytes); };
  add(plan.streamed.kept + plan.streamed.sets, l.streamed_tile);
  add(plan.stationary.kept + plan.stationary.sets, l.stationary_tile);
  add(l.partials, l.partial_tile);
  add(l.column_sums, l.sums_tile);
  add(out_tiles(plan), l.out_tile);
  return list;
}

Bytes GemmEstimator::bytes_of(const InputStationaryMapping& plan, const GemmLoops& l) const {
  return (plan.streamed.kept + plan.streamed.sets) * aligned(l.streamed_tile) +
         (plan.stationary.kept + plan.stationary.sets) * aligned(l.stationary_tile) +
         l.partials * aligned(l.partial_tile) + l.column_sums * aligned(l.sums_tile) +
         out_tiles(plan) * aligned(l.out_tile);
}

Bytes GemmEstimator::streamed_bytes(int m_tile) const {
  if (problem_.streamed_on_chip) return 0;
  if (!problem_.strip) return problem_.element * problem_.images * problem_.m * problem_.k;
  const Conv2d& conv = *problem_.strip;
  Bytes rows = 0;
  for (int output = 0; output < problem_.m; output += m_tile) {
    const InputRows strip = input_rows(conv, output, std::min(m_tile, problem_.m - output));
    rows += strip.end - strip.begin;
  }
  return problem_.element * problem_.images * rows * conv.in_width * conv.in_channels;
}

namespace {

// The share of an operand in the `kept` tiles of its sweeps. The operand is `outer` x `inner` in the order of its
// loops; a loop outside the sweep counts as one tile of the whole extent.
// `times`: the extent is there so often, and no tile reaches from one into the next.
struct Extent {
  int total, tile, times = 1;
  int size(int index) const { return std::min(tile, total - index % tiles_of(total, tile) * tile); }
  int tiles() const { return times * tiles_of(total, tile); }
  double all() const { return static_cast<double>(times) * total; }
};
double kept_share(const Extent& outer, const Extent& inner, int kept) {
  double elements = 0;
  for (int p = 0; p < kept; ++p)
    elements += static_cast<double>(outer.size(p / inner.tiles())) * inner.size(p % inner.tiles());
  return elements / (outer.all() * inner.all());
}

}  // namespace

GemmEstimator::Traffic GemmEstimator::traffic(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& l) const {
  const GemmProblem& p = problem_;
  const int depth = std::min(plan.tile_rows * plan.k_group, p.k);
  const auto extent = [&](GemmLoop loop, GemmLoop sweeps) -> Extent {
    const bool inside_sweep = inside(plan.order, loop, sweeps);
    if (loop == GemmLoop::kRows && inside_sweep) return {p.m, plan.m_tile, p.images};
    const int total = loop == GemmLoop::kRows ? p.images * p.m : loop == GemmLoop::kColumns ? l.columns : p.k;
    const int tile = loop == GemmLoop::kColumns ? plan.n_group : depth;
    return {total, inside_sweep ? tile : total};
  };
  // Bytes that all sweeps fetch: the kept share once, the remaining share in every sweep.
  const auto fetched = [&](Bytes once, const OperandBuffers& buffers, int sweep, GemmLoop sweeps, GemmLoop other) {
    const int times = l.of(sweeps);
    if (times == 1 || sweep == 1 || buffers.kept >= sweep) return once;
    if (buffers.kept == 0) return once * times;
    Extent first = extent(other, sweeps), second = extent(GemmLoop::kContraction, sweeps);
    if (p.strip && other == GemmLoop::kRows) second.tile = second.total;
    if (inside(plan.order, other, GemmLoop::kContraction)) std::swap(first, second);
    const double share = kept_share(first, second, buffers.kept);
    return once + static_cast<Bytes>((1 - share) * static_cast<double>(once) * (times - 1));
  };
  Traffic t{};
  const Bytes streamed_once = cut.streamed_once;
  t.streamed = fetched(streamed_once, plan.streamed, l.streamed_sweep, GemmLoop::kColumns, GemmLoop::kRows);
  const Bytes weights = p.element * p.k * p.n;
  t.stationary = fetched(weights, plan.stationary, l.stationary_sweep, GemmLoop::kRows, GemmLoop::kColumns);
  if (p.bias) t.stationary += p.partial * p.n * t.stationary / weights;
  const Bytes results = p.result * p.images * p.m * p.n;
  t.added = results * p.fetched_adds();
  t.results = (p.results_in_memory ? results : 0) + (p.column_sums ? p.partial * p.n : 0);
  const double streamed_tiles =
      static_cast<double>(l.of(GemmLoop::kRows)) * (p.strip ? 1 : l.of(GemmLoop::kContraction));
  t.streamed_loads =
      streamed_once == 0 ? 0 : streamed_tiles * static_cast<double>(t.streamed) / static_cast<double>(streamed_once);
  t.stationary_loads = static_cast<double>(l.of(GemmLoop::kColumns)) * l.of(GemmLoop::kContraction) *
                       static_cast<double>(t.stationary) / static_cast<double>(weights);
  return t;
}

// Arrays that share the column tiles of a step. There is room for two results (out_sets), so a third one has little to
// do.
int GemmEstimator::arrays(int n_group) const {
  return std::min({2, config_.matrix_engine.count, n_group});
}

double GemmEstimator::passes_in_turn(const GemmCut& cut, int n_group) const {
  const int arrays = this->arrays(n_group);
  const int columns = cut.columns / n_group * tiles_of(n_group, arrays) + tiles_of(cut.columns % n_group, arrays);
  return static_cast<double>(columns) * cut.contraction;
}

double GemmEstimator::compute_cycles(const GemmCut& cut, int n_group) const {
  const int whole = problem_.m / cut.m_tile;
  return problem_.images * passes_in_turn(cut, n_group) *
         (whole * cut.pass.interval + (problem_.m % cut.m_tile > 0 ? cut.last_pass.interval : 0));
}

// The energy that does not depend on the order of the loops: products, sums outside the array, scratchpad bytes, and
// the registers and multiplexers of the array, which work while it has a pass (cost/energy.h, clocked_cycles()).
double GemmEstimator::on_chip_energy(int row_tiles, int columns, int contraction) const {
  const GemmProblem& p = problem_;
  const double m = static_cast<double>(p.images) * p.m, k = p.k, n = p.n;
  const double macs = m * k * n, sums = m * n * (contraction - 1);
  const double read = static_cast<double>(p.element) * (m * k * p.packed_groups * columns + k * n * row_tiles) +
                      static_cast<double>(p.partial) * sums;
  const double write = static_cast<double>(p.partial) * sums + static_cast<double>(p.result) * m * n;
  const double hops = noc_hops(config_.noc, 0);
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const double skew = engine.stationary_prefetch ? 0 : row_tiles * (2.0 * engine.rows + engine.cols - 2);
  const double working = static_cast<double>(columns) * contraction * (m + skew);
  return working * prices_.working_cycle(UnitKind::kMatrixEngine) + macs * prices_.per_action(Action::kMac) +
         sums * prices_.per_action(Action::kAccumulate) + read * prices_.per_action(Action::kScratchpadRead) +
         write * prices_.per_action(Action::kScratchpadWrite) +
         (read + write) * hops * prices_.per_action(Action::kNocByteHop);
}

double GemmEstimator::energy(const GemmPlan& plan, const GemmCut& cut) const {
  // Each byte from or to memory is written to the scratchpad or read from it.
  return cut.on_chip_energy + static_cast<double>(plan.dram_bytes) * memory_pj_ + plan.cycles * cycle_pj_;
}

namespace {

// The fetches of a step.
struct StepLoad {
  struct Alone {
    double often = 0, cycles = 0;  // how often there is a fetch, and what it takes
  };
  std::array<Alone, 2> alone;  // of operands with one buffer
  // Of the others: cycles of their bytes, and of their requests' latency.
  double behind = 0, latency = 0;
  double stored = 0;  // cycles of results' bytes, which leave while later steps work
};
// Cycles of a step. For operands with one buffer the array waits, as long as the drain of the pass before does not hide
// their fetch; where both are fetched, they come in one. Of others two tiles take turns: the time of two steps is that
// of a tile's fetch, of its `lead` in the PEs and of its passes; and the bytes of a step take their time.
// largest: of steps that alternate with smaller ones, times the mean size.
double step_cycles(double compute, const StepLoad& load, double drain, double lead, double largest) {
  const auto [few, many] =
      std::minmax(load.alone[0], load.alone[1], [](const auto& a, const auto& b) { return a.often < b.often; });
  const auto wait = [&](double cycles) { return std::max(0.0, cycles + lead - drain); };
  const double waited = few.often * wait(few.cycles + many.cycles) + (many.often - few.often) * wait(many.cycles);
  if (waited > 0) return std::max(waited + compute, load.behind + load.stored);
  const double in_turn = load.behind > 0 ? ((compute + load.behind) * largest + load.latency + lead) / 2 : 0;
  return std::max({compute, load.behind + load.stored, in_turn});
}

// Cycles from the end of a pass's stream to its last result, and from the place for the results of a later pass to the
// beginning of its stream: it loads its stationary tile first. Without prefetch they are part of the interval.
double drain_and_load(const MatrixEngineConfig& engine) {
  return engine.stationary_prefetch ? 2 * engine.rows + engine.cols - 2 : 0;
}

}  // namespace

// Cycles of the additions and functions on a tile of results.
double GemmEstimator::epilogue_cycles(const GemmCut& cut) const {
  const SpecialFunctionConfig& lanes = config_.special_functions;
  const Cycles functions = problem_.functions * ceil_div(cut.width, lanes.lanes) * lanes.initiation_interval;
  return static_cast<double>((problem_.adds + functions) * cut.m_tile);
}

// Cycles in which a first pass waits for the buffer of its partial sums, in which the results of a tile before still
// lie: until the additions of the epilogue have moved them to the place of a second operand, or they are in memory. A
// second operand waits for the sum before it to leave.
double GemmEstimator::sum_waits(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& l) const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const double interval = cut.pass.interval;
  const bool one_step = l.of(GemmLoop::kContraction) == 1;
  const double chain = one_step ? l.contraction * interval : interval,
               move = static_cast<double>(l.out_tile) / bandwidth_ + latency_;
  const double leaves = drain_and_load(engine) + epilogue_cycles(cut) + (problem_.adds > 0 ? 0 : move);
  // In which the next tile that wants this buffer begins: `arrays` tiles are made at a time.
  const int arrays = this->arrays(plan.n_group);
  const double wait = std::max(0.0, chain + leaves - l.partials * chain / arrays) / arrays +
                      (problem_.fetched_adds() > 0 ? std::max(0.0, 2 * move - l.contraction * interval) : 0);
  // The first tiles find their buffers free.
  const double tiles = static_cast<double>(one_step ? l.columns : l.of(GemmLoop::kColumns)) * l.of(GemmLoop::kRows);
  return std::max(0.0, tiles - l.partials) * wait;
}

// Cycles in which a last pass waits for a place for its results. The tile before must leave this place first, which
// takes the drain, the additions of the epilogue and the store to memory.
double GemmEstimator::result_waits(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& l) const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const double interval = cut.pass.interval;
  const bool one_step = l.of(GemmLoop::kContraction) == 1;
  double spacing = (one_step ? l.contraction : 1) * interval / arrays(plan.n_group);
  const bool stored = problem_.has_result_tiles() ? !problem_.added_in_place : problem_.results_in_memory;
  const double leaves = drain_and_load(engine) + epilogue_cycles(cut) +
                        (stored ? static_cast<double>(l.out_tile) / bandwidth_ + latency_ : 0);
  if (plan.out_sets == 0) return sum_waits(plan, cut, l);
  if (!problem_.has_result_tiles()) {
    if (!problem_.shared_result_tiles) return 0;
    // The next columns of the same rows lie between those of this pass, so they wait for its results.
    if (inside(plan.order, GemmLoop::kRows, GemmLoop::kColumns) && plan.n_group == 1) spacing *= l.of(GemmLoop::kRows);
    return static_cast<double>(l.columns) * l.of(GemmLoop::kRows) * std::max(0.0, leaves - (spacing - interval));
  }
  const double wait = std::max(0.0, leaves - (plan.out_sets * spacing - interval)) / plan.out_sets;
  const bool innermost = plan.order[2] == GemmLoop::kContraction;
  const double in_a_row = one_step || !innermost ? l.columns : l.columns - l.of(GemmLoop::kColumns);
  return std::max(0.0, in_a_row * l.of(GemmLoop::kRows) - plan.out_sets) * wait;
}

// Cycles in which the array waits when a loop outside an operand's sweeps brings new tiles into the places of those
// that were kept: a tile leaves its place with its last pass, one step before the first of the new tiles is needed for
// every other step of the sweep.
double GemmEstimator::change_waits(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& l, double step,
                                   double lead) const {
  const auto waits = [&](const OperandBuffers& buffers, Bytes tile, int sweep, GemmLoop sweeps, auto moves) {
    if (buffers.kept == 0) return 0.0;
    double changes = 1;
    for (const GemmLoop loop : plan.order)
      if (inside(plan.order, sweeps, loop) && moves(loop)) changes *= l.of(loop);
    const double window = (sweep - 1) * step + cut.pass.drain - lead;
    return (changes - 1) * std::max(0.0, static_cast<double>(tile) / bandwidth_ + latency_ - window);
  };
  return waits(plan.streamed, l.streamed_tile, l.streamed_sweep, GemmLoop::kColumns,
               [&](GemmLoop loop) { return moves_streamed(loop, problem_.strip.has_value()); }) +
         waits(plan.stationary, l.stationary_tile, l.stationary_sweep, GemmLoop::kRows, moves_stationary);
}

// Cycles from the last pass to the end of the layer: the last result goes through the epilogue and to memory. Tiles
// whose sums are finished one pass after the other queue up for that.
double GemmEstimator::end_of_results(const GemmPlan& plan, const GemmCut& cut, const GemmLoops& l) const {
  const double moved = problem_.fetched_adds() + (problem_.results_in_memory ? 1 : 0),
               tile = static_cast<double>(l.out_tile) / bandwidth_;
  double each = std::max(epilogue_cycles(cut), tile * moved);
  // The sum lies in the only place of second operands, so the next one is fetched when it has left.
  if (plan.out_sets == 0 && problem_.fetched_adds() > 0) each = epilogue_cycles(cut) + moved * (tile + latency_);
  const double unfinished = l.of(GemmLoop::kContraction) == 1 ? 1 : std::max(1, l.partials);
  const double last = problem_.results_in_memory ? tile * (3 - std::max(1, plan.out_sets)) + latency_ : 0;
  return last + (unfinished - 1) * std::max(0.0, each - cut.pass.interval);
}

// Of the steps of the innermost loop that has several, the largest one over the mean.
double GemmEstimator::largest_step(const GemmPlan& plan, const GemmLoops& l) const {
  for (int i = 2; i >= 0; --i) {
    const GemmLoop loop = plan.order[static_cast<std::size_t>(i)];
    const double count = l.of(loop);
    if (count <= 1) continue;
    if (loop == GemmLoop::kRows) return count * plan.m_tile / (static_cast<double>(problem_.images) * problem_.m);
    return loop == GemmLoop::kColumns ? count * plan.n_group / l.columns : count * plan.k_group / l.contraction;
  }
  return 1;
}

void GemmEstimator::evaluate(GemmPlan& plan, const GemmCut& cut, const GemmLoops& l) const {
  const Traffic t = traffic(plan, cut, l);
  plan.dram_bytes = t.total();
  const GemmOrder& order = plan.order;
  const GemmLoop inner = order[2];
  const double steps = static_cast<double>(l.tiles[0]) * l.tiles[1] * l.tiles[2];
  const double begin = steps / l.of(inner), go_on = steps - begin;  // steps in which the innermost loop begins, and in
                                                                    // which it continues
  const double compute = compute_cycles(cut, plan.n_group) / steps;
  const auto cycles_of = [this](double bytes, double loads) { return bytes / bandwidth_ + loads * latency_; };
  StepLoad at_begin, at_go_on;
  const auto spread = [&](Bytes bytes, double loads, bool moves, const OperandBuffers& buffers, int tiles) {
    if (tiles == 1) return;  // fetched before the first step
    const double moving = cycles_of(static_cast<double>(bytes), 0), latency = cycles_of(0, loads);
    const auto add = [&](StepLoad& load, double share) {
      if (buffers.sets == 1)
        load.alone[&buffers == &plan.streamed ? 0 : 1] = {loads * share, (moving + latency) / std::max(1.0, loads)};
      else
        load.behind += moving * share, load.latency += latency * share;
    };
    add(at_begin, 1 / (moves ? steps : begin));
    if (moves) add(at_go_on, 1 / steps);
  };
  const bool go_on_moves_streamed = l.of(inner) > 1 && moves_streamed(inner, problem_.strip.has_value()),
             go_on_moves_stationary = l.of(inner) > 1 && moves_stationary(inner);
  spread(t.streamed, t.streamed_loads, go_on_moves_streamed, plan.streamed,
         l.of(GemmLoop::kRows) * (problem_.strip ? 1 : l.of(GemmLoop::kContraction)));
  spread(t.stationary, t.stationary_loads, go_on_moves_stationary, plan.stationary,
         l.of(GemmLoop::kColumns) * l.of(GemmLoop::kContraction));
  spread(t.added, 0, true, {0, 2}, 2);
  at_begin.stored = at_go_on.stored = static_cast<double>(t.results) / bandwidth_ / steps;
  // A tile that is loaded into the PEs during the pass before must be there earlier by this time.
  const double lead = config_.matrix_engine.stationary_prefetch ? config_.matrix_engine.rows : 0;
  const double drain = cut.pass.drain, largest = largest_step(plan, l);
  double total = begin * step_cycles(compute, at_begin, drain, lead, largest) +
                 go_on * step_cycles(compute, at_go_on, drain, lead, largest);
  total = std::max(total, static_cast<double>(plan.dram_bytes) / bandwidth_);
  total += result_waits(plan, cut, l) + change_waits(plan, cut, l, compute, lead) +
           drain_and_load(config_.matrix_engine);  // once
  // The array first waits for the operands of the first step.
  plan.cycles =
      total + cycles_of(static_cast<double>(l.streamed_tile + l.stationary_tile), 1) + end_of_results(plan, cut, l);
  // Layers share the scratchpad: without room beside the plan, the next layer's first tile is not fetched ahead.
  if (bytes_of(plan, l) + aligned(l.stationary_tile) > capacity_)
    plan.cycles += cycles_of(static_cast<double>(l.stationary_tile), 1);
  plan.energy_pj = energy(plan, cut);
}

PlanScore::PlanScore(const HardwareConfig& config, const EnergyModel& prices, double dram_bytes_per_cycle)
    : objective_(config.mapping.objective),
      cycles_per_byte_(kHiddenShare / dram_bytes_per_cycle),
      pj_per_byte_(config.mapping.byte_share * prices.dram_per_byte()) {}

double PlanScore::operator()(double cycles, Picojoules energy, Bytes dram_bytes) const {
  const auto bytes = static_cast<double>(dram_bytes);
  switch (objective_) {
    case MappingObjective::kLatency:
      return cycles + cycles_per_byte_ * bytes;
    case MappingObjective::kEnergy:
      return energy + pj_per_byte_ * bytes;
    case MappingObjective::kEdp:
      return energy * cycles;
  }
  return 0;
}

double GemmEstimator::score(double cycles, double energy, Bytes bytes) const {
  return PlanScore(config_, prices_, bandwidth_)(cycles, energy, bytes);
}

double GemmEstimator::least_score(const GemmCut& cut) const {
  GemmPlan plan;
  plan.dram_bytes = cut.streamed_once + problem_.element * problem_.k * problem_.n +
                    problem_.result * problem_.images * problem_.m * problem_.n *
                        (problem_.fetched_adds() + (problem_.results_in_memory ? 1 : 0));
  plan.cycles = std::max(compute_cycles(cut, cut.columns), static_cast<double>(plan.dram_bytes) / bandwidth_);
  plan.energy_pj = energy(plan, cut);
  return score(plan) * kRounding;
}

double GemmEstimator::least_score(const GemmPlan& given, const GemmCut& cut, const GemmLoops& l) const {
  // Each operand keeps as much as if the other one had a single buffer; a place is left for tiles in turn.
  const Bytes streamed = problem_.streamed_on_chip ? 0 : aligned(l.streamed_tile),
              stationary = aligned(l.stationary_tile),
              room = capacity_ - l.partials * aligned(l.partial_tile) - l.column_sums * aligned(l.sums_tile);
  if (room < streamed + stationary) return std::numeric_limits<double>::infinity();
  const auto kept = [](Bytes bytes, Bytes tile, int sweep) -> OperandBuffers {
    if (tile == 0 || bytes / tile >= sweep) return {sweep, 0};
    return {static_cast<int>(bytes / tile) - 1, 1};
  };
  GemmPlan plan = given;
  plan.streamed = kept(room - stationary, streamed, l.streamed_sweep);
  plan.stationary = kept(room - streamed, stationary, l.stationary_sweep);
  plan.dram_bytes = traffic(plan, cut, l).total();
  const double moved = static_cast<double>(plan.dram_bytes) / bandwidth_;
  plan.cycles = std::max(compute_cycles(cut, plan.n_group), moved) +
                static_cast<double>(l.streamed_tile + l.stationary_tile) / bandwidth_ +
                (problem_.results_in_memory ? 2 : 1) * latency_;
  plan.energy_pj = energy(plan, cut);
  return score(plan) * kRounding;
}

}  // namespace vitality
