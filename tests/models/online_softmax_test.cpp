// Online softmax on the machine: the jobs of a head worked out by hand, and the planner's estimate against simulation.
#include <catch2/catch.hpp>

#include "mapping/forward/softmax_plans.h"
#include "tests/support/attention_model.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

TEST_CASE("timing: a head of online softmax, 8 queries and two tiles of 4 keys") {
  HandSchedule s;
  const auto q = s.buffer(64), k = s.buffer(32), v = s.buffer(32), z = s.buffer(192), numbers = s.buffer(112);
  const BufferId scores[] = {s.buffer(128), s.buffer(128)};
  JobId fold[2], softmax[2], values[2], rescale;
  const auto online = [&](BufferId x, int flags) {
    Job& job =
        s.builder().begin(UnitKind::kSpecialFunctions, JobKind::kOnlineSoftmax, 0, {0}, {8, 0, 4}, x, kNone, x, flags);
    job.partial = numbers;
    s.builder().write(numbers);
    s.builder().write(x);
    return s.builder().finish();
  };
  for (int i = 0; i < 2; ++i) {
    fold[i] = s.fold(8, 4, 4, q, k, scores[i]);
    softmax[i] = online(scores[i], i == 0 ? kFirst : 0);
    if (i == 1) rescale = s.unit_job(UnitKind::kSpecialFunctions, JobKind::kRescaleRows, 8, 0, 4, z, numbers, z);
    values[i] = s.fold(8, 4, 4, scores[i], v, kNone, z, i == 0 ? kFirst : 0);
  }
  const JobId divide = s.unit_job(UnitKind::kSpecialFunctions, JobKind::kRescaleRows, 8, 0, 4, z, numbers, z, kLast);
  HardwareConfig config = plain_machine(4, 4, 9);
  config.special_functions.lanes = 4, config.special_functions.latency_cycles = 8;
  config.special_functions.exp_latency_cycles = 2;
  const auto t = simulate_schedule(config, s.schedule());
  // A pass: 4 to load, 8 streamed, skew 6. The second tile's scores are formed behind the first one's softmax.
  CHECK(t[fold[0]].done == 18);
  CHECK(t[fold[1]].start == 18);
  CHECK(t[fold[1]].done == 36);
  // Two sweeps of 8 rows; the last exponential 7 + 2 cycles after the unit is free.
  CHECK(t[softmax[0]].start == 18);
  CHECK(t[softmax[0]].free == 34);
  CHECK(t[softmax[0]].done == 43);
  CHECK(t[values[0]].start == 43);
  CHECK(t[values[0]].done == 61);
  // The second tile needs the first one's row numbers; two sweeps, and three of 8 row numbers on 4 lanes.
  CHECK(t[softmax[1]].start == 43);
  CHECK(t[softmax[1]].free == 65);
  CHECK(t[softmax[1]].done == 74);
  // The sums are rescaled when they and the factor are there; 8 rows, and 7 cycles of latency.
  CHECK(t[rescale].start == 74);
  CHECK(t[rescale].done == 89);
  CHECK(t[values[1]].start == 89);
  CHECK(t[values[1]].done == 107);
  CHECK(t[divide].start == 107);
  CHECK(t[divide].done == 122);
}

TEST_CASE("softmax plans: the estimate is near the simulation") {
  for (const char* name : {"dense_softmax", "vitality_overlapped"}) {
    for (const char* capacity : {"100", "200", "400"}) {
      for (const int tokens : {300, 700}) {
        const HardwareConfig config = machine(
            {"attention=softmax", "mapping.objective=latency", std::string("scratchpad.capacity_kib=") + capacity},
            name);
        const VitModel model = attention_model(tokens, tokens, 2, 64);
        const DramDevice& device = config.dram.device;
        const double bandwidth = device.peak_gb_s_per_channel() * config.dram.channels * 1e3 / config.clock_mhz *
                                 (1 - static_cast<double>(device.trfc) / device.trefi);
        const EnergyModel prices(config);
        SoftmaxPlanner planner(std::get<Attention>(model.layers[3].parameters), config, prices,
                               Bytes{1024} * config.scratchpad.capacity_kib, bandwidth);
        const SoftmaxPlanner::Estimate estimate = planner.estimate(*planner.choose(std::nullopt));
        INFO(name << ", " << capacity << " KiB, " << tokens << " tokens");
        CHECK(in_child([&] {
                const SimulationResult result = simulate(config, model, {});
                const double ratio = static_cast<double>(result.totals.cycles) / estimate.cycles;
                std::string text;
                if (result.totals.operations.div != Count{2} * tokens * 64) text += "not online ";
                if (result.totals.dram_read_bytes + result.totals.dram_write_bytes != estimate.dram_bytes)
                  text += "other bytes ";
                // Behind a prefetched stationary tile the special functions decide, whose ends the estimate leaves out.
                const double most = config.matrix_engine.stationary_prefetch ? 1.55 : 1.15;
                if (ratio < 0.9 || ratio > most) text += "simulated over estimated " + std::to_string(ratio);
                return text;
              }) == "");
      }
    }
  }
}

TEST_CASE("online softmax: values of ragged heads in every format") {
  for (const char* precision : {"fp64", "fp32", "fp16", "bf16", "fp8_e4m3", "fp8_e5m2", "int16", "int8"}) {
    for (const char* dataflow : {"input_stationary", "output_stationary"}) {
      for (const char* size : {"5", "8"}) {
        const HardwareConfig config =
            machine({"attention=softmax", "mapping.objective=latency", "scratchpad.capacity_kib=12",
                     std::string("precision=") + precision, std::string("matrix_engine.dataflow=") + dataflow,
                     std::string("matrix_engine.rows=") + size, "matrix_engine.cols=7"});
        INFO(precision << " " << dataflow << " " << size);
        CHECK(in_child([&] {
                SimulationOptions options;
                options.numerics = true;
                const SimulationResult result = simulate(config, attention_model(71, 93, 2, 11), options);
                if (result.totals.operations.div != Count{2} * 71 * 11) return std::string("not online");
                return std::string(result.numerics.passed ? "" : "outside tolerance");
              }) == "");
      }
    }
  }
}
