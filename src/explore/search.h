// A search over a grid of axis indices, as ask and tell. It depends on the seed and on the assessments that it is told,
// not on how they were computed, so it can be resumed by replaying it. No design is asked for twice.
#pragma once

#include <memory>
#include <vector>

#include "explore/pareto.h"
#include "explore/sampler.h"

namespace vitality {

struct Assessment {
  double violation = 0;        // 0 = feasible; less is better; infinite where nothing was measured
  ObjectiveVector objectives;  // minimised; only read when violation is finite
};

class Search {
 public:
  virtual ~Search() = default;
  // The next designs; empty when the budget (SamplerSpec::points) or the grid is used up.
  virtual std::vector<Design> ask() = 0;
  // The assessments of the designs asked last, in their order.
  virtual void tell(const std::vector<Assessment>& assessments) = 0;
};

// Whether this kind needs results before it can go on, so that its rows are no fixed list.
bool is_search(SamplerKind kind);

struct SearchSpace {
  std::vector<std::uint32_t> axis_sizes;
  std::vector<bool> ordered;  // by axis: its values are numbers, so neighbours in the list are alike
};
SearchSpace search_space(const std::vector<Axis>& axes);
// Of a kind that is a search.
std::unique_ptr<Search> make_search(const SearchSpace& space, const SamplerSpec& spec);

}  // namespace vitality
