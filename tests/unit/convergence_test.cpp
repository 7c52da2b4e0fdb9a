#include "explore/convergence.h"

#include <catch2/catch.hpp>

using namespace vitality;

TEST_CASE("convergence: shares of the box, by hand") {
  // The box is [1, 5] x [1, 5], of 16. (4, 4) holds 1; (2, 4) holds 3; then (4, 2) and (2, 4): 3 + 3 - 1; (1, 1): all.
  const std::vector<ConvergenceStep> steps =
      convergence({{5, 5}, {4, 4}, {}, {2, 4}, {4, 2}, {4, 4}, {1, 1}, {3, 3}, {}});
  REQUIRE(steps.size() == 6);
  const double expected[6] = {0, 1 / 16.0, 3 / 16.0, 5 / 16.0, 1, 1};
  const std::int64_t designs[6] = {1, 2, 4, 5, 7, 9};
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(steps[i].designs == designs[i]);
    CHECK(steps[i].hypervolume == expected[i]);
  }
}

TEST_CASE("convergence: one objective, and what has no volume") {
  const std::vector<ConvergenceStep> one = convergence({{8}, {2}, {4}});
  REQUIRE(one.size() == 3);
  CHECK(one[0].hypervolume == 0);
  CHECK(one[1].hypervolume == 1);
  CHECK(one[2].designs == 3);
  CHECK(convergence({}).empty());
  CHECK(convergence({{}, {}}).empty());
  CHECK(convergence({{1, 2}, {1, 3}}).empty());
  CHECK(convergence({{1, 2, 3, 4, 5}, {2, 3, 4, 5, 6}}).empty());
}
