#include "cli/point_evaluator.h"

#include "base/error.h"
#include "mapping/mapping_json.h"
#include "sim/simulate.h"

namespace vitality::cli {

PointTotals totals_of(const SimulationResult& result) {
  const Totals& all = result.totals;
  PointTotals out;
  out.energy = all.classes;
  out[Total::kLatencyMs] = all.latency_ms;
  out[Total::kEnergyMj] = all.energy_mj;
  out[Total::kAveragePowerW] = all.average_power_w;
  out[Total::kMacs] = static_cast<double>(all.macs);
  out[Total::kGops] = all.gops;
  out[Total::kGopsPerW] = all.gops_per_w;
  out[Total::kUtilization] = all.utilization;
  out[Total::kDramReadBytes] = static_cast<double>(all.dram_read_bytes);
  out[Total::kDramWriteBytes] = static_cast<double>(all.dram_write_bytes);
  out[Total::kSramReadBytes] = static_cast<double>(all.sram_read_bytes);
  out[Total::kSramWriteBytes] = static_cast<double>(all.sram_write_bytes);
  out[Total::kNocByteHops] = static_cast<double>(all.noc_byte_hops);
  out[Total::kOperationsMul] = static_cast<double>(all.operations.mul);
  out[Total::kOperationsAdd] = static_cast<double>(all.operations.add);
  out[Total::kOperationsDiv] = static_cast<double>(all.operations.div);
  out[Total::kOperationsExp] = static_cast<double>(all.operations.exp);
  out[Total::kOperationsCmp] = static_cast<double>(all.operations.cmp);
  out[Total::kAttentionLatencyMs] = result.attention_totals.latency_ms;
  out[Total::kAttentionEnergyMj] = result.attention_totals.energy_mj;
  out[Total::kAttentionMacs] = static_cast<double>(result.attention_totals.macs);
  out[Total::kAttentionUtilization] = result.attention_totals.utilization;
  if (!result.is_device) {
    out[Total::kCycles] = static_cast<double>(all.cycles);
    out[Total::kAttentionCycles] = static_cast<double>(result.attention_totals.cycles);
    out[Total::kOnChipPowerW] = all.on_chip_power_w;
    out[Total::kAttentionOnChipPowerW] = result.attention_totals.on_chip_power_w;
    out[Total::kAreaMm2] = all.area_mm2;
  }
  if (result.mask_density >= 0) {
    out[Total::kDensity] = result.mask_density;
    out[Total::kKeptDensity] = result.mask_kept_density;
  }
  const NumericsResult& values = result.numerics;
  if (values.checked) {
    out[Total::kMaxAbsError] = values.max_abs_error;
    out[Total::kMaxRelError] = values.max_rel_error;
    out[Total::kCosineSimilarity] = values.cosine_similarity;
    out[Total::kWithinTolerance] = values.passed;
  }
  if (values.has_approximation) {
    out[Total::kApproximationMaxRelError] = values.approximation_max_rel_error;
    out[Total::kApproximationCosineSimilarity] = values.approximation_cosine_similarity;
  }
  return out;
}

namespace {

// A mapping that this model or this machine refuses is a combination that does not fit.
SimulationResult simulate_mapped(const PointTask& task, const std::string& file, SimulationOptions options) {
  if (task.training) throw InfeasibleError("a training step is mapped by the search alone, expected mode inference");
  try {
    Diagnostics diagnostics(file);
    const GivenMapping mapping = read_mapping(*task.mapping, &task.model, diagnostics);
    options.mapping = &mapping;
    return simulate(task.config, task.model, options);
  } catch (const InputError& error) {
    throw InfeasibleError("mapping: " + (error.pointer().empty() ? "" : error.pointer() + ": ") + error.message());
  }
}

}  // namespace

EvaluatePoint point_evaluator(const SweepSpec& spec, bool every_block) {
  SimulationOptions options;
  options.numerics = spec.numerics;
  options.totals_only = true;
  return [options, every_block, file = spec.mapping](const PointTask& task) {
    SimulationOptions chosen = options;
    chosen.training = task.training;
    chosen.repeat_blocks = task.shortcuts == Shortcuts::kAllowed && !task.training && !every_block;
    try {
      return totals_of(task.mapping == nullptr ? simulate(task.config, task.model, chosen)
                                               : simulate_mapped(task, file, chosen));
    } catch (const NotPeriodic& error) {
      throw ShortcutFailed(error.what());
    }
  };
}

}  // namespace vitality::cli
