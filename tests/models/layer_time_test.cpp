// Where the time of layers goes, by hand: small schedules on the machine's modules, every cycle of the run written out.
//
// The machine: a 4 x 4 array, plain_machine(): 64-byte bursts, one a cycle, latency 9. Loads that are issued at 0 share
// the memory from cycle 1 on. A fold of 10 x 4 x 4: 4 to load the tile, 10 rows streamed, 6 to drain. Element: int16.
#include <catch2/catch.hpp>
#include <map>

#include "schedule/layer_spans.h"
#include "sim/account/accounting.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

std::string text_of(const LayerResult& l) {
  std::string text = l.name + ": " + std::to_string(l.start_cycle) + " to " + std::to_string(l.end_cycle) + ";";
  for (const auto& [part, cycles] : l.time_split) text += " " + part + " " + std::to_string(cycles);
  text += "; " + l.bottleneck + "; ";
  if (l.prefetch.cycles > 0)
    text += "prefetch from " + std::to_string(l.prefetch.start_cycle) + ": " + std::to_string(l.prefetch.cycles) +
            " cycles, " + std::to_string(l.prefetch.exposed_cycles) + " exposed, " + std::to_string(l.prefetch.bytes) +
            " bytes; ";
  return text + "\n";
}

// Layers named a, b, ... of these kinds; the schedule gives their jobs.
std::string layer_times(const Schedule& hand, const std::vector<LayerParameters>& kinds,
                        const HardwareConfig& config = plain_machine(4, 4, 9)) {
  return in_child([&] {
    VitModel model;
    for (std::size_t i = 0; i < kinds.size(); ++i)
      model.layers.push_back({std::string(1, static_cast<char>('a' + i)), {static_cast<int>(i) - 1}, kinds[i]});
    Schedule schedule = hand;
    schedule.layer_mapping.resize(kinds.size());
    schedule.mappings.resize(kinds.size());
    const MachineParameters parameters(config, schedule);
    HostedAccelerator machine("machine", parameters);
    sc_core::sc_start();
    if (!machine.chunk.controller.finished()) return std::string("deadlock");
    Cycles cycles = 0;
    for (const JobTimes& t : machine.chunk.controller.times()) cycles = std::max(cycles, t.done);
    SimulationResult result;
    account({model, config, schedule, machine.chunk.controller.times(), parameters.costs, parameters.units,
             machine.chunk.controller.order(), cycles, machine.dram.statistics(), machine.dram.energy(),
             std::vector<int>(parameters.units.size(), 1)},
            result);
    std::string text;
    for (const LayerResult& layer : result.layers) text += text_of(layer);
    return text + std::to_string(result.totals.cycles) + " cycles";
  });
}

const LayerParameters kLinear = Linear{10, 4, 4, false};

}  // namespace

TEST_CASE("layer time: what is fetched ahead is prefetch, exposed where nothing hides it") {
  // a: 10 x 4 times 4 x 4; b: a's result times another 4 x 4, to memory. All three loads go out at 0.
  HandSchedule s;
  const auto x = s.tensor(10, 4), w = s.tensor(4, 4);
  const auto xbuf = s.buffer(80), wbuf = s.buffer(32), abuf = s.buffer(80), vbuf = s.buffer(32), bbuf = s.buffer(80);
  s.load(x, 10, 4, xbuf);
  s.load(w, 4, 4, wbuf);
  s.layer(1);
  s.load(s.tensor(4, 4), 4, 4, vbuf);
  s.layer(0);
  s.fold(10, 4, 4, xbuf, wbuf, abuf);
  s.layer(1);
  s.fold(10, 4, 4, abuf, vbuf, bbuf);
  s.store(s.tensor(10, 4), 10, 4, bbuf);
  // The loads have 2, 1 and 1 bursts (80, 32, 32 bytes) at a third of the rate each: the small ones are served at 4,
  // the large one at 5, 9 later they are there: 13, 13, 14. a's fold: 14 + 20 = 34; b's: 54; b's store: 1 + 2 + 9: 66.
  // a waited from 0 to 14 for its own loads and nothing else ran: exposed. b's load was there at 13: hidden.
  CHECK(layer_times(s.schedule(), {kLinear, kLinear}) ==
        "a: 14 to 34; compute 10 stationary_load 4 fill_drain 6; compute; prefetch from 0: 14 cycles, 14 exposed, 112 "
        "bytes; \n"
        "b: 34 to 66; compute 10 stationary_load 4 fill_drain 6 dram 12; dram; prefetch from 0: 13 cycles, 0 exposed, "
        "32 bytes; \n"
        "66 cycles");
}

TEST_CASE("layer time: a layer beside another one has overlap and no loss") {
  // b adds two 4 x 4 tiles while a's fold runs; nobody waits for b.
  HandSchedule s;
  const auto x = s.tensor(10, 4), w = s.tensor(4, 4);
  const auto xbuf = s.buffer(80), wbuf = s.buffer(32), abuf = s.buffer(80), ybuf = s.buffer(32), bbuf = s.buffer(32);
  s.load(x, 10, 4, xbuf);
  s.load(w, 4, 4, wbuf);
  s.fold(10, 4, 4, xbuf, wbuf, abuf);
  s.store(s.tensor(10, 4), 10, 4, abuf);
  s.layer(1);
  s.load(s.tensor(4, 4), 4, 4, ybuf);
  s.unit_job(UnitKind::kAdders, JobKind::kAddMatrix, 4, 0, 4, ybuf, ybuf, bbuf);
  // As above: a's operands are there at 14, b's at 13, the fold ends at 34, the store at 46. b has begun at 13 and ends
  // while a's fold is on the array.
  const std::string text = layer_times(s.schedule(), {kLinear, Add{}});
  CAPTURE(text);
  CHECK(
      text.find("a: 14 to 46; compute 10 stationary_load 4 fill_drain 6 dram 12; dram; prefetch from 0: 14 cycles, 14 "
                "exposed, 112 bytes; \nb: 13 to ") == 0);
  const std::string b = text.substr(text.find("b: "));
  const int end = std::stoi(b.substr(9));
  CHECK(end > 13);
  CHECK(end < 34);
  CHECK(b == "b: 13 to " + std::to_string(end) + "; overlap " + std::to_string(end - 13) +
                 "; overlap; prefetch from 0: 13 cycles, 0 exposed, 32 bytes; \n46 cycles");
}

TEST_CASE("layer time: a load in the middle of a layer that the array waits for is lost to DRAM, and only that") {
  // Two passes over the contraction; the second's tile is fetched when the first has released the one buffer for tiles.
  HandSchedule s;
  const auto x = s.tensor(10, 8), w = s.tensor(8, 4);
  const auto xbuf = s.buffer(160), wbuf = s.buffer(32), sums = s.buffer(240), abuf = s.buffer(80);
  s.load(x, 10, 8, xbuf);
  s.load(w, 4, 4, wbuf);
  s.fold(10, 4, 4, xbuf, wbuf, abuf, sums, kFirst);
  s.load(w, 4, 4, wbuf);
  s.fold(10, 4, 4, xbuf, wbuf, abuf, sums, kLast);
  // 160 and 32 bytes: 3 bursts and 1. At half the rate the small one is served at 3, the large one, alone from then on
  // with 2 left, at 5: there at 14. First pass: 14, stream 18, released 28, done 34. The load: 28 + 1 + 1 + 9 = 39.
  // Second pass: 39 to 59. Lost to DRAM: from 28 to 39, for the path goes back from the second pass to its load, and
  // from that to the release of its buffer; the first pass's drain hides behind the load.
  CHECK(layer_times(s.schedule(), {kLinear}) ==
        "a: 14 to 59; compute 20 stationary_load 8 fill_drain 6 dram 11; compute; prefetch from 0: 14 cycles, 14 "
        "exposed, 192 bytes; \n59 cycles");
}

TEST_CASE("layer time: with stationary prefetch a tile that loads behind a stream costs nothing") {
  // Two passes over the contraction, both taken at 14: the second's tile is loaded while the first streams.
  HandSchedule s;
  const auto x = s.tensor(10, 8), w = s.tensor(8, 4);
  const auto xbuf = s.buffer(160), wbuf = s.buffer(64), sums = s.buffer(240), abuf = s.buffer(80);
  s.load(x, 10, 8, xbuf);
  s.load(w, 8, 4, wbuf);
  s.fold(10, 4, 4, xbuf, wbuf, abuf, sums, kFirst);
  s.fold(10, 4, 4, xbuf, wbuf, abuf, sums, kLast);
  HardwareConfig config = plain_machine(4, 4, 9);
  config.matrix_engine.stationary_prefetch = true;
  // 160 and 64 bytes, 3 bursts and 1: there at 14. The first streams from 18 to 28, the second from 28 to 38, and the
  // last result is out 6 later: 44. One load of a tile and one drain are exposed.
  CHECK(layer_times(s.schedule(), {kLinear}, config) ==
        "a: 14 to 44; compute 20 stationary_load 4 fill_drain 6; compute; prefetch from 0: 14 cycles, 14 exposed, 224 "
        "bytes; \n44 cycles");
}

TEST_CASE("layer time: with stationary prefetch and short streams the loads of tiles are what the run waits for") {
  // 2 rows against tiles of 4 rows: a pass every max(R, M) = 4 cycles.
  HandSchedule s;
  const auto x = s.tensor(2, 12), w = s.tensor(12, 4);
  const auto xbuf = s.buffer(48), wbuf = s.buffer(96), sums = s.buffer(48), abuf = s.buffer(16);
  s.load(x, 2, 12, xbuf);
  s.load(w, 12, 4, wbuf);
  s.fold(2, 4, 4, xbuf, wbuf, abuf, sums, kFirst);
  s.fold(2, 4, 4, xbuf, wbuf, abuf, sums, 0);
  s.fold(2, 4, 4, xbuf, wbuf, abuf, sums, kLast);
  HardwareConfig config = plain_machine(4, 4, 9);
  config.matrix_engine.stationary_prefetch = true;
  // 48 and 96 bytes, 1 burst and 2: the small one is served at 3, the large one at 4, there at 13. The first pass loads
  // to 17 and streams to 19; the second is loaded from 17, when the shadow register is free, to 21 and streams to 23;
  // the third is loaded from 21 to 25, streams to 27 and drains to 33. On the path: three loads, the last stream.
  CHECK(layer_times(s.schedule(), {kLinear}, config) ==
        "a: 13 to 33; compute 2 stationary_load 12 fill_drain 6; stationary_load; prefetch from 0: 13 cycles, 13 "
        "exposed, 144 bytes; \n33 cycles");
}

TEST_CASE("layer time: what only moves data begins with more than its own weights, what takes no time has none") {
  const auto job = [](UnitKind unit, JobKind kind, int layer, int transfer) {
    Job j;
    j.unit = unit, j.kind = kind, j.layer = layer, j.detail = TransferRange{transfer, is_dma(unit) ? 1 : 0};
    return j;
  };
  const auto ran = [](Cycles start, Cycles done) {
    JobTimes t;
    t.start = start, t.done = done;
    return t;
  };
  Schedule schedule;
  schedule.tensors = {{"weight", TensorRole::kWeight, 0, 1, 1, 0, 2}, {"in", TensorRole::kActivation, 0, 1, 1, 64, 2}};
  schedule.transfers.resize(2);
  schedule.transfers[0].tensor = {0}, schedule.transfers[1].tensor = {1};
  schedule.jobs = {job(UnitKind::kDmaLoad, JobKind::kLoad, 0, 0), job(UnitKind::kDmaLoad, JobKind::kLoad, 0, 1),
                   job(UnitKind::kDmaStore, JobKind::kStore, 0, 1),
                   job(UnitKind::kUncharged, JobKind::kElementwise, 1, 0),
                   job(UnitKind::kUncharged, JobKind::kElementwise, 1, 0)};
  const IdVector<JobId, JobTimes> times = {ran(3, 9), ran(50, 60), ran(60, 75), ran(80, 80), ran(90, 90)};
  const std::vector<LayerSpan> spans = layer_spans(schedule, times, 3);
  CHECK((spans[0].begin == 50 && spans[0].end == 75 && spans[0].executed));
  CHECK(is_prefetch(schedule.jobs[0], times[0], spans[0]));
  CHECK_FALSE(is_prefetch(schedule.jobs[1], times[1], spans[0]));
  CHECK((spans[1].begin == 90 && spans[1].end == 90 && spans[1].executed));  // its whole input is there at 90
  CHECK((spans[2].begin == 0 && spans[2].end == 0 && !spans[2].executed));
}
