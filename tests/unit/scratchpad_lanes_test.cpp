// Bank conflicts: hand-computed access sequences, and the formulas against the scratchpad cycle by cycle.
#include "cost/scratchpad_lanes.h"

#include <catch2/catch.hpp>

#include "tests/support/bank_simulator.h"

using namespace vitality;

namespace {

ScratchpadConfig scratchpad(int banks, int port_bytes, ScratchpadLayout layout = ScratchpadLayout::kSkewed) {
  ScratchpadConfig config;
  config.banks = banks, config.port_bytes = port_bytes, config.layout = layout;
  return config;
}

}  // namespace

TEST_CASE("lanes: banks are made of 8-byte lanes, stripes are turned by one lane") {
  const ScratchpadLanes skewed = scratchpad_lanes(scratchpad(4, 256));
  CHECK(skewed.lane_bytes == 8);
  CHECK(skewed.lanes == 128);
  CHECK(skewed.lane_of(0) == 0);
  CHECK(skewed.lane_of(127) == 127);
  CHECK(skewed.lane_of(128) == 1);      // byte 1024: the second stripe starts at lane 1
  CHECK(skewed.lane_of(128 * 3) == 3);  // byte 3072
  CHECK(skewed.lane_of(128 + 127) == 0);
  const ScratchpadLanes linear = scratchpad_lanes(scratchpad(4, 256, ScratchpadLayout::kLinear));
  CHECK(linear.lane_of(128) == 0);
  const ScratchpadLanes narrow = scratchpad_lanes(scratchpad(3, 12));  // 12 bytes: lanes of 4
  CHECK(narrow.lane_bytes == 4);
  CHECK(narrow.lanes == 9);
}

TEST_CASE("lanes: columns of K_hat, 64 tokens of 64 features in int16, by hand") {
  // A row is 128 bytes = 16 lanes, so 8 rows fill a stripe of 128 lanes, and 4 columns lie in one lane word.
  const AccessPattern columns{64, 64, 2, 2, 128, 0};
  SECTION("linear: rows 0, 8, 16, ... meet the same lane: 8 accesses in every window of 4 columns") {
    const LaneLoad load = lane_load(scratchpad_lanes(scratchpad(4, 256, ScratchpadLayout::kLinear)), columns, 4);
    CHECK(load.accesses == 16 * 64);
    CHECK(load.busiest == 16 * 8);
    CHECK(load.conflicts == 16 * 7);
  }
  SECTION("skewed: stripe s starts at lane s: 64 rows, 64 lanes, no conflict") {
    const LaneLoad load = lane_load(scratchpad_lanes(scratchpad(4, 256)), columns, 4);
    CHECK(load.accesses == 16 * 64);
    CHECK(load.busiest == 16);
    CHECK(load.conflicts == 0);
  }
  SECTION("16 lanes: every row fills one stripe; 64 accesses over 16 lanes are 4, skewed or not at best") {
    const LaneLoad linear = lane_load(scratchpad_lanes(scratchpad(2, 64, ScratchpadLayout::kLinear)), columns, 4);
    CHECK(linear.busiest == 16 * 64);
    CHECK(linear.conflicts == 16 * 60);
    const LaneLoad skewed = lane_load(scratchpad_lanes(scratchpad(2, 64)), columns, 4);
    CHECK(skewed.busiest == 16 * 4);
    CHECK(skewed.conflicts == 0);
  }
}

TEST_CASE("lanes: rows at a distance, by hand") {
  // Rows of 16 bytes, one a step, 1024 bytes apart: 2 lane words each; a window is 4 steps.
  const AccessPattern rows{8, 1, 16, 1024, 0, 0};
  const LaneLoad linear = lane_load(scratchpad_lanes(scratchpad(4, 256, ScratchpadLayout::kLinear)), rows, 4);
  CHECK(linear.accesses == 16);
  CHECK(linear.busiest == 8);    // 4 rows in the same two lanes, twice
  CHECK(linear.conflicts == 6);  // an even spread needs 1 a window
  const LaneLoad skewed = lane_load(scratchpad_lanes(scratchpad(4, 256)), rows, 4);
  CHECK(skewed.busiest == 4);  // lanes 0 1, 1 2, 2 3, 3 4
  CHECK(skewed.conflicts == 2);
  // Not aligned: 16 bytes from byte 4 on touch three lane words.
  CHECK(lane_load(scratchpad_lanes(scratchpad(4, 256)), {8, 1, 16, 1024, 0, 4}, 4).accesses == 24);
}

TEST_CASE("lanes: a 3 x 3 convolution whose image row fills whole stripes, by hand") {
  // 16 channels of int16 in an image 128 wide: a row is 4096 bytes = 4 stripes. An output needs 3 rows of 3 pixels of 4
  // lane words; a window of 4 outputs 3 rows of 6 pixels: 24 lane words at the same lanes of each row where linear.
  const Conv2d conv{16, 16, 3, 1, 1, 1, 128, 128, 128, 128, false};
  const LaneLoad linear =
      lane_load(scratchpad_lanes(scratchpad(4, 256, ScratchpadLayout::kLinear)), {conv, 0, 144, 0, 1}, 2, 4);
  CHECK(linear.accesses == 30 * 3 * 24 + 2 * 3 * 20);  // the first and the last window have one pixel of padding
  CHECK(linear.busiest == 32 * 3);
  CHECK(linear.conflicts == 32 * 2);
  const LaneLoad skewed = lane_load(scratchpad_lanes(scratchpad(4, 256)), {conv, 0, 144, 0, 1}, 2, 4);
  CHECK(skewed.accesses == linear.accesses);
  CHECK(skewed.conflicts == 32 * 2);  // turned by 4 lanes a row, 24 lanes still overlap
}

TEST_CASE("lanes: the formulas against the scratchpad cycle by cycle") {
  struct Case {
    int banks, port_bytes, element, rows, cols;
    std::int64_t stride;
    bool by_columns;
  };
  const Case cases[] = {
      {4, 256, 2, 64, 64, 128, true},  {4, 256, 2, 64, 80, 160, true}, {4, 64, 2, 64, 64, 128, true},
      {2, 64, 2, 64, 64, 128, true},   {4, 256, 1, 64, 64, 64, true},  {3, 48, 2, 40, 64, 128, true},
      {4, 256, 4, 32, 64, 256, true},  {4, 256, 2, 64, 64, 512, true}, {2, 32, 2, 16, 32, 1024, true},
      {4, 256, 2, 96, 64, 160, false}, {2, 32, 2, 64, 32, 384, false}, {1, 32, 2, 64, 16, 1024, false}};
  for (const ScratchpadLayout layout : {ScratchpadLayout::kSkewed, ScratchpadLayout::kLinear}) {
    for (const Case& c : cases) {
      const ScratchpadLanes lanes = scratchpad_lanes(scratchpad(c.banks, c.port_bytes, layout));
      const test::SimulatedScratchpad simulated{lanes.lane_bytes, lanes.lanes, layout == ScratchpadLayout::kSkewed};
      const Count window = std::max<Count>(1, lanes.lane_bytes / c.element);
      const Count steps = c.by_columns ? c.cols : c.rows;
      const AccessPattern pattern = c.by_columns ? AccessPattern{steps, c.rows, c.element, c.element, c.stride, 0}
                                                 : AccessPattern{steps, 1, Bytes{c.element} * c.cols, c.stride, 0, 0};
      const LaneLoad load = lane_load(lanes, pattern, window);
      // Beside it another operand that streams contiguous rows: partial sums of the same pass.
      const int partial_cols = std::max(1, lanes.lanes / 8);
      const auto main = c.by_columns ? test::columns_of(0, c.rows, c.cols, c.stride, c.element)
                                     : test::rows_of(0, c.rows, c.cols, c.stride, c.element);
      const auto beside = test::rows_of(1 << 20, static_cast<int>(steps), partial_cols, partial_cols * 4, 4);
      const double words = static_cast<double>(steps * partial_cols * 4) / static_cast<double>(lanes.lane_bytes);
      const double even = static_cast<double>(load.accesses) / lanes.lanes;
      const double alone = std::max(static_cast<double>(steps), even + static_cast<double>(load.conflicts));
      const double both =
          std::max(static_cast<double>(steps), even + static_cast<double>(load.conflicts) + words / lanes.lanes);
      INFO(c.banks << " x " << c.port_bytes << " element " << c.element << " rows " << c.rows << " cols " << c.cols
                   << " stride " << c.stride << (c.by_columns ? " columns" : " rows") << " linear "
                   << (layout == ScratchpadLayout::kLinear));
      // Beyond the formula: filling the first window, and a window's last access that another operand delays.
      const double fill = static_cast<double>(window) + 8;
      const auto cycles = static_cast<double>(simulated.run({main}, window));
      CHECK(cycles >= 0.95 * alone);
      CHECK(cycles <= 1.1 * alone + fill);
      const auto together = static_cast<double>(simulated.run({main, beside}, window));
      CHECK(together >= 0.93 * both);
      CHECK(together <= 1.15 * both + fill);
    }
  }
}
