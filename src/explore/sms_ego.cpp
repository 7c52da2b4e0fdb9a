#include "explore/sms_ego.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "explore/nsga2.h"
#include "tensor/functions.h"

namespace vitality {
namespace {

constexpr double kWholeGrid = 2048;                 // up to here every unseen design is a candidate
constexpr std::size_t kDrawn = 1024, kNear = 1024;  // beyond: drawn designs, and neighbours of the front
constexpr std::size_t kMostTrained = 256;           // designs that a process is fitted to
constexpr std::size_t kLargestFront = 32;           // of more than three objectives: limits the time of a volume
constexpr double kReference = 1.1;                  // at least, in the scale in which the front spans [0, 1]
constexpr double kDeviations = 2;                   // of optimism: 95 % of what may come is not as good
constexpr double kLeastProbability = 1e-9;
constexpr double kUnlikely = 0.02;  // below, a design comes after those that only seem dominated

// The probability that a normal variable is above 1/2.
double above_half(double mean, double deviation) {
  const double over = (mean - 0.5) / std::max(deviation, 1e-9);
  return std::max(kLeastProbability, (1 + error_function(over / std::sqrt(2.0))) / 2);
}

// The front's values, scaled so that it spans [0, 1] in each objective. Hypervolume counts up to the worst value
// measured of each objective: designs beyond an end of the front, best in one objective and far behind in another, gain
// as well.
class ScaledFront {
 public:
  explicit ScaledFront(const std::vector<ObjectiveVector>& measured) {
    std::vector<ObjectiveVector> front;
    for (const std::size_t member : pareto_front(measured)) front.push_back(measured[member]);
    low_ = span_ = front.front();
    for (std::size_t k = 0; k < low_.size(); ++k) {
      double high = low_[k];
      for (const ObjectiveVector& point : front) low_[k] = std::min(low_[k], point[k]), high = std::max(high, point[k]);
      span_[k] = high > low_[k] ? high - low_[k] : std::max(std::abs(high), 1e-300);
    }
    reference_ = ObjectiveVector(low_.size(), kReference);
    for (const ObjectiveVector& point : measured) {
      const ObjectiveVector at = scaled(point);
      for (std::size_t k = 0; k < at.size(); ++k) reference_[k] = std::max(reference_[k], at[k]);
    }
    if (low_.size() > 3 && front.size() > kLargestFront) thin_out(front);
    for (const ObjectiveVector& point : front) add(point);
  }

  void add(const ObjectiveVector& point) { points_.push_back(scaled(point)); }

  // The hypervolume that a point would add; below 0 if the front dominates it: how far it is behind.
  double gain(const ObjectiveVector& point) const {
    const ObjectiveVector at = scaled(point);
    double behind = 0;
    for (const ObjectiveVector& member : points_) {
      double product = 1;
      bool dominated = true;
      for (std::size_t k = 0; k < at.size(); ++k) {
        dominated = dominated && member[k] <= at[k];
        product *= 1 + std::max(0.0, at[k] - member[k]);
      }
      if (dominated) behind = std::max(behind, product - 1);
    }
    if (behind > 0) return -behind;
    // What the box of the point holds less what the front holds of it.
    double box = 1;
    for (std::size_t k = 0; k < at.size(); ++k) box *= std::max(0.0, reference_[k] - at[k]);
    std::vector<ObjectiveVector> clipped = points_;
    for (ObjectiveVector& member : clipped)
      for (std::size_t k = 0; k < at.size(); ++k) member[k] = std::max(member[k], at[k]);
    return box - hypervolume(clipped, reference_);
  }

 private:
  static void thin_out(std::vector<ObjectiveVector>& front) {
    const std::vector<double> distance = crowding_distances(front);
    std::vector<std::size_t> order(front.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return distance[a] > distance[b]; });
    std::vector<ObjectiveVector> kept;
    for (std::size_t i = 0; i < kLargestFront; ++i) kept.push_back(front[order[i]]);
    front = std::move(kept);
  }
  ObjectiveVector scaled(ObjectiveVector point) const {
    for (std::size_t k = 0; k < point.size(); ++k) point[k] = (point[k] - low_[k]) / span_[k];
    return point;
  }

  ObjectiveVector low_, span_, reference_;
  std::vector<ObjectiveVector> points_;
};

// One objective's process and its predictions for the candidates.
class ObjectiveModel {
 public:
  ObjectiveModel(GaussianProcess& process, const std::vector<Features>& points, std::vector<double> values,
                 const std::vector<Features>& candidates)
      : logarithmic_(std::all_of(values.begin(), values.end(), [](double value) { return value > 0; })) {
    if (logarithmic_)
      for (double& value : values) value = logarithm(value);
    process.fit(points, values);
    prediction_ = std::make_unique<GaussianProcess::Prediction>(process, candidates);
  }
  double mean(std::size_t i) const { return real(prediction_->mean(i)); }
  double optimistic(std::size_t i) const {
    return real(prediction_->mean(i) - kDeviations * prediction_->deviation(i));
  }
  void believe(std::size_t i) { prediction_->believe(i); }

 private:
  double real(double value) const { return logarithmic_ ? exponential(std::min(value, 700.0)) : value; }

  bool logarithmic_;
  std::unique_ptr<GaussianProcess::Prediction> prediction_;
};

}  // namespace

SmsEgo::SmsEgo(const SearchSpace& space, const SamplerSpec& spec)
    : space_(space), spec_(spec), random_(spec.seed), feasible_(space.ordered) {
  budget_ = static_cast<std::int64_t>(std::min(static_cast<double>(spec.points), grid_size(space.axis_sizes)));
}

bool SmsEgo::take(const Design& design) {
  if (!seen_.insert(design).second) return false;
  asked_.push_back(design);
  return true;
}

Features SmsEgo::features(const Design& design) const {
  Features out;
  for (std::size_t a = 0; a < design.size(); ++a) {
    const std::uint32_t last = space_.axis_sizes[a] - 1;
    out.push_back(!space_.ordered[a] ? design[a] : last == 0 ? 0 : static_cast<double>(design[a]) / last);
  }
  return out;
}

std::vector<Design> SmsEgo::ask() {
  const auto left = budget_ - static_cast<std::int64_t>(seen_.size());
  asked_.clear();
  if (told_.empty()) {
    const auto first = static_cast<std::int64_t>(4 * (space_.axis_sizes.size() + 1));
    for (const Design& design : latin_hypercube_designs(space_.axis_sizes, std::min(first, left), random_.next()))
      take(design);
  } else {
    choose(static_cast<std::size_t>(std::min(left, spec_.population)));
  }
  return asked_;
}

void SmsEgo::tell(const std::vector<Assessment>& assessments) {
  told_.insert(told_.end(), asked_.begin(), asked_.end());
  assessments_.insert(assessments_.end(), assessments.begin(), assessments.end());
}

void SmsEgo::add_neighbours(std::vector<Design>& out) {
  const std::vector<int> ranks = constrained_ranks(assessments_);
  for (std::size_t i = told_.size(); i-- > 0 && out.size() < kDrawn + kNear;) {
    if (ranks[i] != 0) continue;
    for (std::size_t a = 0; a < told_[i].size(); ++a)
      for (const int step : {-1, 1}) {
        Design near = told_[i];
        near[a] += static_cast<std::uint32_t>(step);  // below 0 it wraps to a large number
        if (near[a] < space_.axis_sizes[a]) out.push_back(std::move(near));
      }
  }
}

std::vector<Design> SmsEgo::candidates() {
  std::vector<Design> all;
  if (grid_size(space_.axis_sizes) <= kWholeGrid) {
    all = grid_designs(space_.axis_sizes);
  } else {
    all = random_designs(space_.axis_sizes, kDrawn, random_.next());
    add_neighbours(all);
  }
  std::set<Design> listed;
  std::vector<Design> unseen;
  for (Design& design : all)
    if (seen_.count(design) == 0 && listed.insert(design).second) unseen.push_back(std::move(design));
  for (std::size_t i = unseen.size(); i > 1; --i) std::swap(unseen[i - 1], unseen[random_.below(i)]);
  return unseen;
}

// The designs of the first fronts, the latest ones first.
std::vector<std::size_t> SmsEgo::training_set() const {
  std::vector<std::size_t> chosen(told_.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (chosen.size() <= kMostTrained) return chosen;
  const std::vector<int> ranks = constrained_ranks(assessments_);
  std::sort(chosen.begin(), chosen.end(),
            [&](std::size_t a, std::size_t b) { return ranks[a] != ranks[b] ? ranks[a] < ranks[b] : a > b; });
  chosen.resize(kMostTrained);
  return chosen;
}

std::vector<double> SmsEgo::feasibility(const std::vector<Features>& points) {
  std::vector<Features> known;
  std::vector<double> label;
  for (const std::size_t i : training_set()) {
    known.push_back(features(told_[i]));
    label.push_back(assessments_[i].violation == 0 ? 1 : 0);
  }
  std::vector<double> probability(points.size(), 1);
  if (known.size() < 2 || std::all_of(label.begin(), label.end(), [](double l) { return l == 1; })) return probability;
  feasible_.fit(known, label);
  const GaussianProcess::Prediction prediction(feasible_, points);
  for (std::size_t i = 0; i < points.size(); ++i)
    probability[i] = above_half(prediction.mean(i), prediction.deviation(i));
  return probability;
}

void SmsEgo::choose(std::size_t wanted) {
  const std::vector<Design> designs = candidates();
  if (wanted == 0 || designs.empty()) return;
  std::vector<Features> points;
  points.reserve(designs.size());
  for (const Design& design : designs) points.push_back(features(design));
  const std::vector<double> probability = feasibility(points);
  const auto feasible =
      std::count_if(assessments_.begin(), assessments_.end(), [](const Assessment& a) { return a.violation == 0; });
  if (feasible >= 2) return choose_by_gain(designs, probability, wanted);
  // Nothing to learn from: those that are most likely to be feasible.
  std::vector<std::size_t> order(designs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return probability[a] > probability[b]; });
  for (std::size_t i = 0; i < std::min(wanted, order.size()); ++i) take(designs[order[i]]);
}

void SmsEgo::choose_by_gain(const std::vector<Design>& designs, const std::vector<double>& probability,
                            std::size_t wanted) {
  std::vector<ObjectiveVector> measured;
  for (const Assessment& assessment : assessments_)
    if (assessment.violation == 0) measured.push_back(assessment.objectives);
  std::vector<Features> known, points;
  std::vector<std::vector<double>> values(measured.front().size());
  for (const std::size_t i : training_set()) {
    if (assessments_[i].violation != 0) continue;
    known.push_back(features(told_[i]));
    for (std::size_t k = 0; k < values.size(); ++k) values[k].push_back(assessments_[i].objectives[k]);
  }
  for (const Design& design : designs) points.push_back(features(design));
  models_.resize(values.size(), GaussianProcess(space_.ordered));
  std::vector<ObjectiveModel> objectives;
  objectives.reserve(values.size());
  for (std::size_t k = 0; k < values.size(); ++k) objectives.emplace_back(models_[k], known, values[k], points);

  ScaledFront front(measured);
  std::vector<bool> chosen(designs.size());
  for (std::size_t count = 0; count < std::min(wanted, designs.size()); ++count) {
    std::size_t best = designs.size();
    double most = 0;
    for (std::size_t i = 0; i < designs.size(); ++i) {
      if (chosen[i]) continue;
      ObjectiveVector optimistic;
      for (const ObjectiveModel& model : objectives) optimistic.push_back(model.optimistic(i));
      const double gain = front.gain(optimistic);
      const double score = probability[i] < kUnlikely ? -1 / probability[i]
                           : gain > 0                 ? gain * probability[i]
                                                      : gain / probability[i];
      if (best == designs.size() || score > most) best = i, most = score;
    }
    chosen[best] = true;
    take(designs[best]);
    ObjectiveVector mean;
    for (ObjectiveModel& model : objectives) {
      mean.push_back(model.mean(best));
      model.believe(best);
    }
    front.add(mean);
  }
}

}  // namespace vitality
