// The search by Gaussian processes: what the processes say, and that the search finds a front that is known.
#include "explore/sms_ego.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "explore/nsga2.h"

using namespace vitality;

namespace {

// 12 x 12 x 2 designs. Objectives x^2 + y and (x - 11)^2 + y, of x and y from 0 to 11, with 5 more where the last index
// is 1: the front is y = 0, last = 0, one design for each x.
ObjectiveVector objectives_of(const Design& design) {
  const double x = design[0], y = design[1], other = design[2] == 1 ? 5 : 0;
  return {1 + x * x + y + other, 1 + (x - 11) * (x - 11) + y + other};
}
const SearchSpace kSpace{{12, 12, 2}, {true, true, false}};

SamplerSpec sampler(SamplerKind kind, std::int64_t points, std::uint64_t seed) {
  SamplerSpec spec;
  spec.kind = kind, spec.points = points, spec.seed = seed, spec.population = 4;
  return spec;
}

// All designs that the search asks for. With `limit`, those whose first index is above it are infeasible.
std::vector<Design> run(const SamplerSpec& spec, std::uint32_t limit = 11) {
  const auto search = make_search(kSpace, spec);
  std::vector<Design> all;
  for (auto asked = search->ask(); !asked.empty(); asked = search->ask()) {
    std::vector<Assessment> assessments;
    for (const Design& design : asked) {
      Assessment assessment;
      if (design[0] > limit)
        assessment.violation = std::numeric_limits<double>::infinity();
      else
        assessment.objectives = objectives_of(design);
      assessments.push_back(assessment);
    }
    search->tell(assessments);
    all.insert(all.end(), asked.begin(), asked.end());
  }
  return all;
}

long members_of_the_front(const std::vector<Design>& designs, std::uint32_t limit = 11) {
  return std::count_if(designs.begin(), designs.end(),
                       [&](const Design& d) { return d[0] <= limit && d[1] == 0 && d[2] == 0; });
}

}  // namespace

TEST_CASE("Gaussian process: it knows what it was told, is unsure elsewhere, and believes its own mean") {
  std::vector<Features> points;
  std::vector<double> values;
  for (int i = 0; i <= 8; ++i) {
    if (i == 5) continue;
    points.push_back({i / 8.0});
    values.push_back(10 + 3 * (i / 8.0) * (i / 8.0));
  }
  GaussianProcess process({true});
  process.fit(points, values);
  const std::vector<Features> asked{{0.25}, {0.625}, {0.75}, {3.0}};
  GaussianProcess::Prediction prediction(process, asked);
  CHECK(prediction.mean(0) == Approx(10 + 3 * 0.0625).margin(0.01));
  CHECK(prediction.mean(1) == Approx(10 + 3 * 0.390625).margin(0.02));  // between two samples
  CHECK(prediction.deviation(0) < 0.05);
  CHECK(prediction.deviation(3) > 5 * prediction.deviation(1));  // far outside
  const double mean = prediction.mean(3), unsure = prediction.deviation(3);
  prediction.believe(3);
  CHECK(prediction.mean(3) == mean);
  CHECK(prediction.deviation(3) < 0.2 * unsure);
}

TEST_CASE("Gaussian process: of an unordered axis only equality counts") {
  GaussianProcess process({false});
  process.fit({{0}, {0}, {1}, {1}, {7}, {7}}, {1, 1.01, 4, 4.01, 2, 2.01});
  const std::vector<Features> asked{{0}, {1}, {7}, {2}, {6}};
  const GaussianProcess::Prediction prediction(process, asked);
  CHECK(prediction.mean(1) > 3);
  CHECK(prediction.mean(0) < 2);
  CHECK(prediction.mean(2) < 3);
  CHECK(prediction.mean(3) == prediction.mean(4));  // 2 is no nearer to 1 than 6 is
}

TEST_CASE("SMS-EGO: it finds the front with a fraction of the designs, and more of it than NSGA-II") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const long found = members_of_the_front(run(sampler(SamplerKind::kSmsEgo, 48, seed)));
    CHECK(found == 12);  // of 288 designs
    CHECK(found > members_of_the_front(run(sampler(SamplerKind::kNsga2, 48, seed))));
  }
}

TEST_CASE("SMS-EGO: the same designs again, none twice, and all of a grid when the budget allows") {
  const std::vector<Design> first = run(sampler(SamplerKind::kSmsEgo, 40, 7));
  CHECK(first == run(sampler(SamplerKind::kSmsEgo, 40, 7)));
  CHECK(first != run(sampler(SamplerKind::kSmsEgo, 40, 8)));
  CHECK(first.size() == 40);
  std::vector<Design> all = run(sampler(SamplerKind::kSmsEgo, 1000, 1));
  CHECK(all.size() == 288);
  std::sort(all.begin(), all.end());
  CHECK(std::unique(all.begin(), all.end()) == all.end());
}

TEST_CASE("SMS-EGO: infeasible designs are learnt, and none feasible is no end") {
  const std::vector<Design> designs = run(sampler(SamplerKind::kSmsEgo, 60, 1), 5);
  CHECK(members_of_the_front(designs, 5) == 6);
  // Of the Latin hypercube's 16 half are outside; then, while there is something to find inside, few are.
  const long outside =
      std::count_if(designs.begin() + 16, designs.begin() + 32, [](const Design& d) { return d[0] > 5; });
  CHECK(outside < 8);
  SamplerSpec all_bad = sampler(SamplerKind::kSmsEgo, 60, 1);
  const auto search = make_search(kSpace, all_bad);
  std::size_t count = 0;
  for (auto asked = search->ask(); !asked.empty(); asked = search->ask()) {
    Assessment bad;
    bad.violation = 1;
    search->tell(std::vector<Assessment>(asked.size(), bad));
    count += asked.size();
  }
  CHECK(count == 60);
}

TEST_CASE("sms_ego goes to the ends of a front, where one objective is best and the other far behind") {
  // 20 x 8 designs; objectives 1.5^x + y and 1.5^(19 - x) + y: the front is y = 0. Its ends differ by a factor of
  // 2,200.
  const SearchSpace space{{20, 8}, {true, true}};
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto search = make_search(space, sampler(SamplerKind::kSmsEgo, 48, seed));
    std::vector<Design> all;
    for (auto asked = search->ask(); !asked.empty(); asked = search->ask()) {
      std::vector<Assessment> assessments;
      for (const Design& design : asked) {
        const double x = design[0], y = design[1];
        Assessment assessment;
        assessment.objectives = {std::pow(1.5, x) + y, std::pow(1.5, 19 - x) + y};
        assessments.push_back(assessment);
      }
      search->tell(assessments);
      all.insert(all.end(), asked.begin(), asked.end());
    }
    INFO("seed " << seed << ", " << std::count_if(all.begin(), all.end(), [](const Design& d) { return d[1] == 0; })
                 << " of the front");
    CHECK(std::count(all.begin(), all.end(), Design{0, 0}) == 1);
    CHECK(std::count(all.begin(), all.end(), Design{19, 0}) == 1);
  }
}
