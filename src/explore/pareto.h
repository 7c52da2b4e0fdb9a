// Pareto dominance, fronts, crowding and hypervolume. Every objective is minimised (negate those to maximise) and none
// is NaN.
#pragma once

#include <cstddef>
#include <vector>

namespace vitality {

using ObjectiveVector = std::vector<double>;

// Whether a is in no objective worse than b and in at least one better.
bool dominates(const ObjectiveVector& a, const ObjectiveVector& b);

// Indices, ascending, of the points that no other point dominates. Equal points stay together. O(n log n + n * front).
std::vector<std::size_t> pareto_front(const std::vector<ObjectiveVector>& points);

// Crowding distance of each point among all given ones (Deb et al. 2002, section III-B): infinite at the ends of each
// objective.
std::vector<double> crowding_distances(const std::vector<ObjectiveVector>& points);

// The volume dominated by the points and bounded by `reference` (points not better than it everywhere add nothing).
// Slices along the last objective (Zitzler 2001): exact, fine for small fronts or few objectives; its time grows with
// the front to the power of the objectives less one.
constexpr std::size_t kMostVolumeObjectives = 4;  // for fronts of hundreds
double hypervolume(const std::vector<ObjectiveVector>& points, const ObjectiveVector& reference);

}  // namespace vitality
