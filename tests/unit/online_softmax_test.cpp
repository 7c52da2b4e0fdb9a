// Online softmax: values against softmax of whole rows in double, costs by hand, and plans of every size.
#include <catch2/catch.hpp>
#include <cmath>

#include "base/error.h"
#include "config/hardware_config_json.h"
#include "cost/job_cost.h"
#include "kernels/tile.h"
#include "mapping/forward/softmax_plans.h"
#include "mapping/mapper.h"
#include "reference/fixed_point.h"
#include "tests/support/random_machine.h"
#include "tests/support/random_matrix.h"
#include "workload/workload_json.h"

using namespace vitality;
using vitality::test::Dice;

namespace {

// softmax(scores) v with a loop for each sum.
MatrixD whole_rows(const MatrixD& scores, const MatrixD& v) {
  MatrixD z(scores.rows(), v.cols());
  for (int r = 0; r < scores.rows(); ++r) {
    long double largest = scores(r, 0), sum = 0;
    for (int c = 0; c < scores.cols(); ++c) largest = std::max<long double>(largest, scores(r, c));
    for (int c = 0; c < scores.cols(); ++c) sum += std::exp(scores(r, c) - largest);
    for (int j = 0; j < v.cols(); ++j) {
      long double total = 0;
      for (int c = 0; c < scores.cols(); ++c) total += std::exp(scores(r, c) - largest) * v(c, j);
      z(r, j) = static_cast<double>(total / sum);
    }
  }
  return z;
}

// The kernels in the order of the machine's jobs, tiles of `keys` keys, in floating point.
MatrixD tile_by_tile(Precision precision, const MatrixD& scores, const MatrixD& v, int keys) {
  const Arithmetic arithmetic(precision);
  const int m = scores.rows(), n = scores.cols(), e = v.cols();
  MatrixD sums(m, e), numbers(m, 3);
  for (int first = 0; first < n; first += keys) {
    const int count = std::min(keys, n - first);
    MatrixD p(m, count);
    online_softmax(arithmetic, m, count, {scores.data() + first, n}, 1, 1, first == 0, numbers.data(),
                   {p.data(), count});
    if (first > 0) rescale_rows(arithmetic, m, e, {sums.data(), e}, numbers.data(), {sums.data(), e});
    pass_sums(arithmetic, m, count, e, {p.data(), count}, {v.row(first), e}, {sums.data(), e},
              first == 0 ? PassStart::kFirst : PassStart::kAddOutside);
  }
  MatrixD z(m, e);
  divide_by_sums(arithmetic, m, e, {sums.data(), e}, numbers.data(), 1, {z.data(), e});
  return z;
}

JobCost cost_of(JobKind kind, int m, int n, int flags) {
  HardwareConfig config;
  config.special_functions.lanes = 4, config.special_functions.latency_cycles = 8;
  config.special_functions.exp_latency_cycles = 2;
  Job job{};
  job.unit = UnitKind::kSpecialFunctions, job.kind = kind, job.m = m, job.n = n;
  job.flags = static_cast<std::uint16_t>(flags);
  return job_cost(job, Schedule(), config);
}

}  // namespace

TEST_CASE("online softmax: random shapes and tiles, fp64 and fp32") {
  Dice dice(7);
  for (int i = 0; i < 200; ++i) {
    const int m = dice.between(1, 9), n = dice.between(1, 60), e = dice.between(1, 9), keys = dice.between(1, n);
    const auto seed = static_cast<std::uint64_t>(3 * i);
    const MatrixD scores = test::random_matrix(m, n, seed, -30, 30), v = test::random_matrix(n, e, seed + 1);
    INFO(m << " x " << n << " x " << e << ", tiles of " << keys);
    const MatrixD want = whole_rows(scores, v);
    CHECK(test::difference(tile_by_tile(Precision::kFp64, scores, v, keys), want) < 1e-14);
    CHECK(test::difference(tile_by_tile(Precision::kFp32, scores, v, keys), want) < 4e-6);
  }
}

TEST_CASE("online softmax: extreme rows") {
  const int n = 13, e = 3;
  const MatrixD v = test::random_matrix(n, e, 5);
  for (const int keys : {1, 4, 5, 12}) {
    for (const int place : {0, 3, 4, 12}) {
      MatrixD scores(5, n);
      for (int c = 0; c < n; ++c) {
        scores(0, c) = 2.5;                           // all equal: the mean of V
        scores(1, c) = c == place ? 1e6 : -1e6;       // one key alone
        scores(2, c) = c == place ? 0 : -1e30;        // as with all others masked
        scores(3, c) = c < place ? -1e30 : 0.25 * c;  // nothing in the first tiles
        scores(4, c) = -1e30;                         // equal, far below 0
      }
      INFO("tiles of " << keys << ", place " << place);
      const MatrixD z = tile_by_tile(Precision::kFp64, scores, v, keys);
      CHECK(test::difference(z, whole_rows(scores, v)) < 1e-14);
      for (int j = 0; j < e; ++j) {
        double mean = 0;
        for (int c = 0; c < n; ++c) mean += v(c, j) / n;
        CHECK(z(0, j) == Approx(mean).margin(1e-14));
        CHECK(z(1, j) == v(place, j));
        CHECK(z(2, j) == v(place, j));
        CHECK(z(4, j) == Approx(mean).margin(1e-14));
      }
    }
  }
}

TEST_CASE("online softmax: the whole-matrix model of the integer datapath, by hand") {
  // d = 1, q = 1: the scores are the keys. Scores 0, ln 2, and again 0, ln 2 in units of 2^-20; V = 1, 2, 3, 4.
  const double unit = std::ldexp(1, -20);
  const auto ln2 = static_cast<std::int64_t>(std::nearbyint(0.6931471805599453 / unit));
  reference::Codes q(1, 1, 1), k(4, 1), v(4, 1);
  for (int c = 0; c < 4; ++c) k(c, 0) = c % 2 == 0 ? 0 : ln2, v(c, 0) = c + 1;
  reference::FixedAttentionScales s;
  s.k = s.scores = unit, s.result = 1.0 / 1024, s.key_tile = 1;
  reference::FixedRange range;
  // Exponentials in units of 1 / 4000. Key 0: code 4000, sum 4000, total 1. Key 1: the maximum grows by ln 2: sum 2000
  // + 4000 x 2, total 1.5. Key 2: code 2000, sum 10000 + 2000 x 3, total 2. Key 3: sum 16000 + 4000 x 4, total 3. Z =
  // 32000 / 4000 / 3 = 2730.67 / 1024.
  for (const int keys : {1, 2, 3, 4}) {
    s.key_tile = keys;
    CHECK(reference::fixed_softmax(q, k, v, s, 4000, range)(0, 0) == 2731);
  }
}

TEST_CASE("online softmax: costs by hand") {
  // 8 rows of 4 scores on 4 lanes. First tile: two sweeps of 8 cycles; each of the 4-byte scores is read twice, written
  // once, and its 2-byte exponential once; a row leaves 4 + 6 + 4 bytes.
  const JobCost first = cost_of(JobKind::kOnlineSoftmax, 8, 4, kFirst);
  CHECK(first.stream == 16);
  CHECK(first.latency == 7 + 2);  // the unit's 8 cycles less the one of its interval, and exp's 2
  CHECK(first.operations == (OperationCounts{32, 32 + 24, 0, 32, 24}));
  CHECK(first.scratchpad_read == 2 * 4 * 32);
  CHECK(first.scratchpad_write == (4 + 2) * 32 + 14 * 8);
  // Behind it: three sweeps of 8 row numbers (2 cycles each); a row more is compared, subtracted, exponentiated,
  // multiplied and added.
  const JobCost next = cost_of(JobKind::kOnlineSoftmax, 8, 4, 0);
  CHECK(next.stream == 22);
  CHECK(next.operations == (OperationCounts{32 + 8, 32 + 24 + 16, 0, 32 + 8, 24 + 8}));
  CHECK(next.scratchpad_read == 2 * 4 * 32 + 14 * 8);
  // 8 rows of 6 sums (6 bytes): 2 slots a row; with the factor (4 bytes a row), or with the sum (6).
  const JobCost rescale = cost_of(JobKind::kRescaleRows, 8, 6, 0), divide = cost_of(JobKind::kRescaleRows, 8, 6, kLast);
  CHECK(rescale.stream == 16);
  CHECK(rescale.operations == (OperationCounts{48, 0, 0, 0, 0}));
  CHECK(rescale.scratchpad_read == 6 * 48 + 4 * 8);
  CHECK(rescale.scratchpad_write == 6 * 48);
  CHECK(divide.stream == 16);
  CHECK(divide.operations == (OperationCounts{0, 0, 48, 0, 0}));
  CHECK(divide.scratchpad_read == 6 * 48 + 6 * 8);
  CHECK(divide.scratchpad_write == 2 * 48);
  CHECK(divide.actions[Action::kDivide] == 48);
}

TEST_CASE("softmax plans: whatever fits is planned, and plans fit") {
  Dice dice(3);
  for (int i = 0; i < 60; ++i) {
    const HardwareConfig config =
        read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/vitality.json", test::random_machine(dice));
    Attention a{};
    a.heads = dice.between(1, 3), a.instances = 1, a.n_q = dice.between(1, 400), a.n_kv = dice.between(2, 400);
    a.d_qk = dice.between(1, 70), a.d_v = dice.between(1, 70), a.bias_params = dice.coin() ? 1 : 0;
    const Bytes capacity = dice.between(200, 60000);
    const EnergyModel prices(config);
    const std::optional<AttentionMapping> plan = SoftmaxPlanner(a, config, prices, capacity, 100).choose(std::nullopt);
    const auto bytes = [&](const AttentionMapping& p) {
      Bytes total = 0;
      for (const Bytes each : softmax_buffers(a, config, p)) total += (each + 7) / 8 * 8;
      return total;
    };
    AttentionMapping smallest{1, 1, {1, 1, 1, 1}};
    smallest.online_softmax = true;
    INFO("case " << i);
    if (plan) {
      CHECK(plan->online_softmax);
      CHECK(bytes(*plan) <= capacity);
      CHECK(plan->token_chunk < a.n_kv);
      CHECK((plan->query_chunk >= 1 && plan->query_chunk <= a.n_q));
    } else {
      CHECK(bytes(smallest) > capacity);
    }
  }
}

TEST_CASE("softmax plans: traffic and time grow with the square of the tokens at most") {
  const HardwareConfig config = read_hardware_config(std::string(VITALITY_SOURCE_DIR) + "/configs/dense_softmax.json");
  const EnergyModel prices(config);
  Attention a{};
  a.heads = 3, a.instances = 1, a.d_qk = a.d_v = 64;
  const auto best = [&](int tokens) {
    a.n_q = a.n_kv = tokens;
    SoftmaxPlanner planner(a, config, prices, 200 * 1024, 150);
    return planner.estimate(*planner.choose(std::nullopt));
  };
  const auto base = best(197);
  for (const int tokens : {300, 577, 785, 1601, 3137, 10000}) {
    const auto estimate = best(tokens);
    const double square = tokens / 197.0 * (tokens / 197.0);
    INFO(tokens);
    CHECK(estimate.cycles <= 1.1 * square * base.cycles);
    CHECK(static_cast<double>(estimate.dram_bytes) <= 1.1 * square * static_cast<double>(base.dram_bytes));
  }
}
