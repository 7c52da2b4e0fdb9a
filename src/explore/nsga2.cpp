#include "explore/nsga2.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace vitality {
namespace {

constexpr int kOffspringTries = 50;

bool constrained_dominates(const Assessment& a, const Assessment& b) {
  if (a.violation != b.violation) return a.violation < b.violation;
  return a.violation == 0 && dominates(a.objectives, b.objectives);
}

}  // namespace

std::vector<int> constrained_ranks(const std::vector<Assessment>& assessments) {
  const std::size_t count = assessments.size();
  std::vector<int> dominated_by(count, 0), ranks(count, 0);
  std::vector<std::vector<std::size_t>> dominated(count);
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = 0; b < count; ++b)
      if (constrained_dominates(assessments[a], assessments[b])) {
        dominated[a].push_back(b);
        ++dominated_by[b];
      }
  std::vector<std::size_t> front;
  for (std::size_t i = 0; i < count; ++i)
    if (dominated_by[i] == 0) front.push_back(i);
  for (int rank = 0; !front.empty(); ++rank) {
    std::vector<std::size_t> next;
    for (const std::size_t i : front) {
      ranks[i] = rank;
      for (const std::size_t other : dominated[i])
        if (--dominated_by[other] == 0) next.push_back(other);
    }
    front = std::move(next);
  }
  return ranks;
}

Nsga2::Nsga2(std::vector<std::uint32_t> axis_sizes, const SamplerSpec& spec)
    : axis_sizes_(std::move(axis_sizes)), spec_(spec), random_(spec.seed), budget_(spec.points) {
  mutation_ =
      spec.mutation > 0 ? spec.mutation : 1.0 / static_cast<double>(std::max<std::size_t>(1, axis_sizes_.size()));
  budget_ = static_cast<std::int64_t>(std::min(static_cast<double>(budget_), grid_size(axis_sizes_)));
}

bool Nsga2::take(const Design& design, std::vector<Design>& out) {
  if (!seen_.insert(design).second) return false;
  out.push_back(design);
  return true;
}

std::vector<Design> Nsga2::ask() {
  const auto left = budget_ - static_cast<std::int64_t>(seen_.size());
  const auto wanted = static_cast<std::size_t>(std::min(left, spec_.population));
  asked_.clear();
  if (wanted == 0) return asked_;
  if (population_.empty())
    for (const Design& design : latin_hypercube_designs(axis_sizes_, spec_.population, random_.next()))
      if (asked_.size() < wanted) take(design, asked_);
  while (asked_.size() < wanted) {
    bool found = false;
    for (int tried = 0; !found && tried < kOffspringTries && !population_.empty(); ++tried)
      found = take(offspring(), asked_);
    if (found) continue;
    // No unseen design is left nearby: take the first unseen one from a random place on, in counting order.
    Design design;
    for (const std::uint32_t size : axis_sizes_) design.push_back(static_cast<std::uint32_t>(random_.below(size)));
    while (!take(design, asked_))
      for (std::size_t a = design.size(); a-- > 0;) {
        design[a] = (design[a] + 1) % axis_sizes_[a];
        if (design[a] != 0) break;
      }
  }
  return asked_;
}

const Nsga2::Member& Nsga2::tournament() {
  const Member& a = population_[random_.below(population_.size())];
  const Member& b = population_[random_.below(population_.size())];
  if (a.rank != b.rank) return a.rank < b.rank ? a : b;
  return a.crowding >= b.crowding ? a : b;
}

Design Nsga2::offspring() {
  Design child = tournament().design;
  const Design& other = tournament().design;
  if (random_.unit() < spec_.crossover)
    for (std::size_t a = 0; a < child.size(); ++a)
      if (random_.below(2) == 1) child[a] = other[a];
  for (std::size_t a = 0; a < child.size(); ++a) {
    if (random_.unit() >= mutation_) continue;
    const std::uint32_t size = axis_sizes_[a];
    if (random_.below(4) == 0) {
      child[a] = static_cast<std::uint32_t>(random_.below(size));
      continue;
    }
    std::uint32_t step = 1;  // geometric: 1, 2, 3, ... with halving probability
    while (step < size && random_.below(2) == 1) ++step;
    if (random_.below(2) == 1)
      child[a] = std::min(child[a] + step, size - 1);
    else
      child[a] -= std::min(child[a], step);
  }
  return child;
}

void Nsga2::tell(const std::vector<Assessment>& assessments) {
  std::vector<Member> candidates = std::move(population_);
  candidates.reserve(candidates.size() + asked_.size());
  for (std::size_t i = 0; i < asked_.size(); ++i) candidates.push_back({asked_[i], assessments[i], 0, 0});
  select_survivors(std::move(candidates));
}

void Nsga2::select_survivors(std::vector<Member> candidates) {
  std::vector<Assessment> assessments;
  assessments.reserve(candidates.size());
  for (const Member& member : candidates) assessments.push_back(member.assessment);
  const std::vector<int> ranks = constrained_ranks(assessments);
  for (std::size_t i = 0; i < candidates.size(); ++i) candidates[i].rank = ranks[i];
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Member& a, const Member& b) { return a.rank < b.rank; });

  population_.clear();
  const auto wanted = static_cast<std::size_t>(spec_.population);
  for (std::size_t begin = 0; begin < candidates.size() && population_.size() < wanted;) {
    std::size_t end = begin;
    std::vector<ObjectiveVector> front;
    while (end < candidates.size() && candidates[end].rank == candidates[begin].rank) {
      if (candidates[end].assessment.violation == 0) front.push_back(candidates[end].assessment.objectives);
      ++end;
    }
    if (!front.empty()) {  // a front is all feasible or all infeasible
      const std::vector<double> distances = crowding_distances(front);
      for (std::size_t i = begin; i < end; ++i) candidates[i].crowding = distances[i - begin];
      std::stable_sort(candidates.begin() + static_cast<std::ptrdiff_t>(begin),
                       candidates.begin() + static_cast<std::ptrdiff_t>(end),
                       [](const Member& a, const Member& b) { return a.crowding > b.crowding; });
    }
    for (; begin < end; ++begin)
      if (population_.size() < wanted) population_.push_back(std::move(candidates[begin]));
  }
}

}  // namespace vitality
