#include "report/result_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>

#include "base/text.h"
#include "report/energy_bars.h"
#include "report/significant.h"

namespace vitality {
namespace {

// 1253683200 -> 1,253,683,200
std::string grouped(Count value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > (value < 0 ? 4U : 3U); at -= 3) text.insert(at - 3, ",");
  return text;
}

// Three or four digits and the unit with a prefix: 12.3 MB. Prefixes are powers of 1000.
std::string scaled(double value, const char* unit) {
  static const char* const kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  std::size_t prefix = 0;
  while (std::fabs(value) >= 1000 && prefix + 1 < std::size(kPrefixes)) value /= 1000, ++prefix;
  const int digits = prefix == 0 && value == std::floor(value) ? 0 : value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return fmt::format("{:.{}f} {}{}", value, digits, kPrefixes[prefix], unit);
}
std::string bytes(Bytes value) {
  return scaled(static_cast<double>(value), "B");
}
std::string energy(Picojoules value) {
  if (value == 0) return "-";
  if (value >= 1e8) return significant(value * 1e-9) + " mJ";
  if (value >= 1e5) return significant(value * 1e-6) + " uJ";
  return significant(value * 1e-3) + " nJ";
}
double percent(double part, double whole) {
  return whole == 0 ? 0 : 100 * part / whole;
}
double percent(Cycles part, Cycles whole) {
  return percent(static_cast<double>(part), static_cast<double>(whole));
}
// Shortens at the beginning, because the end of a name says more.
std::string shortened(const std::string& whole, std::size_t width) {
  const std::string name = harmless(whole);
  return name.size() <= width ? name : ".." + name.substr(name.size() - (width - 2));
}

class TextReport {
 public:
  TextReport(const SimulationResult& result, const HardwareConfig& config) : result_(result), config_(config) {}

  std::string write() {
    heading();
    totals();
    training();
    attention();
    masks();
    numerics();
    omissions();
    if (result_.is_device) {
      device_layers();
    } else {
      layers();
      units();
      parts();
      energies();
    }
    critical_path();
    mapping_search();
    choices();
    doublings();
    return fmt::to_string(out_);
  }

 private:
  template <class... Values>
  void print(fmt::format_string<Values...> format, Values&&... values) {
    print_shown(format, shown(values)...);
  }
  template <class... Values>
  void print_shown(fmt::string_view format, const Values&... values) {
    fmt::vformat_to(std::back_inserter(out_), format, fmt::make_format_args(values...));
  }
  // Names come from files, so they may contain anything.
  static std::string shown(const std::string& text) { return harmless(text); }
  template <class Value>
  static const Value& shown(const Value& value) {
    return value;
  }
  double milliseconds(Cycles cycles) const { return static_cast<double>(cycles) / (config_.clock_mhz * 1e3); }

  void heading() {
    print("{} on {}: {}, {}, {} attention, seed {}\n\n", result_.workload_name, config_.name, result_.mode,
          to_string(config_.precision), attention_kinds(), result_.manifest.seed);
  }

  // "taylor", or, where layers differ, "softmax (3 layers) and taylor (9 layers)".
  std::string attention_kinds() const {
    std::map<std::string, int> layers;
    for (const LayerResult& layer : result_.layers)
      if (!layer.attention.empty()) ++layers[layer.attention];
    if (layers.empty()) return to_string(config_.attention);
    std::string text;
    for (const auto& [kind, count] : layers)
      text += fmt::format("{}{} ({} layer{})", text.empty() ? "" : " and ", kind, count, count == 1 ? "" : "s");
    return text;
  }
  static const std::string& kind_of(const LayerResult& layer) {
    return layer.attention.empty() ? layer.kind : layer.attention;
  }

  void operations(const OperationCounts& counts) {
    print("{} mul, {} add, {} div, {} exp, {} cmp\n", grouped(counts.mul), grouped(counts.add), grouped(counts.div),
          grouped(counts.exp), grouped(counts.cmp));
  }

  void totals() {
    const Totals& t = result_.totals;
    print("latency       {} ms", significant(t.latency_ms));
    if (!result_.is_device) print(" = {} cycles at {} MHz", grouped(t.cycles), config_.clock_mhz);
    print("\n");
    if (result_.images > 1) {
      std::string order = result_.batch_order;
      std::replace(order.begin(), order.end(), '_', ' ');
      print(
          "batch         {} images{}: {} ms an image, {} images/s\n              all numbers below are of the whole "
          "batch\n",
          result_.images, order.empty() ? "" : ", " + order, significant(t.latency_ms / result_.images),
          significant(t.latency_ms > 0 ? 1e3 * result_.images / t.latency_ms : 0));
    }
    power();
    print("operations    ");
    operations(t.operations);
    print("traffic       DRAM {} read, {} written", bytes(t.dram_read_bytes), bytes(t.dram_write_bytes));
    if (!result_.is_device) {
      print("\n              scratchpad {} read, {} written; NoC {}-hops\n", bytes(t.sram_read_bytes),
            bytes(t.sram_write_bytes), bytes(t.noc_byte_hops));
      print("area          {} mm2 at {} nm", significant(t.area_mm2), config_.technology_nm);
    }
    print("\n");
    print("workload      {} parameters; {} MACs an image with softmax attention\n",
          grouped(result_.workload_parameters), grouped(result_.workload_macs));
  }

  // A zero means "not known" for a device, so it is not printed.
  void power() {
    const Totals& t = result_.totals;
    if (!result_.is_device) {
      print("energy        {} mJ{}\n", significant(t.energy_mj), range(t.energy_mj_range));
      print("power         {} W{} on average, of which on chip {} W{}\n", significant(t.average_power_w),
            range(t.power_w_range), significant(t.on_chip_power_w), range(t.on_chip_power_w_range));
    } else if (t.energy_mj > 0) {
      print("energy        {} mJ at {} W of the whole device\n", significant(t.energy_mj),
            significant(t.average_power_w));
    }
    print("throughput    {} GOP/s", significant(t.gops));
    if (t.gops_per_w > 0) print(", {} GOP/s/W", significant(t.gops_per_w));
    print(" (1 MAC = 2 operations)\n");
    if (t.utilization > 0 || !result_.is_device) {
      print("utilization   {} % of the {} peak MACs; ", significant(100 * t.utilization, 3),
            result_.is_device ? "device's" : "arrays'");
    } else {
      print("work          ");
    }
    print("{} MACs done\n", grouped(t.macs));
  }

  void training() {
    const TrainingResult& t = result_.training;
    if (!t.present) return;
    print(
        "step          {} ms, {} images/s; {}{};\n              {} of activations kept in DRAM for the backward pass\n",
        significant(t.time_per_step_ms), significant(t.images_per_second), t.optimizer,
        t.loss_scale == 1 ? "" : fmt::format(", loss scale {:g}", t.loss_scale), bytes(t.saved_activation_bytes));
    print("  {:<10} {:>12} {:>12} {:>7} {:>8} {:>10} {:>9} {:>9}\n", "phase", "first job", "cycles", "share", "MACs",
          "energy", "read", "written");
    for (const PhaseResult& p : t.phases) {
      print("  {:<10} {:>12} {:>12} {:>5.1f} % {:>8} {:>10} {:>9} {:>9}\n", p.name, grouped(p.start_cycle),
            grouped(p.cycles), share(p.cycles), scaled(static_cast<double>(p.macs), ""), energy(p.energy.total()),
            bytes(p.dram_read_bytes), bytes(p.dram_write_bytes));
    }
    if (!t.errors.empty()) print("  loss {:.6f} before the update (of the reference, mean over the batch)\n", t.loss);
    for (const GradientError& e : t.errors) {
      print(
          "  {:<20} {}: {} tensors, largest error {:.3g} of the tensor's\n    largest value in {} (tolerance {:.3g})\n",
          e.kind, e.max_rel_error <= e.tolerance ? "within tolerance" : "OUTSIDE TOLERANCE", grouped(e.tensors),
          e.max_rel_error, e.worst, e.tolerance);
    }
  }

  void attention() {
    const Totals& t = result_.attention_totals;
    if (t.cycles == 0 && t.operations == OperationCounts()) return;
    print("attention     {} ms ({:.1f} % of the latency), ", significant(t.latency_ms),
          percent(t.cycles, result_.totals.cycles));
    if (t.energy_mj > 0)
      print("{} mJ ({:.1f} % of the energy), ", significant(t.energy_mj),
            percent(t.energy_mj, result_.totals.energy_mj));
    print("{} GOP/s\n", significant(t.gops));
    print("              ");
    operations(t.operations);
  }

  void masks() {
    if (result_.mask_source.empty()) return;
    double low = 1, high = 0, least = 1, most = 0, balance = 0;
    Count layers = 0, fallback = 0;
    for (const LayerResult& layer : result_.layers) {
      if (!layer.has_mask) continue;
      low = std::min(low, layer.mask_density), high = std::max(high, layer.mask_density);
      least = std::min(least, layer.mask_kept_density), most = std::max(most, layer.mask_kept_density);
      balance += layer.load_balance, fallback += layer.fallback_rows, ++layers;
    }
    if (layers == 0) return;
    print(
        "masks         {}: density {:.3f} to {:.3f} by layer (kept {:.3f} to {:.3f}),\n"
        "              PE rows {:.1f} % filled on average, {} rows without an entry\n",
        result_.mask_source, low, high, least, most, 100 * balance / static_cast<double>(layers), grouped(fallback));
  }

  void numerics() {
    const NumericsResult& n = result_.numerics;
    if (n.checked) {
      print(
          "arithmetic    {}: largest error {:.3g} of a layer's largest value\n"
          "              (tolerance {:.3g}), cosine {:.7f}\n",
          n.passed ? "within tolerance" : "OUTSIDE TOLERANCE", n.max_rel_error, n.tolerance, n.cosine_similarity);
      print("              tolerances follow from the number format; nearest to its own: {}\n", n.worst_layer);
    } else {
      print("values        not computed ({})\n", n.has_approximation ? "no simulation" : "--numerics off");
    }
    if (n.has_approximation) {
      print(
          "approximation {} against softmax on the same inputs, in double:\n"
          "              largest error {:.3g}, cosine {:.5f}\n",
          attention_kinds(), n.approximation_max_rel_error, n.approximation_cosine_similarity);
    }
    if (n.seeded_weights > 0) print("seed          {}\n", kRandomWeights);
  }

  void omissions() {
    std::string names;
    for (const std::string& name : result_.not_charged) {
      if (name == "batch_norm" && config_.batch_norm_folded) {
        print("folded        batch_norm, into the weights of the layers beside it\n");
      } else {
        names += (names.empty() ? "" : ", ") + name;
      }
    }
    if (traits(config_.machine).encodes_heads && config_.cost_model == CostModel::kSimulated &&
        config_.sparse_unit.encoded_share < 1)
      print(
          "NOT MODELLED  what the trained encoder of Q and K loses: they are decoded unchanged;\n"
          "              its time, bytes and energy are charged\n");
    if (names.empty()) return;
    print(
        "NOT CHARGED   {}: no time and no energy here,\n              because the machine's description says nothing "
        "of them\n",
        names);
  }

  // Layers of a device take time, one after the other; they have no cycles.
  void device_layers() {
    print("\n{:<18} {:<12} {:>10} {:>8} {:>9} {:>7} {:>6}  {}\n", "layer", "kind", "time us", "MACs", "energy", "DRAM",
          "MAC/B", "waits for");
    rows_of_layers();
    print("DRAM: read + written; MAC/B: MACs per DRAM byte\n");
  }
  std::string device_row(const LayerResult& layer) const {
    return fmt::format(" {:<12} {:>10} {:>8} {:>9} {:>7} {:>6}  {}", harmless(kind_of(layer)).substr(0, 12),
                       significant(1e3 * milliseconds(layer.end_cycle - layer.start_cycle)),
                       scaled(static_cast<double>(layer.macs), ""), energy(layer.energy.total()),
                       bytes(layer.dram_read_bytes + layer.dram_write_bytes), per_byte(layer),
                       shown(layer.charged ? layer.bottleneck : "not charged"));
  }

  // A row of the table of layers, but for the cycle in which the layer starts.
  std::string layer_row(const LayerResult& layer) const {
    if (result_.is_device) return device_row(layer);
    const Cycles span = layer.end_cycle - layer.start_cycle;
    // A layer that its neighbour absorbs does no work of its own.
    const std::string waits = !layer.charged                          ? "not charged"
                              : span == 0 && layer.bottleneck.empty() ? "none"
                                                                      : layer.bottleneck;
    return fmt::format(" {:<10} {:>9} {:>6} {:>5} {:>6} {:>9} {:>7} {:>5}  {}", harmless(kind_of(layer)).substr(0, 10),
                       grouped(span), layer.prefetch.cycles == 0 ? "-" : grouped(layer.prefetch.cycles),
                       span == 0 ? "-" : fmt::format("{:.0f}", percent(layer.bound_cycles, span)),
                       scaled(static_cast<double>(layer.macs), ""), energy(layer.energy.total()),
                       bytes(layer.dram_read_bytes + layer.dram_write_bytes), per_byte(layer), shown(waits));
  }

  // The layers from `first` on that belong to one block, blocks.3.*: the end of them; `first` where it is in none.
  std::size_t end_of_block(std::size_t first) const {
    const std::string block = block_of(result_.layers[first].name);
    std::size_t end = first;
    while (!block.empty() && end < result_.layers.size() && block_of(result_.layers[end].name) == block) ++end;
    return end;
  }
  // "blocks.3." of blocks.3.attn.qkv, up to the last number of the name; "" where no part of it is one.
  static std::string block_of(const std::string& name) {
    std::string block;
    for (std::size_t begin = 0, end; (end = name.find('.', begin)) != std::string::npos; begin = end + 1)
      if (end > begin && name.find_first_not_of("0123456789", begin) == end) block = name.substr(0, end + 1);
    return block;
  }
  // Whether the layers from `a` on are printed as those from `b` on are, but for the number of their block.
  bool same_blocks(std::size_t a, std::size_t b, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) {
      const LayerResult &x = result_.layers[a + i], &y = result_.layers[b + i];
      if (x.name.substr(block_of(x.name).size()) != y.name.substr(block_of(y.name).size()) ||
          x.executed != y.executed || layer_row(x) != layer_row(y))
        return false;
    }
    return true;
  }

  void layers() {
    print("\n{:<18} {:<10} {:>9} {:>6} {:>5} {:>6} {:>9} {:>7} {:>5}  {}\n", "layer", "kind", "cycles", "ahead",
          "bnd %", "MACs", "energy", "DRAM", "MAC/B", "waits for");
    std::size_t left_out = 0;
    Cycles exposed = 0;
    for (const LayerResult& layer : result_.layers) {
      left_out += layer.executed ? 0 : 1;
      exposed += layer.executed ? layer.prefetch.exposed_cycles : 0;
    }
    rows_of_layers();
    print(
        "cycles: from the layer's first job that computes to its last result; overlap: of other layers\n"
        "ahead: cycles of its loads before that, in which the run waited for {} cycles over all layers\n"
        "bnd %: lower bound of any schedule / cycles; DRAM: read + written\n",
        grouped(exposed));
    roofline();
    if (left_out > 0) print("{} of {} layers are not part of this run (--layers)\n", left_out, result_.layers.size());
  }

  void rows_of_layers() {
    for (std::size_t i = 0; i < result_.layers.size();) {
      const std::size_t length = std::max<std::size_t>(1, end_of_block(i) - i);
      for (std::size_t k = i; k < i + length; ++k)
        if (result_.layers[k].executed)
          print("{:<18}{}\n", shortened(result_.layers[k].name, 18), layer_row(result_.layers[k]));
      i = print_repeats(i, length);
    }
  }

  // The blocks that repeat the one from `first` on, as one line; returns where the next layer is.
  std::size_t print_repeats(std::size_t first, std::size_t length) {
    const std::string block = block_of(result_.layers[first].name);
    std::size_t next = first + length, last = first;
    bool any = false;
    while (!block.empty() && next < result_.layers.size() && end_of_block(next) - next == length &&
           same_blocks(first, next, length)) {
      for (std::size_t k = next; k < next + length; ++k) any = any || result_.layers[k].executed;
      last = next, next += length;
    }
    if (!any) return next;
    const auto name = [this](std::size_t layer) {
      const std::string text = block_of(result_.layers[layer].name);
      return text.substr(0, text.size() - 1);
    };
    const auto count = static_cast<Cycles>((last - first) / length);
    const Cycles period = (result_.layers[last].start_cycle - result_.layers[first].start_cycle) / count;
    const std::string time = result_.is_device ? significant(1e3 * milliseconds(period)) + " us"
                                               : grouped(period) + " cycles",
                      to = name(last);
    print("  {}{}: the same layers as {}, one block every {}\n", name(first + length),
          count == 1 ? "" : " to " + to.substr(to.rfind('.') + 1), name(first), time);
    return next;
  }

  // MACs per DRAM byte; "m" marks a value below the ridge of the roofline.
  static std::string per_byte(const LayerResult& layer) {
    if (layer.macs == 0 || layer.macs_per_dram_byte == 0) return "-";
    return fmt::format("{:.1f}{}", layer.macs_per_dram_byte, layer.roofline_bound == "memory" ? "m" : " ");
  }
  void roofline() {
    if (result_.roofline.peak_macs_per_cycle == 0) return;
    const auto memory = std::count_if(result_.layers.begin(), result_.layers.end(),
                                      [](const LayerResult& l) { return l.roofline_bound == "memory"; });
    print(
        "MAC/B: MACs per DRAM byte; roofline: {:.0f} MACs and {:.1f} DRAM bytes a cycle,\n"
        "ridge at {:.1f}, {} layers below it (m)\n",
        result_.roofline.peak_macs_per_cycle, result_.roofline.dram_bytes_per_cycle, result_.roofline.ridge(), memory);
  }

  void units() {
    print("\n{:<18} {:>6} {:>6} {:>8} {:>8} {:>6} {:>5} {:>6} {:>6} {:>10} {:>10}\n", "unit", "busy %", "dram %",
          "buffer %", "depend %", "pad %", "noc %", "idle %", "util %", "energy", "area");
    for (const UnitResult& unit : result_.units) {
      std::array<double, 5> stall{};
      static const char* const kCauses[] = {"dram", "buffer", "dependency", "scratchpad", "noc"};
      for (const auto& [cause, cycles] : unit.stall_cycles) {
        for (std::size_t c = 0; c < stall.size(); ++c) stall[c] += cause == kCauses[c] ? share(cycles) : 0;
      }
      print("{:<18} {:>6.1f} {:>6.1f} {:>8.1f} {:>8.1f} {:>6.1f} {:>5.1f} {:>6.1f} {:>6.1f} {:>10} {:>6.3f} mm2\n",
            unit.name, share(unit.busy_cycles), stall[0], stall[1], stall[2], stall[3], stall[4],
            share(unit.idle_cycles), 100 * unit.utilization, energy(unit.energy_pj), unit.area_um2 * 1e-6);
    }
    for (const UnitResult& unit : result_.units)
      for (const auto& [cause, cycles] : unit.stall_cycles)
        if (cause == "controller" && cycles > 0)
          print("{:<18} {:>7.1f} % waiting for the controller to issue\n", unit.name, share(cycles));
    print(
        "busy + stalls (dram .. noc: what the unit waited for; depend: on other jobs, pad: scratchpad)\n"
        "+ idle = all {} cycles; util: work done / work possible\n",
        grouped(result_.totals.cycles));
  }
  double share(Cycles cycles) const { return percent(cycles, result_.totals.cycles); }

  static std::string range(const std::vector<double>& ends) {
    return ends.size() == 2 ? fmt::format(" ({} to {})", significant(ends[0]), significant(ends[1])) : "";
  }

  // What the chip is made of, without the DRAM.
  void parts() {
    if (result_.parts.empty() || result_.totals.latency_ms <= 0) return;
    print("\n{:<18} {:<34} {:>10} {:>11} {:>10} {:>7}\n", "unit", "part", "number", "area", "power", "share");
    const double whole = result_.energy.on_chip();
    for (const PartResult& part : result_.parts)
      print("{:<18} {:<34} {:>10} {:>7.4f} mm2 {:>8.2f} mW {:>5.1f} %\n", part.unit, shortened(part.name, 34),
            significant(part.number), part.area_um2 * 1e-6, part.energy_pj * 1e-6 / result_.totals.latency_ms,
            percent(part.energy_pj, whole));
    print("registers {}; ranges: each class of prices within its factor, registers gated to ungated\n",
          to_string(config_.energy.register_clocking));
  }

  void energies() {
    const EnergyBreakdown& e = result_.energy;
    print("\n{:<18} {:>12} {:>8}\n", "energy", "", "share");
    for (const auto& [name, value] :
         {std::pair<const char*, Picojoules>{"compute", e.compute},
          {"scratchpad", e.sram},
          {"NoC", e.noc},
          {"DRAM", e.dram},
          {config_.energy.register_clocking == RegisterClocking::kGated ? "leakage" : "leakage, registers",
           e.leakage}}) {
      print("{:<18} {:>12} {:>6.1f} %\n", name, energy(value), percent(value, e.total()));
    }
    if (e.total() <= 0) return;
    print("\n{:<18} {:>23}   total at -30 % .. +30 % of this class (energy.knob_*)\n", "energy if off", "");
    for (const EnergyBar& bar : energy_bars(result_)) {
      const double reach = bar.high_mj / (e.total() * 1e-9) - 1;
      print("{:<18} {:>11} .. {:<8} mJ   {}\n", bar.name, significant(bar.low_mj), significant(bar.high_mj),
            std::string(static_cast<std::size_t>(std::lround(100 * reach)), '='));
    }
  }

  void critical_path() {
    if (result_.critical_path.empty()) return;
    print("\ncritical path: ");
    const char* separator = "";
    for (std::size_t i = 0; i < std::min<std::size_t>(4, result_.critical_path.size()); ++i) {
      const auto& [name, cycles] = result_.critical_path[i];
      print("{}{} {:.1f} %", separator, name, share(cycles));
      separator = i == 1 ? ",\n  " : ", ";
    }
    print("\n");
  }

  void mapping_search() {
    const MappingSearchResult& search = result_.mapping_search;
    if (search.simulations == 0) return;
    print("\nmapping found by {} simulations{}: {} cycles and {} mJ;\nthe estimate's takes {} cycles and {} mJ\n",
          search.simulations,
          result_.mapped_kib == 0 ? "" : ", for " + grouped(result_.mapped_kib) + " KiB of the scratchpad",
          grouped(search.cycles), significant(search.energy_mj), grouped(search.estimate_cycles),
          significant(search.estimate_energy_mj));
  }

  // The choices of attention: auto.
  void choices() {
    if (result_.attention_choices.empty()) return;
    print("\nattention chosen by cycles of the layer alone (first layer of each shape)\n{:<34} {:>14} {:>14}  runs\n",
          "layer", "Taylor", "softmax");
    for (const AttentionChoice& c : result_.attention_choices) {
      const bool softmax = c.softmax_cycles >= 0 && (c.taylor_cycles < 0 || c.softmax_cycles < c.taylor_cycles);
      print("{:<34} {:>14} {:>14}  {}\n", shortened(c.layer, 34), c.taylor_cycles, c.softmax_cycles,
            softmax ? "softmax: Taylor loses" : "Taylor");
    }
  }

  void doublings() {
    if (result_.what_if.empty()) return;
    print("\nwhat if, by simulation\n{:<36} {:>18} {:>14} {:>9}\n", "resource", "change", "cycles", "speedup");
    for (const WhatIf& w : result_.what_if) {
      if (w.cycles < 0) {
        print("{:<36} {:>18} {:>14}\n", w.resource, w.change, "infeasible");
      } else {
        print("{:<36} {:>18} {:>14} {:>8}x\n", w.resource, w.change, w.cycles,
              significant(w.cycles == 0 ? 1.0
                                        : static_cast<double>(result_.totals.cycles) / static_cast<double>(w.cycles)));
      }
    }
  }

  const SimulationResult& result_;
  const HardwareConfig& config_;
  fmt::memory_buffer out_;
};

}  // namespace

std::string write_text(const SimulationResult& result, const HardwareConfig& config) {
  return TextReport(result, config).write();
}

}  // namespace vitality
