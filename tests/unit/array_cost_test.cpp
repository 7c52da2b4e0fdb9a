// The arrays' cycle formulas against numbers worked out by hand and against a published systolic simulator's output.
#include "cost/array_cost.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace vitality;

TEST_CASE("array cost: whole GEMMs equal the published simulator, which numbers cycles from 0") {
  struct Case {
    Dataflow dataflow;
    int rows, cols, m, k, n;
    Cycles published;
  };
  const auto ws = Dataflow::kInputStationary, os = Dataflow::kOutputStationary;
  for (const Case& c : {Case{ws, 64, 64, 197, 64, 64, 386},
                        {ws, 16, 8, 5, 3, 7, 42},
                        {ws, 8, 16, 1, 1, 1, 30},
                        {ws, 32, 32, 49, 100, 33, 1143},
                        {os, 64, 64, 197, 64, 64, 759},
                        {os, 16, 8, 5, 3, 7, 24},
                        {os, 8, 16, 17, 16, 33, 341},
                        {os, 32, 32, 49, 100, 33, 647}}) {
    const GemmTiming timing = gemm_timing(c.dataflow, c.rows, c.cols, false, c.m, c.k, c.n);
    CHECK(timing.cycles == c.published + 1);
    CHECK(timing.macs == Count{c.m} * c.k * c.n);
    CHECK(timing.utilization == Approx(double(c.m) * c.k * c.n / (double(c.rows) * c.cols * double(timing.cycles))));
  }
}

TEST_CASE(
    "array cost: DeiT's linear layers on 64 x 64 without prefetch run at 197/387 of the peak, with prefetch near it") {
  CHECK(gemm_timing(Dataflow::kInputStationary, 64, 64, false, 197, 64, 64).utilization == Approx(197.0 / 387));
  const GemmTiming overlapped = gemm_timing(Dataflow::kInputStationary, 64, 64, true, 197, 768, 3072);
  CHECK(overlapped.folds == 12 * 48);
  CHECK(overlapped.cycles == 64 + 576 * 197 + 126);
  // Few streamed rows: the load of the next tile bounds the interval.
  CHECK(gemm_timing(Dataflow::kInputStationary, 64, 64, true, 16, 128, 64).cycles == 64 + 64 + 16 + 126);
  CHECK(gemm_timing(Dataflow::kInputStationary, 64, 64, true, 197, 64, 64).cycles == 387);
}

TEST_CASE("array cost: folds split into load, stream and drain") {
  const FoldTiming fold = input_stationary_fold(64, 64, 197, false);
  CHECK(fold.load == 64);
  CHECK(fold.drain == 126);
  CHECK(fold.latency() == 387);
  CHECK(fold.interval == 387);
  CHECK(input_stationary_fold(64, 64, 197, true).interval == 197);
  CHECK(input_stationary_fold(64, 64, 16, true).interval == 64);
  CHECK(input_stationary_fold(64, 64, 197, false, true).latency() == 323);  // G already in place
  CHECK(input_stationary_fold(64, 1, 197, false).latency() == 324);         // SA-Diag
  CHECK(output_stationary_fold(64, 64, 197).latency() == 323);
  CHECK(output_stationary_drain(64) == 64);
}

TEST_CASE("array cost: hostile sizes are refused, not wrapped") {
  const auto ws = Dataflow::kInputStationary;
  const Count huge = 1000000000000000000;
  CHECK_THROWS_AS(gemm_timing(ws, 64, 64, false, 0, 1, 1), InputError);
  CHECK_THROWS_AS(gemm_timing(ws, 64, 64, false, 1, -3, 1), InputError);
  CHECK_THROWS_AS(gemm_timing(ws, 0, 64, false, 1, 1, 1), InputError);
  CHECK_THROWS_AS(gemm_timing(ws, 64, 64, false, huge, huge, 1), InputError);
  CHECK_THROWS_AS(gemm_timing(ws, 64, 64, true, 1, huge, huge), InputError);
  CHECK_THROWS_AS(gemm_timing(ws, 64, 64, false, INT64_MAX, 1, 1), InputError);
  CHECK(gemm_timing(ws, 1, 1, false, huge, 1, 1).cycles == huge + 1);
}

TEST_CASE("array cost: lanes keep latency and interval apart") {
  const LaneConfig divider{64, 18, 1}, slow{64, 18, 16};
  CHECK(lane_timing(divider, 1, 64).latency == 18);  // K_bar of one head
  CHECK(lane_timing(divider, 1, 64).interval == 1);
  CHECK(lane_timing(divider, 1, 65).latency == 19);
  CHECK(divider_chain_timing(divider, 197, 64).interval == 197);
  CHECK(divider_chain_timing(divider, 197, 64).latency == 196 + 63 + 18);
  CHECK(divider_chain_timing(slow, 197, 64).interval == 3152);
  CHECK(divider_chain_timing(divider, 197, 65).latency == 393 + 0 + 18);
  CHECK(divider_chain_timing(divider, 2, 65).latency == 3 + (63 - 2) + 18);  // the full pass ends last
  const LaneConfig accumulator{64, 1, 1};
  CHECK(accumulator_timing(accumulator, 197, 64).latency == 197);
  CHECK(accumulator_timing(accumulator, 197, 192).interval == 3 * 197);
  CHECK(accumulator_timing({64, 3, 1}, 10, 64).interval == 30);  // a sum waits for its predecessor
}
