#include "cost/gradient_cost.h"

#include <algorithm>

#include "cost/lane_cost.h"

namespace vitality {
namespace {

void count_actions(JobCost& cost) {
  cost.actions[Action::kMultiply] = cost.operations.mul, cost.actions[Action::kAdd] = cost.operations.add;
  cost.actions[Action::kDivide] = cost.operations.div, cost.actions[Action::kExp] = cost.operations.exp;
  cost.actions[Action::kCompare] = cost.operations.cmp;
}

// `sweeps` over an m x n tile on the special functions, with so many bytes in all.
void sweep(JobCost& cost, const Job& job, const HardwareConfig& config, Count sweeps, Bytes read, Bytes write) {
  const LaneConfig unit = special_lanes(config);
  const JobTiming one = lane_timing(unit, job.m, job.n);
  count_actions(cost);
  lanes(cost, config, {sweeps * one.interval + (one.latency - one.interval), sweeps * one.interval}, read, write);
}

// Jobs on a mask: sweeps of the sparse unit's exp lanes.
JobCost mask_cost(const Job& job, const Schedule& schedule, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const MaskTile& tile = schedule.mask_tiles[static_cast<std::size_t>(job.aux)];
  const Count kept = tile.kept, rows = job.m;
  const bool variant = (job.flags & kLast) != 0;
  Count elements = kept, sweeps = 1;
  Bytes read = 0, write = 0;
  JobCost cost;
  OperationCounts& ops = cost.operations;
  if (job.kind == JobKind::kSparseSoftmaxGradient) {
    ops.mul = 3 * kept, ops.add = 2 * kept - tile.used_rows;
    sweeps = 2, read = 2 * (size.wide + size.element) * kept, write = size.element * kept;
  } else if (job.kind == JobKind::kRowTerms) {
    // dA P with P = exp(score - maximum) / sum, or dA T with T = sqrt(d) (1 + score) / t_D; summed by rows.
    ops.mul = variant ? 2 * kept : kept, ops.div = kept, ops.exp = variant ? 0 : kept;
    ops.add = 2 * kept - tile.used_rows;
    read = 2 * size.wide * kept + size.wide * rows * (variant ? 1 : 2), write = size.partial * rows;
  } else {  // kUnifiedGradient: a dense tile
    elements = rows * job.n, sweeps = 2;
    ops.exp = elements, ops.div = elements + (variant ? kept : 0), ops.mul = 2 * elements;
    ops.add = elements + elements + (variant ? kept : 0);  // score - maximum; dA - row term; dA / t_D
    read = sweeps * size.wide * elements + size.wide * (kept + 4 * rows), write = size.element * elements;
  }
  count_actions(cost);
  const LaneConfig unit{config.sparse_unit.exp_lanes, config.sparse_unit.exp_latency_cycles, 1};
  const Cycles interval = std::max<Cycles>(1, sweeps * ceil_div(elements, unit.lanes));
  const Cycles divide = ops.div > 0 ? config.dividers.latency_cycles : 0;
  lanes(cost, config, {interval + unit.latency_cycles + divide, interval}, read, write);
  return cost;
}

}  // namespace

bool is_gradient_job(JobKind kind) {
  return kind >= JobKind::kClear;
}

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

JobCost gradient_cost(const Job& job, const Schedule& schedule, const HardwareConfig& config) {
  const ElementSizes size = sizes_of(config);
  const Count elements = static_cast<Count>(job.m) * job.n, rows = job.m;
  JobCost cost;
  OperationCounts& ops = cost.operations;
  switch (job.kind) {
    case JobKind::kClear:
      lanes(cost, config, lane_timing(config.adders, job.m, job.n), 0, size.element * elements);
      break;
    case JobKind::kLossGradient:  // softmax, minus one at the label, times scale / images
      ops.exp = ops.div = elements;
      ops.mul = 2 * elements, ops.add = elements + rows * (job.n - 1) + rows, ops.cmp = rows * (job.n - 1);
      sweep(cost, job, config, 3, 3 * size.element * elements, 3 * size.element * elements);
      break;
    case JobKind::kNormGradient:
      // Mean and variance of x; x_hat, h = dY .* scale, their products with each other and with dY, two sums of rows;
      // (h - mean(h) - x_hat mean(h x_hat)) / sigma. By rows: three means by multiplication, and 1 / sigma.
      ops.mul = 7 * elements + 4 * rows, ops.add = 8 * elements + rows, ops.div = 2 * rows;
      sweep(cost, job, config, 7, 7 * size.element * elements, 2 * size.element * elements);
      break;
    case JobKind::kActivationGradient:  // f'(x) as f(x) is formed, times dY
      ops.mul = 3 * elements, ops.add = elements, ops.exp = elements;
      sweep(cost, job, config, 3, 3 * size.element * elements, size.element * elements);
      break;
    case JobKind::kSoftmaxGradient:
      ops.mul = 3 * elements, ops.add = 2 * elements - rows;
      sweep(cost, job, config, 3, 2 * (size.wide + size.element) * elements, size.element * elements);
      break;
    case JobKind::kRowProducts: {
      ops.mul = elements, ops.add = elements - rows;
      const Bytes second = (job.flags & kWide) != 0 ? size.wide : size.element;
      sweep(cost, job, config, 1, (size.element + second) * elements, size.partial * rows);
      break;
    }
    case JobKind::kAddOuter:
      ops.mul = elements, ops.add = elements;
      sweep(cost, job, config, 1, size.wide * elements + size.partial * (rows + job.n), size.element * elements);
      break;
    case JobKind::kUpdate: {
      const OperationCounts each = update_operations(config.training);
      ops.mul = each.mul * elements, ops.add = each.add * elements, ops.div = each.div * elements;
      const Bytes state = std::max<Bytes>(4, size.element);
      const Count states = config.training.optimizer == OptimizerChoice::kAdamW ? 3 : 2;  // weights and moments
      const Bytes copy = size.element < 4 ? size.element : 0;
      sweep(cost, job, config, each.mul, (states * state + job.k) * elements, (states * state + copy) * elements);
      break;
    }
    default:
      return mask_cost(job, schedule, config);
  }
  return cost;
}

}  // namespace vitality
