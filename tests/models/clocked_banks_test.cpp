// Two streams on the scratchpad's banks: the rates that the transaction model shares (cost/rate_calendar.h) against
// clocked banks, lane by lane (tests/support/clocked_banks.h).
#include "tests/support/clocked_banks.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "models/memory/scratchpad.h"
#include "tests/support/foreign_unit.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// The cycles that the machine's scratchpad gives to the streams.
std::vector<Cycles> on_the_machine(const std::vector<BankStream>& streams, int lanes) {
  return fork_simulation<Cycles>([&] {
           Scratchpad scratchpad("scratchpad", 1 << 20, 8.0 * lanes, 0, ScratchpadPorts::kReadAndWrite, false);
           std::vector<std::unique_ptr<ForeignUnit>> units;
           for (const BankStream& s : streams) {
             units.push_back(std::make_unique<ForeignUnit>(("unit" + std::to_string(units.size())).c_str()));
             ForeignUnit& unit = *units.back();
             unit.memory.bind(scratchpad.socket);
             unit.when = s.start;
             unit.wanted.read_bytes = Bytes{8} * s.words * s.steps;
             unit.wanted.cycles = s.steps, unit.wanted.read_rate = 8.0 * s.words;
           }
           sc_core::sc_start();
           Simulated<Cycles> out;
           for (const auto& unit : units) out.values.push_back(unit->got[1]);
           return out;
         })
      .values;
}

}  // namespace

TEST_CASE("clocked banks: two streams take the cycles of their rates, or the wait for a lane longer, 150 shapes") {
  int equal = 0, slowed = 0;
  for (unsigned seed = 1; seed <= 150; ++seed) {
    Dice dice(seed);
    ScratchpadConfig config;
    config.banks = dice.one_of<int>({1, 2, 4}), config.port_bytes = dice.one_of<int>({8, 16, 32, 64});
    if (config.banks * config.port_bytes < 16) config.banks = 2;
    const ScratchpadLanes lanes = scratchpad_lanes(config);
    const int n = lanes.lanes;
    std::vector<BankStream> streams{{0, dice.between(5, 60), dice.between(1, n), 0},
                                    {dice.between(0, 30), dice.between(5, 60), dice.between(1, n), 0}};
    streams[0].first = 1000 + dice.between(0, 500), streams[1].first = 9000 + dice.between(0, 500);
    INFO("seed " << seed << ", " << n << " lanes: " << streams[0].steps << " x " << streams[0].words << " words, then "
                 << streams[1].steps << " x " << streams[1].words << " from " << streams[1].start);
    const std::vector<Cycles> rates = on_the_machine(streams, n), clocked = simulate_banks(streams, lanes, 2 * n);
    // The first stream has all that it asks for. A row that begins in one stripe and ends in the next, which is turned
    // by a lane, can meet a lane twice: its words then come a cycle later.
    CHECK(clocked[0] - rates[0] >= 0);
    CHECK(clocked[0] - rates[0] <= 1);
    // The lanes that the first stream leaves free move through all lanes, so a word of the second one waits for its
    // lane: the rates do not know which. One cycle for the turn of the stripes in each stream.
    const Cycles sweep = streams[0].words < n ? ceil_div(Cycles{n}, Cycles{n} - streams[0].words) : 0;
    CHECK(clocked[1] - rates[1] >= 0);
    CHECK(clocked[1] - rates[1] <= sweep + 2);
    equal += clocked == rates;
    slowed += rates[1] > streams[1].steps;
  }
  CHECK(equal >= 40);
  CHECK(slowed >= 40);
}
