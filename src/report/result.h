// The result of one run as plain data (docs/interface.md, schema_version 2). Code that depends on SystemC produces it;
// all code that prints uses only this.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/units.h"
#include "config/energy_range.h"
#include "cost/job_cost.h"
#include "workload/attention_ops.h"

namespace vitality {

struct Totals {
  Cycles cycles = 0;
  double latency_ms = 0, energy_mj = 0, average_power_w = 0, on_chip_power_w = 0, area_mm2 = 0;
  // Low and high end around energy_mj, average_power_w and on_chip_power_w (config/energy_range.h); empty: unknown.
  std::vector<double> energy_mj_range, power_w_range, on_chip_power_w_range;
  EnergyClasses classes;  // of the energy; not a field of a file
  Count macs = 0;
  double gops = 0, gops_per_w = 0, utilization = 0;
  Bytes dram_read_bytes = 0, dram_write_bytes = 0, sram_read_bytes = 0, sram_write_bytes = 0, noc_byte_hops = 0;
  OperationCounts operations;
};

struct EnergyBreakdown {
  Picojoules compute = 0, sram = 0, noc = 0, dram = 0, leakage = 0;
  Picojoules total() const { return compute + sram + noc + dram + leakage; }
  Picojoules on_chip() const { return total() - dram; }
};

// Bytes on the DRAM's bus, by operand and by the reason why they moved (sim/account/traffic.h).
struct DramTraffic {
  std::string operand, cause;
  Bytes bytes = 0;
};

// The most that the arrays and the memory could do: a layer below the ridge is limited by the memory.
struct Roofline {
  double peak_macs_per_cycle = 0, dram_bytes_per_cycle = 0;
  double ridge() const { return dram_bytes_per_cycle > 0 ? peak_macs_per_cycle / dram_bytes_per_cycle : 0; }
};

// Cycles of a layer's span by what the run spent them on; they add up to end_cycle - start_cycle. `overlap`: spent on
// another layer (sim/account/layer_time.h).
using TimeSplit = std::vector<std::pair<std::string, Cycles>>;

// What a layer's loads fetched before its span: from start_cycle on; `cycles` counts the cycles in which one of these
// loads ran. In exposed_cycles of them the run waited, because no other work hid them.
struct Prefetch {
  Cycles start_cycle = 0, cycles = 0, exposed_cycles = 0;
  Bytes bytes = 0;
};

struct LayerResult {
  std::string name, kind;
  std::string attention;     // kind of attention, where the run's layers may have several; else ""
  std::string mapping;       // an object of a mapping file (docs/mapping.md), as JSON; "" where the run has none
  std::string mapping_text;  // the same as text for people
  bool charged = true;       // false: not modelled by this machine's description; named as an omission
  bool executed = true;      // false: left out by --layers
  Cycles start_cycle = 0, end_cycle = 0;  // from its first job that computes to its last result; equal: no time
  Prefetch prefetch;
  Cycles issue_exposed_cycles = 0;  // before the span, the run waited for the controller to issue the layer's jobs
  Count macs = 0;
  OperationCounts operations;
  EnergyBreakdown energy;
  Picojoules registers = 0;  // of energy.compute, unless registers are ungated: clocking of registers
  Bytes dram_read_bytes = 0, dram_write_bytes = 0, sram_read_bytes = 0, sram_write_bytes = 0, noc_byte_hops = 0;
  std::vector<std::pair<std::string, Bytes>> dram_bytes_by_operand;
  std::string bottleneck;
  Cycles bound_cycles = 0;           // given the prefetch, no schedule is faster on these arrays and this memory
  Bytes dram_lower_bound_bytes = 0;  // no mapping moves fewer, or takes fewer cycles (mapping/lower_bounds.h)
  Cycles lower_bound_cycles = 0;
  double macs_per_dram_byte = 0;
  double attainable_macs_per_cycle = 0, achieved_macs_per_cycle = 0;  // limit of the roofline; achieved over span and
                                                                      // prefetch
  std::string roofline_bound;  // "compute" or "memory"; "none" if nothing is multiplied
  std::vector<DramTraffic> dram_traffic;
  std::vector<std::pair<std::string, Bytes>> scratchpad_traffic;  // by cause
  TimeSplit time_split;
  bool has_mask = false;  // sparse and unified attention
  // Shares of the masks' entries: executed (including rows that fell back to dense ones); kept by the predictor.
  double mask_density = 0, mask_kept_density = 0;
  double pack_utilization = 0;  // entries over slots of the sub-rows they were packed into (Sanger's metric)
  double load_balance = 0;      // sub-rows over PE rows in the passes that executed them
  Count fallback_rows = 0;      // rows without a kept entry, attended densely
  bool has_error = false;       // whether values were compared
  double max_abs_error = 0, max_rel_error = 0, cosine_similarity = 1;
  double rms_rel_error = 0, mean_rel_error = 0;  // root of the mean squared error, and its mean, to the largest value
  double tolerance = 0, rms_tolerance = 0, mean_tolerance = 0;  // of the largest, the rms and the mean error
};

struct UnitResult {
  std::string name, kind;
  Cycles busy_cycles = 0, idle_cycles = 0;
  std::vector<std::pair<std::string, Cycles>> stall_cycles;
  double utilization = 0;
  std::vector<std::pair<std::string, Count>> actions;
  Picojoules energy_pj = 0;
  SquareMicrons area_um2 = 0;
  std::vector<Cycles> occupied;  // per bin of SimulationResult::bin_cycles: cycles in which it held a job; empty:
                                 // unknown
};

// Watts in each bin of the run (sim/account/power_over_time.h); the last bin ends with the run.
struct PowerOverTime {
  Cycles bin_cycles = 0;  // 0: unknown
  std::vector<double> w;
  double peak_w = 0;  // the largest of them
};

// Area and energy of one kind of part of one unit, without the DRAM's (sim/account/part_accounts.h).
struct PartResult {
  std::string unit, name, kind, source;
  double number = 0, flip_flops = 0;
  SquareMicrons area_um2 = 0;
  Picojoules energy_pj = 0;
};

// Shown wherever the weights of a run are random numbers made from the seed.
constexpr char kRandomWeights[] = "weights are random: densities and approximation errors are not a trained model's";

struct NumericsResult {
  // The number of tensors of the run (weights and images), and of weights alone, that are random numbers made from the
  // seed.
  Count seeded_tensors = 0, seeded_weights = 0;
  bool checked = false, passed = true;
  double max_abs_error = 0, max_rel_error = 0, cosine_similarity = 1;
  double tolerance = 0;     // the largest of the layers' own
  std::string worst_layer;  // the layer whose error is largest relative to its tolerance
  // Taylor compared with softmax on the same inputs, over all attention layers: the error of the approximation, without
  // that of the arithmetic.
  bool has_approximation = false;
  double approximation_max_rel_error = 0, approximation_cosine_similarity = 1;
};

// One phase of a training step. The cycles of the phases add up to those of the step: a phase lasts from the end of the
// phase before to its own last result, though its first jobs may have run earlier (start_cycle).
struct PhaseResult {
  std::string name;  // forward, backward, update
  Cycles start_cycle = 0, end_cycle = 0, cycles = 0;
  Count macs = 0;
  OperationCounts operations;
  EnergyBreakdown energy;
  Bytes dram_read_bytes = 0, dram_write_bytes = 0;
};

// Largest error of one kind of tensor of a training step, relative to the largest value of its reference.
struct GradientError {
  std::string kind, worst;  // "output gradients", the worst tensor's name
  Count tensors = 0;
  double max_rel_error = 0, tolerance = 0;
};

struct TrainingResult {
  bool present = false;
  std::string optimizer;
  double loss_scale = 1;
  Bytes saved_activation_bytes = 0;
  double time_per_step_ms = 0, images_per_second = 0;
  std::vector<PhaseResult> phases;
  std::vector<GradientError> errors;  // with numerics
  double loss = 0;                    // of the reference, mean over the batch; with numerics
};

struct Manifest {
  std::string version, command, config_sha256, workload_sha256, inputs_sha256, mapping_sha256;
  std::vector<std::string> arguments;  // of the command, without the options that say where it writes
  std::uint64_t seed = 1;
  double host_seconds = 0;
  std::string kernels;  // the instruction set of the kernels that ran
};

// attention: auto: cycles of one shape alone, with both kinds (-1: infeasible). The faster kind ran in all layers of
// the shape.
struct AttentionChoice {
  std::string layer;
  Cycles taylor_cycles, softmax_cycles;
};

// Of a mapping that was found by simulating: what the estimate's takes, and what the one takes that was found and then
// ran.
struct MappingSearchResult {
  std::int64_t simulations = 0;  // 0: mappings are the estimate's
  Cycles estimate_cycles = -1, cycles = -1;
  double estimate_energy_mj = 0, energy_mj = 0;
};

// What doubling a resource would gain, found by simulation.
struct WhatIf {
  std::string resource, change;  // "dram.channels", "4 -> 8"
  Cycles cycles = -1;            // -1: infeasible
};

// Of the layers' lower bounds, their sums; 0: none.
struct LowerBoundTotals {
  Bytes dram_bytes = 0;
  Cycles cycles = 0;
};

struct SimulationResult {
  Manifest manifest;
  std::string config_json;  // resolved
  std::string workload_name;
  Count workload_parameters = 0, workload_macs = 0;
  int images = 1;           // in the batch; counts of the workload are per image, totals are for all
  std::string batch_order;  // of a simulated batch: BatchOrder's name
  int mapped_kib = 0;       // the part of the scratchpad that the mapping uses; 0: all of it
  std::string mode = "inference";
  NumericsResult numerics;
  // Shares of all attention maps' entries, as in LayerResult; < 0: nothing is masked.
  double mask_density = -1, mask_kept_density = -1;
  Count fallback_rows = 0;  // of all layers
  Totals totals, attention_totals;
  TrainingResult training;
  std::vector<LayerResult> layers;
  std::vector<UnitResult> units;
  std::vector<PartResult> parts;
  PowerOverTime power;
  EnergyBreakdown energy;
  Picojoules clock_energy = 0;                                    // of ungated registers, contained in energy.leakage
  std::vector<std::pair<std::string, Picojoules>> action_prices;  // of the actions that the units count
  Roofline roofline;
  LowerBoundTotals lower_bounds;
  std::string mask_source;  // "" where no layer has a mask
  std::vector<AttentionChoice> attention_choices;
  MappingSearchResult mapping_search;
  std::vector<WhatIf> what_if;
  std::vector<std::string> not_charged;  // layer kinds that the machine's description leaves out
  std::vector<std::pair<std::string, Cycles>> critical_path;
  std::int64_t jobs = 0;
  // A processor known only by its data sheet or by measured time (roofline, host): its cycles express time only, and it
  // has no area and no on-chip power of its own.
  bool is_device = false;
  Cycles bin_cycles = 0;  // width of a bin of UnitResult::occupied; the last bin ends with the run
  double simulation_seconds =
      0;  // host time of elaboration and simulation; reported by the benchmark, never in the result
};

}  // namespace vitality
