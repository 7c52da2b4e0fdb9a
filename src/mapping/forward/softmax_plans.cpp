#include "mapping/forward/softmax_plans.h"

#include <algorithm>

#include "cost/lane_cost.h"
#include "cost/noc_route.h"
#include "mapping/forward/gemm_plans.h"

namespace vitality {
namespace {

constexpr Bytes kAlignment = 8;  // of the scratchpad's buffers

constexpr int kMostOperandBuffers = 16;  // of K, and of V

// [0, total) in pieces of `size`: whole ones, and a shorter one where something is left.
struct Cuts {
  int whole, rest;
  int count() const { return whole + (rest > 0 ? 1 : 0); }
};
Cuts cuts(int total, int size) {
  return {total / size, total % size};
}

}  // namespace

std::vector<Bytes> softmax_buffers(const Attention& a, const HardwareConfig& config, const AttentionMapping& p) {
  const ElementSizes size = sizes_of(config);
  const bool online = p.online_softmax;
  const Bytes score = a.d_qk <= config.matrix_engine.rows ? size.wide : std::max(size.wide, size.partial);
  const Bytes sum = std::max(size.partial, size.element), queries = p.query_chunk, keys = p.token_chunk;
  const Bytes columns = online ? keys : a.n_kv;
  std::vector<Bytes> list;
  const auto add = [&list](int count, Bytes each) { list.insert(list.end(), static_cast<std::size_t>(count), each); };
  add(p.sets[0], size.element * keys * a.d_qk), add(p.sets[1], size.element * keys * a.d_v);
  add(p.sets[2], size.element * queries * a.d_qk), add(p.sets[3], score * queries * columns);
  add(online ? p.result_sets : p.sets[3], sum * queries * a.d_v);
  if (online) add(p.result_sets, (2 * size.wide + size.partial) * queries);
  if (a.bias_params > 0) add(1, size.element * queries * columns);
  return list;
}

SoftmaxPlanner::SoftmaxPlanner(const Attention& attention, const HardwareConfig& config, const EnergyModel& prices,
                               Bytes capacity, double dram_bytes_per_cycle, const OperandsInPlace& in_place)
    : a_(attention),
      config_(config),
      prices_(prices),
      capacity_(capacity),
      bandwidth_(dram_bytes_per_cycle),
      in_place_(in_place) {}

Bytes SoftmaxPlanner::bytes_of(const AttentionMapping& plan) const {
  Bytes total = 0;
  for (const Bytes bytes : softmax_buffers(a_, config_, plan)) total += ceil_div(bytes, kAlignment) * kAlignment;
  return total;
}

SoftmaxPlanner::Work& SoftmaxPlanner::Work::operator+=(const Work& other) {
  passes += other.passes, functions += other.functions, scores += other.scores, sums += other.sums;
  tile += other.tile, energy += other.energy, dram += other.dram;
  return *this;
}

SoftmaxPlanner::JobWork SoftmaxPlanner::work_of(const Job& job) {
  const std::array<int, 6> key{static_cast<int>(job.kind), job.flags, job.m, job.k, job.n, job.streamed_stride};
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  static const Schedule kNoSchedule;
  const JobCost cost = job_cost(job, kNoSchedule, config_);
  const bool behind =
      job.kind == JobKind::kFold && config_.matrix_engine.stationary_prefetch && (job.flags & kOutputStationary) == 0;
  JobWork work{static_cast<double>(behind ? std::max(cost.load, cost.stream) : cost.load + cost.stream + cost.drain),
               static_cast<double>(behind ? cost.drain : cost.latency),
               static_cast<double>(cost.scratchpad_read + cost.scratchpad_write) * noc_hops(config_.noc, 0) *
                   prices_.per_action(Action::kNocByteHop)};
  for (int action = 0; action < kActions; ++action)
    work.energy += static_cast<double>(cost.actions.count[static_cast<std::size_t>(action)]) *
                   prices_.per_action(static_cast<Action>(action));
  return known_[key] = work;
}

// The passes of emit_product(): first and last in job.flags are those of the whole product.
SoftmaxPlanner::JobWork SoftmaxPlanner::product(int m, int k, int n, Job job) {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const bool output_stationary = engine.dataflow == Dataflow::kOutputStationary;
  const int flags = job.flags | (output_stationary ? kOutputStationary : 0);
  job.unit = UnitKind::kMatrixEngine, job.kind = JobKind::kFold;
  const int m_step = output_stationary ? engine.rows : m, k_step = output_stationary ? k : engine.rows;
  JobWork total{0, 0, 0};
  for (int row = 0; row < m; row += m_step) {
    for (int depth = 0; depth < k; depth += k_step) {
      job.m = std::min(m_step, m - row), job.k = std::min(k_step, k - depth);
      const bool last = depth + job.k == k;
      job.flags = static_cast<std::uint16_t>(flags & ~((depth > 0 ? kFirst : 0) | (last ? 0 : kLast)));
      const Cuts columns = cuts(n, engine.cols);
      const auto add = [&](int width, int count) {
        job.n = width;
        const JobWork pass = work_of(job);
        total.cycles += count * pass.cycles, total.tail = pass.tail, total.energy += count * pass.energy;
      };
      if (columns.whole > 0) add(engine.cols, columns.whole);
      if (columns.rest > 0) add(columns.rest, 1);
    }
  }
  return total;
}

SoftmaxPlanner::JobWork SoftmaxPlanner::lanes(UnitKind unit, JobKind kind, const std::array<int, 2>& tile, int flags) {
  Job job{};
  job.unit = unit, job.kind = kind, job.m = tile[0], job.n = tile[1], job.flags = static_cast<std::uint16_t>(flags);
  return work_of(job);
}

SoftmaxPlanner::Work SoftmaxPlanner::step(const AttentionMapping& plan, const Step& s) {
  const bool online = plan.online_softmax;
  const ElementSizes size = sizes_of(config_);
  const int first = s.first ? kFirst : 0;
  Job job{};
  job.streamed_stride = job.stationary_stride = a_.d_qk;
  job.flags = kFirst | kLast | kWide | kStationaryTransposed;
  if (a_.d_qk > config_.matrix_engine.rows) job.partial = BufferId{0};
  const JobWork scores = product(s.queries, a_.d_qk, s.keys, job);
  job = {};
  job.streamed_stride = online ? s.keys : a_.n_kv, job.stationary_stride = a_.d_v, job.partial = BufferId{0};
  job.flags = static_cast<std::uint16_t>(first | (online ? 0 : kLast));
  const JobWork values = product(s.queries, s.keys, a_.d_v, job);
  JobWork bias{}, softmax{}, rescale{};
  if (a_.bias_params > 0) bias = lanes(UnitKind::kAdders, JobKind::kAddMatrix, {s.queries, s.keys}, 0);
  if (online) softmax = lanes(UnitKind::kSpecialFunctions, JobKind::kOnlineSoftmax, {s.queries, s.keys}, first);
  if (online && !s.first) rescale = lanes(UnitKind::kSpecialFunctions, JobKind::kRescaleRows, {s.queries, a_.d_v}, 0);
  Work work;
  work.passes = scores.cycles + values.cycles, work.functions = softmax.cycles + rescale.cycles;
  work.tile = softmax.cycles + softmax.tail + rescale.cycles + rescale.tail;
  work.scores = work.passes + scores.tail + work.tile + bias.cycles + bias.tail;
  work.sums = values.cycles + values.tail + rescale.cycles + rescale.tail;
  work.energy = scores.energy + values.energy + bias.energy + softmax.energy + rescale.energy;
  if (s.loads) work.dram += size.element * s.keys * ((in_place_.k ? 0 : a_.d_qk) + (in_place_.v ? 0 : a_.d_v));
  if (a_.bias_params > 0) work.dram += size.element * s.queries * s.keys;
  return work;
}

// All keys against a chunk of queries.
SoftmaxPlanner::Work SoftmaxPlanner::chunk(const AttentionMapping& plan, int queries, bool loads) {
  const Cuts keys = cuts(a_.n_kv, plan.token_chunk);
  Work work;
  const auto add = [&](int width, bool first, int count) {
    const Work one = step(plan, {queries, width, first, loads});
    for (int i = 0; i < count; ++i) work += one;
  };
  if (keys.whole > 0) add(plan.token_chunk, true, 1);
  if (keys.whole > 1) add(plan.token_chunk, false, keys.whole - 1);
  if (keys.rest > 0) add(keys.rest, keys.whole == 0, 1);
  const bool online = plan.online_softmax;
  const JobWork rows = online ? lanes(UnitKind::kSpecialFunctions, JobKind::kRescaleRows, {queries, a_.d_v}, kLast)
                              : lanes(UnitKind::kSpecialFunctions, JobKind::kSoftmaxRows, {queries, a_.n_kv}, 0);
  work.functions += rows.cycles, work.energy += rows.energy;
  (online ? work.sums : work.scores) += rows.cycles + rows.tail;
  work.dram += sizes_of(config_).element * queries * ((in_place_.q ? 0 : a_.d_qk) + a_.d_v);
  return work;
}

// The busiest unit, the memory, or what waits for one another: where scores have several places the array forms the
// next ones behind the softmax of these; sums of P V are rescaled and added to in turn.
double SoftmaxPlanner::cycles_of(const AttentionMapping& plan, const Work& work, int tiles) const {
  const int arrays = std::min(2, config_.matrix_engine.count), units = std::min(2, config_.special_functions.count);
  const bool online = plan.online_softmax;
  const double memory = static_cast<double>(work.dram) / bandwidth_;
  const int places = config_.pipeline.intra_layer ? plan.sets[3] : 1;
  const double cycles = std::max({work.passes / arrays, work.functions / units, memory, work.scores / places});
  if (!online) return cycles;
  // Between two chunks of queries nothing hides a tile's softmax, unless both have places.
  const bool overlaps = plan.result_sets > 1 && (in_place_.q || plan.sets[2] > 1);
  return std::max(cycles, work.sums) + (overlaps ? 0 : work.tile / tiles);
}

SoftmaxPlanner::Estimate SoftmaxPlanner::estimate(const AttentionMapping& plan) {
  const Cuts queries = cuts(a_.n_q, plan.query_chunk);
  const int tiles = cuts(a_.n_kv, plan.token_chunk).count();
  const int places = plan.online_softmax ? std::max(plan.sets[0], plan.sets[1]) : 1;  // of K and V
  const bool kept = places >= tiles;
  Estimate head;
  double last = 0;  // what comes behind the last scores that others hid
  const auto add = [&](int size, bool loads, int count) {
    const Work work = chunk(plan, size, loads);
    const double cycles = cycles_of(plan, work, tiles);
    head.cycles += count * cycles;
    last = std::max(0.0, work.scores - cycles) / (plan.online_softmax ? tiles : 1);
    head.energy_pj += count * work.energy;
    head.dram_bytes += count * work.dram;
  };
  if (queries.whole > 0) add(plan.query_chunk, true, 1);
  if (queries.whole > 1) add(plan.query_chunk, !kept, queries.whole - 1);
  if (queries.rest > 0) add(queries.rest, !kept || queries.whole == 0, 1);
  const int heads = a_.heads * a_.instances;
  head.cycles = heads * head.cycles + last, head.dram_bytes *= heads;
  // Instances share a head's bias if it is there as a whole.
  if (a_.bias_params > 0 && plan.query_chunk >= a_.n_q && (!plan.online_softmax || tiles == 1))
    head.dram_bytes -= sizes_of(config_).element * a_.n_q * a_.n_kv * a_.heads * (a_.instances - 1);
  head.energy_pj =
      heads * head.energy_pj + head.cycles * prices_.array_cycle() +
      static_cast<double>(head.dram_bytes) * (prices_.dram_per_byte() + prices_.per_action(Action::kScratchpadWrite));
  return head;
}

void SoftmaxPlanner::consider(const AttentionMapping& plan) {
  const Estimate e = estimate(plan);
  const double own = PlanScore(config_, prices_, bandwidth_)(e.cycles, e.energy_pj, e.dram_bytes);
  if (best_ && own >= best_score_) return;
  best_ = plan, best_score_ = own;
}

std::optional<AttentionMapping> SoftmaxPlanner::choose(const std::optional<AttentionMapping>& whole_rows) {
  if (whole_rows) consider(*whole_rows);
  const int array = std::min(std::max(config_.matrix_engine.rows, config_.matrix_engine.cols), a_.n_kv);
  std::vector<int> sizes;  // of a tile of keys: of the array, larger ones, smaller ones
  for (int size = array; size < a_.n_kv; size *= 2) sizes.push_back(size);
  for (int size = array / 2; size > 0; size /= 2) sizes.push_back(size);
  for (const int keys : sizes) {
    if (keys < array && best_) break;
    const int tiles = cuts(a_.n_kv, keys).count();
    for (const int operands : {tiles, 2, 1}) {
      if (operands > kMostOperandBuffers) continue;
      for (int choice = 0; choice < 12; ++choice) {
        AttentionMapping plan{keys, 1, in_place_.without({operands, operands, 1 + choice / 2 % 2, 1 + choice / 4})};
        plan.online_softmax = true;
        plan.result_sets = 1 + choice % 2;
        if (bytes_of(plan) > capacity_) continue;
        int fits = 1, fails = a_.n_q + 1;  // queries
        while (fails - fits > 1) {
          plan.query_chunk = fits + (fails - fits) / 2;
          (bytes_of(plan) <= capacity_ ? fits : fails) = plan.query_chunk;
        }
        plan.query_chunk = static_cast<int>(ceil_div(a_.n_q, ceil_div(a_.n_q, fits)));
        consider(plan);
      }
    }
  }
  return best_;
}

}  // namespace vitality
