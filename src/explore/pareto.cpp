#include "explore/pareto.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>

namespace vitality {

bool dominates(const ObjectiveVector& a, const ObjectiveVector& b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better |= a[i] < b[i];
  }
  return better;
}

namespace {

// The front for up to three objectives in n log n: points come in lexicographic order, so they need not be compared
// with the whole front. A map holds the least third objective by the second one, over the points so far. A point is
// dominated if an earlier point is not larger in the second objective and not larger in the third. A point equal to the
// one before has the same outcome.
std::vector<std::size_t> front_of_three(const std::vector<ObjectiveVector>& points,
                                        const std::vector<std::size_t>& order) {
  std::map<double, double> least;
  std::vector<std::size_t> front;
  bool dominated = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const ObjectiveVector& point = points[order[i]];
    if (i == 0 || points[order[i - 1]] != point) {
      const double second = point.size() > 1 ? point[1] : 0, third = point.size() > 2 ? point[2] : 0;
      auto next = least.upper_bound(second);
      dominated = next != least.begin() && std::prev(next)->second <= third;
      if (!dominated) {
        while (next != least.end() && next->second >= third) next = least.erase(next);
        least[second] = third;
      }
    }
    if (!dominated) front.push_back(order[i]);
  }
  std::sort(front.begin(), front.end());
  return front;
}

}  // namespace

std::vector<std::size_t> pareto_front(const std::vector<ObjectiveVector>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return points[a] != points[b] ? points[a] < points[b] : a < b; });
  if (!points.empty() && points[0].size() <= 3) return front_of_three(points, order);
  // In lexicographic order only an earlier point can dominate a point, and if one does, so does a member of the front.
  std::vector<std::size_t> front;
  for (const std::size_t candidate : order) {
    const bool dominated = std::any_of(
        front.rbegin(), front.rend(), [&](std::size_t member) { return dominates(points[member], points[candidate]); });
    if (!dominated) front.push_back(candidate);
  }
  std::sort(front.begin(), front.end());
  return front;
}

std::vector<double> crowding_distances(const std::vector<ObjectiveVector>& points) {
  std::vector<double> distance(points.size(), 0.0);
  if (points.empty()) return distance;
  std::vector<std::size_t> order(points.size());
  for (std::size_t objective = 0; objective < points[0].size(); ++objective) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return points[a][objective] < points[b][objective]; });
    const double span = points[order.back()][objective] - points[order.front()][objective];
    distance[order.front()] = distance[order.back()] = std::numeric_limits<double>::infinity();
    if (span <= 0) continue;
    for (std::size_t i = 1; i + 1 < order.size(); ++i)
      distance[order[i]] += (points[order[i + 1]][objective] - points[order[i - 1]][objective]) / span;
  }
  return distance;
}

namespace {

double sliced_volume(std::vector<ObjectiveVector> points, const ObjectiveVector& reference, std::size_t dimensions) {
  const std::size_t last = dimensions - 1;
  std::sort(points.begin(), points.end(),
            [&](const ObjectiveVector& a, const ObjectiveVector& b) { return a[last] < b[last]; });
  if (dimensions == 1) return points.empty() ? 0 : reference[0] - points[0][0];
  double volume = 0;
  std::vector<ObjectiveVector> active;  // the points at or below this slice
  for (std::size_t i = 0; i < points.size(); ++i) {
    active.push_back(points[i]);
    const double top = i + 1 < points.size() ? points[i + 1][last] : reference[last];
    if (top > points[i][last]) volume += sliced_volume(active, reference, last) * (top - points[i][last]);
  }
  return volume;
}

}  // namespace

double hypervolume(const std::vector<ObjectiveVector>& points, const ObjectiveVector& reference) {
  std::vector<ObjectiveVector> inside;
  for (const std::size_t i : pareto_front(points)) {
    bool better = true;
    for (std::size_t k = 0; k < reference.size(); ++k) better &= points[i][k] < reference[k];
    if (better) inside.push_back(points[i]);
  }
  return reference.empty() ? 0 : sliced_volume(std::move(inside), reference, reference.size());
}

}  // namespace vitality
