#include "mapping/forward/gemm_plans.h"

#include <algorithm>

#include "mapping/forward/schedule_builder.h"

namespace vitality {
namespace {

// choose_several(): plans are near the best up to this score.
constexpr double kNearBest = 1.2;

constexpr int kSmallestTile = 16;

int tiles_of(int total, int size) {
  return static_cast<int>(ceil_div(total, size));
}

// Sizes of groups, from large to small: those that divide `tiles` into few groups, and small ones.
std::vector<int> group_sizes(int tiles) {
  std::vector<int> sizes;
  for (const int groups : {1, 2, 3, 4, 6, 8}) sizes.push_back(tiles_of(tiles, std::min(groups, tiles)));
  for (const int size : {4, 2, 1}) sizes.push_back(std::min(size, tiles));
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

constexpr std::array<GemmOrder, 6> kOrders{{{GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction},
                                            {GemmLoop::kColumns, GemmLoop::kRows, GemmLoop::kContraction},
                                            {GemmLoop::kRows, GemmLoop::kContraction, GemmLoop::kColumns},
                                            {GemmLoop::kColumns, GemmLoop::kContraction, GemmLoop::kRows},
                                            {GemmLoop::kContraction, GemmLoop::kRows, GemmLoop::kColumns},
                                            {GemmLoop::kContraction, GemmLoop::kColumns, GemmLoop::kRows}}};

bool is_possible(const GemmProblem& problem, const GemmOrder& order) {
  // Column sums are formed while a group of columns goes through the whole contraction.
  if (problem.column_sums && !inside(order, GemmLoop::kContraction, GemmLoop::kColumns)) return false;
  // A strip holds the whole contraction of its rows; a loop over the contraction around them would fetch it again,
  // which the estimate does not know.
  if (problem.strip && inside(order, GemmLoop::kRows, GemmLoop::kContraction)) return false;
  return !problem.outermost || order[0] == *problem.outermost;
}

// Orders that differ only in loops of one iteration are the same order.
bool repeats_another(const GemmProblem& problem, const GemmOrder& order, const GemmLoops& loops) {
  const auto nontrivial = [&loops](const GemmOrder& o) {
    int signature = 0;
    for (const GemmLoop loop : o)
      if (loops.of(loop) > 1) signature = signature * 4 + static_cast<int>(loop) + 1;
    return signature;
  };
  const int own = nontrivial(order);
  for (const GemmOrder& other : kOrders) {
    if (other == order) return false;
    if (nontrivial(other) == own && is_possible(problem, other)) return true;
  }
  return false;
}

// If no loop comes back to an operand's tiles, none is kept. If the buffers hold a whole sweep, all tiles are kept.
void normalise(OperandBuffers& buffers, int sweep, bool comes_back, int tiles) {
  if (!comes_back || sweep == 1) buffers.kept = 0;
  if (comes_back && sweep > 1 && buffers.kept + buffers.sets >= sweep) buffers = {sweep, 0};
  if (buffers.kept == 0) buffers.sets = std::min(buffers.sets, tiles);
}

}  // namespace

GemmPlanner::GemmPlanner(const GemmProblem& problem, const HardwareConfig& config, const EnergyModel& prices,
                         Bytes capacity, double dram_bytes_per_cycle)
    : problem_(problem), estimator_(problem, config, prices, capacity, dram_bytes_per_cycle), capacity_(capacity) {}

void GemmPlanner::consider(GemmPlan plan, const GemmCut& cut, const GemmLoops& l) {
  smallest_ = smallest_ == 0 ? plan.buffers : std::min(smallest_, plan.buffers);
  if (plan.buffers > capacity_) return;
  estimator_.evaluate(plan, cut, l);
  const double own = estimator_.score(plan);
  if (forms_ && (!best_ || own < kNearBest * best_score_)) {
    const Form form = form_of(plan);
    const auto known = forms_->find(form);
    if (known == forms_->end() || own < known->second.first) forms_->insert_or_assign(form, std::pair{own, plan});
  }
  if (best_ && (own > best_score_ || (own == best_score_ && rank_ >= best_rank_))) return;
  best_ = plan, best_score_ = own, best_rank_ = rank_;
}

// Considers the plan as it is, and with the remaining room given to one operand's tiles, or first to one operand and
// then to the other; the room is all that there is, or what leaves a place for the next layer's first tile.
void GemmPlanner::consider_kept(GemmPlan plan, const GemmCut& cut, const GemmLoops& l) {
  const bool streamed_back = l.of(GemmLoop::kColumns) > 1 && !problem_.streamed_on_chip,
             stationary_back = l.of(GemmLoop::kRows) > 1;
  const int streamed_tiles = l.of(GemmLoop::kRows) * (problem_.strip ? 1 : l.of(GemmLoop::kContraction)),
            stationary_tiles = l.of(GemmLoop::kColumns) * l.of(GemmLoop::kContraction);
  const auto settle = [&](GemmPlan& candidate) {
    if (problem_.streamed_on_chip)
      candidate.streamed = {0, 0};
    else
      normalise(candidate.streamed, l.streamed_sweep, streamed_back, streamed_tiles);
    normalise(candidate.stationary, l.stationary_sweep, stationary_back, stationary_tiles);
    candidate.buffers = estimator_.bytes_of(candidate, l);
  };
  settle(plan);
  consider(plan, cut, l);
  if (plan.buffers > capacity_) return;
  const auto keep = [&](GemmPlan& candidate, bool streamed, Bytes room) {
    OperandBuffers& buffers = streamed ? candidate.streamed : candidate.stationary;
    const int sweep = streamed ? l.streamed_sweep : l.stationary_sweep;
    if (!(streamed ? streamed_back : stationary_back) || sweep == 1 || buffers.kept >= sweep) return false;
    const Bytes tile = aligned(streamed ? l.streamed_tile : l.stationary_tile);
    const auto more = static_cast<int>(std::min<Bytes>((room - candidate.buffers) / tile, sweep));
    if (more <= 0) return false;
    buffers.kept = std::min(sweep, buffers.kept + more);
    settle(candidate);
    return true;
  };
  const Bytes next_tile = aligned(l.stationary_tile);
  for (const Bytes room : {capacity_, capacity_ - next_tile}) {
    for (const bool streamed : {true, false}) {
      GemmPlan kept = plan;
      if (!keep(kept, streamed, room)) continue;
      consider(kept, cut, l);
      if (keep(kept, !streamed, room)) consider(kept, cut, l);
    }
  }
}

void GemmPlanner::search_buffers(GemmPlan plan, const GemmCut& cut, const GemmLoops& l) {
  struct Sets {
    int streamed, stationary, out;
  };
  static constexpr std::array<Sets, 9> kSets{
      {{2, 2, 2}, {2, 2, 1}, {1, 2, 1}, {2, 1, 1}, {1, 1, 2}, {1, 1, 1}, {2, 2, 0}, {2, 1, 0}, {1, 1, 0}}};
  // What lies in the scratchpad already needs no buffers, whatever their number here.
  const bool results_in_place =
      !problem_.has_result_tiles() && problem_.fetched_adds() == 0 && !problem_.results_in_memory;
  for (const Sets& sets : kSets) {
    const auto repeats = [&](const Sets& other) {
      return (problem_.streamed_on_chip || other.streamed == sets.streamed) && other.stationary == sets.stationary &&
             (results_in_place || other.out == sets.out);
    };
    if (std::any_of(kSets.data(), &sets, repeats)) continue;
    if (sets.out == 0 && !estimator_.can_place_results_in_sums(l)) continue;
    plan.streamed = {0, sets.streamed}, plan.stationary = {0, sets.stationary}, plan.out_sets = sets.out;
    consider_kept(plan, cut, l);
  }
}

bool GemmPlanner::is_hopeless(double least_score) const {
  return best_ && least_score > best_score_ * (forms_ ? kNearBest : 1);
}

void GemmPlanner::search(const GemmCut& cut) {
  GemmPlan plan;
  plan.tile_rows = cut.tile_rows, plan.tile_cols = cut.tile_cols, plan.m_tile = cut.m_tile;
  const bool single_columns = problem_.outermost == GemmLoop::kColumns;
  for (const int n_group : single_columns ? std::vector<int>{1} : group_sizes(cut.columns)) {
    for (const int k_group : group_sizes(cut.contraction)) {
      plan.n_group = n_group, plan.k_group = k_group;
      for (const GemmOrder& order : kOrders) {
        if (!is_possible(problem_, order)) continue;
        plan.order = order;
        const GemmLoops loops = estimator_.loops(plan, cut);
        if (repeats_another(problem_, order, loops) || is_hopeless(estimator_.least_score(plan, cut, loops))) continue;
        search_buffers(plan, cut, loops);
      }
    }
  }
}

// Tiles as large as the array, and smaller ones. Ranked by compute time; those that can be best come first.
std::vector<GemmPlanner::RankedCut> GemmPlanner::cuts() const {
  const GemmProblem& p = problem_;
  const auto halves = [](int size) {
    std::vector<int> sizes{size};
    while (size > kSmallestTile) sizes.push_back(size = tiles_of(size, 2));
    return sizes;
  };
  const auto largest = [](const std::vector<int>& sizes) { return *std::max_element(sizes.begin(), sizes.end()); };
  std::vector<int> widths{largest(p.columns)};
  if (p.column_cuts) widths = halves(widths[0]);
  std::vector<int> heights{p.fixed_rows};
  if (p.fixed_rows == 0) {
    heights.clear();
    const int units = p.m / p.row_unit;
    for (int pieces = 1; pieces <= units; pieces += std::max(1, pieces / 8)) {
      const int m_tile = tiles_of(units, pieces) * p.row_unit;
      if (heights.empty() || m_tile != heights.back()) heights.push_back(m_tile);
    }
  }
  std::vector<RankedCut> list;
  for (const int tile_rows : halves(largest(p.contraction))) {
    for (const int tile_cols : widths) {
      for (const int m_tile : heights) {
        const GemmCut cut = estimator_.cut(tile_rows, tile_cols, m_tile);
        list.push_back({cut, estimator_.compute_cycles(cut, cut.columns), estimator_.least_score(cut)});
      }
    }
  }
  std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.compute < b.compute; });
  for (std::size_t rank = 0; rank < list.size(); ++rank) list[rank].rank = rank;
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.least_score < b.least_score; });
  return list;
}

GemmChoice GemmPlanner::choose() {
  for (const RankedCut& each : cuts()) {
    if (is_hopeless(each.least_score)) break;
    GemmCut cut = each.cut;
    estimator_.add_ports(cut);
    if (is_hopeless(estimator_.least_score(cut))) continue;
    rank_ = each.rank;
    search(cut);
  }
  return {best_, smallest_};
}

GemmPlanner::Form GemmPlanner::form_of(const GemmPlan& plan) {
  return {plan.tile_rows,
          plan.tile_cols,
          plan.m_tile,
          plan.n_group,
          plan.k_group,
          position(plan.order, GemmLoop::kRows),
          position(plan.order, GemmLoop::kColumns),
          plan.streamed.sets,
          plan.stationary.sets,
          plan.out_sets};
}

std::vector<GemmPlan> GemmPlanner::choose_several() {
  forms_.emplace();
  if (!choose().plan) return {};
  forms_->erase(form_of(*best_));
  std::vector<std::pair<double, GemmPlan>> others;
  for (const auto& [form, plan] : *forms_)
    if (plan.first < kNearBest * best_score_) others.push_back(plan);
  std::stable_sort(others.begin(), others.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (others.size() >= kMostPlans) others.resize(kMostPlans - 1);
  std::vector<GemmPlan> plans{*best_};
  for (const auto& [score, plan] : others) plans.push_back(plan);
  return plans;
}

}  // namespace vitality
