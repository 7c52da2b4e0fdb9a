// SMS-EGO (Ponweiser, Wagner, Biermann, Vincze, PPSN 2008) on a grid of axis indices: for few, dear evaluations.
//
// A Latin hypercube comes first. Then a Gaussian process for each objective (of its logarithm, where all values are
// above 0) says what unseen designs would give, and those are asked for whose optimistic values, the mean less two
// deviations, add the most hypervolume to the front, up to the worst values measured. Several designs at a time: each
// chosen one counts as measured, with its mean. Where designs turned out infeasible, another process over feasible (1)
// and infeasible (0) weighs the gains.
#pragma once

#include <set>
#include <vector>

#include "base/random.h"
#include "explore/gaussian_process.h"
#include "explore/search.h"

namespace vitality {

class SmsEgo : public Search {
 public:
  SmsEgo(const SearchSpace& space, const SamplerSpec& spec);

  std::vector<Design> ask() override;
  void tell(const std::vector<Assessment>& assessments) override;

 private:
  bool take(const Design& design);  // false: seen before
  Features features(const Design& design) const;
  std::vector<Design> candidates();
  void add_neighbours(std::vector<Design>& out);
  void choose(std::size_t wanted);
  void choose_by_gain(const std::vector<Design>& designs, const std::vector<double>& probability, std::size_t wanted);
  std::vector<double> feasibility(const std::vector<Features>& points);
  std::vector<std::size_t> training_set() const;

  SearchSpace space_;
  SamplerSpec spec_;
  Random random_;
  std::int64_t budget_;
  std::set<Design> seen_;
  std::vector<Design> asked_, told_;
  std::vector<Assessment> assessments_;  // of told_
  std::vector<GaussianProcess> models_;  // by objective; they keep their lengths from fit to fit
  GaussianProcess feasible_;
};

}  // namespace vitality
