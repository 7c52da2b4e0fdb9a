#include "explore/pareto.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <ctime>
#include <set>

#include "explore/nsga2.h"

using namespace vitality;

TEST_CASE("dominance: nowhere worse, somewhere better") {
  CHECK(dominates({1, 2}, {1, 3}));
  CHECK(dominates({1, 2}, {2, 3}));
  CHECK_FALSE(dominates({1, 2}, {1, 2}));
  CHECK_FALSE(dominates({1, 3}, {2, 2}));
}

TEST_CASE("Pareto fronts by hand and against the definition") {
  CHECK(pareto_front({}).empty());
  CHECK(pareto_front({{3, 1}, {1, 3}, {2, 2}, {3, 3}, {2, 2}, {1, 4}}) == std::vector<std::size_t>{0, 1, 2, 4});
  Random random(5);
  for (const std::size_t objectives : {1, 2, 3, 4}) {
    std::vector<ObjectiveVector> points(300);
    for (ObjectiveVector& point : points)
      for (std::size_t k = 0; k < objectives; ++k) point.push_back(double(random.below(20)));
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < points.size(); ++i) {
      bool dominated = false;
      for (const auto& other : points) dominated |= dominates(other, points[i]);
      if (!dominated) expected.push_back(i);
    }
    CHECK(pareto_front(points) == expected);
  }
}

TEST_CASE("a front of 200,000 points is found at once") {
  // x + y + z is the same for all, so that nothing dominates anything; compared one by one: 2e10 comparisons.
  std::vector<ObjectiveVector> points;
  for (int i = 0; i < 200000; ++i) points.push_back({double(i), double((i * 7919LL) % 200003), 0});
  for (ObjectiveVector& point : points) point[2] = 1e6 - point[0] - point[1];
  const std::clock_t started = std::clock();
  CHECK(pareto_front(points).size() == points.size());
  CHECK(static_cast<double>(std::clock() - started) / CLOCKS_PER_SEC < 10);
}

TEST_CASE("crowding distance by hand") {
  // Sides of the cuboid between the neighbours over the spans (4 and 4): (3 - 1) / 4 + (4 - 1) / 4 and so on.
  const auto distance = crowding_distances({{1, 5}, {2, 4}, {3, 2}, {5, 1}});
  CHECK(std::isinf(distance[0]));
  CHECK(std::isinf(distance[3]));
  CHECK(distance[1] == Approx((3.0 - 1) / 4 + (5.0 - 2) / 4));
  CHECK(distance[2] == Approx((5.0 - 2) / 4 + (4.0 - 1) / 4));
}

TEST_CASE("hypervolume by hand") {
  CHECK(hypervolume({}, {1, 1}) == 0);
  CHECK(hypervolume({{1, 3}, {2, 2}, {3, 1}}, {4, 4}) == 6);          // a staircase of 3 + 2 + 1
  CHECK(hypervolume({{1, 3}, {2, 2}, {3, 1}, {3, 3}}, {4, 4}) == 6);  // a dominated point adds nothing
  CHECK(hypervolume({{1, 3}, {5, 0}}, {4, 4}) == 3);                  // nor one outside the reference
  CHECK(hypervolume({{0, 0, 0}}, {2, 3, 4}) == 24);
  CHECK(hypervolume({{0, 1, 1}, {1, 0, 0}}, {2, 2, 2}) == 2 * 1 * 1 + 1 * 2 * 2 - 1);  // the boxes share one unit cube
}

TEST_CASE("constrained ranks: feasible first, then by violation") {
  const std::vector<Assessment> all{{0, {1, 2}}, {0, {2, 1}}, {0, {2, 2}}, {1, {0, 0}}, {INFINITY, {}}, {2, {0, 0}}};
  CHECK(constrained_ranks(all) == std::vector<int>{0, 0, 1, 2, 4, 3});
}

namespace {

// A front that is a small part of the grid: minimise x and (1 - x) plus a penalty for y and z away from their best
// values.
Assessment assess(const Design& d) {
  const double penalty = std::abs(double(d[1]) - 37) + std::abs(double(d[2]) - 11);
  return {d[0] > 90 ? 1.0 : 0.0, {d[0] + penalty, 100.0 - d[0] + penalty}};
}

std::vector<ObjectiveVector> search(std::uint64_t seed, std::vector<Design>* course = nullptr) {
  SamplerSpec spec;
  spec.points = 2000;
  spec.population = 50;
  spec.seed = seed;
  Nsga2 search({100, 100, 100}, spec);
  std::vector<ObjectiveVector> found;
  std::set<Design> seen;
  for (std::vector<Design> designs = search.ask(); !designs.empty(); designs = search.ask()) {
    std::vector<Assessment> assessments;
    for (const Design& design : designs) {
      CHECK(seen.insert(design).second);
      assessments.push_back(assess(design));
      if (assessments.back().violation == 0) found.push_back(assessments.back().objectives);
      if (course) course->push_back(design);
    }
    search.tell(assessments);
  }
  CHECK(seen.size() == 2000);
  return found;
}

}  // namespace

TEST_CASE("NSGA-II finds a better front than as many random designs, the same way every time") {
  std::vector<Design> first, second;
  const double searched = hypervolume(search(1, &first), {200, 200});
  search(1, &second);
  CHECK(first == second);
  std::vector<ObjectiveVector> drawn;
  for (const Design& design : random_designs({100, 100, 100}, 2000, 1))
    if (assess(design).violation == 0) drawn.push_back(assess(design).objectives);
  const double random_volume = hypervolume(drawn, {200, 200});
  // The true front: x in [0, 90], y = 37, z = 11.
  std::vector<ObjectiveVector> ideal;
  for (std::uint32_t x = 0; x <= 90; ++x) ideal.push_back(assess({x, 37, 11}).objectives);
  const double best = hypervolume(ideal, {200, 200});
  CHECK(best - searched < 0.25 * (best - random_volume));
}

TEST_CASE("NSGA-II visits a small grid once and stops") {
  SamplerSpec spec;
  spec.points = 1000;
  spec.population = 8;
  Nsga2 search({3, 4}, spec);
  std::set<Design> seen;
  for (std::vector<Design> designs = search.ask(); !designs.empty(); designs = search.ask()) {
    for (const Design& design : designs) CHECK(seen.insert(design).second);
    search.tell(std::vector<Assessment>(designs.size(), Assessment{INFINITY, {}}));
  }
  CHECK(seen.size() == 12);
}
