#include "mapping/forward/output_stationary_estimate.h"

#include <algorithm>

#include "cost/array_cost.h"
#include "cost/noc_route.h"
#include "mapping/forward/schedule_builder.h"

namespace vitality {

OutputStationaryEstimator::OutputStationaryEstimator(const GemmProblem& problem, const HardwareConfig& config,
                                                     const EnergyModel& prices, Bytes capacity,
                                                     double dram_bytes_per_cycle)
    : problem_(problem),
      config_(config),
      prices_(prices),
      passes_(problem, config),
      capacity_(capacity),
      bandwidth_(dram_bytes_per_cycle),
      latency_(request_latency(config)) {}

Count OutputStationaryEstimator::column_tiles(const OutputStationaryMapping& plan) const {
  if (problem_.results_on_chip) return static_cast<Count>(problem_.columns.size());
  return ceil_div(problem_.n / problem_.groups, plan.tile_cols) * problem_.groups;
}

const OutputStationaryEstimator::Strips& OutputStationaryEstimator::strips(int tile_rows) const {
  const auto [known, is_new] = strips_.try_emplace(tile_rows);
  Strips& strips = known->second;
  for (int m = 0; is_new && m < problem_.m; m += tile_rows) {
    const Bytes strip = problem_.element * strip_elements(*problem_.strip, m, std::min(tile_rows, problem_.m - m));
    strips.largest = std::max(strips.largest, strip), strips.all += strip;
  }
  return strips;
}

std::vector<int> OutputStationaryEstimator::segments(const OutputStationaryMapping& plan) const {
  return cut_tiles(problem_.streamed_on_chip ? problem_.contraction : std::vector<int>{problem_.k}, plan.segment);
}

bool OutputStationaryEstimator::rows_in_step(const OutputStationaryMapping& plan) const {
  return !problem_.strip && !problem_.streamed_on_chip && !(plan.outer_resident && !plan.columns_outer);
}
bool OutputStationaryEstimator::columns_in_step(const OutputStationaryMapping& plan) const {
  return !(plan.outer_resident && plan.columns_outer);
}

std::vector<Bytes> OutputStationaryEstimator::buffer_list(const OutputStationaryMapping& plan) const {
  const GemmProblem& p = problem_;
  const Bytes rows_part = p.element * plan.tile_rows, columns_part = p.element * plan.tile_cols;
  const Bytes bias = p.bias ? p.partial * plan.tile_cols : 0;
  std::vector<Bytes> list;
  if (p.strip) {
    list.push_back(strips(plan.tile_rows).largest);
  } else if (keeps_outer(plan)) {
    for (const int segment : segments(plan)) list.push_back((plan.columns_outer ? columns_part : rows_part) * segment);
    if (plan.columns_outer) list.back() += bias;
  }
  for (int set = 0; set < 2; ++set) {
    list.push_back(rows_in_step(plan) ? rows_part * plan.segment : 0);
    list.push_back(columns_in_step(plan) ? columns_part * plan.segment + bias : 0);
  }
  const int tiles = p.fetched_adds() + (p.has_result_tiles() ? 1 : 0);
  for (int i = 0; i < plan.out_sets * tiles; ++i) list.push_back(rows_part * plan.tile_cols);
  return list;
}

Bytes OutputStationaryEstimator::bytes_moved(const OutputStationaryMapping& plan) const {
  const GemmProblem& p = problem_;
  Bytes rows = 0;
  if (p.strip) {
    rows = strips(plan.tile_rows).all;
  } else if (!p.streamed_on_chip) {
    rows = p.element * p.m * p.k * (rows_in_step(plan) ? column_tiles(plan) : 1);
  }
  const Bytes weights = p.element * p.k * p.n + (p.bias ? p.partial * p.n : 0), results = p.element * p.m * p.n;
  return rows + weights * (columns_in_step(plan) ? row_tiles(plan) : 1) +
         results * (p.fetched_adds() + (p.results_in_memory ? 1 : 0));
}

double OutputStationaryEstimator::energy(const OutputStationaryPlan& plan) const {
  const double m = problem_.m, k = problem_.k, n = problem_.n;
  const double element = static_cast<double>(problem_.element);
  const double read = element *
                      (m * k * static_cast<double>(column_tiles(plan)) + k * n * static_cast<double>(row_tiles(plan))),
               write = element * m * n;
  const Cycles pass =
      output_stationary_fold(config_.matrix_engine.rows, config_.matrix_engine.cols, problem_.k).interval;
  const auto working = static_cast<double>(row_tiles(plan) * column_tiles(plan) * pass);
  return working * prices_.working_cycle(UnitKind::kMatrixEngine) + m * k * n * prices_.per_action(Action::kMac) +
         read * prices_.per_action(Action::kScratchpadRead) + write * prices_.per_action(Action::kScratchpadWrite) +
         (read + write) * noc_hops(config_.noc, 0) * prices_.per_action(Action::kNocByteHop) +
         static_cast<double>(plan.dram_bytes) *
             (prices_.dram_per_byte() + prices_.per_action(Action::kScratchpadWrite)) +
         plan.cycles * prices_.idle_per_cycle();
}

Bytes OutputStationaryEstimator::next_tile(const OutputStationaryMapping& plan) const {
  return aligned(problem_.element * plan.tile_cols * plan.segment);
}

void OutputStationaryEstimator::evaluate(OutputStationaryPlan& plan) {
  plan.buffers = aligned_sum(buffer_list(plan));
  plan.dram_bytes = bytes_moved(plan);
  plan.cycles = output_stationary_cycles({problem_, plan, column_tiles(plan), segments(plan), rows_in_step(plan),
                                          columns_in_step(plan), keeps_outer(plan), bandwidth_, latency_},
                                         config_, passes_);
  // Layers share the scratchpad: without room beside the plan, the next layer's first tile is not fetched ahead.
  const Bytes tile = next_tile(plan);
  if (plan.buffers + tile > capacity_) plan.cycles += static_cast<double>(tile) / bandwidth_ + latency_;
  plan.energy_pj = energy(plan);
}

double OutputStationaryEstimator::score(double cycles, double energy, Bytes bytes) const {
  return PlanScore(config_, prices_, bandwidth_)(cycles, energy, bytes);
}
double OutputStationaryEstimator::score(const OutputStationaryPlan& plan) const {
  return score(plan.cycles, plan.energy_pj, plan.dram_bytes);
}

double OutputStationaryEstimator::least_score(const OutputStationaryMapping& mapping) const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  OutputStationaryPlan plan{mapping, {}};
  plan.dram_bytes = bytes_moved(mapping);
  const Cycles compute = ceil_div(row_tiles(mapping) * column_tiles(mapping), static_cast<Count>(engine.count)) *
                         output_stationary_fold(engine.rows, engine.cols, problem_.k).interval;
  plan.cycles = std::max(static_cast<double>(compute), static_cast<double>(plan.dram_bytes) / bandwidth_);
  plan.energy_pj = energy(plan);
  return score(plan) * (1 - 1e-9);  // a sum in another order than estimates
}

}  // namespace vitality
