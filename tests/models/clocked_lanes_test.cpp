// The clocked pre- and post-processors against their cycle formulas (latency and interval, exactly) and their values.
#include "tests/support/clocked_lanes.h"

#include <catch2/catch.hpp>

#include "cost/array_cost.h"
#include "tests/support/clocked_problem.h"

using namespace vitality;
using namespace vitality::test;

namespace {

struct Tile {
  int rows, cols;
};
// One element; narrower than the lanes; exactly the lanes; several passes, the last one ragged; short and tall.
const std::vector<Tile> kTiles = {{1, 1}, {1, 3}, {2, 4},   {5, 4},  {1, 9}, {2, 9},
                                  {3, 5}, {7, 6}, {11, 10}, {2, 13}, {20, 1}};
const std::vector<LaneConfig> kUnits = {{4, 1, 1}, {4, 18, 1}, {4, 18, 16}, {4, 3, 2},
                                        {4, 2, 5}, {1, 4, 1},  {16, 10, 1}, {6, 1, 4}};

template <class T>
std::vector<T> nonzero(std::size_t size, unsigned seed) {
  std::vector<T> values = seeded_operand<T>(size, seed);
  for (T& value : values) {
    if (value == T{}) value = T{3};
  }
  return values;
}

template <class T>
std::vector<T> expected_values(LaneKind kind, Tile tile, const std::vector<T>& first, const std::vector<T>& second) {
  std::vector<T> out(kind == LaneKind::kAccumulate ? static_cast<std::size_t>(tile.cols) : first.size());
  for (int r = 0; r < tile.rows; ++r) {
    for (int c = 0; c < tile.cols; ++c) {
      const auto i = static_cast<std::size_t>(r * tile.cols + c);
      switch (kind) {
        case LaneKind::kDivideShared:
          out[i] = first[i] / second[0];
          break;
        case LaneKind::kDivideChain:
          out[i] = first[i] / second[static_cast<std::size_t>(r)];
          break;
        case LaneKind::kAdd:
          out[i] = first[i] + second[i];
          break;
        case LaneKind::kAccumulate:
          out[static_cast<std::size_t>(c)] = out[static_cast<std::size_t>(c)] + first[i];
          break;
      }
    }
  }
  return out;
}

template <class T>
void check_unit(LaneKind kind, JobTiming (*timing)(const LaneConfig&, Count, Count)) {
  for (const LaneConfig& unit : kUnits) {
    for (const Tile& tile : kTiles) {
      INFO("lanes " << unit.lanes << " latency " << unit.latency_cycles << " interval " << unit.initiation_interval
                    << ", tile " << tile.rows << "x" << tile.cols);
      const auto size = static_cast<std::size_t>(tile.rows) * tile.cols;
      const auto first = seeded_operand<T>(size, 1), second = nonzero<T>(size, 2);
      Simulated<T> got = simulate_lanes(ClockedLanes<T>{kind, unit.lanes, unit.latency_cycles, unit.initiation_interval,
                                                        tile.rows, tile.cols, first.data(), second.data()});
      const JobTiming expected = timing(unit, tile.rows, tile.cols);
      CHECK(got.cycles == expected.latency);
      CHECK(got.values.back() == static_cast<T>(expected.interval));
      got.values.pop_back();
      CHECK(same_bits(got.values, expected_values(kind, tile, first, second)));
    }
  }
}

}  // namespace

TEST_CASE("clocked lanes: divider array with the shared divisor register") {
  check_unit<std::int64_t>(LaneKind::kDivideShared, lane_timing);
  check_unit<float>(LaneKind::kDivideShared, lane_timing);
}
TEST_CASE("clocked lanes: divider array with the chain of divisors") {
  check_unit<std::int64_t>(LaneKind::kDivideChain, divider_chain_timing);
  check_unit<float>(LaneKind::kDivideChain, divider_chain_timing);
}
TEST_CASE("clocked lanes: adder array") {
  check_unit<std::int64_t>(LaneKind::kAdd, lane_timing);
  check_unit<float>(LaneKind::kAdd, lane_timing);
}
TEST_CASE("clocked lanes: accumulator array") {
  check_unit<std::int64_t>(LaneKind::kAccumulate, accumulator_timing);
  check_unit<float>(LaneKind::kAccumulate, accumulator_timing);
}
