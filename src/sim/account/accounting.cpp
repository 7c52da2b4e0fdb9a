#include "sim/account/accounting.h"

#include <algorithm>
#include <cmath>

#include "cost/energy.h"
#include "cost/mask_entries.h"
#include "mapping/lower_bounds.h"
#include "mapping/mapping_json.h"
#include "schedule/layer_spans.h"
#include "sim/account/critical_path.h"
#include "sim/account/layer_time.h"
#include "sim/account/part_accounts.h"
#include "sim/account/power_over_time.h"
#include "sim/account/totals.h"
#include "sim/account/traffic.h"
#include "sim/account/unit_accounts.h"

namespace vitality {
namespace {

class Accountant {
 public:
  Accountant(const RunRecord& run, SimulationResult& result)
      : run_(run), result_(result), priced_(priced(run)), prices_(priced_) {}

  void account() {
    describe_layers();
    count_jobs();
    count_operands();
    find_moments();
    describe_masks();
    const std::vector<PathStep> path = find_critical_path(run_);
    const std::vector<Cycles> on_path = cycles_on_path(run_, spans_, path);
    Cycles attention = 0;
    for (std::size_t l = 0; l < on_path.size(); ++l)
      if (std::holds_alternative<Attention>(run_.model.layers[l].parameters)) attention += on_path[l];
    if (run_.repetition) repeat_layers(*run_.repetition);
    count_totals(run_, prices_, attention, result_);
    if (run_.totals_only) return;
    attribute_traffic(run_, shapes_, result_.layers);
    result_.critical_path = cycles_by_unit(run_, path);
    bound_layers();
    result_.roofline = {run_.peak_macs(), run_.dram_bytes_per_cycle()};
    describe_layer_time(run_, spans_, path, result_.layers);
    result_.units = account_units(run_, prices_, shapes_, result_.layers);
    result_.parts = account_parts(run_, prices_, shapes_, result_.energy);
    result_.power = power_over_time(run_, prices_);
  }

 private:
  void describe_layers() {
    result_.layers.resize(run_.model.layers.size());
    spans_ = layer_spans(run_.schedule, run_.times, result_.layers.size());
    for (std::size_t i = 0; i < result_.layers.size(); ++i) {
      LayerResult& layer = result_.layers[i];
      layer.name = run_.model.layers[i].name;
      layer.kind = kind_name(run_.model.layers[i]);
      if (!run_.totals_only && run_.schedule.gradients.empty()) layer.mapping = write_json(run_.schedule.mappings[i]);
      layer.mapping_text = run_.schedule.layer_mapping[i];
      layer.charged = is_charged(run_.model.layers[i], run_.config);
      layer.executed = spans_[i].executed;
      layer.start_cycle = spans_[i].begin, layer.end_cycle = spans_[i].end;
      if (!layer.charged && layer.executed &&
          std::find(result_.not_charged.begin(), result_.not_charged.end(), layer.kind) == result_.not_charged.end())
        result_.not_charged.push_back(layer.kind);
    }
  }

  // Training keeps activations in memory and has layers of its own: no bounds.
  void bound_layers() {
    if (!run_.schedule.gradients.empty()) return;
    std::vector<bool> executed;
    for (const LayerMapping& mapping : run_.schedule.mappings)
      executed.push_back(!std::holds_alternative<NoMapping>(mapping));
    const std::vector<LowerBound> bounds = lower_bounds(run_.model, run_.config, executed);
    const auto memory = [this](Bytes bytes) {
      return static_cast<Cycles>(static_cast<double>(bytes) / run_.dram_bytes_per_cycle());
    };
    const auto multipliers = [this](Count macs) {
      return static_cast<Cycles>(std::ceil(static_cast<double>(macs) / run_.peak_macs()));
    };
    Cycles arrays = 0;  // a sparse unit may work beside them
    Count macs = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      LayerResult& layer = result_.layers[i];
      layer.dram_lower_bound_bytes = bounds[i].dram_bytes;
      layer.lower_bound_cycles =
          std::max({bounds[i].compute_cycles, multipliers(layer.macs), memory(bounds[i].dram_bytes)});
      result_.lower_bounds.dram_bytes += bounds[i].dram_bytes;
      arrays += bounds[i].compute_cycles, macs += layer.macs;
    }
    result_.lower_bounds.cycles = std::max({arrays, multipliers(macs), memory(result_.lower_bounds.dram_bytes)});
  }

  void count_jobs() {
    count_shapes();
    std::vector<ActionCounts> actions(result_.layers.size());
    multiplexers_.assign(result_.layers.size(), 0);
    for (const ShapeCount& shape : shapes_) {
      const auto l = static_cast<std::size_t>(shape.layer);
      add_jobs(result_.layers[l], actions[l], shape);
    }
    std::vector<Bytes> descriptors(result_.layers.size());
    for (const ShapeCount& shape : shapes_)
      descriptors[static_cast<std::size_t>(shape.layer)] += run_.descriptor_bytes(shape.unit_kind, shape.jobs);
    const double moved = static_cast<double>(std::max<Bytes>(1, run_.dram.read_bytes + run_.dram.write_bytes));
    for (std::size_t i = 0; i < result_.layers.size(); ++i) {
      LayerResult& layer = result_.layers[i];
      const auto dram = static_cast<double>(layer.dram_read_bytes + layer.dram_write_bytes);
      const Picojoules clocks = prices_.gated() ? layer.registers : 0;
      layer.energy = {prices_.compute(actions[i]) + multiplexers_[i] + clocks, prices_.sram(actions[i]),
                      prices_.noc(actions[i]), run_.dram_energy.total() * run_.config.energy.knob_dram * dram / moved,
                      0};
      const double data = dram - static_cast<double>(descriptors[i]);
      layer.macs_per_dram_byte = data == 0 ? 0 : static_cast<double>(layer.macs) / data;
    }
  }

  void count_operands() {
    std::vector<std::array<Bytes, kTrafficOperands>> operands(result_.layers.size());
    for (const Job& j : run_.schedule.jobs) {
      operands[static_cast<std::size_t>(j.layer)][kDescriptorOperand] += run_.descriptor_bytes(j.unit, 1);
      if (!is_dma(j.unit)) continue;
      for (const Transfer& transfer : run_.schedule.transfers_of(j)) {
        const TensorRole role = run_.schedule.tensors[transfer.tensor].role;
        operands[static_cast<std::size_t>(j.layer)]
                [j.kind == JobKind::kStore ? kStoredOperand : static_cast<std::size_t>(role)] += transfer.bytes;
      }
    }
    for (std::size_t l = 0; l < operands.size(); ++l)
      for (std::size_t o = 0; o < operands[l].size(); ++o)
        if (operands[l][o] > 0)
          result_.layers[l].dram_bytes_by_operand.emplace_back(operand_name(static_cast<int>(o)), operands[l][o]);
  }

  // A layer that its neighbour absorbed (a folded batch norm) has no jobs: its time is the moment at which its input is
  // there.
  void find_moments() {
    for (std::size_t i = 0; i < result_.layers.size(); ++i) {
      LayerResult& layer = result_.layers[i];
      if (layer.executed || layer.charged) continue;
      for (const int input : run_.model.layers[i].inputs)
        if (input >= 0)
          layer.end_cycle = std::max(layer.end_cycle, result_.layers[static_cast<std::size_t>(input)].end_cycle);
      layer.start_cycle = layer.end_cycle;
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
          layer.start_cycle += later;  // a layer that began before
                                       // them stays
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

  // The schedule goes mostly layer by layer, and a layer has few shapes, while a machine's run can have thousands.
  void count_shapes() {
    int most = 1;  // the largest number of units of one kind
    for (const UnitKind kind : all_of_enum<UnitKind>()) most = std::max(most, run_.units.count(kind));
    const auto slot_of = [&](std::int32_t entry, UnitKind kind, UnitId unit) {
      const int number = most == 1 || !unit ? 0 : unit.value - run_.units.id(kind).value;
      return static_cast<std::size_t>(entry) * static_cast<std::size_t>(most) + static_cast<std::size_t>(number);
    };
    // For each cost entry and unit: the index of its count for the current layer.
    std::vector<std::int32_t> open(run_.costs.entries().size() * static_cast<std::size_t>(most), kNone);
    std::size_t first = 0;  // the first count of the current layer
    for (std::size_t i = 0; i < run_.schedule.jobs.size(); ++i) {
      const Job& j = run_.schedule.jobs[i];
      if (first < shapes_.size() && shapes_[first].layer != j.layer) {
        for (; first < shapes_.size(); ++first)
          open[slot_of(shapes_[first].entry, shapes_[first].unit_kind, shapes_[first].unit)] = kNone;
      }
      const std::int32_t entry = run_.costs.entry({static_cast<std::int32_t>(i)});
      const UnitId unit = run_.times[i].unit;
      std::int32_t& at = open[slot_of(entry, j.unit, unit)];
      if (at == kNone) {
        at = static_cast<std::int32_t>(shapes_.size());
        shapes_.push_back({j.layer, entry, unit, j.unit, j.kind, 0});
      }
      ++shapes_[static_cast<std::size_t>(at)].jobs;
    }
  }

  // Computes the density of the masks and how evenly they fill the PE rows.
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
      const MaskTile& tile = run_.schedule.mask_tiles[j.mask_tile()];
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

  void add_jobs(LayerResult& layer, ActionCounts& actions, const ShapeCount& shape) {
    const JobCost& cost = run_.costs.entries()[static_cast<std::size_t>(shape.entry)];
    const Count jobs = shape.jobs;
    const UnitKind unit = shape.unit_kind;
    layer.macs += jobs * cost.macs;
    layer.operations.mul += jobs * cost.operations.mul, layer.operations.add += jobs * cost.operations.add;
    layer.operations.div += jobs * cost.operations.div, layer.operations.exp += jobs * cost.operations.exp;
    layer.operations.cmp += jobs * cost.operations.cmp;
    for (std::size_t a = 0; a < cost.actions.count.size(); ++a) actions.count[a] += jobs * cost.actions.count[a];
    const auto clocked = static_cast<double>(jobs * clocked_cycles(cost, run_.config));
    layer.registers += prices_.working_registers(unit) * clocked;
    multiplexers_[static_cast<std::size_t>(shape.layer)] += prices_.working_multiplexers(unit) * clocked;
    layer.sram_read_bytes += jobs * cost.scratchpad_read;
    layer.sram_write_bytes += jobs * cost.scratchpad_write;
    layer.dram_read_bytes += run_.descriptor_bytes(unit, jobs);
    if (unit == UnitKind::kDmaLoad) layer.dram_read_bytes += jobs * cost.scratchpad_write;
    if (unit == UnitKind::kDmaStore) layer.dram_write_bytes += jobs * cost.scratchpad_read;
    if (is_dma(unit) || unit == UnitKind::kUncharged) return;
    const Bytes moved = jobs * (cost.scratchpad_read + cost.scratchpad_write);
    const Bytes byte_hops = moved * run_.hops[static_cast<std::size_t>(shape.unit.value)];
    actions[Action::kNocByteHop] += byte_hops;
    layer.noc_byte_hops += byte_hops;
  }

  // A machine that runs softmax in some layers has the unit for it, as a machine with attention auto has.
  static HardwareConfig priced(const RunRecord& run) {
    HardwareConfig config = run.config;
    if (any_attention(run.model, config.attention, [](AttentionKind kind) { return kind == AttentionKind::kSoftmax; }))
      config.attention = AttentionKind::kAuto;
    return config;
  }

  const RunRecord& run_;
  SimulationResult& result_;
  const HardwareConfig priced_;
  EnergyModel prices_;
  std::vector<LayerSpan> spans_;
  std::vector<ShapeCount> shapes_;
  std::vector<Picojoules> multiplexers_;  // of each layer, in the cycles in which units work
};

}  // namespace

void account(const RunRecord& run, SimulationResult& result) {
  Accountant(run, result).account();
}

}  // namespace vitality
