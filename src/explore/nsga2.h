// NSGA-II (Deb, Pratap, Agarwal, Meyarivan, IEEE TEC 2002) on a grid of axis indices, as ask and tell.
//
// The first generation is a Latin hypercube. Each further one is made by binary tournaments (first the rank of
// constrained dominance, then crowding), uniform crossover and, on ordered indices, mutation by short steps or a fresh
// draw.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/random.h"
#include "explore/search.h"

namespace vitality {

class Nsga2 : public Search {
 public:
  Nsga2(std::vector<std::uint32_t> axis_sizes, const SamplerSpec& spec);

  std::vector<Design> ask() override;  // the next generation
  void tell(const std::vector<Assessment>& assessments) override;

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
