// The clocked systolic arrays against the cycle formulas (exactly) and against the tile arithmetic (every bit).
#include <catch2/catch.hpp>

#include "cost/array_cost.h"
#include "tests/support/clocked_output_stationary.h"
#include "tests/support/clocked_problem.h"

using namespace vitality;
using namespace vitality::test;

namespace {

template <class T>
void check_input_stationary(bool prefetch) {
  for (const ArraySize& array : clocked_arrays()) {
    for (const GemmSize& s : clocked_shapes()) {
      INFO("array " << array.rows << "x" << array.cols << ", m k n " << s.m << " " << s.k << " " << s.n);
      ClockedProblem<T> problem(array, s);
      problem.gemm.prefetch = prefetch;
      const Simulated<T> got = simulate_input_stationary(problem.gemm);
      CHECK(got.cycles ==
            gemm_timing(Dataflow::kInputStationary, array.rows, array.cols, prefetch, s.m, s.k, s.n).cycles);
      CHECK(same_bits(got.values, problem.expected(array.rows)));
    }
  }
}

template <class T>
void check_output_stationary() {
  for (const ArraySize& array : clocked_arrays()) {
    for (const GemmSize& s : clocked_shapes()) {
      INFO("array " << array.rows << "x" << array.cols << ", m k n " << s.m << " " << s.k << " " << s.n);
      const ClockedProblem<T> problem(array, s);
      Simulated<T> got = simulate_output_stationary(problem.gemm);
      CHECK(got.values.back() == static_cast<T>(output_stationary_drain(array.rows)));
      got.values.pop_back();
      CHECK(got.cycles ==
            gemm_timing(Dataflow::kOutputStationary, array.rows, array.cols, false, s.m, s.k, s.n).cycles);
      CHECK(same_bits(got.values, problem.expected(s.k)));
    }
  }
}

}  // namespace

TEST_CASE("clocked array: input stationary, int16, 77 shapes") {
  check_input_stationary<std::int64_t>(false);
}
TEST_CASE("clocked array: input stationary, fp32, 77 shapes") {
  check_input_stationary<float>(false);
}
TEST_CASE("clocked array: stationary prefetch, int16, 77 shapes") {
  check_input_stationary<std::int64_t>(true);
}
TEST_CASE("clocked array: stationary prefetch, fp32, 77 shapes") {
  check_input_stationary<float>(true);
}
TEST_CASE("clocked array: output stationary, int16, 77 shapes") {
  check_output_stationary<std::int64_t>();
}
TEST_CASE("clocked array: output stationary, fp32, 77 shapes") {
  check_output_stationary<float>();
}

TEST_CASE("clocked array: SA-Diag is one column, here of the published 64 PEs") {
  for (const GemmSize& s : {GemmSize{197, 64, 1}, {16, 32, 1}, {49, 100, 1}}) {
    for (const bool prefetch : {false, true}) {
      ClockedProblem<std::int64_t> problem({64, 1}, s);
      problem.gemm.prefetch = prefetch;
      const auto got = simulate_input_stationary(problem.gemm);
      CHECK(got.cycles == gemm_timing(Dataflow::kInputStationary, 64, 1, prefetch, s.m, s.k, 1).cycles);
      CHECK(got.values == problem.expected(64));
    }
  }
}

TEST_CASE("clocked array: a tile that is already in the registers saves its load") {
  for (const ArraySize& array : clocked_arrays()) {
    ClockedProblem<std::int64_t> problem(array, {9, array.rows, array.cols});
    problem.gemm.loaded = true;
    const auto got = simulate_input_stationary(problem.gemm);
    CHECK(got.cycles == input_stationary_fold(array.rows, array.cols, 9, false, true).latency());
    CHECK(got.values == problem.expected(array.rows));
  }
}

TEST_CASE("clocked array: where the registers bound the distance of two folds without prefetch") {
  ClockedProblem<std::int64_t> problem({4, 4}, {9, 8, 4});
  // The first shift could share the edge of the last partial sum; the convention, like the published simulators, does
  // not share it.
  problem.gemm.early = 1;
  CHECK(simulate_input_stationary(problem.gemm).values == problem.expected(4));
  // One edge earlier still, and the shift takes the operand from under the last sums.
  problem.gemm.early = 2;
  CHECK(simulate_input_stationary(problem.gemm).values != problem.expected(4));
}
