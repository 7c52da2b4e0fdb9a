#include "cost/bandwidth_dram.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace vitality;

namespace {

// A memory with round numbers: one burst of 64 bytes a machine cycle and channel, latency 10 cycles, no refresh loss.
DramConfig round_memory(int channels) {
  DramConfig config;
  config.device.tck_ns = 1;
  config.device.trcd = 4, config.device.cl = 6, config.device.burst_cycles = 1;
  config.device.trfc = 0;
  config.channels = channels;
  return config;
}

// Runs to the end by next_event() alone; completion cycle by id.
std::map<std::int64_t, Cycles> drain(DramBackend& memory) {
  std::map<std::int64_t, Cycles> done;
  std::vector<std::int64_t> completed;
  for (Cycles now = memory.next_event(); now >= 0; now = memory.next_event()) {
    completed.clear();
    memory.advance_to(now, completed);
    for (auto id : completed) done[id] = now;
  }
  return done;
}

}  // namespace

TEST_CASE("bandwidth memory: one request takes a cycle to arrive, its latency and its bytes over the rate") {
  BandwidthDram memory(round_memory(4), 1000);
  memory.submit(7, 0, 4 * 64 * 100, false, 0);
  CHECK(drain(memory) == std::map<std::int64_t, Cycles>{{7, 1 + 11 + 100}});
  CHECK(memory.statistics().busy_cycles == 112);
  CHECK(memory.statistics().read_bytes == 25600);
}

TEST_CASE("bandwidth memory: a partial burst moves whole, the first burst takes the latency, the rest the rate") {
  BandwidthDram memory(round_memory(4), 1000);
  memory.submit(1, 60, 8, true, 5);           // touches two bursts
  CHECK(drain(memory)[1] == 6 + 10 + 1 + 1);  // and a quarter of a cycle for the second
  CHECK(memory.statistics().write_bursts == 2);
  CHECK(memory.statistics().write_bytes == 8);
}

TEST_CASE("bandwidth memory: concurrent requests share equally, and the rest speeds up when one ends") {
  BandwidthDram memory(round_memory(1), 1000);
  memory.submit(1, 0, 64 * 100, false, 0);
  memory.submit(2, 0, 64 * 50, true, 0);
  auto done = drain(memory);
  CHECK(done[2] == 11 + 100);
  CHECK(done[1] == 11 + 150);
}

TEST_CASE("bandwidth memory: a line is served one after the other, beside what has no line") {
  // Ten bursts each, at one a cycle: the first of the line and the one without a line share until both are served at
  // 20; the second of the line has the memory alone from there on, its latency over. Without lines all three end at 30.
  BandwidthDram memory(round_memory(1), 1000);
  memory.submit(1, 0, 64 * 10, false, 0, 3);
  memory.submit(2, 0, 64 * 10, false, 0, 3);
  memory.submit(3, 0, 64 * 10, false, 0);
  CHECK(drain(memory) == std::map<std::int64_t, Cycles>{{1, 11 + 20}, {2, 11 + 30}, {3, 11 + 20}});
  // A line that has run empty begins anew.
  BandwidthDram again(round_memory(1), 1000);
  again.submit(1, 0, 64 * 10, false, 0, 0);
  CHECK(drain(again)[1] == 21);
  again.submit(2, 0, 64 * 10, false, 100, 0);
  CHECK(drain(again)[2] == 121);
}

TEST_CASE("bandwidth memory: a request from cycle t competes from t + 1 on") {
  BandwidthDram memory(round_memory(1), 1000);
  std::vector<std::int64_t> completed;
  memory.submit(1, 0, 64 * 10, false,
                0);  // alone in [1, 5), shared from 5: 6 left at half rate = 12 cycles, ends at 17
  memory.advance_to(4, completed);
  memory.submit(2, 0, 64 * 10, false, 4);  // 6 done at 17, 4 alone, ends at 21
  auto done = drain(memory);
  CHECK(done[1] == 27);
  CHECK(done[2] == 31);
}

TEST_CASE("bandwidth memory: ties complete in order of submission, empty requests at once") {
  BandwidthDram memory(round_memory(1), 1000);
  std::vector<std::int64_t> completed;
  memory.submit(9, 0, 64, false, 0);
  memory.submit(3, 0, 64, false, 0);
  memory.submit(5, 0, 0, false, 0);
  memory.advance_to(1000, completed);
  CHECK(completed == std::vector<std::int64_t>{5, 9, 3});
  CHECK(memory.next_event() == -1);
}

TEST_CASE("bandwidth memory: results do not depend on how often time is advanced, and work is conserved") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::map<std::int64_t, Cycles> sparse, dense;
    for (auto* done : {&sparse, &dense}) {
      std::mt19937 random(seed);
      DramConfig config;  // DDR4-2400 x 4 at 500 MHz
      BandwidthDram memory(config, 500);
      std::vector<std::int64_t> completed;
      Cycles now = 0;
      Bytes total = 0;
      for (std::int64_t id = 0; id < 400; ++id) {
        const Cycles next = now + static_cast<Cycles>(random() % 60);
        if (done == &dense) {
          for (Cycles t = now; t < next; ++t) {
            memory.advance_to(t, completed);
            for (auto i : completed) (*done)[i] = t;
            completed.clear();
          }
        } else {
          for (Cycles t = memory.next_event(); t >= 0 && t < next; t = memory.next_event()) {
            memory.advance_to(t, completed);
            for (auto i : completed) (*done)[i] = t;
            completed.clear();
          }
        }
        now = next;
        memory.advance_to(now, completed);
        for (auto i : completed) (*done)[i] = now;
        completed.clear();
        const Bytes bytes = 64 * (1 + static_cast<Bytes>(random() % 100));
        total += bytes;
        memory.submit(id, 0, bytes, random() % 2 != 0, now);
      }
      for (auto [id, cycle] : drain(memory)) (*done)[id] = cycle;
      const double rate = 153.66 * refresh_availability(config.device);  // bytes a cycle
      CHECK(static_cast<double>(total) <= static_cast<double>(memory.statistics().busy_cycles) * rate * 1.001);
      CHECK(static_cast<double>(total) >= static_cast<double>(memory.statistics().busy_cycles) * rate * 0.75);
    }
    CHECK(sparse.size() == 400);
    CHECK(sparse == dense);
  }
}
