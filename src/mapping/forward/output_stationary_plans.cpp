#include "mapping/forward/output_stationary_plans.h"

#include <algorithm>

#include "mapping/forward/schedule_builder.h"

namespace vitality {
namespace {

// Short segments make many passes, so a plan with them has to be better than others by this much.
constexpr int kShortSegment = 32;
constexpr double kMuchBetter = 0.99;
// Still shorter ones are tried only where nothing else fits.
constexpr int kShortestSegment = 8;
// The search of a form ends when segments of this many lengths, one after the other, are no better than longer ones.
constexpr int kNoBetter = 2;
// A plan this close to the bound of its form is good enough: other segments and result buffers are not tried.
constexpr double kGoodEnough = 1.001;

// Smaller tiles are tried only where nothing else fits.
constexpr int kSmallTile = 16;

// From `size` on, each half of the one before, until one is not larger than `smallest`.
std::vector<int> halves(int size, int smallest) {
  std::vector<int> sizes{size};
  while (size > smallest) sizes.push_back(size = static_cast<int>(ceil_div(size, 2)));
  return sizes;
}

// Lengths of segments that cut a contraction into few of them, or into short ones.
std::vector<int> segment_lengths(int contraction) {
  std::vector<int> lengths;
  for (int pieces = 1; pieces <= contraction; pieces += std::max(1, pieces / 2)) {
    const auto length = static_cast<int>(ceil_div(contraction, pieces));
    if (lengths.empty() || length < lengths.back()) lengths.push_back(length);
  }
  return lengths;
}

}  // namespace

OutputStationaryPlanner::OutputStationaryPlanner(const GemmProblem& problem, const HardwareConfig& config,
                                                 const EnergyModel& prices, Bytes capacity, double dram_bytes_per_cycle)
    : problem_(problem),
      estimator_(problem, config, prices, capacity, dram_bytes_per_cycle),
      rows_(config.matrix_engine.rows),
      cols_(config.matrix_engine.cols),
      capacity_(capacity) {}

// Tiles as large as the array, and smaller ones (in a corner of the array). Row tiles are as high as each other.
std::vector<OutputStationaryPlanner::RankedForm> OutputStationaryPlanner::forms(int smallest) const {
  const GemmProblem& p = problem_;
  const int widest =
      p.results_on_chip ? *std::max_element(p.columns.begin(), p.columns.end()) : std::min(cols_, p.n / p.groups);
  std::vector<RankedForm> list;
  for (const int most : halves(std::min(rows_, p.m), smallest)) {
    OutputStationaryMapping form;
    form.tile_rows = static_cast<int>(ceil_div(p.m, ceil_div(p.m, most)));
    for (const int cols : p.results_on_chip ? std::vector<int>{widest} : halves(widest, smallest)) {
      form.tile_cols = cols;
      for (const bool columns_outer : {false, true}) {
        if (p.strip && columns_outer) continue;
        form.columns_outer = columns_outer;
        for (const bool kept : {true, false}) {
          // Rows that lie in the scratchpad need no keeping; a strip is kept whatever this says.
          if (kept && !columns_outer && (p.streamed_on_chip || p.strip)) continue;
          form.outer_resident = kept;
          list.push_back({form, estimator_.least_score(form)});
        }
      }
    }
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.least_score < b.least_score; });
  return list;
}

bool OutputStationaryPlanner::is_short(int segment) const {
  return segment < std::min(kShortSegment, problem_.k);
}

double OutputStationaryPlanner::consider(OutputStationaryPlan plan) {
  estimator_.evaluate(plan);
  const double own = estimator_.score(plan);
  if (own < best_score_ * (is_short(plan.segment) ? kMuchBetter : 1)) best_.plan = plan, best_score_ = own;
  return own;
}

// From long segments to short ones, until these are no better.
void OutputStationaryPlanner::search(const RankedForm& ranked) {
  const int contraction = problem_.streamed_on_chip
                              ? *std::max_element(problem_.contraction.begin(), problem_.contraction.end())
                              : problem_.k;
  // Without buffers of its own, a result tile has nothing of which there could be two.
  const bool has_buffers = problem_.has_result_tiles() || problem_.fetched_adds() > 0;
  OutputStationaryPlan plan{ranked.form, {}};
  double best_of_form = std::numeric_limits<double>::infinity();
  int no_better = 0;
  for (const int segment : segment_lengths(contraction)) {
    plan.segment = segment;
    if (segment < kShortestSegment && best_.plan) return;
    if (is_short(segment) && ranked.least_score >= kMuchBetter * best_score_) return;
    double best_of_length = std::numeric_limits<double>::infinity();
    bool fits = false;
    for (plan.out_sets = has_buffers ? 2 : 1; plan.out_sets > 0; --plan.out_sets) {
      const Bytes total = aligned_sum(estimator_.buffer_list(plan));
      best_.smallest = best_.smallest == 0 ? total : std::min(best_.smallest, total);
      if (total > capacity_) continue;
      fits = true;
      best_of_length = std::min(best_of_length, consider(plan));
      if (best_score_ < kGoodEnough * ranked.least_score) return;
      if (total + estimator_.next_tile(plan) <= capacity_) break;  // one result tile in flight would save nothing
    }
    no_better = fits && best_of_length >= best_of_form ? no_better + 1 : 0;
    if (no_better == kNoBetter) return;
    best_of_form = std::min(best_of_form, best_of_length);
  }
}

OutputStationaryChoice OutputStationaryPlanner::choose(double limit) {
  best_score_ = limit;
  for (const int smallest : {kSmallTile, 1}) {
    for (const RankedForm& form : forms(smallest)) {
      if (form.least_score >= best_score_) break;
      search(form);
    }
    if (best_.plan || limit < std::numeric_limits<double>::infinity()) break;
  }
  return best_;
}

bool holds_results_too(const MatrixEngineConfig& engine) {
  return engine.dataflow == Dataflow::kInputStationary && engine.accumulation == Accumulation::kGStationary;
}

}  // namespace vitality
