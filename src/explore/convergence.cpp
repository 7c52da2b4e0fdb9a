#include "explore/convergence.h"

#include <algorithm>

namespace vitality {

std::vector<ConvergenceStep> convergence(const std::vector<ObjectiveVector>& objectives) {
  ObjectiveVector best, worst;
  for (const ObjectiveVector& point : objectives) {
    if (point.empty()) continue;
    if (best.empty()) best = worst = point;
    for (std::size_t k = 0; k < point.size(); ++k) {
      best[k] = std::min(best[k], point[k]);
      worst[k] = std::max(worst[k], point[k]);
    }
  }
  if (best.empty() || best.size() > kMostVolumeObjectives) return {};
  double box = 1;
  for (std::size_t k = 0; k < best.size(); ++k) box *= worst[k] - best[k];
  if (!(box > 0)) return {};

  std::vector<ConvergenceStep> steps;
  std::vector<ObjectiveVector> front;
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    const ObjectiveVector& point = objectives[i];
    const bool last = i + 1 == objectives.size();
    const bool grows = !point.empty() && std::none_of(front.begin(), front.end(), [&](const ObjectiveVector& member) {
      return member == point || dominates(member, point);
    });
    if (grows) {
      front.erase(
          std::remove_if(front.begin(), front.end(), [&](const ObjectiveVector& m) { return dominates(point, m); }),
          front.end());
      front.push_back(point);
      steps.push_back({static_cast<std::int64_t>(i) + 1, hypervolume(front, worst) / box});
    } else if (last) {
      steps.push_back({static_cast<std::int64_t>(i) + 1, steps.empty() ? 0 : steps.back().hypervolume});
    }
  }
  return steps;
}

}  // namespace vitality
