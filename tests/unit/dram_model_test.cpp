// Both back ends behind the one interface: the contract of dram_model.h, and how far they are apart.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "base/error.h"
#include "cost/banked_dram.h"
#include "tests/support/dram_checker.h"
#include "tests/support/dram_devices.h"

using namespace vitality;

namespace {

struct Outcome {
  std::map<std::int64_t, Cycles> done;
  std::vector<std::int64_t> order;
  Cycles end = 0;
  std::int64_t wakes = 0;
};

// Advances by next_event() until `until` (or the end, when negative).
void run(DramBackend& memory, Outcome& outcome, Cycles until = -1) {
  std::vector<std::int64_t> completed;
  for (Cycles now = memory.next_event(); now >= 0 && (until < 0 || now <= until);
       now = memory.next_event(), ++outcome.wakes) {
    completed.clear();
    memory.advance_to(now, completed);
    for (auto id : completed) outcome.done[id] = now, outcome.order.push_back(id), outcome.end = now;
  }
  if (until >= 0) {
    completed.clear();
    memory.advance_to(until, completed);
    CHECK(completed.empty());  // next_event() is never late
  }
}

DramConfig memory_of(const DramDevice& device, DramModel model, int channels) {
  DramConfig config;
  config.device = device;
  config.model = model;
  config.channels = channels;
  return config;
}

}  // namespace

TEST_CASE("memory back ends agree on sequential streams") {
  for (const DramDevice& device : {test::ddr4_2400(), test::lpddr4_3200(), test::hbm2()}) {
    for (const int channels : {1, 4}) {
      for (const bool write : {false, true}) {
        for (const Bytes chunk : {Bytes{65536}, Bytes{1} << 21}) {
          std::map<DramModel, Cycles> end;
          for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
            const auto memory = make_dram_model(memory_of(device, model, channels), 500);
            Outcome outcome;
            const Bytes total = Bytes{1} << 21;
            for (Bytes at = 0; at < total; at += chunk) {  // one after the other
              memory->submit(at / chunk, at, chunk, write, outcome.end);
              run(*memory, outcome);
            }
            CHECK(static_cast<Bytes>(outcome.done.size()) == total / chunk);
            CHECK((write ? memory->statistics().write_bytes : memory->statistics().read_bytes) == total);
            end[model] = outcome.end;
            INFO("energy, model " << to_string(model));
            CHECK(memory->energy().total() ==
                  Approx(device.all_in_pj_per_bit * 8 * static_cast<double>(total)).epsilon(0.3));
          }
          INFO(device.name << " x" << channels << " chunk " << chunk << (write ? " write" : " read"));
          CHECK(static_cast<double>(end[DramModel::kBanked]) == Approx(end[DramModel::kBandwidth]).epsilon(0.03));
        }
      }
    }
  }
}

TEST_CASE("banked memory: one request in machine cycles") {
  const DramDevice d = test::ddr4_2400();
  for (const double clock_mhz : {200.0, 500.0, 666.67, 1200.0, 3000.0}) {
    BankedDram memory(memory_of(d, DramModel::kBanked, 4), clock_mhz);
    Outcome outcome;
    std::vector<std::int64_t> none;
    memory.advance_to(10, none);
    memory.submit(5, 4096, 64, false, 10);
    run(memory, outcome);
    const double cycle_ns = 1e3 / clock_mhz;
    const double arrival = std::ceil(11 * cycle_ns / d.tck_ns - 1e-6);
    CHECK(outcome.done[5] == static_cast<Cycles>(std::ceil((arrival + 38) * d.tck_ns / cycle_ns - 1e-6)));
  }
}

TEST_CASE("banked memory: completions neither late nor lost, whatever the pattern of advancing") {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    std::vector<Outcome> outcomes(2);
    for (const bool every_cycle : {false, true}) {
      std::mt19937 random(seed);
      BankedDram memory(memory_of(test::ddr4_2400(), DramModel::kBanked, 1 + static_cast<int>(seed % 4)), 500);
      Outcome& outcome = outcomes[every_cycle];
      Cycles now = 0;
      for (std::int64_t id = 0; id < 200; ++id) {
        const Cycles next = now + static_cast<Cycles>(random() % 100);
        if (every_cycle) {
          std::vector<std::int64_t> completed;
          for (; now <= next; ++now) {
            completed.clear();
            memory.advance_to(now, completed);
            for (auto i : completed) outcome.done[i] = now, outcome.order.push_back(i);
          }
        } else {
          run(memory, outcome, next);
        }
        now = next;
        memory.submit(id, random() % (1 << 26), 1 + static_cast<Bytes>(random() % 20000), random() % 3 == 0, now);
      }
      run(memory, outcome);
      CHECK(memory.next_event() == -1);
      const DramStatistics s = memory.statistics();
      CHECK(s.requests == 200);
      CHECK(s.busy_cycles <= outcome.end);
      CHECK(s.row_hits + s.row_misses + s.row_conflicts == s.read_bursts + s.write_bursts);
    }
    CHECK(outcomes[0].done.size() == 200);
    CHECK((outcomes[0].done == outcomes[1].done));
    CHECK((outcomes[0].order == outcomes[1].order));
  }
}

TEST_CASE("banked memory: commands of machine traffic keep the timings") {
  const DramDevice device = test::ddr4_2400();
  BankedDram memory(memory_of(device, DramModel::kBanked, 2), 500);
  std::vector<test::DramChecker> checkers(2, test::DramChecker(device));
  std::int64_t commands = 0;
  for (int channel : {0, 1}) {
    memory.observe(channel, [&, channel](const DramCommandRecord& c) {
      ++commands;
      REQUIRE(checkers[static_cast<std::size_t>(channel)].check(c) == "");
    });
  }
  Outcome outcome;
  for (std::int64_t id = 0; id < 300; ++id) {
    run(memory, outcome, id * 50);
    memory.submit(id, id % 3 * (1 << 24) + id * 4096, 4096, id % 3 == 2, id * 50);
  }
  run(memory, outcome);
  CHECK(outcome.done.size() == 300);
  CHECK(commands >= 300 * 64);
}

TEST_CASE("banked memory: next_event wakes a handful of times a transfer") {
  BankedDram memory(memory_of(test::ddr4_2400(), DramModel::kBanked, 4), 500);
  Outcome outcome;
  for (std::int64_t id = 0; id < 100; ++id) memory.submit(id, id * 65536, 65536, false, 0);
  run(memory, outcome);
  CHECK(outcome.wakes < 100 * 20);
}

TEST_CASE("memory back ends: empty requests complete at once, impossible devices are refused") {
  for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
    const auto memory = make_dram_model(memory_of({}, model, 4), 500);
    Outcome outcome;
    memory->submit(1, 0, 0, false, 0);
    run(*memory, outcome);
    CHECK(outcome.done == std::map<std::int64_t, Cycles>{{1, 1}});
    DramConfig wrong = memory_of({}, model, 4);
    wrong.address_map = "row_bank";
    CHECK_THROWS_AS(make_dram_model(wrong, 500), InputError);
    wrong = memory_of({}, model, 4);
    wrong.device.rows = 3;
    CHECK_THROWS_AS(make_dram_model(wrong, 500), InputError);
  }
}

TEST_CASE("memory back ends: a completion is not missed when a request of the same cycle comes first") {
  for (const DramModel model : {DramModel::kBandwidth, DramModel::kBanked}) {
    const auto first_alone = make_dram_model(memory_of({}, model, 1), 500);
    Outcome alone;
    first_alone->submit(1, 0, 6400, false, 0);
    run(*first_alone, alone);
    const auto memory = make_dram_model(memory_of({}, model, 1), 500);
    memory->submit(1, 0, 6400, false, 0);
    memory->submit(2, 1 << 20, 64, false, alone.end);  // before anyone advanced to that cycle
    CHECK(memory->next_event() == alone.end);
    Outcome outcome;
    run(*memory, outcome);
    CHECK(outcome.done[1] == alone.end);
    CHECK(outcome.done[2] > alone.end);
    CHECK(memory->statistics().busy_cycles == outcome.end);
  }
}
