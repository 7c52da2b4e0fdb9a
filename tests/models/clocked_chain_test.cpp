// Array, adders and dividers coupled by FIFOs: the machine's transaction-level units against clocked ones, register by
// register (tests/support/clocked_chain.h).
#include "tests/support/clocked_chain.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "mapping/row_streams.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

ChainProblem random_problem(Dice& dice) {
  ChainProblem p;
  const int rows = dice.between(1, 30), depth = dice.between(1, 8), columns = dice.between(2, 8);
  const auto row = [&](int size) {
    Row values;
    for (int i = 0; i < size; ++i) values.push_back(dice.between(-9, 9));
    return values;
  };
  for (int i = 0; i < rows; ++i) p.rows.push_back(row(depth)), p.divisors.push_back(dice.between(1, 9));
  for (int i = 0; i < depth; ++i) p.tile.push_back(row(columns));
  p.second = row(columns);
  p.depth = dice.between(1, 6);
  p.add_interval = dice.between(1, 4), p.add_latency = p.add_interval + dice.between(0, 3);
  p.divide_interval = dice.between(1, 5), p.divide_latency = p.divide_interval + dice.between(0, 15);
  p.adders_free = dice.coin() ? 0 : p.add_interval * dice.between(1, 60);
  return p;
}

// The same on the machine: when the array's last row has left, and when adders and dividers begin and end.
std::vector<Cycles> on_the_machine(const ChainProblem& p) {
  const int m = static_cast<int>(p.rows.size()), k = static_cast<int>(p.tile.size()),
            n = static_cast<int>(p.second.size());
  HardwareConfig config = plain_machine(k, n, 9);
  config.scratchpad.port_bytes = config.noc.link_bytes = 1 << 20;
  config.pipeline.row_streaming = true;
  config.pipeline.fifo_rows = p.depth;
  config.adders = {n, p.add_latency, p.add_interval};
  config.dividers = {n, p.divide_latency, p.divide_interval};
  HandSchedule s;
  const BufferId q = s.buffer(2 * m * k), g = s.buffer(2 * k * n), t = s.buffer(4 * m * n), v = s.buffer(8 * n),
                 d = s.buffer(8 * m), x = s.buffer(8 * n * 60);
  const int before = static_cast<int>(p.adders_free) / p.add_interval;
  if (before > 0) s.unit_job(UnitKind::kAdders, JobKind::kAddRow, before, 0, n, x, v, x);
  const JobId fold = s.fold(m, k, n, q, g, t, kNone, kFirst | kLast | kWide);
  const JobId add = s.unit_job(UnitKind::kAdders, JobKind::kAddRow, m, 0, n, t, v, t);
  const JobId divide = s.unit_job(UnitKind::kDividers, JobKind::kRowDivide, m, 0, n, t, d, t);
  Schedule streamed = s.schedule();
  stream_rows(streamed, config);
  REQUIRE(streamed.rows_to[add] == divide);
  const auto spans = simulate_schedule(config, streamed);
  return {spans[fold].done, spans[add].start, spans[add].done, spans[divide].start, spans[divide].done};
}

}  // namespace

TEST_CASE("clocked chain: array, adders and dividers with FIFOs take the cycles of the coupled registers, 60 shapes") {
  int held = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Dice dice(seed);
    const ChainProblem p = random_problem(dice);
    INFO("seed " << seed << ": " << p.rows.size() << " x " << p.tile.size() << " x " << p.second.size() << ", FIFOs of "
                 << p.depth << ", adders " << p.add_interval << "/" << p.add_latency << " from " << p.adders_free
                 << ", dividers " << p.divide_interval << "/" << p.divide_latency);
    const ClockedChainResult clocked = simulate_clocked_chain(p);
    CHECK(on_the_machine(p) == clocked.moments);
    // Alone, the array would have ended with its last row's way through the PEs.
    held += clocked.moments[0] > static_cast<Cycles>(2 * p.tile.size() + p.rows.size() + p.second.size()) - 2;
    REQUIRE(clocked.rows.size() == p.rows.size());
    for (std::size_t i = 0; i < p.rows.size(); ++i) {
      for (std::size_t c = 0; c < p.second.size(); ++c) {
        double sum = 0;
        for (std::size_t r = 0; r < p.tile.size(); ++r) sum += p.rows[i][r] * p.tile[r][c];
        CHECK(clocked.rows[i][c] == (sum + p.second[c]) / p.divisors[i]);
      }
    }
  }
  CHECK(held > 20);
}
