#include "explore/sampler.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "base/random.h"
#include "base/sha256.h"

using namespace vitality;

TEST_CASE("sha256: the vectors of FIPS 180-4") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("random numbers are the same on every machine") {
  Random random(1234567);  // the published SplitMix64 sequence for this seed
  CHECK(random.next() == 6457827717110365317ULL);
  CHECK(random.next() == 3203168211198807973ULL);
  CHECK(random.next() == 9817491932198370423ULL);
  Random other(1);
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 30000; ++i) ++counts[other.below(3)];
  CHECK(counts.size() == 3);
  for (const auto& [value, count] : counts) CHECK(std::abs(count - 10000) < 400);  // 5 sigma
}

TEST_CASE("a grid counts like nested loops, the last axis fastest") {
  CHECK(grid_designs({2, 3}) == std::vector<Design>{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}});
  CHECK(grid_designs({}) == std::vector<Design>{{}});
  CHECK(grid_size({1000000, 1000000}) == 1e12);
}

TEST_CASE("random designs are different, repeatable and cover a grid when asked for all of it") {
  const auto all = random_designs({4, 5}, 100, 7);
  CHECK(all.size() == 20);
  CHECK(std::set<Design>(all.begin(), all.end()).size() == 20);
  CHECK(all != grid_designs({4, 5}));
  CHECK(random_designs({1000, 1000, 1000}, 50, 3) == random_designs({1000, 1000, 1000}, 50, 3));
  CHECK(random_designs({1000, 1000, 1000}, 50, 3) != random_designs({1000, 1000, 1000}, 50, 4));
  const std::vector<std::uint32_t> huge(6, 4000000000U);
  const auto few = random_designs(huge, 100, 1);
  CHECK(std::set<Design>(few.begin(), few.end()).size() == 100);
}

TEST_CASE("each number of a grid is drawn as often as any other") {
  std::map<Design, int> counts;
  for (std::uint64_t seed = 0; seed < 6000; ++seed)
    for (const Design& design : random_designs({2, 3}, 2, seed)) ++counts[design];
  CHECK(counts.size() == 6);
  for (const auto& [design, count] : counts) CHECK(std::abs(count - 2000) < 200);  // 5 sigma
}

TEST_CASE("a Latin hypercube hits each stratum of each axis once") {
  const auto designs = latin_hypercube_designs({10, 10, 5, 3}, 10, 42);
  REQUIRE(designs.size() == 10);
  for (std::size_t axis : {0U, 1U}) {
    std::set<std::uint32_t> hit;
    for (const Design& design : designs) hit.insert(design[axis]);
    CHECK(hit.size() == 10);
  }
  std::map<std::uint32_t, int> five, three;
  for (const Design& design : designs) ++five[design[2]], ++three[design[3]];
  CHECK(five == std::map<std::uint32_t, int>{{0, 2}, {1, 2}, {2, 2}, {3, 2}, {4, 2}});
  CHECK(three.size() == 3);
  for (const auto& [value, count] : three) CHECK((count == 3 || count == 4));
  // More values than strata: one value in each tenth of the axis.
  std::set<std::uint32_t> tenths;
  for (const Design& design : latin_hypercube_designs({1000}, 10, 1)) tenths.insert(design[0] / 100);
  CHECK(tenths.size() == 10);
  CHECK(designs != latin_hypercube_designs({10, 10, 5, 3}, 10, 43));
}

TEST_CASE("axis values print in their shortest exact form") {
  CHECK(to_string(AxisValue(true)) == "true");
  CHECK(to_string(AxisValue(std::int64_t{64})) == "64");
  CHECK(to_string(AxisValue(0.1)) == "0.1");
  CHECK(to_string(AxisValue(std::string("int8"))) == "int8");
}
