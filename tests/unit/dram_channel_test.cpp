#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "base/error.h"
#include "cost/dram_replay.h"
#include "tests/support/dram_checker.h"
#include "tests/support/dram_devices.h"

using namespace vitality;
using test::DramChecker;
using C = DramCommand;

namespace {

constexpr const char* kDefaultMap = "row_bank_column_bankgroup";
constexpr const char* kPageMap = "row_bank_bankgroup_column";

DramCommandRecord command(std::int64_t clock, C what, int rank = 0, int group = 0, int bank = 0, std::int64_t row = 0) {
  return {clock, what, {rank, group, bank, 0, row, 0}};
}

// One channel and everything it did.
struct Traced {
  DramDevice device;
  DramAddressMap map;
  DramChannel channel;
  std::vector<DramCommandRecord> trace;
  std::vector<DramChannel::Completion> done;

  explicit Traced(const DramDevice& d, const std::string& name = kPageMap, int depth = 32)
      : device(d), map(d, 1, name), channel(d, map, depth) {
    channel.observe([this](const DramCommandRecord& c) { trace.push_back(c); });
  }
  void drain() {
    while (!channel.idle()) channel.run_until(channel.next_clock(), done);
  }
  // The n-th command of a kind.
  std::int64_t clock_of(C what, std::size_t n = 0) const {
    for (const auto& c : trace) {
      if (c.command == what && n-- == 0) return c.clock;
    }
    return -1;
  }
};

// Channel burst of a place under the page map.
std::int64_t at(const DramDevice& d, int group, int bank, std::int64_t row, std::int64_t column = 0, int rank = 0) {
  const std::int64_t columns = d.row_bytes / d.burst_bytes();
  return (((row * d.ranks + rank) * d.banks_per_group + bank) * d.bank_groups + group) * columns + column;
}

}  // namespace

TEST_CASE("address map: every place once, the default interleaves channels, then bank groups") {
  DramDevice d = test::ddr4_2400();
  d.rows = 4, d.ranks = 2, d.row_bytes = 512;
  for (const char* name : {kDefaultMap, kPageMap, "rank_row_bankgroup_bank_column", "column_row_bank_rank_bankgroup",
                           "row_channel_bank_column_bankgroup", "channel_row_column_bank_bankgroup"}) {
    for (const int channels : {1, 3, 4}) {
      const DramAddressMap map(d, channels, name);
      const std::int64_t bursts = map.capacity() / d.burst_bytes();
      REQUIRE(bursts == 4 * 2 * 16 * 8 * channels);
      std::vector<std::int64_t> next(static_cast<std::size_t>(channels), 0);
      std::vector<int> seen(static_cast<std::size_t>(bursts), 0);
      for (std::int64_t b = 0; b < bursts; ++b) {
        const int channel = map.channel_of(b);
        REQUIRE(map.channel_burst(b) == next[channel]++);  // an ascending range is a run in every channel
        const DramLocation where = map.locate(map.channel_burst(b));
        ++seen[(((channel * 32 + where.flat_bank) * 4) + where.row) * 8 + where.column];
        for (int c = 0; c < channels; ++c) REQUIRE(map.bursts_before(b + 1, c) == next[c]);
      }
      CHECK(std::count(seen.begin(), seen.end(), 1) == bursts);
    }
  }
  const DramAddressMap map(test::ddr4_2400(), 4, kDefaultMap);
  for (int b = 0; b < 16; ++b) {
    CHECK(map.channel_of(b) == b % 4);
    CHECK(map.locate(map.channel_burst(b)).bank_group == b / 4);
  }
}

TEST_CASE("address map: wrong names are refused with the nearest word") {
  const DramDevice d;
  CHECK_THROWS_WITH(DramAddressMap(d, 1, "row_bank_colum_bankgroup"), Catch::Contains("did you mean \"column\""));
  CHECK_THROWS_WITH(DramAddressMap(d, 1, "row_bank_column"), Catch::Contains("\"bankgroup\" is missing"));
  CHECK_THROWS_WITH(DramAddressMap(d, 1, "row_row_bank_column_bankgroup"), Catch::Contains("stands twice"));
  CHECK_THROWS_AS(DramAddressMap(d, 1, ""), InputError);
  CHECK_THROWS_AS(DramAddressMap(d, 0, kDefaultMap), InputError);
  DramDevice odd;
  odd.rows = 1000;
  CHECK_THROWS_WITH(DramAddressMap(odd, 1, kDefaultMap), Catch::Contains("/dram/device/rows"));
}

TEST_CASE("timing checker: every rule refuses a clock early and accepts on time") {
  DramDevice d = test::ddr4_2400();
  d.ranks = 2;
  d.tras = 50;  // so that trc (56) and tras + trp (67) bind apart
  d.cwl = 14;   // so that a read of another rank waits for the bus, not for the command slot
  d.twr = 40;   // so that write recovery outlasts tras
  struct Case {
    const char* rule;
    std::vector<DramCommandRecord> before;
    DramCommandRecord last;  // at the first legal clock
  };
  const int write_end = d.cwl + d.burst_cycles, read_end = d.cl + d.burst_cycles;
  const std::vector<DramCommandRecord> open{command(0, C::kActivate), command(6, C::kActivate, 0, 1),
                                            command(12, C::kActivate, 0, 0, 1), command(13, C::kActivate, 1)};
  const auto after_open = [&](DramCommandRecord c) {
    auto all = open;
    all.push_back(c);
    return all;
  };
  const std::vector<Case> cases{
      {"trcd", {command(0, C::kActivate)}, command(d.trcd, C::kRead)},
      {"trcd", {command(0, C::kActivate)}, command(d.trcd, C::kWrite)},
      {"tras", {command(0, C::kActivate)}, command(d.tras, C::kPrecharge)},
      {"trp", {command(0, C::kActivate), command(60, C::kPrecharge)}, command(60 + d.trp, C::kActivate)},
      {"trp", {command(0, C::kActivate), command(60, C::kPrechargeAll)}, command(60 + d.precharge_all(), C::kRefresh)},
      {"tccd_s", after_open(command(40, C::kRead)), command(44, C::kRead, 0, 1)},
      {"tccd_l", after_open(command(40, C::kRead)), command(46, C::kRead)},
      {"tccd_l", after_open(command(40, C::kRead)), command(46, C::kRead, 0, 0, 1)},
      {"tccd_l", after_open(command(40, C::kWrite)), command(46, C::kWrite)},
      {"turnaround", after_open(command(40, C::kRead)), command(40 + read_end + 2 - d.cwl, C::kWrite)},
      {"turnaround", after_open(command(40, C::kRead)), command(40 + d.burst_cycles + 2, C::kRead, 1)},
      {"turnaround", after_open(command(40, C::kWrite)), command(40 + write_end + 2 - d.cl, C::kRead, 1)},
      {"twtr_s", after_open(command(40, C::kWrite)), command(40 + write_end + d.twtr_s, C::kRead, 0, 1)},
      {"twtr_l", after_open(command(40, C::kWrite)), command(40 + write_end + d.twtr_l, C::kRead)},
      {"trrd_s", {command(0, C::kActivate)}, command(d.trrd_s, C::kActivate, 0, 1)},
      {"trrd_l", {command(0, C::kActivate)}, command(d.trrd_l, C::kActivate, 0, 0, 1)},
      {"tfaw",
       {command(0, C::kActivate), command(4, C::kActivate, 0, 1), command(8, C::kActivate, 0, 2),
        command(12, C::kActivate, 0, 3)},
       command(d.tfaw, C::kActivate, 0, 0, 1)},
      {"twr", {command(0, C::kActivate), command(20, C::kWrite)}, command(20 + write_end + d.twr, C::kPrecharge)},
      {"trtp", {command(0, C::kActivate), command(60, C::kRead)}, command(60 + d.trtp, C::kPrecharge)},
      {"trfc", {command(5, C::kRefresh)}, command(5 + d.trfc, C::kActivate)},
      {"trfc", {command(5, C::kRefresh)}, command(5 + d.trfc, C::kRefresh)},
  };
  for (const Case& c : cases) {
    INFO(c.rule << " " << to_string(c.last.command) << " " << c.last.clock);
    for (const int early : {0, 1}) {
      DramChecker checker(d);
      for (const auto& b : c.before) REQUIRE(checker.check(b) == "");
      DramCommandRecord last = c.last;
      last.clock -= early;
      const std::string broken = checker.check(last);
      if (early) {
        CHECK_THAT(broken, Catch::Contains(c.rule));
      } else {
        CHECK(broken == "");
      }
    }
  }
  DramDevice same = d;
  same.trc = 90;  // precharge in time, row cycle not
  for (const int early : {0, 1}) {
    DramChecker checker(same);
    CHECK(checker.check(command(0, C::kActivate)) == "");
    CHECK(checker.check(command(50, C::kPrecharge)) == "");
    CHECK(checker.check(command(90 - early, C::kActivate)) == (early ? "trc" : ""));
  }
  DramChecker checker(d);
  CHECK(checker.check(command(0, C::kRead)) == "row");
  CHECK(checker.check(command(1, C::kActivate)) == "");
  CHECK(checker.check(command(1, C::kActivate, 1)) == "command_bus");
  CHECK(checker.check(command(30, C::kRead, 0, 0, 0, 7)) == "row");
  CHECK(checker.check(command(100, C::kActivate)) == "bank_open");
  CHECK(checker.check(command(300, C::kRefresh)) == "refresh_open");
}

TEST_CASE("scheduler: each timing is met on the first legal clock") {
  const DramDevice d = test::ddr4_2400();
  const auto run = [&](std::vector<std::pair<std::int64_t, bool>> bursts, DramDevice device, int clock_step = 0) {
    Traced t(device);
    std::int64_t clock = 0;
    for (auto [burst, write] : bursts) t.channel.submit(0, burst, 1, write, clock), clock += clock_step;
    t.drain();
    return t;
  };
  SECTION("tRCD, CL: one read") {
    const auto t = run({{at(d, 0, 0, 3), false}}, d);
    CHECK(t.clock_of(C::kActivate) == 0);
    CHECK(t.clock_of(C::kRead) == d.trcd);
    CHECK(t.done[0].clock == d.trcd + d.cl + d.burst_cycles);
  }
  SECTION("CWL: one write") {
    CHECK(run({{at(d, 0, 0, 3), true}}, d).done[0].clock == d.trcd + d.cwl + d.burst_cycles);
  }
  SECTION("tCCD_L within a group, tCCD_S across groups, tRRD_S") {
    const auto same = run({{at(d, 0, 0, 3, 0), false}, {at(d, 0, 0, 3, 1), false}}, d);
    CHECK(same.clock_of(C::kRead, 1) - same.clock_of(C::kRead) == d.tccd_l);
    const auto across = run({{at(d, 0, 0, 3), false}, {at(d, 1, 0, 3), false}}, d);
    CHECK(across.clock_of(C::kActivate, 1) == d.trrd_s);
    CHECK(across.clock_of(C::kRead, 1) - across.clock_of(C::kRead) == d.tccd_s);
  }
  SECTION("tRRD_L within a group") {
    CHECK(run({{at(d, 0, 0, 3), false}, {at(d, 0, 1, 3), false}}, d).clock_of(C::kActivate, 1) == d.trrd_l);
  }
  SECTION("tFAW: the fifth activate") {
    std::vector<std::pair<std::int64_t, bool>> five;
    for (int i = 0; i < 5; ++i) five.push_back({at(d, i % 4, i / 4, 3), false});
    const auto t = run(five, d);
    CHECK(t.clock_of(C::kActivate, 3) == 3 * d.trrd_s);
    CHECK(t.clock_of(C::kActivate, 4) == d.tfaw);
  }
  SECTION("tRAS, tRP, tRC: a row conflict") {
    const auto t = run({{at(d, 0, 0, 3), false}, {at(d, 0, 0, 4), false}}, d);
    CHECK(t.clock_of(C::kPrecharge) == d.tras);
    CHECK(t.clock_of(C::kActivate, 1) == d.trc);
    DramDevice slow = d;
    slow.trc = 80;
    CHECK(run({{at(d, 0, 0, 3), false}, {at(d, 0, 0, 4), false}}, slow).clock_of(C::kActivate, 1) == 80);
    slow.trc = 56, slow.trp = 30;
    CHECK(run({{at(d, 0, 0, 3), false}, {at(d, 0, 0, 4), false}}, slow).clock_of(C::kActivate, 1) == d.tras + 30);
  }
  SECTION("tRTP: precharge after the last read of the row") {
    std::vector<std::pair<std::int64_t, bool>> bursts;
    for (int i = 0; i < 6; ++i) bursts.push_back({at(d, 0, 0, 3, i), false});
    bursts.push_back({at(d, 0, 0, 4), false});
    const auto t = run(bursts, d);
    CHECK(t.clock_of(C::kRead, 5) == d.trcd + 5 * d.tccd_l);
    CHECK(t.clock_of(C::kPrecharge) == d.trcd + 5 * d.tccd_l + d.trtp);
  }
  SECTION("tWR: precharge after a write") {
    const auto t = run({{at(d, 0, 0, 3), true}, {at(d, 0, 0, 4), true}}, d);
    CHECK(t.clock_of(C::kPrecharge) == d.trcd + d.cwl + d.burst_cycles + d.twr);
  }
  SECTION("tWTR_L and tWTR_S: read after write; turnaround: write after read") {
    Traced t(d);
    t.channel.submit(0, at(d, 0, 0, 3, 0), 1, true, 0);
    t.channel.submit(0, at(d, 1, 0, 3, 0), 1, true, 0);
    t.channel.run_until(100, t.done);
    t.channel.submit(0, at(d, 0, 0, 3, 1), 1, true, 101);
    t.channel.run_until(101, t.done);
    t.channel.submit(0, at(d, 0, 0, 3, 2), 1, false, 102);
    t.channel.run_until(300, t.done);
    CHECK(t.clock_of(C::kWrite, 2) == 101);
    CHECK(t.clock_of(C::kRead) == 101 + d.cwl + d.burst_cycles + d.twtr_l);
    t.channel.submit(0, at(d, 0, 0, 3, 1), 1, true, 301);
    t.channel.run_until(301, t.done);
    t.channel.submit(0, at(d, 1, 0, 3, 2), 1, false, 302);
    t.channel.run_until(400, t.done);
    CHECK(t.clock_of(C::kRead, 1) == 301 + d.cwl + d.burst_cycles + d.twtr_s);
    t.channel.submit(0, at(d, 0, 0, 3, 1), 1, false, 401);
    t.channel.run_until(401, t.done);
    t.channel.submit(0, at(d, 1, 0, 3, 2), 1, true, 402);
    t.channel.run_until(500, t.done);
    CHECK(t.clock_of(C::kWrite, 4) == 401 + d.cl + d.burst_cycles + d.turnaround - d.cwl);
  }
  SECTION("tREFI, tRP, tRFC: refresh of an open bank, and the access after it") {
    Traced t(d);
    t.channel.submit(0, at(d, 0, 0, 3), 1, false, 0);
    t.channel.run_until(d.trefi, t.done);
    t.channel.submit(0, at(d, 0, 0, 3), 1, false, d.trefi + 1);
    t.drain();
    CHECK(t.clock_of(C::kPrechargeAll) == d.trefi);
    CHECK(t.clock_of(C::kRefresh) == d.trefi + d.precharge_all());
    CHECK(t.clock_of(C::kActivate, 1) == d.trefi + d.precharge_all() + d.trfc);
  }
  SECTION("rank switch: one idle turnaround on the bus, activates not bound together") {
    DramDevice two = d;
    two.ranks = 2;
    const auto t = run({{at(two, 0, 0, 3, 0, 0), false}, {at(two, 0, 0, 3, 0, 1), false}}, two);
    CHECK(t.clock_of(C::kActivate, 1) == 1);
    CHECK(t.clock_of(C::kRead, 1) - t.clock_of(C::kRead) == two.burst_cycles + two.turnaround);
  }
}

TEST_CASE("scheduler: no command of random traffic breaks a rule, and all of it is served") {
  std::vector<DramDevice> devices{test::ddr4_2400(), test::lpddr4_3200(), test::hbm2(), test::ddr4_2400()};
  devices[3].ranks = 2;
  for (const DramDevice& device : devices) {
    for (const char* name : {kDefaultMap, kPageMap, "bank_row_column_rank_bankgroup"}) {
      for (unsigned seed = 1; seed <= 4; ++seed) {
        std::mt19937_64 random(seed);
        Traced t(device, name, seed == 4 ? 3 : 32);
        const unsigned write_percent = std::array<unsigned, 4>{0, 30, 50, 100}[seed % 4];
        const std::int64_t span =
            std::array<std::int64_t, 3>{200, 20000, t.map.capacity() / device.burst_bytes()}[random() % 3];
        std::int64_t clock = 0, bursts = 0;
        for (int i = 0; i < 1500; ++i) {
          const std::int64_t length = random() % 4 ? 1 + static_cast<std::int64_t>(random() % 4)
                                                   : static_cast<std::int64_t>(1 + random() % 100);
          t.channel.run_until(clock, t.done);
          t.channel.submit(i, static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span)), length,
                           random() % 100 < write_percent, clock + 1);
          bursts += length;
          clock += static_cast<std::int64_t>(random() % (random() % 8 ? 60 : 3000));
        }
        t.drain();
        INFO(device.name << " x" << device.ranks << " " << name << " seed " << seed);
        CHECK(t.done.size() == 1500);
        DramChecker checker(device);
        std::int64_t columns = 0, activates = 0;
        for (const auto& c : t.trace) {
          const std::string broken = checker.check(c);
          INFO(to_string(c.command) << " at " << c.clock);
          if (!broken.empty()) REQUIRE(broken == "");
          columns += c.command == C::kRead || c.command == C::kWrite;
          activates += c.command == C::kActivate;
          if (checker.refreshes_owed(c.at.rank, c.clock - device.trc - 100) > 0 && c.command != C::kPrechargeAll &&
              c.command != C::kRefresh) {
            REQUIRE(checker.refreshes_owed(c.at.rank, c.clock - device.trc - 100) == 0);
          }
        }
        const auto counts = t.channel.counts(t.done.back().clock);
        CHECK(columns == bursts);
        CHECK(counts.reads + counts.writes == bursts);
        CHECK(counts.row_hits + counts.row_misses + counts.row_conflicts == bursts);
        CHECK(counts.activates == activates);
        CHECK(counts.activates >= counts.row_misses + counts.row_conflicts);
        CHECK(counts.precharges <= counts.activates);
        CHECK(counts.precharges >= counts.activates - device.ranks * device.bank_groups * device.banks_per_group);
      }
    }
  }
}

TEST_CASE("scheduler: what is issued does not depend on how time is advanced") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> results;
    std::vector<DramChannelCounts> counts;
    for (const int step : {1, 7, 100000}) {
      std::mt19937 random(seed);
      DramDevice device = test::ddr4_2400();
      device.ranks = 1 + static_cast<int>(seed % 2);
      const DramAddressMap map(device, 1, seed % 3 ? kDefaultMap : kPageMap);
      DramChannel channel(device, map, 16);
      std::vector<DramChannel::Completion> done;
      std::int64_t clock = 0;
      for (int i = 0; i < 300; ++i) {
        const std::int64_t next = clock + (random() % 20 ? random() % 100 : random() % 30000);
        for (std::int64_t now = clock; now < next; now += step) channel.run_until(now, done);
        clock = next;
        if (step == 1) channel.run_until(clock, done);
        channel.submit(i, random() % 100000, 1 + random() % 50, random() % 3 == 0, clock + 1);
      }
      while (!channel.idle()) channel.run_until(channel.next_clock(), done);
      channel.run_until(clock + 100000, done);
      std::vector<std::pair<std::int64_t, std::int64_t>> ends;
      for (const auto& d : done) ends.push_back({d.id, d.clock});
      results.push_back(ends);
      counts.push_back(channel.counts(clock + 100000));
    }
    CHECK(results[0].size() == 300);
    CHECK((results[0] == results[1]));
    CHECK((results[0] == results[2]));
    for (const auto& c : counts) {
      CHECK(c.refreshes == counts[0].refreshes);
      CHECK(c.active_clocks == counts[0].active_clocks);
      CHECK(c.activates == counts[0].activates);
    }
  }
}

TEST_CASE("scheduler: idle refreshes are counted alike, one by one or in one step") {
  const DramDevice device = test::ddr4_2400();
  Traced slow(device);
  const DramAddressMap map(device, 1, kPageMap);
  DramChannel fast(device, map, 32);
  std::vector<DramChannel::Completion> done;
  for (DramChannel* channel : {&slow.channel, &fast}) {
    channel->submit(0, 5, 1, false, 3);
    channel->submit(1, 5, 1, false, 1234567);
    channel->run_until(2000000, done);
  }
  REQUIRE(done.size() == 4);
  CHECK(done[1].clock == done[3].clock);
  CHECK(slow.channel.counts(2000000).refreshes == 2000000 / device.trefi);
  CHECK(fast.counts(2000000).refreshes == 2000000 / device.trefi);
  CHECK(fast.counts(2000000).active_clocks == slow.channel.counts(2000000).active_clocks);
}

TEST_CASE("scheduler: the age cap ends a row that starves an older request") {
  const DramDevice d = test::ddr4_2400();
  Traced t(d);
  t.channel.submit(1, at(d, 0, 0, 3, 0), 100000, false, 0);  // under the page map: long hits, bank after bank
  t.channel.run_until(0, t.done);
  t.channel.submit(2, at(d, 0, 0, 900), 1, false, 1);
  t.channel.run_until(3000, t.done);
  REQUIRE(t.done.size() == 1);
  CHECK(t.done[0].id == 2);
  CHECK(t.done[0].clock < DramChannel::kAgeCapBursts * 4 + 300);
}

TEST_CASE("scheduler: neither direction starves the other") {
  const DramDevice d = test::ddr4_2400();
  Traced t(d, kDefaultMap);
  const double ideal = 40000 * 4 / (1 - 420.0 / 9360);
  // The second run in other banks than the first (only turnarounds cost), and in the same ones (every switch is a row
  // conflict).
  const auto [other_row, limit] =
      GENERATE(std::pair<std::int64_t, double>{(1 << 20) + 1024, 1.2}, std::pair<std::int64_t, double>{1 << 20, 1.45});
  t.channel.submit(1, 0, 20000, false, 0);
  t.channel.submit(2, other_row, 20000, true, 0);
  t.channel.submit(3, 1 << 22, 4, true, 10);
  t.channel.submit(4, 1 << 23, 4, false, 10);
  t.drain();
  std::map<std::int64_t, std::int64_t> end;
  for (const auto& c : t.done) end[c.id] = c.clock;
  CHECK(end[3] < 3000);
  CHECK(end[4] < 3000);
  CHECK(static_cast<double>(std::max(end[1], end[2])) < ideal * limit);
  CHECK(std::abs(end[1] - end[2]) < 16000);
}

TEST_CASE("scheduler: a refresh that leaves no time is refused") {
  DramDevice d;
  d.trefi = d.trfc + 100;
  CHECK_THROWS_AS(DramChannel(d, DramAddressMap(d, 1, kDefaultMap), 32), InputError);
  CHECK_THROWS_AS(DramChannel(DramDevice(), DramAddressMap(DramDevice(), 1, kDefaultMap), 0), InputError);
}

// --- targets

namespace {

DramReplayResult replay(const std::string& map, int channels, int count,
                        const std::function<std::pair<bool, Bytes>(int)>& request,
                        DramModel model = DramModel::kBanked) {
  DramConfig config;
  config.model = model;
  config.channels = channels;
  config.address_map = map;
  DramReplay memory(config);
  for (int i = 0; i < count; ++i) {
    const auto [write, address] = request(i);
    memory.request(0, write, address);
  }
  return memory.finish();
}

const double kAvailable = 1 - 420.0 / 9360;

}  // namespace

TEST_CASE("replay: a sequential stream runs at tCCD_S, in both models") {
  const auto sequential = [](int i) { return std::pair(false, Bytes{64} * i); };
  const auto banked = replay(kDefaultMap, 1, 16384, sequential);
  const auto bandwidth = replay(kDefaultMap, 1, 16384, sequential, DramModel::kBandwidth);
  CHECK(static_cast<double>(banked.cycles) == Approx(16384 * 4 / kAvailable).epsilon(0.015));
  CHECK(static_cast<double>(bandwidth.cycles) == Approx(16384 * 4 / kAvailable).epsilon(0.015));
  CHECK(banked.statistics.row_hits >= 16384 - banked.statistics.activates);
  CHECK(banked.statistics.activates <= 16384 / 128 + 4 * 8);  // every row once, and again after a refresh
  const auto writes = replay(kDefaultMap, 1, 16384, [](int i) { return std::pair(true, Bytes{64} * i); });
  CHECK(static_cast<double>(writes.cycles) == Approx(16384 * 4 / kAvailable).epsilon(0.015));
  const auto four = replay(kDefaultMap, 4, 4 * 16384, sequential);
  CHECK(static_cast<double>(four.cycles) == Approx(16384 * 4 / kAvailable).epsilon(0.015));
}

TEST_CASE("replay: random single-burst reads are bound by tFAW") {
  std::mt19937_64 random(7);
  const auto result = replay(kPageMap, 1, 20000,
                             [&](int) { return std::pair(false, static_cast<Bytes>(random() % (Bytes{1} << 33))); });
  CHECK(static_cast<double>(result.cycles) == Approx(20000 * 26 / 4.0 / kAvailable).epsilon(0.015));
}

TEST_CASE("replay: stride 8 KiB is bound by activates across banks, by tCCD_L within one bank group") {
  const auto stride = [](int i) { return std::pair(false, Bytes{8192} * i); };
  const auto page = replay(kPageMap, 1, 16384, stride);
  CHECK(static_cast<double>(page.cycles) == Approx(16384 * 26 / 4.0 / kAvailable).epsilon(0.015));
  const auto interleaved = replay(kDefaultMap, 1, 16384, stride);
  CHECK(static_cast<double>(interleaved.cycles) == Approx(16384 * 6 / kAvailable).epsilon(0.015));
}

TEST_CASE("replay: energy is the sum of commands and background") {
  const auto result = replay(kDefaultMap, 2, 4096, [](int i) { return std::pair(i % 2 == 1, Bytes{64} * i); });
  const auto& s = result.statistics;
  const DramDevice d;
  CHECK(s.read_bursts == 2048);
  CHECK(s.active_clocks + s.precharged_clocks == 2 * result.cycles);
  const double expected =
      static_cast<double>(s.activates) * 3500 + 2048 * 512 * 11.75 + 2048 * 512 * 11.0 +
      static_cast<double>(s.refreshes) * 695e3 +
      (static_cast<double>(s.active_clocks) * 413 + static_cast<double>(s.precharged_clocks) * 326) * 0.833;
  CHECK(result.energy.total() == Approx(expected).epsilon(1e-12));
  CHECK(result.bytes == 4096 * 64);
}

TEST_CASE("replay: cycles count from the first request, and long pauses cost no time to simulate") {
  DramConfig config;
  config.model = DramModel::kBanked;
  config.channels = 1;
  DramReplay memory(config);
  memory.request(1000000, false, 0);
  memory.request(1000000000000, false, 0);
  const auto result = memory.finish();
  CHECK(result.cycles == Approx(1e12 - 1e6).epsilon(1e-6));
  CHECK(result.statistics.refreshes == Approx(1e12 / 9360).epsilon(1e-4));
  CHECK(result.statistics.row_misses == 2);
}
