// NSGA-II (Deb, Pratap, Agarwal, Meyarivan, IEEE TEC 2002) on a grid of axis indices, as ask and tell.
//
// The first generation is a Latin hypercube. Each further one is made by binary tournaments (first the rank of
// constrained dominance, then crowding), uniform crossover and, on ordered indices, mutation by short steps or a fresh
// draw. No design is asked for twice. The search depends on the seed and on the objectives that it is told, not on how
// they were computed, so it can be resumed by replaying it.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/random.h"
#include "explore/pareto.h"
#include "explore/sampler.h"

namespace vitality {

struct Assessment {
  double violation = 0;        // 0 = feasible; less is better; infinite where nothing was measured
  ObjectiveVector objectives;  // minimised; only read when violation is finite
};

class Nsga2 {
 public:
  Nsga2(std::vector<std::uint32_t> axis_sizes, const SamplerSpec& spec);

  // The next generation's designs; empty when the budget (spec.points) or the grid is used up.
  std::vector<Design> ask();
  // The assessments of the designs asked last, in their order.
  void tell(const std::vector<Assessment>& assessments);

 private:
  struct Member {
    Design design;
    Assessment assessment;
    int rank = 0;
    double crowding = 0;
  };

  bool take(const Design& design, std::vector<Design>& out);  // false: seen before
  Design offspring();
  const Member& tournament();
  void select_survivors(std::vector<Member> candidates);

  std::vector<std::uint32_t> axis_sizes_;
  SamplerSpec spec_;
  Random random_;
  double mutation_;
  std::int64_t budget_;
  std::set<Design> seen_;
  std::vector<Design> asked_;
  std::vector<Member> population_;
};

// The number of each assessment's front (0 = not dominated). A feasible design dominates an infeasible one; of two
// infeasible designs, the one with the smaller violation dominates.
std::vector<int> constrained_ranks(const std::vector<Assessment>& assessments);

}  // namespace vitality
