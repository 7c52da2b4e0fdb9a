#include "config/fields.h"

#include "base/error.h"
#include "config/address_map.h"
#include "config/technology.h"

namespace vitality {
namespace {

// The upper bounds keep every product of sizes, cycles and counts far inside 64 bits, and refuse machines that nobody
// builds.
constexpr int kMaxSide = 4096;  // PEs along one side of an array
constexpr int kMaxLanes = 65536;
constexpr int kMaxUnits = 64;        // of one kind
constexpr int kMaxLatency = 100000;  // cycles
constexpr int kMaxFifoRows = 4096;
constexpr int kMaxPortBytes = 65536;  // per cycle
constexpr double kMaxEnergy = 1e6;    // pJ, nJ or mW of one action, unit or rank
constexpr double kMaxArea = 1e9;      // um2
constexpr std::size_t kMaxParts = 256;

void lanes(FieldVisitor& v, const char* key, LaneConfig& unit, int fewest = 1) {
  v.group(key, [&] {
    v.integer("lanes", unit.lanes, fewest, kMaxLanes);
    v.integer("latency_cycles", unit.latency_cycles, 1, kMaxLatency);
    v.integer("initiation_interval", unit.initiation_interval, 1, kMaxLatency);
    v.integer("count", unit.count, 1, kMaxUnits);
  });
}

void compute(FieldVisitor& v, HardwareConfig& c) {
  v.group("matrix_engine", [&] {
    v.integer("rows", c.matrix_engine.rows, 1, kMaxSide);
    v.integer("cols", c.matrix_engine.cols, 1, kMaxSide);
    v.choice("dataflow", c.matrix_engine.dataflow);
    v.boolean("stationary_prefetch", c.matrix_engine.stationary_prefetch);
    v.choice("accumulation", c.matrix_engine.accumulation);
    v.integer("count", c.matrix_engine.count, 1, kMaxUnits);
  });
  v.group("diagonal_engine", [&] {
    v.boolean("enabled", c.diagonal_engine.enabled);
    v.integer("rows", c.diagonal_engine.rows, 1, kMaxSide);
  });
  lanes(v, "accumulators", c.accumulators);
  lanes(v, "dividers", c.dividers);
  lanes(v, "adders", c.adders);
  v.group("special_functions", [&] {
    v.choice("charge", c.special_functions.charge);
    v.integer("lanes", c.special_functions.lanes, 1, kMaxLanes);
    v.integer("latency_cycles", c.special_functions.latency_cycles, 1, kMaxLatency);
    v.integer("initiation_interval", c.special_functions.initiation_interval, 1, kMaxLatency);
    v.integer("exp_latency_cycles", c.special_functions.exp_latency_cycles, 1, kMaxLatency);
    v.integer("count", c.special_functions.count, 1, kMaxUnits);
  });
  lanes(v, "layer_norm", c.layer_norm, 0);
  v.group("sparse_unit", [&] {
    v.boolean("enabled", c.sparse_unit.enabled);
    v.integer("pe_rows", c.sparse_unit.pe_rows, 1, kMaxSide);
    v.integer("pes_per_row", c.sparse_unit.pes_per_row, 1, kMaxSide);
    v.integer("predictor_rows", c.sparse_unit.predictor_rows, 1, kMaxSide);
    v.integer("predictor_cols", c.sparse_unit.predictor_cols, 1, kMaxSide);
    v.integer("exp_lanes", c.sparse_unit.exp_lanes, 1, kMaxLanes);
    v.integer("exp_latency_cycles", c.sparse_unit.exp_latency_cycles, 1, kMaxLatency);
    v.number("encoded_share", c.sparse_unit.encoded_share, 0.01, 1);
    v.integer("count", c.sparse_unit.count, 1, kMaxUnits);
  });
}

void memory(FieldVisitor& v, HardwareConfig& c) {
  v.group("scratchpad", [&] {
    v.integer("capacity_kib", c.scratchpad.capacity_kib, 1, 1 << 20);
    v.integer("banks", c.scratchpad.banks, 1, 1024);
    v.integer("port_bytes", c.scratchpad.port_bytes, 1, kMaxPortBytes);
    v.choice("ports", c.scratchpad.ports);
    v.choice("layout", c.scratchpad.layout);
    v.boolean("stationary_load_ports", c.scratchpad.stationary_load_ports);
  });
  v.group("noc", [&] {
    v.choice("topology", c.noc.topology);
    v.integer("link_bytes", c.noc.link_bytes, 1, kMaxPortBytes);
    v.integer("hop_latency_cycles", c.noc.hop_latency_cycles, 0, kMaxLatency);
    v.integer("mesh_width", c.noc.mesh_width, 1, 64);
  });
  v.group("dram", [&] {
    v.library("device", "memory", [&] { visit_fields(v, c.dram.device); });
    v.integer("channels", c.dram.channels, 1, 64);
    v.choice("model", c.dram.model);
    v.text("address_map", c.dram.address_map);
    v.integer("queue_depth", c.dram.queue_depth, 1, 4096);
  });
  v.group("dma", [&] {
    v.integer("max_outstanding", c.dma.max_outstanding, 1, 256);
    v.choice("policy", c.dma.policy);
  });
  v.group("controller", [&] {
    v.integer("issue_cycles", c.controller.issue_cycles, 0, kMaxLatency);
    v.integer("descriptor_bytes", c.controller.descriptor_bytes, 0, 4096);
    v.integer("descriptor_queue", c.controller.descriptor_queue, 1, 4096);
  });
}

void sram_macro(FieldVisitor& v, const char* key, SramMacro& macro) {
  v.group(key, [&] {
    v.number("bit_um2", macro.bit_um2, 0, kMaxArea);
    v.number("column_um2", macro.column_um2, 0, kMaxArea);
    v.number("row_um2", macro.row_um2, 0, kMaxArea);
    v.number("macro_um2", macro.macro_um2, 0, kMaxArea);
  });
}

void format_costs(FieldVisitor& v, FormatCosts& f) {
  struct Pair {
    const char *energy_key, *area_key;
    double &energy, &area;
  };
  for (const Pair& p :
       {Pair{"multiply_pj", "multiply_um2", f.multiply_pj, f.multiply_um2},
        Pair{"sum_pj", "sum_um2", f.sum_pj, f.sum_um2}, Pair{"add_pj", "add_um2", f.add_pj, f.add_um2},
        Pair{"accumulate_pj", "accumulate_um2", f.accumulate_pj, f.accumulate_um2},
        Pair{"divide_pj", "divide_um2", f.divide_pj, f.divide_um2}, Pair{"exp_pj", "exp_um2", f.exp_pj, f.exp_um2},
        Pair{"compare_pj", "compare_um2", f.compare_pj, f.compare_um2}}) {
    v.number(p.energy_key, p.energy, 0, kMaxEnergy);
    v.number(p.area_key, p.area, 0, kMaxArea);
  }
}

void part(FieldVisitor& v, MachinePart& p) {
  v.choice("unit", p.unit);
  v.choice("per", p.per);
  v.choice("kind", p.kind);
  v.number("number", p.number, 0, kMaxArea);
  v.number("um2", p.um2, 0, kMaxArea);
  v.text("name", p.name);
  v.text("source", p.source);
}

bool power_of_two(int n) {
  return n > 0 && (n & (n - 1)) == 0;
}

void mapping(FieldVisitor& v, MappingConfig& c) {
  v.group("mapping", [&] {
    v.choice("objective", c.objective);
    v.choice("residency", c.residency);
    v.choice("search", c.search);
  });
}

void pipeline(FieldVisitor& v, PipelineConfig& c) {
  v.group("pipeline", [&] {
    v.boolean("intra_layer", c.intra_layer);
    v.boolean("row_streaming", c.row_streaming);
    v.integer("fifo_rows", c.fifo_rows, 1, kMaxFifoRows);
  });
}

}  // namespace

void visit_fields(FieldVisitor& v, HardwareConfig& c) {
  v.text("name", c.name);
  v.text("description", c.description);
  v.choice("machine", c.machine);
  v.number("clock_mhz", c.clock_mhz, 1, 100000);
  v.number("technology_nm", c.technology_nm, 1, 1000);
  v.choice("precision", c.precision);
  v.choice("attention", c.attention);
  v.choice("attention_bias", c.attention_bias);
  int batch_norm = c.batch_norm_folded ? 0 : 1;
  v.choice_index("batch_norm", batch_norm, {"folded", "separate"});
  c.batch_norm_folded = batch_norm == 0;
  v.choice("cost_model", c.cost_model);
  v.integer("published_formula", c.published_formula, 1, 2);
  compute(v, c);
  memory(v, c);
  pipeline(v, c.pipeline);
  mapping(v, c.mapping);
  v.group("sparsity", [&] {
    v.choice("source", c.sparsity.source);
    v.text("mask_file", c.sparsity.mask_file);
    v.number("density", c.sparsity.density, 0, 1);
    v.number("threshold", c.sparsity.threshold, 0, 1);
    v.integer("predictor_bits", c.sparsity.predictor_bits, 2, 16);
    v.boolean("normalize_qk", c.sparsity.normalize_qk);
    v.integer("window", c.sparsity.window, 1, 1 << 20);
    v.integer("dilation", c.sparsity.dilation, 1, 1 << 20);
    v.integer("global_tokens", c.sparsity.global_tokens, 0, 1 << 20);
    v.number("token_keep", c.sparsity.token_keep, 0, 1);
    v.number("head_keep", c.sparsity.head_keep, 0, 1);
    v.number("token_front", c.sparsity.token_front, 0, 1);
    v.number("head_front", c.sparsity.head_front, 0, 1);
    v.number("value_keep", c.sparsity.value_keep, 0, 1);
    v.number("hash_p", c.sparsity.hash_p, 0, 1000);
    v.number("detector_rank", c.sparsity.detector_rank, 0, 1);
    v.number("row_keep", c.sparsity.row_keep, 0, 1);
  });
  v.group("training", [&] {
    v.choice("optimizer", c.training.optimizer);
    v.number("learning_rate", c.training.learning_rate, 0, 1e3);
    v.number("momentum", c.training.momentum, 0, 0.999999);
    v.number("beta1", c.training.beta1, 0, 0.999999);
    v.number("beta2", c.training.beta2, 0, 0.999999);
    v.number("epsilon", c.training.epsilon, 1e-12, 1);
    v.number("weight_decay", c.training.weight_decay, 0, 1);
    v.number("loss_scale", c.training.loss_scale, 1, 16777216);
  });
  v.group("roofline", [&] {
    v.number("fp32_tflops", c.roofline.fp32_tflops, 0, 1e6);
    v.number("fp16_tflops", c.roofline.fp16_tflops, 0, 1e6);
    v.number("int8_tops", c.roofline.int8_tops, 0, 1e6);
    v.number("bandwidth_gb_s", c.roofline.bandwidth_gb_s, 0, 1e6);
    v.number("tdp_w", c.roofline.tdp_w, 0, 1e6);
  });
  v.library("energy", "energy", [&] { visit_fields(v, c.energy); });
  v.items("parts", kMaxParts, c.parts, part);
  v.strings("sources", c.sources);
}

void visit_fields(FieldVisitor& v, DramDevice& d) {
  v.text("name", d.name);
  v.text("source", d.source);
  v.number("tck_ns", d.tck_ns, 0.05, 100);
  struct Timing {
    const char* key;
    int& value;
  };
  for (const Timing& t : {Timing{"cl", d.cl},
                          {"cwl", d.cwl},
                          {"trcd", d.trcd},
                          {"trp", d.trp},
                          {"tras", d.tras},
                          {"trc", d.trc},
                          {"tccd_s", d.tccd_s},
                          {"tccd_l", d.tccd_l},
                          {"trrd_s", d.trrd_s},
                          {"trrd_l", d.trrd_l},
                          {"tfaw", d.tfaw},
                          {"twr", d.twr},
                          {"trtp", d.trtp},
                          {"twtr_s", d.twtr_s},
                          {"twtr_l", d.twtr_l},
                          {"trfc", d.trfc}}) {
    v.integer(t.key, t.value, 1, 10000);
  }
  v.integer("trefi", d.trefi, 1, 10000000);
  v.integer("trp_all_bank", d.trp_all_bank, 0, 10000);
  v.integer("turnaround", d.turnaround, 0, 10000);
  v.integer("burst_length", d.burst_length, 1, 64);
  v.integer("burst_cycles", d.burst_cycles, 1, 64);
  v.integer("bank_groups", d.bank_groups, 1, 64);
  v.integer("banks_per_group", d.banks_per_group, 1, 64);
  v.integer("ranks", d.ranks, 1, 16);
  v.integer("rows", d.rows, 1, 1 << 22);
  v.integer("row_bytes", d.row_bytes, 8, 1 << 20);
  v.integer("bus_bits", d.bus_bits, 8, 4096);
  struct Energy {
    const char* key;
    double& value;
  };
  for (const Energy& e : {Energy{"act_pre_nj", d.act_pre_nj},
                          {"read_pj_per_bit", d.read_pj_per_bit},
                          {"write_pj_per_bit", d.write_pj_per_bit},
                          {"io_pj_per_bit", d.io_pj_per_bit},
                          {"refresh_nj", d.refresh_nj},
                          {"background_active_mw", d.background_active_mw},
                          {"background_precharged_mw", d.background_precharged_mw},
                          {"all_in_pj_per_bit", d.all_in_pj_per_bit}}) {
    v.number(e.key, e.value, 0, kMaxEnergy);
  }
  v.number("energy_factor", d.energy_factor, 1, 100);
  v.strings("sources", d.sources);
}

void visit_fields(FieldVisitor& v, EnergyTable& t) {
  v.text("name", t.name);
  v.text("source", t.source);
  v.number("technology_nm", t.technology_nm, 1, 1000);
  v.group("format", [&] {
    for (const Precision p : all_of_enum<Precision>()) v.group(to_string(p), [&] { format_costs(v, t.format[p]); });
  });
  v.number("flip_flop_um2", t.flip_flop_um2, 0, kMaxArea);
  v.number("multiplexer_um2", t.multiplexer_um2, 0, kMaxArea);
  v.number("flip_flop_fj", t.flip_flop_fj, 0, kMaxEnergy);
  v.number("clock_tree_share", t.clock_tree_share, 0, 100);
  v.number("multiplexer_fj", t.multiplexer_fj, 0, kMaxEnergy);
  v.choice("register_clocking", t.register_clocking);
  v.number("leakage_nw_per_um2", t.leakage_nw_per_um2, 0, kMaxEnergy);
  v.number("iterative_divider_um2_fraction", t.iterative_divider_um2_fraction, 0, 1);
  sram_macro(v, "sram_one_port", t.sram_one_port);
  sram_macro(v, "sram_two_port", t.sram_two_port);
  v.number("sram_access_pj", t.sram_access_pj, 0, kMaxEnergy);
  v.number("sram_column_pj", t.sram_column_pj, 0, kMaxEnergy);
  v.number("sram_cell_fj", t.sram_cell_fj, 0, kMaxEnergy);
  v.number("sram_most_rows", t.sram_most_rows, 1, 1e9);
  v.number("sram_two_port_factor", t.sram_two_port_factor, 0, 100);
  v.number("sram_write_fraction", t.sram_write_fraction, 0, 100);
  v.number("sram_leakage_mw_per_kib", t.sram_leakage_mw_per_kib, 0, kMaxEnergy);
  v.number("noc_wire_fj_per_bit_mm", t.noc_wire_fj_per_bit_mm, 0, kMaxEnergy);
  v.number("noc_repeater_um2_per_bit_mm", t.noc_repeater_um2_per_bit_mm, 0, kMaxArea);
  v.number("knob_compute", t.knob_compute, 0, 100);
  v.number("knob_registers", t.knob_registers, 0, 100);
  v.number("knob_sram", t.knob_sram, 0, 100);
  v.number("knob_noc", t.knob_noc, 0, 100);
  v.number("knob_dram", t.knob_dram, 0, 100);
  v.number("knob_area", t.knob_area, 0, 100);
  v.number("factor_compute", t.factor_compute, 1, 100);
  v.number("factor_registers", t.factor_registers, 1, 100);
  v.number("factor_sram", t.factor_sram, 1, 100);
  v.number("factor_noc", t.factor_noc, 1, 100);
  v.number("factor_leakage", t.factor_leakage, 1, 100);
  v.strings("sources", t.sources);
}

void check_consistency(const DramDevice& d, const ReportKey& report) {
  const auto need = [&](bool ok, const char* key, const char* message) {
    if (!ok) report(key, message);
  };
  need(d.tras >= d.trcd, "tras", "impossible timing: tras is shorter than trcd");
  need(d.trc >= d.tras + d.trp, "trc", "impossible timing: trc is shorter than tras + trp");
  need(d.tccd_s >= d.burst_cycles, "tccd_s",
       "impossible timing: tccd_s is shorter than burst_cycles, bursts would overlap");
  need(d.tccd_l >= d.tccd_s, "tccd_l", "impossible timing: tccd_l is shorter than tccd_s");
  need(d.trrd_l >= d.trrd_s, "trrd_l", "impossible timing: trrd_l is shorter than trrd_s");
  need(d.twtr_l >= d.twtr_s, "twtr_l", "impossible timing: twtr_l is shorter than twtr_s");
  need(d.tfaw >= d.trrd_s, "tfaw", "impossible timing: tfaw is shorter than trrd_s");
  need(d.trefi > d.trfc + 2 * d.one_access(), "trefi",
       "impossible timing: refresh leaves no time for an access (trefi <= trfc + two accesses of a closed bank)");
  need(d.burst_cycles <= d.burst_length, "burst_cycles", "a burst cannot take more clocks than beats (burst_length)");
  for (const auto& [key, value] : {std::pair{"bank_groups", d.bank_groups},
                                   {"banks_per_group", d.banks_per_group},
                                   {"ranks", d.ranks},
                                   {"rows", d.rows},
                                   {"row_bytes", d.row_bytes},
                                   {"bus_bits", d.bus_bits},
                                   {"burst_length", d.burst_length}}) {
    need(power_of_two(value), key, "expected a power of two");
  }
  need(d.row_bytes >= d.burst_bytes(), "row_bytes",
       "a row must hold at least one burst (bus_bits / 8 * burst_length bytes)");
}

// Parts that could not be counted or have no size.
static void check_parts(const HardwareConfig& c, const ReportKey& report) {
  for (std::size_t i = 0; i < c.parts.size(); ++i) {
    const MachinePart& part = c.parts[i];
    const std::string at = "parts." + std::to_string(i);
    const bool memory = part.unit == PartUnit::kScratchpad, network = part.unit == PartUnit::kNoc;
    if (memory != (part.per == PartPer::kKib) || network != (part.per == PartPer::kLink))
      report(at + ".per", "expected kib of a scratchpad, link of a noc, and neither of other units");
    if (memory != (part.kind == PartKind::kSram) || network != (part.kind == PartKind::kWiring))
      report(at + ".kind", "expected sram of a scratchpad, wiring of a noc, and neither of other units");
    if (part.kind == PartKind::kLogic && part.um2 <= 0)
      report(at + ".um2", "expected a size: the energy table has none of logic");
  }
}

void check_consistency(const HardwareConfig& c, const ReportKey& report) {
  check_parts(c, report);
  try {
    parse_address_map(c.dram.address_map, "", "");
  } catch (const InputError& error) {
    report("dram.address_map", error.message());
  }
  if (c.scratchpad.bytes_per_cycle() > c.scratchpad.capacity_kib * std::int64_t{1024}) {
    report("scratchpad.capacity_kib", "smaller than one access of every bank (banks * port_bytes)");
  }
  if (!is_roofline(c)) {
    for (const auto& [key, nm] :
         {std::pair{"technology_nm", c.technology_nm}, std::pair{"energy.technology_nm", c.energy.technology_nm}}) {
      if (!has_technology(nm)) report(key, "no scaling data for this node, expected one of " + technology_nodes());
    }
  }
  if (c.sparsity.source == SparsitySource::kFile && c.sparsity.mask_file.empty()) {
    report("sparsity.mask_file", "expected a .npy file, because sparsity.source is file");
  }
  if (c.cost_model != CostModel::kSimulated && !traits(c.machine).has_released_model()) {
    std::string released;
    for (const MachineKind machine : all_of_enum<MachineKind>())
      if (traits(machine).has_released_model())
        released += std::string(released.empty() ? "" : ", ") + to_string(machine);
    report("cost_model", "expected simulated: only the authors of " + released + " released a cost model");
  }
  if (c.cost_model != CostModel::kSimulated)
    for (const auto& [key, count] :
         {std::pair{"matrix_engine.count", c.matrix_engine.count}, std::pair{"sparse_unit.count", c.sparse_unit.count}})
      if (count != 1) report(key, "expected 1: the released cost models know one unit of a kind");
  if (is_roofline(c)) {
    if (c.roofline.fp32_tflops <= 0)
      report("roofline.fp32_tflops", "expected a positive rate, because machine is roofline");
    if (c.roofline.bandwidth_gb_s <= 0)
      report("roofline.bandwidth_gb_s", "expected a positive rate, because machine is roofline");
  }
}

}  // namespace vitality
