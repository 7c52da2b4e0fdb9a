#include "sim/account/accounting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "cost/energy.h"
#include "cost/machine_units.h"
#include "cost/mask_entries.h"
#include "mapping/forward/mapping_options.h"
#include "sim/account/timeline_bins.h"
#include "sim/account/traffic.h"

namespace vitality {
namespace {

// Why a unit that has a job to do does not do it.
enum class Cause { kDram, kBuffer, kDependency };
constexpr int kCauses = 3;
const char* cause_name(Cause cause) {
  static const char* const names[kCauses] = {"dram", "buffer", "dependency"};
  return names[static_cast<int>(cause)];
}

struct Interval {
  Cycles begin, end;
};

Cycles length_of_union(std::vector<Interval>& intervals) {
  std::sort(intervals.begin(), intervals.end(), [](const Interval& a, const Interval& b) { return a.begin < b.begin; });
  Cycles length = 0, covered = 0;
  for (const Interval& i : intervals) {
    length += std::max<Cycles>(0, i.end - std::max(covered, i.begin));
    covered = std::max(covered, i.end);
  }
  return length;
}

class Accountant {
 public:
  Accountant(const RunRecord& run, SimulationResult& result) : run_(run), result_(result), prices_(run.config) {}

  void account() {
    count_layers();
    describe_masks();
    if (run_.repetition) repeat_layers(*run_.repetition);
    count_totals();
    if (run_.totals_only) return;
    attribute_traffic(run_, shapes_, result_.layers);
    draw_roofline();
    split_layers();
    count_units();
    find_critical_path();
  }

 private:
  const Job& job(std::int32_t index) const { return run_.schedule.jobs[static_cast<std::size_t>(index)]; }
  const JobTimes& times(std::int32_t index) const { return run_.times[static_cast<std::size_t>(index)]; }
  const JobCost& cost(std::int32_t index) const { return run_.costs.of(index); }
  // The span in which the unit cannot do anything else for free: with prefetch a pass's drain too, where nothing
  // follows it.
  Cycles busy_end(std::int32_t index) const {
    const JobTimes& t = times(index);
    return job(index).unit == UnitKind::kMatrixEngine ? std::max(t.free, t.released + cost(index).drain) : t.free;
  }

  Cause cause_of(std::int32_t index) const {
    const JobTimes& t = times(index);
    if (t.limiter == kNone) return Cause::kDram;
    if (t.limiter_kind == DependencyKind::kReleased) return Cause::kBuffer;
    const UnitKind unit = job(t.limiter).unit;
    if (unit == UnitKind::kDmaLoad) return Cause::kDram;
    // A result's place is taken until the memory has it; a tensor is read when it has been written.
    if (unit == UnitKind::kDmaStore) return is_dma(job(index).unit) ? Cause::kDependency : Cause::kBuffer;
    return Cause::kDependency;
  }

  void count_layers() {
    const std::size_t count = run_.model.layers.size();
    result_.layers.resize(count);
    std::vector<ActionCounts> actions(count);
    executed_.assign(count, false);
    for (std::size_t i = 0; i < count; ++i) {
      LayerResult& layer = result_.layers[i];
      layer.name = run_.model.layers[i].name;
      layer.kind = kind_name(run_.model.layers[i]);
      layer.mapping = run_.schedule.layer_mapping[i];
      layer.charged = is_charged(run_.model.layers[i], run_.config);
      layer.start_cycle = -1;
    }
    std::vector<std::array<Bytes, kTrafficOperands>> operands(count);
    for (std::size_t i = 0; i < run_.schedule.jobs.size(); ++i) {
      const Job& j = run_.schedule.jobs[i];
      const auto l = static_cast<std::size_t>(j.layer);
      LayerResult& layer = result_.layers[l];
      const JobTimes& t = run_.times[i];
      executed_[l] = true;
      if (layer.start_cycle < 0 || t.start < layer.start_cycle) layer.start_cycle = t.start;
      layer.end_cycle = std::max(layer.end_cycle, t.done);
      if (!is_dma(j.unit)) continue;
      for (int k = 0; k < j.m; ++k) {
        const Transfer& transfer = run_.schedule.transfers[static_cast<std::size_t>(j.aux + k)];
        const TensorRole role = run_.schedule.tensors[static_cast<std::size_t>(transfer.tensor)].role;
        operands[l][j.kind == JobKind::kStore ? kStoredOperand : static_cast<std::size_t>(role)] += transfer.bytes;
      }
    }
    count_shapes();
    for (const ShapeCount& shape : shapes_) {
      const auto l = static_cast<std::size_t>(shape.layer);
      add_jobs(result_.layers[l], actions[l], run_.costs.entries()[static_cast<std::size_t>(shape.entry)], shape.unit,
               shape.jobs);
    }
    std::vector<Bytes> weights(count);
    for (const ScheduledTensor& tensor : run_.schedule.tensors)
      if (tensor.role == TensorRole::kWeight && tensor.layer >= 0)
        weights[static_cast<std::size_t>(tensor.layer)] += tensor.bytes;
    const Bytes moved = std::max<Bytes>(1, run_.dram.read_bytes + run_.dram.write_bytes);
    for (std::size_t i = 0; i < count; ++i) {
      LayerResult& layer = result_.layers[i];
      layer.executed = executed_[i];
      layer.start_cycle = std::max<Cycles>(0, layer.start_cycle);
      const Bytes dram = layer.dram_read_bytes + layer.dram_write_bytes;
      layer.energy = {prices_.compute(actions[i]), prices_.sram(actions[i]), prices_.noc(actions[i]),
                      run_.dram_energy.total() * run_.config.energy.knob_dram * static_cast<double>(dram) /
                          static_cast<double>(moved),
                      0};
      layer.macs_per_dram_byte = dram == 0 ? 0 : static_cast<double>(layer.macs) / static_cast<double>(dram);
      for (std::size_t o = 0; o < operands[i].size(); ++o) {
        if (operands[i][o] > 0)
          layer.dram_bytes_by_operand.emplace_back(operand_name(static_cast<int>(o)), operands[i][o]);
      }
      layer.bound_cycles = bound(executed_[i] ? weights[i] : 0, layer.macs);
      if (!layer.charged && executed_[i] &&
          std::find(result_.not_charged.begin(), result_.not_charged.end(), layer.kind) == result_.not_charged.end())
        result_.not_charged.push_back(layer.kind);
    }
  }

  void repeat_layers(const BlockRepetition& repetition) {
    const std::vector<LayerResult> shown = std::move(result_.layers);
    result_.layers.clear();
    Cycles later = 0;
    const int next = repetition.layer + repetition.layers;
    const auto add = [&](int begin, int end) {
      for (int i = begin; i < end; ++i) {
        LayerResult& layer = result_.layers.emplace_back(shown[static_cast<std::size_t>(i)]);
        if (layer.start_cycle > repetition.begin || i < next)
          layer.start_cycle += later;  // else its weights came early
        layer.end_cycle += later;
      }
    };
    add(0, next);
    for (int time = 0; time < repetition.times; ++time) {
      later += repetition.period;
      add(repetition.layer, next);
    }
    add(next, static_cast<int>(shown.size()));
  }

  // The schedule goes layer by layer, mostly: a layer's shapes are few, a machine's can be thousands.
  void count_shapes() {
    std::vector<std::int32_t> open(run_.costs.entries().size(), kNone);  // per entry: its count of the layer at hand
    std::size_t first = 0;                                               // of the layer at hand
    for (std::size_t i = 0; i < run_.schedule.jobs.size(); ++i) {
      const Job& j = run_.schedule.jobs[i];
      if (first < shapes_.size() && shapes_[first].layer != j.layer) {
        for (; first < shapes_.size(); ++first) open[static_cast<std::size_t>(shapes_[first].entry)] = kNone;
      }
      const std::int32_t entry = run_.costs.entry(static_cast<std::int32_t>(i));
      std::int32_t& at = open[static_cast<std::size_t>(entry)];
      if (at == kNone) {
        at = static_cast<std::int32_t>(shapes_.size());
        shapes_.push_back({j.layer, entry, j.unit, j.kind, 0});
      }
      ++shapes_[static_cast<std::size_t>(at)].jobs;
    }
  }

  // Density of the masks and how evenly they fill the PE rows.
  void describe_masks() {
    struct Sums {
      Count total = 0, given = 0, executed = 0, entries = 0, slots = 0, capacity = 0;
    };
    std::vector<Sums> sums(result_.layers.size());
    for (const ScheduledMask& mask : run_.schedule.masks) {
      LayerResult& layer = result_.layers[static_cast<std::size_t>(mask.layer)];
      layer.has_mask = true;
      layer.fallback_rows += mask.fallback_rows;
      Sums& s = sums[static_cast<std::size_t>(mask.layer)];
      s.total += static_cast<Count>(mask.mask.size()), s.given += mask.kept;
      s.executed += entries_between(mask.mask.data(), mask.mask.data() + mask.mask.size());
    }
    for (const Job& j : run_.schedule.jobs) {
      if (j.kind != JobKind::kSddmm) continue;
      const MaskTile& tile = run_.schedule.mask_tiles[static_cast<std::size_t>(j.aux)];
      Sums& s = sums[static_cast<std::size_t>(j.layer)];
      s.entries += tile.kept, s.slots += tile.slots, s.capacity += tile.capacity;
    }
    const auto share = [](Count part, Count whole) {
      return whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
    };
    Sums all;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      LayerResult& layer = result_.layers[i];
      if (!layer.has_mask) continue;
      layer.mask_density = share(sums[i].executed, sums[i].total);
      layer.mask_kept_density = share(sums[i].given, sums[i].total);
      layer.pack_utilization = share(sums[i].entries, sums[i].slots);
      layer.load_balance = share(sums[i].slots, sums[i].capacity);
      all.given += sums[i].given, all.executed += sums[i].executed, all.total += sums[i].total;
      result_.fallback_rows += layer.fallback_rows;
    }
    if (all.total == 0) return;
    result_.mask_density = share(all.executed, all.total);
    result_.mask_kept_density = share(all.given, all.total);
  }

  void add_jobs(LayerResult& layer, ActionCounts& actions, const JobCost& cost, UnitKind unit, Count jobs) {
    layer.macs += jobs * cost.macs;
    layer.operations.mul += jobs * cost.operations.mul, layer.operations.add += jobs * cost.operations.add;
    layer.operations.div += jobs * cost.operations.div, layer.operations.exp += jobs * cost.operations.exp;
    layer.operations.cmp += jobs * cost.operations.cmp;
    for (std::size_t a = 0; a < cost.actions.count.size(); ++a) actions.count[a] += jobs * cost.actions.count[a];
    layer.sram_read_bytes += jobs * cost.scratchpad_read;
    bank_conflicts_ += jobs * cost.actions[Action::kBankConflict];
    layer.sram_write_bytes += jobs * cost.scratchpad_write;
    if (unit == UnitKind::kDmaLoad) layer.dram_read_bytes += jobs * cost.scratchpad_write;
    if (unit == UnitKind::kDmaStore) layer.dram_write_bytes += jobs * cost.scratchpad_read;
    if (is_dma(unit) || unit == UnitKind::kUncharged) return;
    const Bytes moved = jobs * (cost.scratchpad_read + cost.scratchpad_write);
    noc_bytes_ += moved;
    actions[Action::kNocByteHop] += moved * run_.hops[static_cast<std::size_t>(unit)];
    layer.noc_byte_hops += moved * run_.hops[static_cast<std::size_t>(unit)];
  }

  double peak_macs() const { return processing_elements(run_.config); }

  double dram_bytes_per_cycle() const {
    return run_.config.dram.device.peak_gb_s_per_channel() * run_.config.dram.channels * 1e3 / run_.config.clock_mhz;
  }

  // MACs a cycle that each layer's MACs per DRAM byte allow.
  void draw_roofline() {
    result_.roofline = {peak_macs(), dram_bytes_per_cycle()};
    for (LayerResult& layer : result_.layers) {
      layer.roofline_bound = "none";
      if (layer.macs == 0) continue;
      const bool memory =
          layer.dram_read_bytes + layer.dram_write_bytes > 0 && layer.macs_per_dram_byte < result_.roofline.ridge();
      layer.roofline_bound = memory ? "memory" : "compute";
      layer.attainable_macs_per_cycle =
          memory ? layer.macs_per_dram_byte * result_.roofline.dram_bytes_per_cycle : peak_macs();
      const Cycles span = layer.end_cycle - layer.start_cycle;
      layer.achieved_macs_per_cycle = span > 0 ? static_cast<double>(layer.macs) / static_cast<double>(span) : 0;
    }
  }

  // Every product needs a PE for a cycle; every weight must come from DRAM once.
  Cycles bound(Bytes weights, Count macs) const {
    return static_cast<Cycles>(std::max(std::ceil(static_cast<double>(macs) / peak_macs()),
                                        std::floor(static_cast<double>(weights) / dram_bytes_per_cycle())));
  }

  // A layer's span, seen from its busiest unit: load, stream and drain of its passes, and what the gaps waited for.
  void split_layers() {
    std::vector<std::array<Cycles, kUnitKinds>> busy(result_.layers.size());
    for (std::size_t i = 0; i < run_.schedule.jobs.size(); ++i) {
      const Job& j = run_.schedule.jobs[i];
      if (j.unit == UnitKind::kUncharged) continue;
      busy[static_cast<std::size_t>(j.layer)][static_cast<std::size_t>(j.unit)] +=
          busy_end(static_cast<std::int32_t>(i)) - run_.times[i].start;
    }
    std::vector<int> main(result_.layers.size(), -1);
    std::vector<std::array<Cycles, 8>> split(result_.layers.size());
    std::vector<Cycles> reached(result_.layers.size());
    for (std::size_t l = 0; l < main.size(); ++l) {
      reached[l] = result_.layers[l].start_cycle;
      // Memory channels are a layer's main unit only where nothing computes.
      for (int pass = 0; pass < 2 && main[l] < 0; ++pass) {
        for (int u = 0; u < kUnitKinds; ++u) {
          if (is_dma(static_cast<UnitKind>(u)) != (pass == 1) || busy[l][static_cast<std::size_t>(u)] == 0) continue;
          if (main[l] < 0 || busy[l][static_cast<std::size_t>(u)] > busy[l][static_cast<std::size_t>(main[l])])
            main[l] = u;
        }
      }
    }
    enum { kCompute, kStationaryLoad, kFillDrain, kDram, kScratchpad, kNoc, kDependency, kBuffer };
    static const char* const kNames[] = {"compute", "stationary_load", "fill_drain", "dram", "scratchpad",
                                         "noc",     "dependency",      "buffer"};
    for (std::size_t u = 0; u < run_.order.size(); ++u) {
      for (const std::int32_t index : run_.order[u]) {
        const auto l = static_cast<std::size_t>(job(index).layer);
        if (main[l] != static_cast<int>(u)) continue;
        const JobTimes& t = times(index);
        const JobCost& c = cost(index);
        const auto advance = [&](Cycles to, int what) {
          const Cycles span = std::max<Cycles>(0, to - reached[l]);
          split[l][static_cast<std::size_t>(what)] += span;
          reached[l] = std::max(reached[l], to);
        };
        const Cause cause = cause_of(index);
        advance(t.start, cause == Cause::kDram ? kDram : cause == Cause::kBuffer ? kBuffer : kDependency);
        if (is_dma(job(index).unit)) {
          advance(t.done, kDram);
          continue;
        }
        const Cycles loading = reached[l];
        advance(t.stream, kStationaryLoad);
        const Cycles slow = c.load_scratchpad_stall + c.load_noc_stall;
        const Cycles shown = std::clamp<Cycles>(reached[l] - loading - (c.load - slow), 0, slow);
        split[l][kStationaryLoad] -= shown, split[l][c.load_scratchpad_stall > 0 ? kScratchpad : kNoc] += shown;
        const Cycles before = reached[l];
        advance(t.released, kCompute);
        const Cycles streamed = reached[l] - before;
        const Cycles scratchpad = std::min(streamed, c.scratchpad_stall + t.contention),
                     noc = std::min(streamed - scratchpad, c.noc_stall + t.noc_contention);
        split[l][kScratchpad] += scratchpad, split[l][kNoc] += noc, split[l][kCompute] -= scratchpad + noc;
        if (busy_end(index) > t.released && c.drain > 0) advance(t.free > t.released ? t.free : t.released, kFillDrain);
      }
    }
    for (std::size_t l = 0; l < main.size(); ++l) {
      LayerResult& layer = result_.layers[l];
      if (!executed_[l]) continue;
      // After the main unit's last pass: post-processing and the way to memory.
      const Cycles tail = std::max<Cycles>(0, layer.end_cycle - reached[l]);
      split[l][main[l] >= 0 && is_dma(static_cast<UnitKind>(main[l])) ? kDram : kDependency] += tail;
      std::size_t largest = 0;
      for (std::size_t s = 0; s < split[l].size(); ++s) {
        if (split[l][s] == 0) continue;
        layer.time_split.emplace_back(kNames[s], split[l][s]);
        if (split[l][s] > split[l][largest]) largest = s;
      }
      layer.bottleneck = layer.end_cycle == layer.start_cycle ? "none" : kNames[largest];
    }
  }

  void count_units() {
    for (int u = 0; u < kUnitKinds; ++u) {
      const auto kind = static_cast<UnitKind>(u);
      if (has_unit(run_.config, kind)) result_.units.push_back(count_unit(kind));
    }
    add_memory_unit("dram", "memory", run_.dram.busy_cycles, run_.dram_energy.total() * run_.config.energy.knob_dram, 0,
                    {{"read_bytes", run_.dram.read_bytes},
                     {"write_bytes", run_.dram.write_bytes},
                     {"activates", run_.dram.activates},
                     {"precharges", run_.dram.precharges},
                     {"refreshes", run_.dram.refreshes},
                     {"row_hits", run_.dram.row_hits},
                     {"row_misses", run_.dram.row_misses},
                     {"row_conflicts", run_.dram.row_conflicts}},
                    static_cast<double>(run_.dram.read_bytes + run_.dram.write_bytes) / dram_bytes_per_cycle());
    Bytes read = 0, write = 0, hops = 0;
    const Bytes moved = noc_bytes_;
    for (const LayerResult& layer : result_.layers)
      read += layer.sram_read_bytes, write += layer.sram_write_bytes, hops += layer.noc_byte_hops;
    ActionCounts sram;
    sram[Action::kScratchpadRead] = read, sram[Action::kScratchpadWrite] = write, sram[Action::kNocByteHop] = hops;
    const double ports = static_cast<double>(run_.config.scratchpad.banks) * run_.config.scratchpad.port_bytes;
    const double port_cycles = static_cast<double>(std::max(read, write)) / ports;
    add_memory_unit("scratchpad", "memory", std::min(run_.cycles, static_cast<Cycles>(std::ceil(port_cycles))),
                    prices_.sram(sram), prices_.scratchpad_area(),
                    {{"read_bytes", read}, {"write_bytes", write}, {"bank_conflicts", bank_conflicts_}}, port_cycles);
    // The link carries operands and results at the same time, as each stream's own limit has it; DMA bytes do not cross
    // it.
    Bytes loaded = 0, stored = 0;
    for (const LayerResult& layer : result_.layers) loaded += layer.dram_read_bytes, stored += layer.dram_write_bytes;
    const double link_cycles =
        static_cast<double>(std::max(read - stored, write - loaded)) / run_.config.noc.link_bytes;
    add_memory_unit("noc", "interconnect", std::min(run_.cycles, static_cast<Cycles>(std::ceil(link_cycles))),
                    prices_.noc(sram), prices_.noc_area(), {{"byte_hops", hops}, {"bytes", moved}}, link_cycles);
  }

  void add_memory_unit(const std::string& name, const std::string& kind, Cycles busy, Picojoules energy,
                       SquareMicrons area, std::vector<std::pair<std::string, Count>> actions,
                       double full_rate_cycles) {
    UnitResult unit;
    unit.name = name, unit.kind = kind;
    unit.busy_cycles = std::min(busy, run_.cycles);
    unit.idle_cycles = run_.cycles - unit.busy_cycles;
    unit.energy_pj = energy, unit.area_um2 = area;
    unit.actions = std::move(actions);
    unit.utilization = run_.cycles == 0 ? 0 : full_rate_cycles / static_cast<double>(run_.cycles);
    result_.units.push_back(std::move(unit));
  }

  UnitResult count_unit(UnitKind kind) {
    UnitResult unit;
    unit.name = to_string(kind);
    unit.kind = is_dma(kind) ? "dma"
                : kind == UnitKind::kMatrixEngine || kind == UnitKind::kDiagonalEngine || kind == UnitKind::kPredictor
                    ? "systolic_array"
                : kind == UnitKind::kSparseEngine ? "sparse_array"
                                                  : "lane_array";
    std::array<Cycles, kCauses> stall{};
    Cycles scratchpad = 0, noc = 0, covered = 0, busy = 0;
    ActionCounts actions;
    TimelineBins bins(run_.cycles);
    std::vector<Count> shapes(run_.costs.entries().size());
    for (const std::int32_t index : run_.order[static_cast<std::size_t>(kind)]) {
      const JobTimes& t = times(index);
      if (t.start > covered) {
        // Waiting counts as a stall from the moment its layer is under way; before that the unit is idle.
        const Cycles from = std::max(
            covered, std::min(t.start, result_.layers[static_cast<std::size_t>(job(index).layer)].start_cycle));
        stall[static_cast<std::size_t>(cause_of(index))] += t.start - from;
        unit.idle_cycles += from - covered;
        covered = t.start;
      }
      // A load that hides behind the pass before stalls nobody.
      const JobCost& c = cost(index);
      const Cycles slow = c.load_scratchpad_stall + c.load_noc_stall;
      const Cycles shown = std::clamp<Cycles>(t.stream - std::max(t.start, covered) - (c.load - slow), 0, slow);
      (c.load_scratchpad_stall > 0 ? scratchpad : noc) += shown;
      if (const Cycles end = busy_end(index); end > covered) {
        bins.add(covered, end);
        busy += end - covered;
        covered = end;
      }
      scratchpad += c.scratchpad_stall + t.contention, noc += c.noc_stall + t.noc_contention;
      ++shapes[static_cast<std::size_t>(run_.costs.entry(index))];
    }
    for (std::size_t e = 0; e < shapes.size(); ++e)
      for (std::size_t a = 0; a < actions.count.size(); ++a)
        actions.count[a] += shapes[e] * run_.costs.entries()[e].actions.count[a];
    if (busy > 0) unit.occupied = bins.take();
    unit.idle_cycles += run_.cycles - covered;
    unit.busy_cycles = busy - scratchpad - noc;
    for (int c = 0; c < kCauses; ++c)
      unit.stall_cycles.emplace_back(cause_name(static_cast<Cause>(c)), stall[static_cast<std::size_t>(c)]);
    unit.stall_cycles.emplace_back("scratchpad", scratchpad);
    unit.stall_cycles.emplace_back("noc", noc);
    unit.energy_pj = prices_.compute(actions);
    unit.area_um2 = prices_.unit_area(kind);
    for (int a = 0; a < kActions; ++a)
      if (actions.count[static_cast<std::size_t>(a)] > 0)
        unit.actions.emplace_back(action_name(static_cast<Action>(a)), actions.count[static_cast<std::size_t>(a)]);
    unit.utilization = utilization(kind, actions);
    return unit;
  }

  // Work done over work possible; never busy time.
  double utilization(UnitKind kind, const ActionCounts& actions) const {
    double work = 0, rate = 0;
    const HardwareConfig& config = run_.config;
    switch (kind) {
      case UnitKind::kMatrixEngine:
        work = static_cast<double>(actions[Action::kMac]), rate = matrix_engine_pes(config);
        break;
      case UnitKind::kDiagonalEngine:
        work = static_cast<double>(actions[Action::kMac]), rate = config.diagonal_engine.rows;
        break;
      case UnitKind::kPredictor:
        work = static_cast<double>(actions[Action::kLowPrecisionMac]);
        rate = static_cast<double>(config.sparse_unit.predictor_rows) * config.sparse_unit.predictor_cols;
        break;
      case UnitKind::kSparseEngine:
        work = static_cast<double>(actions[Action::kMac]), rate = static_cast<double>(sparse_array(config).pes());
        break;
      case UnitKind::kExpUnit:
        work = static_cast<double>(actions[Action::kExp]), rate = config.sparse_unit.exp_lanes;
        break;
      case UnitKind::kAccumulators:
        work = static_cast<double>(actions[Action::kAccumulate]), rate = config.accumulators.lanes;
        break;
      case UnitKind::kDividers:
        work = static_cast<double>(actions[Action::kDivide]),
        rate = static_cast<double>(config.dividers.lanes) / config.dividers.initiation_interval;
        break;
      case UnitKind::kAdders:
        work = static_cast<double>(actions[Action::kAdd]), rate = config.adders.lanes;
        break;
      case UnitKind::kSpecialFunctions:
        work = static_cast<double>(actions[Action::kExp] + actions[Action::kMultiply]),
        rate = 2.0 * config.special_functions.lanes;
        break;
      case UnitKind::kDmaLoad:
      case UnitKind::kDmaStore:
      case UnitKind::kUncharged:
        work = static_cast<double>(actions[Action::kScratchpadRead] + actions[Action::kScratchpadWrite]);
        rate = dram_bytes_per_cycle();
        break;
    }
    return run_.cycles == 0 || rate == 0 ? 0 : work / (rate * static_cast<double>(run_.cycles));
  }

  void finish_totals(Totals& totals, const EnergyBreakdown& energy) const {
    totals.latency_ms = static_cast<double>(totals.cycles) / (run_.config.clock_mhz * 1e3);
    totals.energy_mj = energy.total() * 1e-9;
    const double seconds = totals.latency_ms * 1e-3;
    totals.area_mm2 = prices_.total_area() * 1e-6;
    if (seconds <= 0) return;
    totals.average_power_w = energy.total() * 1e-12 / seconds;
    totals.on_chip_power_w = energy.on_chip() * 1e-12 / seconds;
    totals.gops = 2e-9 * static_cast<double>(totals.macs) / seconds;
    totals.gops_per_w = totals.average_power_w > 0 ? totals.gops / totals.average_power_w : 0;
    totals.utilization = static_cast<double>(totals.macs) / (peak_macs() * static_cast<double>(totals.cycles));
  }

  void count_totals() {
    EnergyBreakdown attention_energy;
    std::vector<Interval> attention_spans;
    const auto add = [](Totals& totals, const LayerResult& layer) {
      totals.macs += layer.macs;
      totals.operations += layer.operations;
      totals.dram_read_bytes += layer.dram_read_bytes, totals.dram_write_bytes += layer.dram_write_bytes;
      totals.sram_read_bytes += layer.sram_read_bytes, totals.sram_write_bytes += layer.sram_write_bytes;
      totals.noc_byte_hops += layer.noc_byte_hops;
    };
    const auto add_energy = [](EnergyBreakdown& sum, const EnergyBreakdown& part) {
      sum.compute += part.compute, sum.sram += part.sram, sum.noc += part.noc, sum.dram += part.dram;
    };
    for (const LayerResult& layer : result_.layers) {
      add(result_.totals, layer);
      add_energy(result_.energy, layer.energy);
      if (layer.kind != "attention" || !layer.executed) continue;
      add(result_.attention_totals, layer);
      add_energy(attention_energy, layer.energy);
      attention_spans.push_back({layer.start_cycle, layer.end_cycle});
    }
    result_.totals.cycles = run_.cycles;
    result_.bin_cycles = timeline_bin_cycles(run_.cycles);
    result_.energy.leakage = prices_.leakage_per_cycle() * static_cast<double>(run_.cycles);
    for (int a = 0; a < kActions; ++a) {
      const auto action = static_cast<Action>(a);
      if (prices_.per_action(action) > 0)
        result_.action_prices.emplace_back(action_name(action), prices_.per_action(action));
    }
    result_.clock_energy = prices_.clock_per_cycle() * static_cast<double>(run_.cycles);
    finish_totals(result_.totals, result_.energy);
    result_.attention_totals.cycles = length_of_union(attention_spans);
    attention_energy.leakage = prices_.leakage_per_cycle() * static_cast<double>(result_.attention_totals.cycles);
    finish_totals(result_.attention_totals, attention_energy);
  }

  // Backwards from the last result: what each cycle of the run waited for. The parts add up to the run's cycles.
  void find_critical_path() {
    std::int32_t current = -1;
    for (std::size_t i = 0; i < run_.times.size(); ++i)
      if (current < 0 || run_.times[i].done > times(current).done) current = static_cast<std::int32_t>(i);
    std::array<std::array<Cycles, 4>, kUnitKinds> path{};  // per unit: load, stream, drain, way over the NoC
    Cycles t = run_.cycles;
    std::size_t steps = 0;
    std::array<std::size_t, kUnitKinds> after;  // per unit: its jobs from here on start too late; the path goes back
    for (std::size_t u = 0; u < after.size(); ++u) after[u] = run_.order[u].size();
    while (current >= 0 && t > 0 && steps++ <= run_.times.size()) {
      const JobTimes& j = times(current);
      auto& parts = path[static_cast<std::size_t>(job(current).unit)];
      const auto take = [&](Cycles from, std::size_t part) {
        if (from >= t) return;
        parts[part] += t - from;
        t = from;
      };
      take(j.done - j.noc_latency, 3);
      if (job(current).unit == UnitKind::kMatrixEngine) {
        take(j.released, 2);
        take(j.stream, 1);
        take(j.start, 0);
      } else {
        take(j.start, 1);
      }
      if (j.start == j.ready) {
        current = j.limiter;
        continue;
      }
      // It waited for its unit: the job that made room.
      const auto& jobs = run_.order[static_cast<std::size_t>(job(current).unit)];
      std::int32_t before = -1;
      std::size_t& end = after[static_cast<std::size_t>(job(current).unit)];
      while (end > 0 && times(jobs[end - 1]).start >= j.start) --end;
      for (std::size_t position = end; position-- > 0;) {
        if (times(jobs[position]).free == j.start) {
          before = jobs[position];
          break;
        }
      }
      current = before;
    }
    if (t > 0) result_.critical_path.emplace_back("start", t);
    for (int u = 0; u < kUnitKinds; ++u) {
      const auto& parts = path[static_cast<std::size_t>(u)];
      const std::string unit = to_string(static_cast<UnitKind>(u));
      const bool array = static_cast<UnitKind>(u) == UnitKind::kMatrixEngine;
      if (parts[0] > 0) result_.critical_path.emplace_back(unit + ".stationary_load", parts[0]);
      if (parts[1] > 0) result_.critical_path.emplace_back(array ? unit + ".stream" : unit, parts[1]);
      if (parts[2] > 0) result_.critical_path.emplace_back(unit + ".fill_drain", parts[2]);
      if (parts[3] > 0) result_.critical_path.emplace_back(unit + ".noc", parts[3]);
    }
    std::stable_sort(result_.critical_path.begin(), result_.critical_path.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
  }

  const RunRecord& run_;
  SimulationResult& result_;
  EnergyModel prices_;
  std::vector<bool> executed_;
  std::vector<ShapeCount> shapes_;
  Bytes noc_bytes_ = 0;
  Count bank_conflicts_ = 0;
};

}  // namespace

void account(const RunRecord& run, SimulationResult& result) {
  Accountant(run, result).account();
}

}  // namespace vitality
