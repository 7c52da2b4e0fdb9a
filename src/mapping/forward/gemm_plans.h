// The search for the best way to run a GEMM on an input stationary array (gemm_estimate.h). Internal to the mapping
// room.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "mapping/forward/gemm_estimate.h"

namespace vitality {

struct GemmChoice {
  std::optional<GemmPlan> plan;  // empty if nothing fits
  Bytes smallest = 0;            // bytes of the plan that needs the fewest, if nothing fits
};

// Finds the best plan by mapping.objective, of plans with equal scores the first in the order of the loops below. Tiles
// and orders that cannot be better than what is known (GemmEstimator::least_score) are left out.
class GemmPlanner {
 public:
  GemmPlanner(const GemmProblem& problem, const HardwareConfig& config, const EnergyModel& prices, Bytes capacity,
              double dram_bytes_per_cycle);

  GemmChoice choose();
  // choose()'s plan, and up to kMostPlans - 1 that differ in more than in what they keep and are not much worse, the
  // better ones first. None if nothing fits.
  std::vector<GemmPlan> choose_several();
  static constexpr std::size_t kMostPlans = 12;

 private:
  struct RankedCut {
    GemmCut cut;
    double compute, least_score;
    std::size_t rank = 0;  // of two equally good plans, that with the cut of the lower rank is taken
  };

  std::vector<RankedCut> cuts() const;
  void search(const GemmCut& cut);
  void search_buffers(GemmPlan plan, const GemmCut& cut, const GemmLoops& loops);
  // plan.buffers is known.
  void consider(GemmPlan plan, const GemmCut& cut, const GemmLoops& loops);
  void consider_kept(GemmPlan plan, const GemmCut& cut, const GemmLoops& loops);
  bool is_hopeless(double least_score) const;

  const GemmProblem& problem_;
  GemmEstimator estimator_;
  Bytes capacity_;
  std::optional<GemmPlan> best_;
  double best_score_ = 0;
  std::size_t rank_ = 0, best_rank_ = 0;  // of the cut that is looked at, and of the best plan's
  // choose_several(): the best plan of each form, with its score.
  using Form = std::array<int, 10>;
  static Form form_of(const GemmPlan& plan);
  std::optional<std::map<Form, std::pair<double, GemmPlan>>> forms_;
  Bytes smallest_ = 0;
};

}  // namespace vitality
