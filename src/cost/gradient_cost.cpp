#include "cost/gradient_cost.h"

#include <algorithm>

#include "cost/lane_cost.h"
#include "cost/machine_units.h"

namespace vitality {
namespace {

void count_actions(JobCost& cost) {
  cost.actions[Action::kMultiply] = cost.operations.mul, cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kDivide] = cost.operations.div, cost.actions[Action::kExp] = cost.operations.exp;
  cost.actions[Action::kCompare] = cost.operations.cmp;
}

// `sweeps` over an m x n tile on the special functions; `read` and `write` are the bytes of all sweeps together.
void sweep(JobCost& cost, const Job& job, const HardwareConfig& config, Count sweeps, Bytes read, Bytes write) {
  const LaneConfig unit = unit_row(config, job.unit).lanes;
  const JobTiming one = lane_timing(unit, job.m, job.n);
  count_actions(cost);
  lanes(cost, config, {sweeps * one.interval + (one.latency - one.interval), sweeps * one.interval}, read, write);
}

// A job on a mask: `sweeps` of the sparse unit's exp lanes over `elements`; the bytes are those of all sweeps together.
void mask_sweep(JobCost& cost, const HardwareConfig& config, Count sweeps, Count elements, Bytes read, Bytes write) {
  count_actions(cost);
  const LaneConfig unit{config.sparse_unit.exp_lanes, config.sparse_unit.exp_latency_cycles, 1};
  const Cycles interval = std::max<Cycles>(1, sweeps * ceil_div(elements, unit.lanes));
  const Cycles divide = cost.operations.div > 0 ? config.dividers.latency_cycles : 0;
  lanes(cost, config, {interval + unit.latency_cycles + divide, interval}, read, write);
}

Count elements_of(const Job& job) {
  return static_cast<Count>(job.m) * job.n;
}

}  // namespace

OperationCounts update_operations(const TrainingConfig& training) {
  OperationCounts each;
  if (training.optimizer == OptimizerChoice::kSgd) {
    each.mul = 3, each.add = 3;  // momentum v, decay w, rate v; two sums and the difference
  } else {
    // (1-b1) g, b1 m; g g, (1-b2), b2 s; unbias m, unbias s; decay w; rate: sums of m, s, epsilon, decay, w.
    each.mul = 9, each.add = 5, each.div = 2;  // a square root and a quotient
  }
  return each;
}

JobCost clear_cost(const Job& job, const HardwareConfig& config) {
  JobCost cost;
  lanes(cost, config, lane_timing(config.adders, job.m, job.n), 0, sizes_of(config).element * elements_of(job));
  return cost;
}

JobCost loss_gradient_cost(const Job& job, const HardwareConfig& config) {
  const Count elements = elements_of(job), rows = job.m;
  const Bytes bytes = 3 * sizes_of(config).element * elements;
  JobCost cost;
  OperationCounts& ops = cost.operations;  // softmax, minus one at the label, times scale / images
  ops.exp = ops.div = elements;
  ops.mul = 2 * elements, ops.add = elements + rows * (job.n - 1) + rows, ops.cmp = rows * (job.n - 1);
  sweep(cost, job, config, 3, bytes, bytes);
  return cost;
}

JobCost norm_gradient_cost(const Job& job, const HardwareConfig& config) {
  const Count elements = elements_of(job), rows = job.m;
  const Bytes element = sizes_of(config).element;
  JobCost cost;
  OperationCounts& ops = cost.operations;
  // Mean and variance of x; x_hat, h = dY .* scale, their products with each other and with dY, two sums of rows;
  // (h - mean(h) - x_hat mean(h x_hat)) / sigma. By rows: three means by multiplication, and 1 / sigma.
  ops.mul = 7 * elements + 4 * rows, ops.add = 8 * elements + rows, ops.div = 2 * rows;
  sweep(cost, job, config, 7, 7 * element * elements, 2 * element * elements);
  return cost;
}

JobCost activation_gradient_cost(const Job& job, const HardwareConfig& config) {
  const Count elements = elements_of(job);
  const Bytes element = sizes_of(config).element;
  JobCost cost;
  OperationCounts& ops = cost.operations;  // f'(x) costs as much as f(x); then times dY
  ops.mul = 3 * elements, ops.add = elements, ops.exp = elements;
  sweep(cost, job, config, 3, 3 * element * elements, element * elements);
  return cost;
}

JobCost softmax_gradient_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = elements_of(job);
  JobCost cost;
  cost.operations.mul = 3 * elements, cost.operations.add = 2 * elements - job.m;
  sweep(cost, job, config, 3, 2 * (size.wide + size.element) * elements, size.element * elements);
  return cost;
}

JobCost row_products_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = elements_of(job);
  const Bytes second = (job.flags & kWide) != 0 ? size.wide : size.element;
  JobCost cost;
  cost.operations.mul = elements, cost.operations.add = elements - job.m;
  sweep(cost, job, config, 1, (size.element + second) * elements, size.partial * job.m);
  return cost;
}

JobCost add_outer_cost(const Job& job, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = elements_of(job);
  JobCost cost;
  cost.operations.mul = elements, cost.operations.add = elements;
  sweep(cost, job, config, 1, size.wide * elements + size.partial * (Count{job.m} + job.n), size.element * elements);
  return cost;
}

JobCost update_cost(const Job& job, const ScheduledUpdate& update, const HardwareConfig& config) {
  const Bytes element = sizes_of(config).element;
  const Count elements = elements_of(job);
  const OperationCounts each = update_operations(config.training);
  const Bytes state = std::max<Bytes>(4, element);
  const Count states = config.training.optimizer == OptimizerChoice::kAdamW ? 3 : 2;  // weights and moments
  const Bytes copy = element < 4 ? element : 0;
  JobCost cost;
  OperationCounts& ops = cost.operations;
  ops.mul = each.mul * elements, ops.add = each.add * elements, ops.div = each.div * elements;
  sweep(cost, job, config, each.mul, (states * state + update.gradient_element) * elements,
        (states * state + copy) * elements);
  return cost;
}

JobCost sparse_softmax_gradient_cost(const MaskTile& tile, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count kept = tile.kept;
  JobCost cost;
  cost.operations.mul = 3 * kept, cost.operations.add = 2 * kept - tile.used_rows;
  mask_sweep(cost, config, 2, kept, 2 * (size.wide + size.element) * kept, size.element * kept);
  return cost;
}

JobCost row_terms_cost(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count kept = tile.kept, rows = job.m;
  const bool taylor = (job.flags & kLast) != 0;
  JobCost cost;
  OperationCounts& ops = cost.operations;
  // Computes dA P with P = exp(score - maximum) / sum, or dA T with T = sqrt(d) (1 + score) / t_D, and sums it by rows.
  ops.mul = taylor ? 2 * kept : kept, ops.div = kept, ops.exp = taylor ? 0 : kept;
  ops.add = 2 * kept - tile.used_rows;
  mask_sweep(cost, config, 1, kept, 2 * size.wide * kept + size.wide * rows * (taylor ? 1 : 2), size.partial * rows);
  return cost;
}

JobCost unified_gradient_cost(const Job& job, const MaskTile& tile, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count kept = tile.kept, rows = job.m, elements = elements_of(job);  // a dense tile
  const Count residual = (job.flags & kLast) != 0 ? kept : 0;
  JobCost cost;
  OperationCounts& ops = cost.operations;
  ops.exp = elements, ops.div = elements + residual, ops.mul = 2 * elements;
  ops.add = elements + elements + residual;  // score - maximum; dA - row term; dA / t_D
  mask_sweep(cost, config, 2, elements, 2 * size.wide * elements + size.wide * (kept + 4 * rows),
             size.element * elements);
  return cost;
}

}  // namespace vitality
