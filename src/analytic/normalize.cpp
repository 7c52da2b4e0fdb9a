#include "analytic/normalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analytic/provenance.h"
#include "analytic/roofline.h"
#include "base/error.h"
#include "cost/dot_product_engine.h"
#include "cost/energy.h"
#include "cost/machine_units.h"

namespace vitality {
namespace {

constexpr int kMaxSide = 4096;  // as fields.cpp allows
constexpr int kMaxLanes = 65536;

int scaled(int count, double factor, int most) {
  return std::clamp(static_cast<int>(std::lround(std::min(1e9, count * factor))), 1, most);
}

// rows x cols with about `factor` times the PEs and about the same shape.
void scale_array(int& rows, int& cols, double factor) {
  const double pes = factor * rows * cols;
  rows = scaled(rows, std::sqrt(factor), kMaxSide);
  cols = std::clamp(static_cast<int>(std::lround(pes / rows)), 1, kMaxSide);
}

double total_area_mm2(const HardwareConfig& config) {
  return EnergyModel(config).total_area() * 1e-6;
}

}  // namespace

const char* to_string(Normalization normalization) {
  static const char* const kNames[] = {"none", "macs", "area", "power"};
  return kNames[static_cast<int>(normalization)];
}

double peak_macs_per_second(const HardwareConfig& config) {
  if (is_roofline(config)) return roofline_macs_per_second(config);
  return processing_elements(config) * config.clock_mhz * 1e6;
}

HardwareConfig scaled_machine(const HardwareConfig& config, double factor) {
  HardwareConfig out = config;
  const double edge = std::sqrt(factor);
  if (traits(config.machine).adder_trees)  // a tree stays as wide as a head's features: more trees, not wider ones
    out.matrix_engine.cols = scaled(config.matrix_engine.cols, factor, kMaxSide);
  else
    scale_array(out.matrix_engine.rows, out.matrix_engine.cols, factor);
  out.diagonal_engine.rows = out.matrix_engine.rows;
  for (LaneConfig* lanes : {&out.accumulators, &out.dividers, &out.adders})
    lanes->lanes = scaled(lanes->lanes, edge, kMaxLanes);
  out.special_functions.lanes = scaled(config.special_functions.lanes, edge, kMaxLanes);
  out.sparse_unit.pe_rows = scaled(config.sparse_unit.pe_rows, factor, kMaxSide);
  scale_array(out.sparse_unit.predictor_rows, out.sparse_unit.predictor_cols, factor);
  out.sparse_unit.exp_lanes = scaled(config.sparse_unit.exp_lanes, factor, kMaxLanes);
  out.scratchpad.port_bytes = scaled(config.scratchpad.port_bytes, edge, kMaxLanes);
  out.noc.link_bytes = scaled(config.noc.link_bytes, edge, kMaxLanes);
  for (double* rate :
       {&out.roofline.fp32_tflops, &out.roofline.fp16_tflops, &out.roofline.int8_tops, &out.roofline.tdp_w})
    *rate *= factor;
  return out;
}

std::string describe_scaling(const HardwareConfig& before, const HardwareConfig& after) {
  if (is_roofline(before))
    return fmt::format("peak rates and TDP x {:.4g}", after.roofline.fp32_tflops / before.roofline.fp32_tflops);
  std::string text = fmt::format("arrays {} x {} -> {} x {} PEs", before.matrix_engine.rows, before.matrix_engine.cols,
                                 after.matrix_engine.rows, after.matrix_engine.cols);
  if (has_unit(before, UnitKind::kSparseEngine))
    text += fmt::format(", sparse rows {} -> {} of {} PEs", before.sparse_unit.pe_rows, after.sparse_unit.pe_rows,
                        after.sparse_unit.pes_per_row);
  return text + ", edges and lanes with the square root, memories unchanged";
}

double peak_power_w(const HardwareConfig& config) {
  if (is_roofline(config)) return config.roofline.tdp_w;
  const EnergyModel prices(config);
  const auto edges = static_cast<double>(config.matrix_engine.count) *
                     static_cast<double>(config.matrix_engine.rows + config.matrix_engine.cols);
  const double byte = prices.per_action(Action::kScratchpadRead) + prices.per_action(Action::kNocByteHop);
  double picojoules = peak_macs_per_second(config) / (config.clock_mhz * 1e6) * prices.per_action(Action::kMac) +
                      edges * static_cast<double>(storage_bytes(config.precision)) * byte;
  const auto lanes = [](const LaneConfig& unit) { return static_cast<double>(unit.count) * unit.lanes; };
  picojoules += lanes(config.accumulators) * prices.per_action(Action::kAccumulate) +
                lanes(config.adders) * prices.per_action(Action::kAdd) +
                lanes(config.dividers) / config.dividers.initiation_interval * prices.per_action(Action::kDivide);
  for (const UnitKind kind : all_of_enum<UnitKind>())
    picojoules += unit_count(config, kind) * prices.working_cycle(kind);
  return (picojoules + prices.idle_per_cycle()) * 1e-12 * config.clock_mhz * 1e6;
}

NormalizedMachine normalized_machine(const HardwareConfig& config, Normalization normalization,
                                     const HardwareConfig& reference) {
  if (normalization == Normalization::kNone) return {config, ""};
  if (is_fixed(config))
    throw InfeasibleError("machine " + config.name + " cannot be scaled: " + provenance(config) +
                          " numbers have a fixed size");
  struct Budget {
    double (*of)(const HardwareConfig&);
    double scale;
    const char* unit;
  };
  static constexpr Budget kBudgets[] = {
      {peak_macs_per_second, 1e-9, "GMAC/s"}, {total_area_mm2, 1, "mm2"}, {peak_power_w, 1, "W at peak"}};
  const Budget& budget = kBudgets[static_cast<int>(normalization) - 1];
  const bool rooflines = is_roofline(config) || is_roofline(reference);
  if (rooflines && normalization == Normalization::kArea)
    throw InfeasibleError("machine " + config.name + " cannot be scaled to an area: a roofline has none");
  const double limit = budget.of(reference);
  constexpr double kSmallest = 1.0 / 65536, kLargest = 65536;
  if (!(budget.of(scaled_machine(config, kSmallest)) <= limit * 1.001))
    throw InfeasibleError(fmt::format("machine {} cannot be scaled to {:.4g} {}: its memories alone exceed it",
                                      config.name, limit * budget.scale, budget.unit));
  double low = kSmallest, high = kLargest;
  for (int step = 0; step < 80; ++step) {
    const double middle = std::sqrt(low * high);
    (budget.of(scaled_machine(config, middle)) <= limit * 1.001 ? low : high) =
        middle;  // PEs are whole: one thousandth above the budget is accepted
  }
  NormalizedMachine out{scaled_machine(config, low), ""};
  out.how = fmt::format("{}: {:.4g} of {:.4g} {}", describe_scaling(config, out.config),
                        budget.of(out.config) * budget.scale, limit * budget.scale, budget.unit);
  return out;
}

}  // namespace vitality
