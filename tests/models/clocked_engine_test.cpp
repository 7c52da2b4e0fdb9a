// The transaction-level engines, driven through their job sockets by the controller, against the clocked PE-level
// models (tests/support/clocked_*.h): the same cycles for every shape, and the same values.
#include <catch2/catch.hpp>

#include "reference/fixed_point.h"
#include "sim/values/value_executor.h"
#include "tests/support/clocked_lanes.h"
#include "tests/support/clocked_output_stationary.h"
#include "tests/support/clocked_problem.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// All passes of a GEMM on operands that are in the scratchpad already: from the first pass's start to the last sum.
Cycles engine_cycles(ArraySize array, GemmSize g, bool prefetch) {
  HandSchedule s;
  const auto a = s.buffer(Bytes{2} * g.m * g.k), b = s.buffer(Bytes{2} * g.k * g.n);
  for (int n = 0; n < g.n; n += array.cols) {
    const int cols = std::min(array.cols, g.n - n);
    const auto sums = s.buffer(Bytes{6} * g.m * cols), result = s.buffer(Bytes{2} * g.m * cols);
    for (int k = 0; k < g.k; k += array.rows)
      s.fold(g.m, std::min(array.rows, g.k - k), cols, a, b, result, sums,
             (k == 0 ? kFirst : 0) | (k + array.rows >= g.k ? kLast : 0));
  }
  HardwareConfig config = plain_machine(array.rows, array.cols, 1);
  config.matrix_engine.stationary_prefetch = prefetch;
  config.scratchpad.port_bytes = config.noc.link_bytes = 1 << 20;
  Cycles end = 0;
  for (const JobSpan& span : simulate_schedule(config, s.schedule())) end = std::max(end, span.done);
  return end;
}

template <class T>
Simulated<T> lane_job(const HardwareConfig& config, UnitKind unit, JobKind kind, int rows, int cols) {
  HandSchedule s;
  const auto in = s.buffer(8 * rows * cols), second = s.buffer(8 * std::max(rows, cols)),
             out = s.buffer(8 * rows * cols);
  s.unit_job(unit, kind, rows, 0, cols, in, kind == JobKind::kColumnSum ? kNone : second, out, kFirst);
  const JobSpan span = simulate_schedule(config, s.schedule())[0];
  return {span.done - span.start, {static_cast<T>(span.free - span.start)}};
}

}  // namespace

TEST_CASE("engine: SA-General equals the clocked array to the cycle, 77 shapes, without and with prefetch") {
  for (const bool prefetch : {false, true}) {
    for (const ArraySize& array : clocked_arrays()) {
      for (const GemmSize& g : clocked_shapes()) {
        INFO("array " << array.rows << "x" << array.cols << ", m k n " << g.m << " " << g.k << " " << g.n
                      << ", prefetch " << prefetch);
        ClockedProblem<std::int64_t> problem(array, g);
        problem.gemm.prefetch = prefetch;
        CHECK(engine_cycles(array, g, prefetch) == simulate_input_stationary(problem.gemm).cycles);
      }
    }
  }
}

TEST_CASE("engine: an output-stationary pass and a pass against a held tile equal the clocked array") {
  for (const ArraySize& array : clocked_arrays()) {
    for (const int depth : {1, 3, 17}) {
      INFO("array " << array.rows << "x" << array.cols << ", depth " << depth);
      const ClockedProblem<std::int64_t> formed(array, {array.rows, depth, array.cols});
      ClockedProblem<std::int64_t> used(array, {depth, array.rows, array.cols});
      used.gemm.loaded = true;
      HandSchedule s;
      const auto g = s.buffer(6 * array.rows * array.cols), out = s.buffer(4 * depth * array.cols);
      const auto form =
          s.fold(array.rows, depth, array.cols, s.buffer(2 * depth * array.rows), s.buffer(2 * depth * array.cols), g,
                 g, kFirst | kLast | kResultHeld | kOutputStationary | kTransposed);
      const auto use = s.fold(depth, array.rows, array.cols, s.buffer(2 * depth * array.rows), g, out, kNone,
                              kFirst | kLast | kStationaryHeld | kWide);
      HardwareConfig config = plain_machine(array.rows, array.cols, 1);
      config.scratchpad.port_bytes = config.noc.link_bytes = 1 << 20;
      const auto t = simulate_schedule(config, s.schedule());
      CHECK(t[form].done - t[form].start == simulate_output_stationary(formed.gemm).cycles);
      CHECK(t[use].done - t[use].start == simulate_input_stationary(used.gemm).cycles);
    }
  }
}

TEST_CASE("engine: SA-Diag equals the clocked column") {
  for (const int rows : {1, 4, 64}) {
    for (const GemmSize& g : {GemmSize{1, 1, 1}, {10, 6, 1}, {197, 64, 1}, {16, 32, 1}, {49, 100, 1}}) {
      INFO("rows " << rows << ", m k " << g.m << " " << g.k);
      const ClockedProblem<std::int64_t> problem({rows, 1}, g);
      HandSchedule s;
      const auto dot = s.unit_job(UnitKind::kDiagonalEngine, JobKind::kDotProduct, g.m, g.k, 1, s.buffer(2 * g.m * g.k),
                                  s.buffer(6 * g.k), s.buffer(6 * g.m));
      HardwareConfig config = plain_machine(rows, 4, 1);
      CHECK(simulate_schedule(config, s.schedule())[dot].done == simulate_input_stationary(problem.gemm).cycles);
    }
  }
}

TEST_CASE("engine: lane arrays equal the clocked lanes in latency and interval") {
  struct Kind {
    LaneKind clocked;
    UnitKind unit;
    JobKind job;
  };
  const std::vector<Kind> kinds = {{LaneKind::kDivideShared, UnitKind::kDividers, JobKind::kMeanDivide},
                                   {LaneKind::kDivideChain, UnitKind::kDividers, JobKind::kRowDivide},
                                   {LaneKind::kAdd, UnitKind::kAdders, JobKind::kSubtractRow},
                                   {LaneKind::kAdd, UnitKind::kAdders, JobKind::kAddMatrix},
                                   {LaneKind::kAccumulate, UnitKind::kAccumulators, JobKind::kColumnSum}};
  for (const LaneConfig& unit : {LaneConfig{4, 1, 1}, {4, 18, 1}, {4, 18, 16}, {1, 4, 1}, {6, 1, 4}}) {
    for (const Kind& kind : kinds) {
      for (const auto& [rows, cols] :
           std::vector<std::pair<int, int>>{{1, 1}, {1, 9}, {2, 9}, {5, 4}, {11, 10}, {7, 3}}) {
        if (kind.job == JobKind::kMeanDivide && rows != 1) continue;
        INFO("lanes " << unit.lanes << " latency " << unit.latency_cycles << " interval " << unit.initiation_interval
                      << ", " << to_string(kind.job) << ", tile " << rows << "x" << cols);
        const auto size = static_cast<std::size_t>(rows) * cols;
        const std::vector<std::int64_t> first(size, 12), second(size, 3);
        const Simulated<std::int64_t> clocked = simulate_lanes(
            ClockedLanes<std::int64_t>{kind.clocked, unit.lanes, unit.latency_cycles, unit.initiation_interval, rows,
                                       cols, first.data(), second.data()});
        HardwareConfig config = plain_machine(4, 4, 1);
        config.scratchpad.port_bytes = config.noc.link_bytes = 1 << 20;
        config.accumulators = config.dividers = config.adders = unit;
        const Simulated<std::int64_t> got = lane_job<std::int64_t>(config, kind.unit, kind.job, rows, cols);
        CHECK(got.cycles == clocked.cycles);
        CHECK(got.values.back() == clocked.values.back());
      }
    }
  }
}

// One linear layer, from DRAM to DRAM, as the mapper has it: the machine's codes are the clocked array's sums,
// requantised; and the array is busy for exactly the clocked array's cycles.
TEST_CASE("engine: a linear layer through the whole machine has the clocked array's values and cycles, 77 shapes") {
  for (const ArraySize& array : clocked_arrays()) {
    for (const GemmSize& g : clocked_shapes()) {
      INFO("array " << array.rows << "x" << array.cols << ", m k n " << g.m << " " << g.k << " " << g.n);
      const VitModel model = parse_workload(
          R"({"name":"one","description":"","source":"","image":{"height":)" + std::to_string(g.m) +
              R"(,"width":1,"channels":)" + std::to_string(g.k) +
              R"(},"layers":[{"name":"fc","kind":"linear","bias":false,"out_features":)" + std::to_string(g.n) + "}]}",
          "one.json");
      const HardwareConfig config = machine({"matrix_engine.rows=" + std::to_string(array.rows),
                                             "matrix_engine.cols=" + std::to_string(array.cols),
                                             "scratchpad.port_bytes=4096", "noc.link_bytes=4096"});
      const SeededParameters parameters(1);
      const std::vector<ParameterInfo> tensors = parameters_of(model);
      const MatrixD image = parameters.tensor(tensors[0]), weight = parameters.tensor(tensors[1]);
      const auto largest = [](const MatrixD& x) {
        double most = 0;
        for (std::size_t i = 0; i < x.size(); ++i) most = std::max(most, std::fabs(x.data()[i]));
        return most;
      };
      const double image_scale = largest(image) / 32767, weight_scale = largest(weight) / 32767;
      const reference::Codes a = reference::quantise(image, image_scale, 32767),
                             b = reference::quantise(weight, weight_scale, 32767);
      const Simulated<std::int64_t> clocked = simulate_input_stationary(
          ClockedGemm<std::int64_t>{array.rows, array.cols, g.m, g.k, g.n, a.data(), b.data()});
      // From the child: the output's scale, the array's busy cycles, then the codes.
      const std::vector<double> got = fork_simulation<double>([&] {
                                        std::vector<double> values;
                                        SimulationOptions options;
                                        options.numerics = true;
                                        options.observe = [&](const FinishedRun& run) {
                                          values.push_back(run.plan->scale(0));
                                          const MatrixD& codes = run.values->codes(run.schedule.layer_output[0]);
                                          values.insert(values.end(), codes.data(), codes.data() + codes.size());
                                        };
                                        const SimulationResult result = simulate(config, model, options);
                                        values.push_back(static_cast<double>(result.units[0].busy_cycles));
                                        return Simulated<double>{0, values};
                                      }).values;
      REQUIRE(got.size() == clocked.values.size() + 2);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < clocked.values.size(); ++i)
        wrong += got[i + 1] != static_cast<double>(reference::requantise(static_cast<double>(clocked.values[i]),
                                                                         image_scale * weight_scale / got[0], 32767));
      CHECK(wrong == 0);
      CHECK(got.back() == static_cast<double>(clocked.cycles));
    }
  }
}
