// What tile jobs move, by hand: K_hat's extra bit, and which operand a byte belongs to.
#include "cost/job_cost.h"

#include <catch2/catch.hpp>

using namespace vitality;

namespace {

JobCost cost_of(JobKind kind, UnitKind unit, int m, int k, int n, int flags, Precision precision,
                std::int32_t partial = kNone) {
  Schedule schedule;
  Job job{};
  job.kind = kind, job.unit = unit, job.m = m, job.k = k, job.n = n, job.flags = static_cast<std::uint16_t>(flags);
  job.partial = partial;
  job.streamed_stride = (flags & kTransposed) != 0 ? m : k, job.stationary_stride = n;
  HardwareConfig config;
  config.precision = precision;
  return job_cost(job, schedule, config);
}

}  // namespace

TEST_CASE("job cost: K_hat is written and read with one bit more an element") {
  // 197 tokens of 64 features: 12608 elements, 1576 bytes of single bits.
  for (const auto& [precision, element] : {std::pair{Precision::kInt16, 2}, std::pair{Precision::kInt8, 1}}) {
    const auto moved = [&, p = precision](JobKind kind, UnitKind unit, int flags) {
      return cost_of(kind, unit, 197, 0, 64, flags, p);
    };
    const JobCost plain = moved(JobKind::kSubtractRow, UnitKind::kAdders, 0),
                  centred = moved(JobKind::kSubtractRow, UnitKind::kAdders, kGuardBit);
    CHECK(centred.scratchpad_read == plain.scratchpad_read);
    CHECK(plain.scratchpad_write == 12608 * element);
    CHECK(centred.scratchpad_write == 12608 * element + 1576);
    const JobCost sum = moved(JobKind::kColumnSum, UnitKind::kAccumulators, kFirst),
                  sum_of_centred = moved(JobKind::kColumnSum, UnitKind::kAccumulators, kFirst | kGuardBit);
    CHECK(sum_of_centred.scratchpad_read - sum.scratchpad_read == 1576);
    // A pass of G: 64 features x 64 tokens stream, V stays.
    const auto pass = [&, p = precision](int flags) {
      return cost_of(JobKind::kFold, UnitKind::kMatrixEngine, 64, 64, 64, kFirst | kLast | flags, p);
    };
    const JobCost g = pass(kTransposed | kGuardBit);
    CHECK(g.scratchpad_read == 2 * 4096 * element + 512);
    CHECK(g.stationary_read == 4096 * element);
    CHECK(g.scratchpad_read - pass(kTransposed).scratchpad_read == 512);
    // K_hat as the stationary operand of Q K_hat^T.
    CHECK(pass(kStationaryTransposed | kGuardBit).stationary_read == 4096 * element + 512);
  }
}

TEST_CASE("job cost: a middle pass reads and writes its partial sums") {
  const JobCost cost = cost_of(JobKind::kFold, UnitKind::kMatrixEngine, 10, 64, 64, 0, Precision::kInt16, 0);
  const Bytes sums = accumulator_bytes(Precision::kInt16) * 10 * 64;
  CHECK(cost.partial_read == sums);
  CHECK(cost.partial_write == sums);
  CHECK(cost.scratchpad_write == sums);
  CHECK(cost.stationary_read == 2 * 64 * 64);
  CHECK(cost.scratchpad_read == 2 * 64 * 64 + 2 * 10 * 64 + sums);
}
