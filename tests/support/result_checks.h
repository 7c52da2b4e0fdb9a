// What must hold of every result, whatever the machine and the workload; and a result as text, to compare two of them
// byte by byte.
#pragma once

#include <cmath>
#include <cstdio>
#include <map>
#include <string>

#include "report/result.h"
#include "sim/simulate.h"
#include "workload/attention_ops.h"

namespace vitality::test {

// Every number of a result but the numerics and the host's time.
inline std::string result_text(const SimulationResult& r) {
  std::string text;
  char number[64];
  const auto real = [&](double x) {
    std::snprintf(number, sizeof number, "%a ", x);
    text += number;
  };
  const auto whole = [&](Count x) { text += std::to_string(x) + " "; };
  const auto operations = [&](const OperationCounts& o) {
    whole(o.mul), whole(o.add), whole(o.div), whole(o.exp), whole(o.cmp);
  };
  const auto energy = [&](const EnergyBreakdown& e) {
    real(e.compute), real(e.sram), real(e.noc), real(e.dram), real(e.leakage);
  };
  const auto totals = [&](const Totals& t) {
    whole(t.cycles), whole(t.macs), whole(t.dram_read_bytes), whole(t.dram_write_bytes), whole(t.sram_read_bytes),
        whole(t.sram_write_bytes);
    whole(t.noc_byte_hops), operations(t.operations);
    real(t.latency_ms), real(t.energy_mj), real(t.average_power_w), real(t.on_chip_power_w), real(t.area_mm2),
        real(t.gops), real(t.gops_per_w), real(t.utilization);
    text += "\n";
  };
  totals(r.totals), totals(r.attention_totals), energy(r.energy);
  for (const LayerResult& l : r.layers) {
    text += "\n" + l.name + " " + l.kind + " " + l.mapping + " " + l.mapping_text + " " + l.bottleneck + " ";
    whole(l.start_cycle), whole(l.end_cycle), whole(l.macs), operations(l.operations), energy(l.energy);
    whole(l.dram_read_bytes), whole(l.dram_write_bytes), whole(l.sram_read_bytes), whole(l.sram_write_bytes),
        whole(l.noc_byte_hops), whole(l.bound_cycles);
    whole(l.prefetch.start_cycle), whole(l.prefetch.cycles), whole(l.prefetch.exposed_cycles), whole(l.prefetch.bytes);
    for (const auto& [name, bytes] : l.dram_bytes_by_operand) text += name + " ", whole(bytes);
    for (const DramTraffic& t : l.dram_traffic) text += t.operand + " " + t.cause + " ", whole(t.bytes);
    for (const auto& [name, bytes] : l.scratchpad_traffic) text += name + " ", whole(bytes);
    for (const auto& [name, cycles] : l.time_split) text += name + " ", whole(cycles);
  }
  for (const UnitResult& u : r.units) {
    text += "\n" + u.name + " ";
    whole(u.busy_cycles), whole(u.idle_cycles), real(u.utilization), real(u.energy_pj), real(u.area_um2);
    for (const auto& [cause, cycles] : u.stall_cycles) text += cause + " ", whole(cycles);
    for (const auto& [action, count] : u.actions) text += action + " ", whole(count);
    for (const Cycles cycles : u.occupied) whole(cycles);
  }
  text += "\n";
  for (const auto& [name, cycles] : r.critical_path) text += name + " ", whole(cycles);
  whole(r.jobs);
  return text;
}

class ResultChecks {
 public:
  ResultChecks(const VitModel& model, const HardwareConfig& config, const Schedule& schedule,
               const SimulationResult& result)
      : model_(model), config_(config), schedule_(schedule), r_(result) {}

  // "" or one line for each law that is broken.
  std::string run() {
    units_close();
    layers_follow_the_graph();
    no_cycle_is_lost_twice();
    totals_are_sums();
    bounds_hold();
    energy_is_the_sum_of_its_parts();
    return text_;
  }

 private:
  void expect(bool holds, const std::string& what) {
    if (!holds) text_ += what + "\n";
  }
  void equal(Count got, Count want, const std::string& what) {
    expect(got == want, what + ": " + std::to_string(got) + ", not " + std::to_string(want));
  }
  void near(double got, double want, const std::string& what) {
    expect(std::fabs(got - want) <= 1e-9 * (1 + std::fabs(want)),
           what + ": " + std::to_string(got) + ", not " + std::to_string(want));
  }

  void units_close() {
    for (const UnitResult& u : r_.units) {
      Cycles sum = u.busy_cycles + u.idle_cycles;
      expect(u.busy_cycles >= 0 && u.idle_cycles >= 0, u.name + ": negative busy or idle cycles");
      for (const auto& [cause, cycles] : u.stall_cycles) {
        expect(cycles >= 0, u.name + ": negative stall " + cause);
        sum += cycles;
      }
      equal(sum, r_.totals.cycles, u.name + ": busy + stalls + idle");
      timeline_closes(u);
      // Each stream is held to the link's and the ports' rate on its own; several at once can exceed a narrow one.
      const bool shared = u.name == "noc" || u.name == "scratchpad";
      const bool wide =
          config_.noc.link_bytes >= 512 && config_.scratchpad.banks * config_.scratchpad.port_bytes >= 512;
      expect(u.utilization >= 0 && (u.utilization <= 1 || (shared && !wide)),
             u.name + ": utilization " + std::to_string(u.utilization));
      expect(u.energy_pj >= 0 && u.area_um2 >= 0, u.name + ": negative energy or area");
    }
    Cycles path = 0;
    for (const auto& [name, cycles] : r_.critical_path) {
      expect(cycles > 0, "critical path: " + name + " without cycles");
      path += cycles;
    }
    equal(path, r_.totals.cycles, "parts of the critical path");
  }

  // A unit holds a job while it is busy or its stream is slowed down.
  void timeline_closes(const UnitResult& u) {
    if (u.occupied.empty()) return;
    Cycles held = u.busy_cycles, occupied = 0;
    for (const auto& [cause, cycles] : u.stall_cycles)
      if (cause == "scratchpad" || cause == "noc" || cause == "fifo") held += cycles;
    const auto bins = static_cast<Cycles>(u.occupied.size());
    expect((bins - 1) * r_.bin_cycles < r_.totals.cycles && r_.totals.cycles <= bins * r_.bin_cycles,
           u.name + ": bins do not cover the run");
    for (const Cycles cycles : u.occupied) {
      expect(cycles >= 0 && cycles <= r_.bin_cycles, u.name + ": more than a bin holds");
      occupied += cycles;
    }
    equal(occupied, held, u.name + ": cycles in the timeline");
  }

  // Over all layers, what is lost and not hidden is the run; what is lost to DRAM is the DMA's part of the critical
  // path.
  void no_cycle_is_lost_twice() {
    Cycles lost = 0, to_dram = 0, attention = 0, path_of_dma = 0;
    for (const LayerResult& l : r_.layers) {
      const Prefetch& p = l.prefetch;
      expect(p.start_cycle >= 0 && p.exposed_cycles >= 0 && p.exposed_cycles <= p.cycles &&
                 p.cycles <= l.start_cycle - p.start_cycle && (p.cycles > 0) == (p.bytes > 0) &&
                 p.bytes <= l.dram_read_bytes,
             l.name + ": prefetch of " + std::to_string(p.cycles) + " cycles from " + std::to_string(p.start_cycle));
      expect(l.charged || (l.start_cycle == l.end_cycle && l.time_split.empty()), l.name + ": takes time uncharged");
      expect(l.issue_exposed_cycles >= 0, l.name + ": negative cycles of issue");
      lost += p.exposed_cycles + l.issue_exposed_cycles, to_dram += p.exposed_cycles;
      Cycles largest = 0, of_bottleneck = 0, in_span = 0;
      for (const auto& [name, cycles] : l.time_split) {
        if (name != "overlap") in_span += cycles;
        if (name == "dram") to_dram += cycles;
        if (name == l.bottleneck) of_bottleneck = cycles;
        largest = std::max(largest, cycles);
      }
      equal(of_bottleneck, largest, l.name + ": cycles of its bottleneck");
      lost += in_span;
      if (l.kind == "attention") attention += in_span;
    }
    for (const auto& [name, cycles] : r_.critical_path) {
      if (name == "start") lost += cycles;
      if (name == "dma_load" || name == "dma_store") path_of_dma += cycles;
    }
    equal(lost, r_.totals.cycles, "cycles lost by all layers");
    equal(to_dram, path_of_dma, "cycles lost to DRAM by all layers");
    equal(r_.attention_totals.cycles, attention, "cycles of the attention layers");
  }

  void layers_follow_the_graph() {
    for (std::size_t i = 0; i < r_.layers.size(); ++i) {
      const LayerResult& l = r_.layers[i];
      const Layer& layer = model_.layers[i];
      Cycles split = 0;
      for (const auto& [name, cycles] : l.time_split) {
        expect(cycles > 0, l.name + ": time split " + name + " " + std::to_string(cycles));
        split += cycles;
      }
      equal(split, l.end_cycle - l.start_cycle, l.name + ": time split");
      expect(l.start_cycle >= 0 && l.end_cycle <= r_.totals.cycles, l.name + ": outside the run");
      expect(l.end_cycle - l.start_cycle >= l.bound_cycles, l.name + ": faster than its bound");
      expect(l.dram_read_bytes + l.dram_write_bytes >= l.dram_lower_bound_bytes,
             l.name + ": fewer bytes than its bound");
      expect(l.end_cycle - l.start_cycle + l.prefetch.cycles >= l.lower_bound_cycles,
             l.name + ": faster than any mapping");
      if (!l.executed) continue;
      if (const auto* a = std::get_if<Attention>(&layer.parameters)) {
        attention_counts(*a, l);
      } else if (std::holds_alternative<Linear>(layer.parameters) || std::holds_alternative<Conv2d>(layer.parameters)) {
        gemm_counts(layer, l);
      } else if (std::holds_alternative<Add>(layer.parameters) ||
                 std::holds_alternative<PositionEmbedding>(layer.parameters)) {
        const MatrixShape shape = output_shape(layer);
        equal(l.operations.add, Count{shape.rows} * shape.cols, l.name + ": additions");
      } else if (const auto* pool = std::get_if<MeanPool>(&layer.parameters)) {
        equal(l.operations.add, Count{pool->rows - 1} * pool->channels, l.name + ": additions");
        equal(l.operations.div, pool->channels, l.name + ": divisions");
      } else if (!l.charged) {
        expect(l.operations == OperationCounts{} && l.macs == 0 && l.energy.total() == 0 && l.bound_cycles == 0,
               l.name + ": charged after all");
      }
    }
  }

  void gemm_counts(const Layer& layer, const LayerResult& l) {
    equal(l.macs, macs(layer), l.name + ": MACs");
    equal(l.operations.mul, macs(layer), l.name + ": multiplications");
    const MatrixShape shape = output_shape(layer);
    const Count outputs = Count{shape.rows} * shape.cols;
    bool bias = std::visit(
        [](const auto& p) {
          if constexpr (std::is_same_v<std::decay_t<decltype(p)>, Linear> ||
                        std::is_same_v<std::decay_t<decltype(p)>, Conv2d>)
            return p.bias;
          return false;
        },
        layer.parameters);
    for (const Layer& other : model_.layers) {
      const auto* norm = std::get_if<BatchNorm>(&other.parameters);
      bias = bias || (norm != nullptr && config_.batch_norm_folded &&
                      &model_.layers[static_cast<std::size_t>(norm->folded_into)] == &layer);
    }
    equal(l.operations.add, macs(layer) - (bias ? 0 : outputs), l.name + ": additions");
    Bytes weights = 0, read = 0;
    const auto index = static_cast<std::int32_t>(&layer - model_.layers.data());
    for (const ScheduledTensor& t : schedule_.tensors)
      if (t.role == TensorRole::kWeight && t.layer == index) weights += t.bytes;
    const std::size_t each = model_.layers.size() / static_cast<std::size_t>(model_.images);
    if (static_cast<std::size_t>(index) >= each) return;  // the first image's layer may have read them for all
    for (std::size_t i = static_cast<std::size_t>(index); i < r_.layers.size(); i += each)
      for (const auto& [name, bytes] : r_.layers[i].dram_bytes_by_operand)
        if (name == "weights") read += bytes;
    expect(read >= weights && weights >= parameter_count(layer) * storage_bytes(config_.precision),
           l.name + ": read fewer bytes than it has weights");
  }

  // Softmax over the kept entries, times V; empty rows are dense, or cost nothing (SpAtten). From the masks alone.
  void sparse_counts(const Attention& a, const LayerResult& l) {
    Count kept = 0, met = 0, used = 0, given = 0, total = 0;  // met: entries that meet their value
    for (const ScheduledMask& scheduled : schedule_.masks) {
      if (scheduled.layer != static_cast<std::int32_t>(&l - r_.layers.data())) continue;
      for (int r = 0; r < scheduled.mask.rows(); ++r) {
        Count row = 0;
        for (int c = 0; c < scheduled.mask.cols(); ++c) row += scheduled.mask(r, c);
        kept += row, used += row > 0;
      }
      met += kept_entries(scheduled.values.empty() ? scheduled.mask : scheduled.values);
      given += scheduled.kept, total += static_cast<Count>(scheduled.mask.size());
    }
    const Count problems = Count{a.heads} * a.instances, d = a.d_qk, e = a.d_v;
    equal(total, problems * a.n_q * a.n_kv, l.name + ": entries of the masks");
    if (config_.machine != MachineKind::kSpatten) equal(used, problems * a.n_q, l.name + ": rows with an entry");
    near(l.mask_density, static_cast<double>(kept) / static_cast<double>(total), l.name + ": density");
    near(l.mask_kept_density, static_cast<double>(given) / static_cast<double>(total), l.name + ": kept density");
    expect(kept - given == l.fallback_rows * a.n_kv, l.name + ": entries of rows that fell back");
    expect(l.pack_utilization > 0 && l.pack_utilization <= 1 && l.load_balance > 0 && l.load_balance <= 1,
           l.name + ": more entries than places for them");
    equal(l.operations.mul, kept * (d + 1) + met * e, l.name + ": multiplications");
    equal(l.macs, kept * d + met * e, l.name + ": MACs");
    equal(l.operations.div, kept, l.name + ": divisions");
    equal(l.operations.exp, kept, l.name + ": exponentials");
    equal(l.operations.cmp, kept - used, l.name + ": comparisons");
    const Count bias = a.bias_params > 0 ? kept : 0;
    equal(l.operations.add, kept * (d - 1) + bias + (met - used) * e + 2 * kept - used, l.name + ": additions");
  }

  void attention_counts(const Attention& a, const LayerResult& l) {
    if (a.kind.value_or(config_.attention) == AttentionKind::kSparse) return sparse_counts(a, l);
    const Count problems = Count{a.heads} * a.instances, m = a.n_q, n = a.n_kv, d = a.d_qk, e = a.d_v;
    const AttentionKind kind = a.kind.value_or(config_.attention);
    const bool softmax = kind == AttentionKind::kSoftmax, elided = kind == AttentionKind::kTaylorElided,
               relu_linear = kind == AttentionKind::kReluLinear;
    OperationCounts want = softmax       ? vanilla_attention_operations(a)
                           : elided      ? taylor_elided_attention_operations(a)
                           : relu_linear ? relu_linear_attention_operations(a)
                                         : taylor_attention_operations(a);
    Count products = problems * (softmax ? m * n * (d + e) : (n + m) * d * e + (elided ? 0 : m * d));
    // The learned score bias is no part of the closed forms.
    if (a.bias_params > 0 && softmax) want.add += problems * m * n;
    if (a.bias_params > 0 && !softmax && config_.attention_bias == AttentionBias::kFirstOrder)
      want.mul += problems * m * n * e, want.add += problems * m * n * e, products += problems * m * n * e;
    // Online softmax divides m x e sums in place of m x n exponentials. Every tile of keys behind the first multiplies
    // the sums and the row's total, and takes one more exponential, comparison and two additions a row.
    if (softmax && l.operations.exp > want.exp) {
      const Count more = (l.operations.exp - want.exp) / (problems * m);  // tiles behind the first
      expect(more < n, l.name + ": more tiles than keys");
      want.exp += problems * m * more, want.mul += problems * m * more * (1 + e), want.add += problems * m * more;
      want.div = problems * m * e;
    }
    equal(l.macs, products, l.name + ": MACs");
    equal(l.operations.mul, want.mul, l.name + ": multiplications");
    equal(l.operations.add, want.add, l.name + ": additions");
    equal(l.operations.div, want.div, l.name + ": divisions");
    equal(l.operations.exp, want.exp, l.name + ": exponentials");
    equal(l.operations.cmp, want.cmp, l.name + ": comparisons");
  }

  void totals_are_sums() {
    Totals sum;
    for (const LayerResult& l : r_.layers) {
      sum.macs += l.macs, sum.operations += l.operations, sum.noc_byte_hops += l.noc_byte_hops;
      sum.dram_read_bytes += l.dram_read_bytes, sum.dram_write_bytes += l.dram_write_bytes;
      sum.sram_read_bytes += l.sram_read_bytes, sum.sram_write_bytes += l.sram_write_bytes;
      Bytes by_operand = 0;
      for (const auto& [name, bytes] : l.dram_bytes_by_operand) by_operand += bytes;
      equal(by_operand, l.dram_read_bytes + l.dram_write_bytes, l.name + ": bytes by operand");
      traffic_adds_up(l);
    }
    const Totals& t = r_.totals;
    equal(t.macs, sum.macs, "total MACs");
    expect(t.operations == sum.operations, "total operations");
    equal(t.dram_read_bytes, sum.dram_read_bytes, "bytes read from DRAM");
    equal(t.dram_write_bytes, sum.dram_write_bytes, "bytes written to DRAM");
    equal(t.sram_read_bytes, sum.sram_read_bytes, "bytes read from the scratchpad");
    equal(t.sram_write_bytes, sum.sram_write_bytes, "bytes written to the scratchpad");
    equal(t.noc_byte_hops, sum.noc_byte_hops, "byte hops");
    for (const UnitResult& u : r_.units) {
      for (const auto& [action, count] : u.actions) {
        if (u.name == "dram" && action == "read_bytes") equal(count, t.dram_read_bytes, "the DRAM model's bytes read");
        if (u.name == "dram" && action == "write_bytes")
          equal(count, t.dram_write_bytes, "the DRAM model's bytes written");
        if (u.name == "scratchpad" && action == "read_bytes")
          equal(count, t.sram_read_bytes, "the scratchpad's bytes read");
        if (u.name == "scratchpad" && action == "write_bytes")
          equal(count, t.sram_write_bytes, "the scratchpad's bytes written");
      }
    }
  }

  // Every byte has an operand and a cause.
  void traffic_adds_up(const LayerResult& l) {
    Bytes read = 0, written = 0, uses = 0, over_noc = 0;
    std::map<std::string, Bytes> by_operand;
    for (const DramTraffic& t : l.dram_traffic) {
      expect(t.bytes > 0, l.name + ": " + t.operand + " moved no bytes by " + t.cause);
      expect((t.operand == "results") == (t.cause == "write_back"), l.name + ": " + t.operand + " by " + t.cause);
      (t.cause == "write_back" ? written : read) += t.bytes;
      by_operand[t.operand] += t.bytes;
    }
    equal(read, l.dram_read_bytes, l.name + ": bytes fetched by cause");
    equal(written, l.dram_write_bytes, l.name + ": bytes written back");
    for (const auto& [name, bytes] : l.dram_bytes_by_operand)
      equal(by_operand[name], bytes, l.name + ": bytes of " + name + " by cause");
    for (const auto& [use, bytes] : l.scratchpad_traffic) {
      expect(bytes > 0, l.name + ": no bytes " + use);
      uses += bytes;
      if (use != "filled" && use != "drained") over_noc += bytes;
    }
    equal(uses, l.sram_read_bytes + l.sram_write_bytes, l.name + ": scratchpad bytes by cause");
    if (config_.noc.topology == NocTopology::kBus) equal(over_noc, l.noc_byte_hops, l.name + ": bytes over the bus");
    expect(l.macs == 0 ? l.roofline_bound == "none" : l.achieved_macs_per_cycle <= l.attainable_macs_per_cycle * 1.0001,
           l.name + ": above its roofline");
  }

  void bounds_hold() {
    const double array =
        static_cast<double>(config_.matrix_engine.rows) * config_.matrix_engine.cols +
        (config_.diagonal_engine.enabled ? config_.diagonal_engine.rows : 0) +
        (config_.machine == MachineKind::kSalo ? config_.matrix_engine.rows + config_.matrix_engine.cols : 0);
    const double sparse =
        config_.sparse_unit.enabled ? config_.sparse_unit.pe_rows * config_.sparse_unit.pes_per_row : 0;
    const double peak = config_.matrix_engine.count * array + config_.sparse_unit.count * sparse;
    const double cycles = static_cast<double>(r_.totals.cycles);
    expect(cycles * peak >= static_cast<double>(r_.totals.macs), "more MACs than PEs and cycles");
    const double rate = config_.dram.device.peak_gb_s_per_channel() * config_.dram.channels * 1e3 / config_.clock_mhz;
    expect(cycles * rate >= static_cast<double>(r_.totals.dram_read_bytes + r_.totals.dram_write_bytes),
           "more DRAM bytes than its bus can move");
    expect(r_.totals.utilization >= 0 && r_.totals.utilization <= 1, "utilization");
    Bytes weights = 0;
    for (const ScheduledTensor& t : schedule_.tensors)
      if (t.role == TensorRole::kWeight) weights += t.bytes;
    const TensorId last = schedule_.layer_output.back();
    const Bytes output = schedule_.tensors[last].bytes;
    expect(r_.totals.dram_read_bytes > weights, "DRAM reads are fewer than weights and input");
    expect(r_.totals.dram_write_bytes >= output, "DRAM writes are fewer than the output");
    expect(schedule_.scratchpad_high_water <= Bytes{1024} * config_.scratchpad.capacity_kib,
           "the schedule exceeds the scratchpad");
  }

  void energy_is_the_sum_of_its_parts() {
    EnergyBreakdown sum;
    for (const LayerResult& l : r_.layers) {
      expect(l.energy.compute >= 0 && l.energy.sram >= 0 && l.energy.noc >= 0 && l.energy.dram >= 0 &&
                 l.energy.leakage >= 0,
             l.name + ": negative energy");
      sum.compute += l.energy.compute, sum.sram += l.energy.sram, sum.noc += l.energy.noc, sum.dram += l.energy.dram;
    }
    near(r_.energy.compute, sum.compute, "compute energy of the layers");
    near(r_.energy.sram, sum.sram, "scratchpad energy of the layers");
    near(r_.energy.noc, sum.noc, "NoC energy of the layers");
    near(r_.energy.dram, sum.dram, "DRAM energy of the layers");
    near(r_.totals.energy_mj * 1e9, r_.energy.total(), "total energy");
    double units = r_.energy.leakage, area = 0;
    for (const UnitResult& u : r_.units) units += u.energy_pj, area += u.area_um2;
    near(units, r_.energy.total(), "energy of the units and leakage");
    near(area * 1e-6, r_.totals.area_mm2, "area of the units");
  }

  const VitModel& model_;
  const HardwareConfig& config_;
  const Schedule& schedule_;
  const SimulationResult& r_;
  std::string text_;
};

}  // namespace vitality::test
