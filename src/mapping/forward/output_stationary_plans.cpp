#include "mapping/forward/output_stationary_plans.h"

#include "cost/array_cost.h"
#include "cost/noc_route.h"

namespace vitality {

OutputStationaryPlanner::OutputStationaryPlanner(const MappingContext& context, const Gemm& gemm, const Conv2d* conv,
                                                 int adds)
    : config_(context.config),
      gemm_(gemm),
      conv_(conv),
      adds_(adds),
      element_(context.element_bytes()),
      partial_(context.partial_bytes()),
      bandwidth_(context.dram_bytes_per_cycle()),
      prices_(context.config) {}

Bytes OutputStationaryPlanner::strip_bytes(int height) const {
  const int output_rows = std::min(conv_->out_height, (height - 1) / conv_->out_width + 2);
  return element_ * strip_rows(*conv_, output_rows) * conv_->in_width * conv_->in_channels;
}

std::vector<Bytes> OutputStationaryPlanner::buffer_list(const OutputStationaryMapping& plan) const {
  const Bytes rows_part = element_ * plan.tile_rows, columns_part = element_ * plan.tile_cols;
  const Bytes bias = gemm_.has_bias ? partial_ * plan.tile_cols : 0;
  std::vector<Bytes> list;
  if (gemm_.strip) {
    list.push_back(strip_bytes(plan.tile_rows));
  } else if (plan.outer_resident) {
    list.push_back((plan.columns_outer ? columns_part : rows_part) * gemm_.k + (plan.columns_outer ? bias : 0));
  }
  const bool rows_in_step = !gemm_.strip && !(plan.outer_resident && !plan.columns_outer);
  const bool columns_in_step = !(plan.outer_resident && plan.columns_outer);
  for (int set = 0; set < 2; ++set) {
    list.push_back(rows_in_step ? rows_part * plan.segment : 0);
    list.push_back(columns_in_step ? columns_part * plan.segment + bias : 0);
  }
  for (int i = 0; i < plan.out_sets * (1 + adds_); ++i) list.push_back(rows_part * plan.tile_cols);
  return list;
}

void OutputStationaryPlanner::evaluate(OutputStationaryPlan& plan) const {
  const MatrixEngineConfig& engine = config_.matrix_engine;
  const Count row_tiles = ceil_div(gemm_.m, plan.tile_rows);
  const Count column_tiles = ceil_div(gemm_.n / gemm_.groups, plan.tile_cols) * gemm_.groups;
  const Cycles compute = row_tiles * column_tiles * output_stationary_fold(engine.rows, engine.cols, gemm_.k).interval;
  const Bytes weights = element_ * gemm_.k * gemm_.n, rows = gemm_.strip ? strip_bytes(plan.tile_rows) * row_tiles
                                                                         : element_ * gemm_.m * gemm_.k * gemm_.groups;
  const Bytes results = element_ * gemm_.m * gemm_.n;
  const bool once_rows = gemm_.strip || (plan.outer_resident && !plan.columns_outer);
  const bool once_columns = plan.outer_resident && plan.columns_outer;
  plan.dram_bytes = results * (1 + adds_) + (once_rows ? rows : rows * (column_tiles / gemm_.groups)) +
                    (once_columns ? weights : weights * row_tiles);
  // The array waits for the operands of the first step; at the end, the last results go to memory.
  const std::vector<Bytes> buffers = buffer_list(plan);
  const std::size_t outer = gemm_.strip || plan.outer_resident ? 1 : 0;
  const Bytes first = (outer > 0 ? buffers[0] : 0) + buffers[outer] + buffers[outer + 1];
  plan.cycles = std::max(static_cast<double>(compute), static_cast<double>(plan.dram_bytes) / bandwidth_) +
                static_cast<double>(first + buffers.back()) / bandwidth_;
  const double m = gemm_.m, k = gemm_.k, n = gemm_.n;
  const double read = static_cast<double>(element_) *
                      (m * k * static_cast<double>(column_tiles) + k * n * static_cast<double>(row_tiles)),
               write = static_cast<double>(results);
  plan.energy_pj =
      m * k * n * prices_.per_action(Action::kMac) + read * prices_.per_action(Action::kScratchpadRead) +
      write * prices_.per_action(Action::kScratchpadWrite) +
      (read + write) * noc_hops(config_.noc, 0) * prices_.per_action(Action::kNocByteHop) +
      static_cast<double>(plan.dram_bytes) * (prices_.dram_per_byte() + prices_.per_action(Action::kScratchpadWrite)) +
      plan.cycles * prices_.array_cycle();
}

double OutputStationaryPlanner::score(const OutputStationaryPlan& plan) const {
  return plan_score(config_.mapping.objective, plan.cycles, plan.energy_pj,
                    static_cast<double>(plan.dram_bytes) / bandwidth_);
}

OutputStationaryChoice OutputStationaryPlanner::choose(Bytes capacity) {
  OutputStationaryChoice best;
  for (int rows = highest();; rows = static_cast<int>(ceil_div(rows, 2))) {
    for (int cols = widest();; cols = static_cast<int>(ceil_div(cols, 2))) {
      choose_tile(rows, cols, capacity, best);
      if (best.plan || cols == 1) break;
    }
    if (best.plan || rows == 1) break;
  }
  return best;
}

void OutputStationaryPlanner::choose_tile(int rows, int cols, Bytes capacity, OutputStationaryChoice& best) const {
  for (const bool columns_outer : {false, true}) {
    if (gemm_.strip && columns_outer) continue;
    for (const bool outer_resident : {true, false}) {
      for (int segment = gemm_.k;; segment = static_cast<int>(ceil_div(segment, 2))) {
        OutputStationaryPlan plan;
        plan.tile_rows = rows, plan.tile_cols = cols, plan.segment = segment;
        plan.columns_outer = columns_outer, plan.outer_resident = outer_resident;
        Bytes total = aligned_sum(buffer_list(plan));
        if (total > capacity) {
          plan.out_sets = 1;
          total = aligned_sum(buffer_list(plan));
        }
        best.smallest = best.smallest == 0 ? total : std::min(best.smallest, total);
        if (total <= capacity) {
          evaluate(plan);
          if (!best.plan || score(plan) < score(*best.plan)) best.plan = plan;
          break;  // shorter segments move the same bytes
        }
        if (segment == 1) break;
      }
    }
  }
}

std::optional<OutputStationaryPlan> better_output_stationary(const MappingContext& context, const Gemm& gemm,
                                                             const Conv2d* conv, int adds, const GemmPlan* other,
                                                             Bytes room) {
  if (!holds_results_too(context.config.matrix_engine) || context.options->training) return std::nullopt;
  const std::optional<OutputStationaryPlan> plan =
      OutputStationaryPlanner(context, gemm, gemm.strip ? conv : nullptr, adds).choose(room).plan;
  const auto score = [&](double cycles, double energy, Bytes bytes) {
    return plan_score(context.config.mapping.objective, cycles, energy,
                      static_cast<double>(bytes) / context.dram_bytes_per_cycle());
  };
  const bool better = plan && (other == nullptr || score(plan->cycles, plan->energy_pj, plan->dram_bytes) <
                                                       score(other->cycles, other->energy_pj, other->dram_bytes));
  return better ? plan : std::nullopt;
}

bool holds_results_too(const MatrixEngineConfig& engine) {
  return engine.dataflow == Dataflow::kInputStationary && engine.accumulation == Accumulation::kGStationary;
}

}  // namespace vitality
