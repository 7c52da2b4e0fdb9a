#include "report/result_fields.h"

#include <algorithm>

#include "report/energy_bars.h"

namespace vitality {
namespace {

constexpr double kAnyCosine = -2;  // cosines may be -1, and rounding puts them beside it
constexpr double kInfeasible = -1;

template <class Item, class Visit>
void list(ResultVisitor& v, const ResultField& field, std::vector<Item>& items, const Visit& visit) {
  constexpr std::size_t kReserved = 1 << 16;  // limits what a wrong number in a file can reserve
  const auto append = [&](std::size_t total) {
    items.reserve(std::min(total, kReserved));
    items.emplace_back();
  };
  v.items(field, items.size(), append, [&](std::size_t i) { visit(v, items[i]); });
}

void fields(ResultVisitor& v, const ResultField& field, OperationCounts& o) {
  v.group(field, [&] {
    v.count({"mul", "operations", "Multiplications."}, o.mul);
    v.count({"add", "operations", "Additions and subtractions."}, o.add);
    v.count({"div", "operations", "Divisions and square roots."}, o.div);
    v.count({"exp", "operations", "Exponentials."}, o.exp);
    v.count({"cmp", "operations", "Comparisons."}, o.cmp);
  });
}

void fields(ResultVisitor& v, const ResultField& field, bool& present, EnergyBreakdown& e) {
  v.group(field, present, [&] {
    v.number({"compute", "pJ", "Energy of processing elements and lanes."}, e.compute);
    v.number({"sram", "pJ", "Energy of the scratchpad's reads and writes."}, e.sram);
    v.number({"noc", "pJ", "Energy of the network on chip."}, e.noc);
    v.number({"dram", "pJ", "Energy of the DRAM."}, e.dram);
    v.number({"leakage", "pJ", "Energy of leakage and of clocks."}, e.leakage);
  });
}
void fields(ResultVisitor& v, const ResultField& field, EnergyBreakdown& e) {
  bool present = true;
  fields(v, field, present, e);
}

void fields(ResultVisitor& v, Manifest& m) {
  v.text({"version", "", "Version of the program."}, m.version);
  v.text({"command", "", "The command line."}, m.command);
  v.texts({"arguments", "", "Its arguments, without where it writes."}, m.arguments);
  v.seed({"seed", "1", "Seed of the random weights and images."}, m.seed);
  v.text({"config_sha256", "", "SHA-256 of the resolved config."}, m.config_sha256);
  v.text({"workload_sha256", "", "SHA-256 of the workload."}, m.workload_sha256);
  v.together(!m.inputs_sha256.empty(), [&] {
    v.text({"inputs_sha256", "", "SHA-256 of the tensors that the run was given."}, m.inputs_sha256);
  });
  v.together(!m.mapping_sha256.empty(), [&] {
    v.text({"mapping_sha256", "", "SHA-256 of the mapping file that the run was given."}, m.mapping_sha256);
  });
  v.text({"kernels", "", "Instruction set of the kernels that ran; decides no other value."}, m.kernels);
  v.number({"host_seconds", "s", "Time that the run took on the host; differs between equal runs."}, m.host_seconds);
}

void fields(ResultVisitor& v, NumericsResult& n) {
  v.boolean({"checked", "", "Whether the values were compared with the reference."}, n.checked);
  v.count({"seeded_tensors", "tensors", "Tensors that the run read and that are random numbers of the seed."},
          n.seeded_tensors);
  v.count({"seeded_weights", "tensors", "Of them, weights."}, n.seeded_weights);
  v.null_unless(n.checked, [&] {
    v.number({"max_abs_error", "1", "Largest absolute error of a value in the worst layer."}, n.max_abs_error);
    v.number({"max_rel_error", "1", "Largest error relative to the layer's largest value, in the worst layer."},
             n.max_rel_error);
    v.number({"cosine_similarity", "1", "Cosine between output and reference in the worst layer.", kAnyCosine},
             n.cosine_similarity);
    v.number({"tolerance", "1", "Largest accepted max_rel_error: the largest of the layers' own."}, n.tolerance);
    v.text({"worst_layer", "", "The layer nearest to its tolerances."}, n.worst_layer);
    v.boolean({"passed", "", "Whether every layer is inside the tolerance."}, n.passed);
  });
  std::string against = "softmax";
  v.group({"approximation", "", "Taylor attention against softmax on the same inputs."}, n.has_approximation, [&] {
    v.text({"against", "", "What it is compared with."}, against);
    v.number({"max_rel_error", "1", "Largest error relative to the largest value."}, n.approximation_max_rel_error);
    v.number({"cosine_similarity", "1", "Cosine between the two outputs.", kAnyCosine},
             n.approximation_cosine_similarity);
  });
}

void fields(ResultVisitor& v, Totals& t, bool is_device, bool required) {
  v.count(
      {"cycles", "cycles", "Machine cycles; of the attention layers, those that the run spent on them.", 0, required},
      t.cycles);
  v.number({"latency_ms", "ms", "Time.", 0, required}, t.latency_ms);
  v.number({"energy_mj", "mJ", "Energy, DRAM included."}, t.energy_mj);
  v.number({"average_power_w", "W", "Energy over time, DRAM included."}, t.average_power_w);
  v.null_unless(!is_device, [&] {
    v.number({"on_chip_power_w", "W", "The same without the DRAM; null of a processor known by its data sheet."},
             t.on_chip_power_w);
    v.together(!t.power_w_range.empty(), [&] {
      v.values({"energy_mj_range", "mJ",
                "Low and high end of energy_mj: prices within their factors, registers gated to ungated."},
               t.energy_mj_range);
      v.values({"power_w_range", "W", "The same of average_power_w."}, t.power_w_range);
      v.values({"on_chip_power_w_range", "W", "The same of on_chip_power_w."}, t.on_chip_power_w_range);
    });
    v.number({"area_mm2", "mm2", "Chip area; null of a processor known by its data sheet."}, t.area_mm2);
  });
  v.count({"macs", "MACs", "Multiply-accumulates that were executed."}, t.macs);
  v.number({"gops", "GOPS", "Throughput; a MAC is two operations."}, t.gops);
  v.number({"gops_per_w", "GOPS/W", "Throughput over average power."}, t.gops_per_w);
  v.number({"utilization", "1", "MACs done over MACs possible."}, t.utilization);
  v.count({"dram_read_bytes", "bytes", "Read from DRAM."}, t.dram_read_bytes);
  v.count({"dram_write_bytes", "bytes", "Written to DRAM."}, t.dram_write_bytes);
  v.count({"sram_read_bytes", "bytes", "Read from the scratchpad."}, t.sram_read_bytes);
  v.count({"sram_write_bytes", "bytes", "Written to the scratchpad."}, t.sram_write_bytes);
  v.count({"noc_byte_hops", "byte hops", "Bytes on the network times the hops that they travelled."}, t.noc_byte_hops);
  fields(v, {"operations", "", "Operations by kind."}, t.operations);
}

void bytes_of(ResultVisitor& v, LayerResult& l) {
  v.group({"bytes", "", "What the layer moved."}, [&] {
    v.count({"dram_read", "bytes", "Read from DRAM."}, l.dram_read_bytes);
    v.count({"dram_write", "bytes", "Written to DRAM."}, l.dram_write_bytes);
    v.counts({"dram_by_operand", "bytes", "On the DRAM's bus, by what they are."}, l.dram_bytes_by_operand);
    v.traffic({"dram_by_cause", "bytes", "On the DRAM's bus, by what they are and then by why they moved."},
              l.dram_traffic);
    v.count({"sram_read", "bytes", "Read from the scratchpad."}, l.sram_read_bytes);
    v.count({"sram_write", "bytes", "Written to the scratchpad."}, l.sram_write_bytes);
    v.counts({"sram_by_cause", "bytes", "At the scratchpad's ports, by use."}, l.scratchpad_traffic);
    v.count({"noc_byte_hops", "byte hops", "Bytes on the network times hops."}, l.noc_byte_hops);
  });
}

void prefetch_of(ResultVisitor& v, LayerResult& l) {
  Prefetch& p = l.prefetch;
  bool present = true;
  v.group({"prefetch", "", "What was loaded before the span."}, present, [&] {
    v.count({"start_cycle", "cycles", "When the first load began."}, p.start_cycle);
    v.count({"cycles", "cycles", "Cycles in which a load ran."}, p.cycles);
    v.count({"exposed_cycles", "cycles", "Of them, those that nothing hid."}, p.exposed_cycles);
    v.count({"bytes", "bytes", "Loaded bytes."}, p.bytes);
  });
  if (!present) p.start_cycle = l.start_cycle;  // a file without this field
}

void mask_of(ResultVisitor& v, LayerResult& l) {
  v.group({"mask", "", "Attention on a mask."}, l.has_mask, [&] {
    v.number({"density", "1", "Share of entries executed, rows that fell back to dense ones included."},
             l.mask_density);
    v.number({"kept_density", "1", "Share of entries that the predictor kept."}, l.mask_kept_density);
    v.number({"pack_utilization", "1", "Entries over slots of the sub-rows that they were packed into."},
             l.pack_utilization);
    v.number({"load_balance", "1", "Sub-rows over PE rows of the passes that took them."}, l.load_balance);
    v.count({"fallback_rows", "rows", "Rows without a kept entry, attended densely."}, l.fallback_rows);
  });
}

void mapping_of(ResultVisitor& v, LayerResult& l, std::int64_t version) {
  if (version == 1) return v.text({"mapping", "", "How it was tiled, for people."}, l.mapping_text);
  v.together(!l.mapping.empty(), [&] {
    v.json({"mapping", "", "How it was mapped, as a mapping file has it (`vitality schema mapping`)."}, l.mapping);
  });
  v.text({"mapping_text", "", "How it was mapped, for people."}, l.mapping_text);
}

void fields(ResultVisitor& v, LayerResult& l, double ms_per_cycle, std::int64_t version) {
  v.text({"name", "", "Name in the workload.", 0, true}, l.name);
  v.text({"kind", "", "Kind of layer.", 0, true}, l.kind);
  v.together(!l.attention.empty(), [&] {
    v.text({"attention", "", "Kind of attention, where the workload or attention auto gives layers their own."},
           l.attention);
  });
  v.boolean({"charged", "", "False: the machine's description does not model it."}, l.charged);
  v.boolean({"executed", "", "False: left out by --layers."}, l.executed);
  mapping_of(v, l, version);
  v.count({"start_cycle", "cycles", "Start of the first job that computes.", 0, true}, l.start_cycle);
  v.count({"end_cycle", "cycles", "When the last result was there.", 0, true}, l.end_cycle);
  v.expect(l.end_cycle >= l.start_cycle, "end_cycle", "expected start_cycle or later");
  double latency_ms = static_cast<double>(l.end_cycle - l.start_cycle) * ms_per_cycle;
  v.number({"latency_ms", "ms", "Time from start to end."}, latency_ms);
  v.count({"macs", "MACs", "Multiply-accumulates."}, l.macs);
  fields(v, {"operations", "", "Operations by kind."}, l.operations);
  Picojoules energy = l.energy.total();
  bool split = true;
  v.number({"energy_pj", "pJ", "Energy."}, energy);
  fields(v, {"energy_breakdown_pj", "", "The same by where it goes."}, split, l.energy);
  if (!split) l.energy.compute = energy;  // a file without the split: all of it as compute
  v.number(
      {"register_energy_pj", "pJ", "Clocking of registers while its jobs work; in compute where clocks are gated."},
      l.registers);
  bytes_of(v, l);
  v.number({"macs_per_dram_byte", "MACs/byte", "Operational intensity."}, l.macs_per_dram_byte);
  bool roofline = !l.roofline_bound.empty();
  v.group({"roofline", "", "Where the layer lies under the machine's roofline."}, roofline, [&] {
    v.text({"bound", "", "compute, memory or none."}, l.roofline_bound);
    v.number({"attainable_macs_per_cycle", "MACs/cycle", "The roofline at its intensity."},
             l.attainable_macs_per_cycle);
    v.number({"achieved_macs_per_cycle", "MACs/cycle", "What it reached, over span and prefetch."},
             l.achieved_macs_per_cycle);
  });
  prefetch_of(v, l);
  v.together(l.issue_exposed_cycles > 0, [&] {
    v.count({"issue_exposed_cycles", "cycles", "Before the span: the run waited for the controller to issue its jobs."},
            l.issue_exposed_cycles);
  });
  v.text({"bottleneck", "", "What the layer's time went to most."}, l.bottleneck);
  v.count({"bound_cycles", "cycles", "No schedule of these arrays and this memory is faster."}, l.bound_cycles);
  v.count({"dram_lower_bound_bytes", "bytes", "No mapping moves fewer between chip and DRAM; 0: none must move."},
          l.dram_lower_bound_bytes);
  v.count({"lower_bound_cycles", "cycles", "No mapping takes fewer, from the first load on."}, l.lower_bound_cycles);
  v.counts({"time_split", "cycles", "Cycles of the span by what the run spent them on."}, l.time_split);
  mask_of(v, l);
  v.group({"numerics", "", "The layer's values against the reference."}, l.has_error, [&] {
    v.number({"max_abs_error", "1", "Largest absolute error."}, l.max_abs_error);
    v.number({"max_rel_error", "1", "Largest error relative to the layer's largest value."}, l.max_rel_error);
    v.number({"tolerance", "1", "Largest accepted max_rel_error."}, l.tolerance);
    v.number({"cosine_similarity", "1", "Cosine between output and reference.", kAnyCosine}, l.cosine_similarity);
    v.number({"rms_rel_error", "1", "Root of the mean squared error, relative to the largest value."}, l.rms_rel_error);
    v.number({"rms_tolerance", "1", "Largest accepted rms_rel_error; 0: not asked for."}, l.rms_tolerance);
    v.number({"mean_rel_error", "1", "Magnitude of the mean error, relative to the largest value."}, l.mean_rel_error);
    v.number({"mean_tolerance", "1", "Largest accepted mean_rel_error; 0: not asked for."}, l.mean_tolerance);
  });
}

void fields(ResultVisitor& v, UnitResult& u, bool is_device) {
  v.text({"name", "", "Name of the unit.", 0, true}, u.name);
  v.text({"kind", "", "What it is built as."}, u.kind);
  v.count({"busy_cycles", "cycles", "Cycles in which it worked.", 0, true}, u.busy_cycles);
  v.counts({"stall_cycles", "cycles", "Cycles in which it waited, by cause."}, u.stall_cycles);
  v.count({"idle_cycles", "cycles", "Cycles without anything to do.", 0, true}, u.idle_cycles);
  v.number({"utilization", "1", "Work done over work possible."}, u.utilization);
  v.counts({"actions", "actions", "What it did, as the energy table prices it."}, u.actions);
  v.number({"energy_pj", "pJ", "Energy of its actions."}, u.energy_pj);
  v.null_unless(!is_device, [&] {
    v.number({"area_um2", "um2", "Area; null of a processor known by its data sheet."}, u.area_um2);
  });
}

void fields(ResultVisitor& v, PartResult& p) {
  v.text({"unit", "", "The unit, or all units of its kind.", 0, true}, p.unit);
  v.text({"name", "", "What it is."}, p.name);
  v.text({"kind", "", "Its kind in a parts list."}, p.kind);
  v.number({"number", "1", "How many the machine has."}, p.number);
  v.number({"flip_flops", "1", "Flip-flops in all of them."}, p.flip_flops);
  v.number({"area_um2", "um2", "Area of all of them."}, p.area_um2);
  v.number({"energy_pj", "pJ", "Energy of their actions, clocks and leakage."}, p.energy_pj);
  v.text({"source", "", "Where number and size come from."}, p.source);
}

void parts_of(ResultVisitor& v, SimulationResult& r) {
  v.together(!r.parts.empty(), [&] {
    list(v, {"parts", "", "What the chip is made of; areas and energies add up to the chip's."}, r.parts,
         [](ResultVisitor& each, PartResult& part) { fields(each, part); });
  });
  bool timed = r.power.bin_cycles > 0;
  v.group({"power", "", "Power over time, DRAM included."}, timed, [&] {
    v.count({"bin_cycles", "cycles", "Width of a bin; the last one ends with the run.", 1}, r.power.bin_cycles);
    v.values({"w", "W", "Power in each bin."}, r.power.w);
    v.number({"peak_w", "W", "The largest of them."}, r.power.peak_w);
  });
}

void fields(ResultVisitor& v, PhaseResult& p) {
  v.text({"name", "", "forward, backward or update.", 0, true}, p.name);
  v.count({"start_cycle", "cycles", "Start of its first job."}, p.start_cycle);
  v.count({"end_cycle", "cycles", "When its last result was there."}, p.end_cycle);
  v.count({"cycles", "cycles", "From the end of the phase before; they add up to the step's.", 0, true}, p.cycles);
  v.count({"macs", "MACs", "Multiply-accumulates."}, p.macs);
  fields(v, {"operations", "", "Operations by kind."}, p.operations);
  Picojoules energy = p.energy.total();
  v.number({"energy_pj", "pJ", "Energy."}, energy);
  fields(v, {"energy_breakdown_pj", "", "The same by where it goes."}, p.energy);
  v.count({"dram_read_bytes", "bytes", "Read from DRAM."}, p.dram_read_bytes);
  v.count({"dram_write_bytes", "bytes", "Written to DRAM."}, p.dram_write_bytes);
}

void fields(ResultVisitor& v, GradientError& e) {
  v.text({"kind", "", "Kind of tensors.", 0, true}, e.kind);
  v.count({"tensors", "tensors", "How many were compared."}, e.tensors);
  v.number({"max_rel_error", "1", "Largest error relative to the tensor's largest value."}, e.max_rel_error);
  v.text({"worst", "", "Name of the worst tensor."}, e.worst);
  v.number({"tolerance", "1", "Largest accepted error."}, e.tolerance);
  bool passed = e.max_rel_error <= e.tolerance;
  v.boolean({"passed", "", "Whether it is inside the tolerance."}, passed);
}

void fields(ResultVisitor& v, TrainingResult& t) {
  v.text({"optimizer", "", "sgd or adamw."}, t.optimizer);
  v.number({"loss_scale", "1", "Factor of the loss, against underflow."}, t.loss_scale);
  v.number({"time_per_step_ms", "ms", "Time of a step."}, t.time_per_step_ms);
  v.number({"images_per_second", "images/s", "Throughput."}, t.images_per_second);
  v.count({"saved_activation_bytes", "bytes", "What the forward pass keeps for the backward pass."},
          t.saved_activation_bytes);
  list(v, {"phases", "", "Forward, backward, update."}, t.phases,
       [](ResultVisitor& each, PhaseResult& phase) { fields(each, phase); });
  v.together(!t.errors.empty(), [&] {
    v.number({"loss", "1", "Loss of the reference, mean over the batch."}, t.loss);
    list(v, {"errors", "", "Largest errors, for each kind of tensor."}, t.errors,
         [](ResultVisitor& each, GradientError& error) { fields(each, error); });
  });
}

void energy_uncertainty(ResultVisitor& v, const SimulationResult& r) {
  struct Bar {
    std::string name, knob;
    double relative = kEnergyUncertainty, low = 0, high = 0;
  };
  std::vector<Bar> bars;
  if (r.energy.total() > 0 && !r.is_device)
    for (const EnergyBar& bar : energy_bars(r))
      bars.push_back({bar.name, bar.knob, kEnergyUncertainty, bar.low_mj, bar.high_mj});
  v.together(!bars.empty(), [&] {
    list(v, {"energy_uncertainty", "", "How far the energy moves when one class of prices is off, all else equal."},
         bars, [](ResultVisitor& each, Bar& bar) {
           each.text({"class", "", "What is priced."}, bar.name);
           each.text({"knob", "", "Key of the energy table that scales the class."}, bar.knob);
           each.number({"relative", "1", "By how much the prices are off."}, bar.relative);
           each.number({"energy_mj_low", "mJ", "Energy with the class so much cheaper."}, bar.low);
           each.number({"energy_mj_high", "mJ", "Energy with the class so much dearer."}, bar.high);
         });
  });
}

void workload_of(ResultVisitor& v, SimulationResult& r) {
  v.group({"workload", "", "The model; its counts are of one image.", 0, true}, [&] {
    v.text({"name", "", "Name of the model.", 0, true}, r.workload_name);
    v.count({"parameters", "parameters", "Learned parameters."}, r.workload_parameters);
    v.count({"macs", "MACs", "Multiply-accumulates with softmax attention."}, r.workload_macs);
  });
}

void batch_of(ResultVisitor& v, SimulationResult& r) {
  std::int64_t images = r.images;
  double latency_ms = r.totals.latency_ms / static_cast<double>(images);
  double rate = r.totals.latency_ms > 0 ? 1e3 * static_cast<double>(images) / r.totals.latency_ms : 0;
  v.group({"batch", "", "Images that run together."}, [&] {
    v.count({"images", "images", "Images of the batch.", 1}, images);
    v.number({"latency_ms_per_image", "ms", "Time over images."}, latency_ms);
    v.number({"images_per_second", "images/s", "Throughput."}, rate);
    v.together(!r.batch_order.empty(), [&] {
      v.text({"order", "", "What comes first: image_by_image or layer_by_layer, whose images share weights."},
             r.batch_order);
    });
  });
  r.images = static_cast<int>(std::min<std::int64_t>(images, std::numeric_limits<int>::max()));
}

void masks_of(ResultVisitor& v, SimulationResult& r) {
  v.together(!r.mask_source.empty(), [&] {
    v.text({"mask_source", "", "Where the masks came from."}, r.mask_source);
    v.number({"mask_density", "1", "Share of entries executed, over all layers."}, r.mask_density);
    v.number({"mask_kept_density", "1", "Share of entries that the predictor kept, over all layers."},
             r.mask_kept_density);
    v.count({"mask_fallback_rows", "rows", "Rows without a kept entry, attended densely."}, r.fallback_rows);
  });
}

void roofline_of(ResultVisitor& v, SimulationResult& r) {
  bool present = r.roofline.peak_macs_per_cycle > 0;
  double ridge = r.roofline.ridge();
  v.group({"roofline", "", "What arrays and memory could do at most."}, present, [&] {
    v.number({"peak_macs_per_cycle", "MACs/cycle", "Of all arrays."}, r.roofline.peak_macs_per_cycle);
    v.number({"dram_bytes_per_cycle", "bytes/cycle", "Of the memory."}, r.roofline.dram_bytes_per_cycle);
    v.number({"ridge_macs_per_dram_byte", "MACs/byte", "Below it the memory binds."}, ridge);
  });
}

void lower_bounds_of(ResultVisitor& v, SimulationResult& r) {
  LowerBoundTotals& bounds = r.lower_bounds;
  bool present = bounds.dram_bytes > 0 && bounds.cycles > 0;
  const auto over = [](double value, std::int64_t bound) { return bound > 0 ? value / static_cast<double>(bound) : 0; };
  double moved = over(static_cast<double>(r.totals.dram_read_bytes + r.totals.dram_write_bytes), bounds.dram_bytes),
         taken = over(static_cast<double>(r.totals.cycles), bounds.cycles);
  v.group({"lower_bounds", "", "What no mapping goes below, and how near this one is."}, present, [&] {
    v.count({"dram_bytes", "bytes", "Sum of the layers' dram_lower_bound_bytes."}, bounds.dram_bytes);
    v.count({"cycles", "cycles", "Largest of the sums of the arrays', the multipliers' and the memory's cycles."},
            bounds.cycles);
    v.number({"dram_bytes_over_bound", "1", "Bytes moved over the bound."}, moved);
    v.number({"cycles_over_bound", "1", "Cycles taken over the bound."}, taken);
  });
}

void alternatives_of(ResultVisitor& v, SimulationResult& r) {
  v.together(!r.attention_choices.empty(), [&] {
    list(
        v, {"attention_choices", "", "attention auto: both kinds, each alone; -1: does not fit."}, r.attention_choices,
        [](ResultVisitor& each, AttentionChoice& choice) {
          each.text({"layer", "", "Name of the layer.", 0, true}, choice.layer);
          each.count({"taylor_cycles", "cycles", "With Taylor attention.", kInfeasible, true}, choice.taylor_cycles);
          each.count({"softmax_cycles", "cycles", "With softmax attention.", kInfeasible, true}, choice.softmax_cycles);
        });
  });
  v.together(r.mapped_kib > 0, [&] {
    std::int64_t part = r.mapped_kib;
    v.count({"mapped_scratchpad_kib", "KiB", "The part of the scratchpad that the mapping uses, if not all of it."},
            part);
    r.mapped_kib = static_cast<int>(part);
  });
  bool searched = r.mapping_search.simulations > 0;
  v.group({"mapping_search", "",
           "mapping.search simulate, or objective latency: whole runs, with the estimate's mapping for all of the "
           "scratchpad and with the one found."},
          searched, [&] {
            MappingSearchResult& search = r.mapping_search;
            v.count({"simulations", "1", "Mappings that were simulated."}, search.simulations);
            v.count({"estimate_cycles", "cycles", "With the estimate's mapping."}, search.estimate_cycles);
            v.count({"cycles", "cycles", "With the mapping that was found."}, search.cycles);
            v.number({"estimate_energy_mj", "mJ", "With the estimate's mapping."}, search.estimate_energy_mj);
            v.number({"energy_mj", "mJ", "With the mapping that was found."}, search.energy_mj);
          });
  v.together(!r.what_if.empty(), [&] {
    list(v, {"what_if", "", "What doubling a resource would buy; -1: does not fit."}, r.what_if,
         [](ResultVisitor& each, WhatIf& answer) {
           each.text({"resource", "", "Key of the config.", 0, true}, answer.resource);
           each.text({"change", "", "From what to what."}, answer.change);
           each.count({"cycles", "cycles", "Of the whole run.", kInfeasible, true}, answer.cycles);
         });
  });
}

}  // namespace

void visit_fields(ResultVisitor& v, SimulationResult& r) {
  std::int64_t version = 2;  // 1: `mapping` of a layer was what is `mapping_text` now
  v.count({"schema_version", "1", "Version of this format.", 1, true}, version);
  v.expect(version == 1 || version == 2, "schema_version", "expected 1 or 2");
  v.group({"manifest", "", "What was run."}, [&] { fields(v, r.manifest); });
  v.json({"config", "", "The resolved config, every key."}, r.config_json);
  workload_of(v, r);
  v.text({"mode", "", "inference or training."}, r.mode);
  batch_of(v, r);
  v.group({"numerics", "", "Values against the reference."}, [&] { fields(v, r.numerics); });
  v.group({"totals", "", "The whole run.", 0, true}, [&] { fields(v, r.totals, r.is_device, true); });
  v.group({"attention_totals", "", "The attention layers."},
          [&] { fields(v, r.attention_totals, r.is_device, false); });
  v.group({"training", "", "A training step."}, r.training.present, [&] { fields(v, r.training); });
  const double ms_per_cycle = r.totals.cycles > 0 ? r.totals.latency_ms / static_cast<double>(r.totals.cycles) : 0;
  list(v, {"layers", "", "The layers, in the model's order.", 0, true}, r.layers,
       [&](ResultVisitor& each, LayerResult& layer) { fields(each, layer, ms_per_cycle, version); });
  list(v, {"units", "", "The machine's units.", 0, true}, r.units,
       [&](ResultVisitor& each, UnitResult& unit) { fields(each, unit, r.is_device); });
  parts_of(v, r);
  bool timeline = r.bin_cycles > 0;
  v.group({"timeline", "", "When the units were at work."}, timeline, [&] {
    v.count({"bin_cycles", "cycles", "Width of a bin; the last one ends with the run.", 1, true}, r.bin_cycles);
    v.occupied({"occupied_cycles", "cycles", "By unit: of each bin the cycles in which it held a job.", 0, true},
               r.units, r.bin_cycles);
  });
  fields(v, {"energy_breakdown_pj", "", "Energy by where it goes."}, r.energy);
  v.number({"clock_energy_pj", "pJ", "Clocks of ungated registers, contained in the leakage."}, r.clock_energy);
  v.numbers({"action_energy_pj", "pJ", "Price of each action that a unit counts."}, r.action_prices);
  energy_uncertainty(v, r);
  roofline_of(v, r);
  lower_bounds_of(v, r);
  masks_of(v, r);
  v.texts({"not_charged", "", "Kinds of layers that take no time, because the config says nothing of them."},
          r.not_charged);
  v.counts({"critical_path_cycles", "cycles", "What each cycle of the run waited for."}, r.critical_path);
  alternatives_of(v, r);
  v.count({"jobs", "jobs", "How many jobs ran."}, r.jobs);
}

}  // namespace vitality
