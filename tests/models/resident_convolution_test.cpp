// Convolutions whose image lies in the scratchpad: cycles and bytes by hand, values against the reference, and no
// races.
#include <catch2/catch.hpp>
#include <map>

#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"
#include "tests/support/race_check.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// An image of 4 x 4 pixels of 4 channels, and layers.
VitModel model_of(const std::string& layers) {
  return parse_workload(R"({"name":"m","image":{"height":4,"width":4,"channels":4},"layers":[)" + layers + "]}",
                        "m.json");
}
std::string conv(const std::string& name, int out, int kernel, int stride, int pad, int groups = 1) {
  const auto number = [](const char* key, int value) {
    return std::string(",\"") + key + "\":" + std::to_string(value);
  };
  return R"({"name":")" + name + R"(","kind":"conv2d","bias":false)" + number("out_channels", out) +
         number("kernel", kernel) + number("stride", stride) + number("pad", pad) + number("groups", groups) + "}";
}

// All of its weights are fetched at once.
InputStationaryMapping plan(int rows, int columns, int row_tile, int contraction, int column_tiles,
                            OperandBuffers streamed, ResultPlace place) {
  InputStationaryMapping m;
  m.tile_rows = rows, m.tile_cols = columns, m.m_tile = row_tile, m.k_group = contraction, m.n_group = column_tiles;
  m.order = {GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction};
  m.streamed = streamed, m.stationary = {0, 1}, m.out_sets = 1, m.results = place;
  return m;
}
constexpr OperandBuffers kFetched{0, 1}, kInPlace{0, 0};

struct Cost {
  Cycles cycles;
  Bytes read, written;
};
// On hand_schedule.h's plain machine. A transfer is there 9 cycles behind its last 64-byte burst. The image, of two
// bursts, and every tile of weights, of one, begin together and share the memory, a burst a cycle, from 1 on: the image
// has its first burst when each has had one, and its second one cycle later. A pass of m rows loads the array's rows,
// streams m and drains.
Cost cost_of(const VitModel& model, int rows, int columns, const std::map<std::string, LayerMapping>& mapping) {
  const Simulated<Bytes> got = fork_simulation<Bytes>([&] {
    const GivenMapping given{"m.json", mapping};
    SimulationOptions options;
    options.numerics = options.check = true, options.mapping = &given;
    const SimulationResult r = simulate(plain_machine(rows, columns, 9), model, options);
    if (!r.numerics.passed) throw std::runtime_error("values differ");
    return Simulated<Bytes>{r.totals.cycles, {r.totals.dram_read_bytes, r.totals.dram_write_bytes}};
  });
  return {got.cycles, got.values[0], got.values[1]};
}

// The passes of a schedule that gather from what stays in the scratchpad, and those of them with several groups.
struct Gathers {
  int all = 0, packed = 0, written = 0;  // written: passes with groups whose results stay
};
Gathers count_gathers(const Schedule& schedule) {
  Gathers count;
  for (const Job& job : schedule.jobs) {
    if (job.kind != JobKind::kFold || (job.flags & kIm2col) == 0) continue;
    const bool stays = schedule.buffers[job.streamed].resident_elements > 0;
    const Im2colTile& tile = schedule.im2col_tiles[job.im2col_tile()];
    const bool grouped = schedule.geometries[static_cast<std::size_t>(tile.geometry)].groups > 1;
    count.all += stays, count.packed += stays && tile.groups > 1;
    count.written += grouped && job.result != kNone && schedule.buffers[job.result].resident_elements > 0;
  }
  return count;
}

}  // namespace

TEST_CASE("resident convolution: cycles and bytes of a dense one by hand") {
  // One tile of weights of a pointwise layer (32 bytes), nine of the convolution (36 x 4: 288), the image (128): it is
  // there at 1 + 11 + 1 + 9 = 22. The pointwise pass: 4 + 16 + 6, until 48. Nine passes, one for each kernel position:
  // until 48 + 9 x 26 = 282. The store, 2 bursts: 1 + 2 + 9.
  const VitModel model = model_of(conv("a", 4, 1, 1, 0) + "," + conv("b", 4, 3, 1, 1));
  const Cost got = cost_of(model, 4, 4,
                           {{"a", plan(4, 4, 16, 1, 1, kFetched, ResultPlace::kScratchpad)},
                            {"b", plan(4, 4, 16, 9, 1, kInPlace, ResultPlace::kMemory)}});
  CHECK(got.cycles == 294);
  CHECK(got.read == 32 + 128 + 288);
  CHECK(got.written == 128);
}

TEST_CASE("resident convolution: cycles and bytes of a strided one with padding by hand") {
  // As above, to 2 x 2 pixels: nine passes of 4 + 4 + 6, until 48 + 9 x 14 = 174. The store, 1 burst: 1 + 1 + 9.
  const VitModel model = model_of(conv("a", 4, 1, 1, 0) + "," + conv("b", 4, 3, 2, 1));
  const Cost got = cost_of(model, 4, 4,
                           {{"a", plan(4, 4, 16, 1, 1, kFetched, ResultPlace::kScratchpad)},
                            {"b", plan(4, 4, 4, 9, 1, kInPlace, ResultPlace::kMemory)}});
  CHECK(got.cycles == 185);
  CHECK(got.read == 32 + 128 + 288);
  CHECK(got.written == 32);
}

TEST_CASE("resident convolution: patches of two tiles of channels by hand") {
  // 6 channels lie in tiles of 4 and 2. Patches of 2 x 2 pixels have 16 values of the one, 8 of the other: 4 + 2 passes
  // of 4 rows. Weights: 2 tiles of 48 bytes, 6 of 192 (24 x 4). The image is there at 1 + 9 + 1 + 9 = 20. Two pointwise
  // passes until 20 + 2 x 26 = 72, six of 4 + 4 + 6 until 156; the store: 11.
  const VitModel model = model_of(conv("a", 6, 1, 1, 0) + "," + conv("b", 4, 2, 2, 0));
  const Cost got = cost_of(model, 4, 4,
                           {{"a", plan(4, 4, 16, 1, 2, kFetched, ResultPlace::kScratchpad)},
                            {"b", plan(4, 4, 4, 6, 1, kInPlace, ResultPlace::kMemory)}});
  CHECK(got.cycles == 167);
  CHECK(got.read == 48 + 128 + 192);
  CHECK(got.written == 32);
}

TEST_CASE("resident convolution: a depthwise one between two tiles of channels by hand") {
  // An array of 8 x 3: 6 channels lie in two tiles of 3. Patches of 2 x 2: two channels fit a pass, and none reaches
  // across the tiles: 2 + 1 and 2 + 1 of them. Tiles of weights: 2 (48 bytes), 4 (48) and 2 (36): the image is there at
  // 1 + 9 + 1 + 9 = 20. Two passes of 8 + 16 + 9, until 86; four of 8 + 4 + 9, until 170, whose results stay too; two
  // of 8 + 4 + 9 (3 channels of each tile), until 212. The store of 24 bytes: 11.
  const VitModel model = model_of(conv("a", 6, 1, 1, 0) + "," + conv("b", 6, 2, 2, 0, 6) + "," + conv("c", 3, 1, 1, 0));
  const Cost got = cost_of(model, 8, 3,
                           {{"a", plan(8, 3, 16, 1, 2, kFetched, ResultPlace::kScratchpad)},
                            {"b", plan(4, 2, 4, 1, 4, kInPlace, ResultPlace::kScratchpad)},
                            {"c", plan(8, 3, 4, 2, 1, kInPlace, ResultPlace::kMemory)}});
  CHECK(got.cycles == 223);
  CHECK(got.read == 48 + 128 + 48 + 36);
  CHECK(got.written == 24);
}

TEST_CASE("resident convolution: values in every number format, and no image from memory") {
  // Two tiles of channels (12 on an array of 8 columns), strided and padded; a depthwise one; groups of 4.
  const VitModel model =
      parse_workload(R"({"name":"m","image":{"height":9,"width":7,"channels":3},"layers":[)" + conv("a", 12, 3, 1, 1) +
                         "," + conv("b", 12, 3, 2, 1, 12) + "," + conv("c", 12, 3, 1, 1, 3) + "," +
                         conv("d", 10, 3, 1, 1) + "," + conv("e", 5, 2, 2, 0) + "]}",
                     "m.json");
  for (const Precision precision : all_of_enum<Precision>()) {
    INFO(to_string(precision));
    CHECK(in_child([&]() -> std::string {
            SimulationOptions options;
            options.numerics = options.check = true;
            std::string text;
            options.observe = [&](const FinishedRun& run) {
              const Gathers found = count_gathers(run.schedule);
              if (found.all == 0 || found.packed == 0 || found.written == 0) text += "nothing is gathered in place\n";
              text += find_races(run.schedule, run.times) + OrderCheck(run.schedule).run();
            };
            const SimulationResult r =
                simulate(machine({std::string("precision=") + to_string(precision), "matrix_engine.rows=20",
                                  "matrix_engine.cols=8", "mapping.objective=energy"}),
                         model, options);
            if (!r.numerics.passed) text += "values differ\n";
            for (const LayerResult& layer : r.layers)
              for (const DramTraffic& t : layer.dram_traffic)
                if (t.operand == "activations" || (t.operand == "results" && layer.name != "e"))
                  text += layer.name + " moves " + t.operand + "\n";
            return text;
          }) == "");
  }
}

TEST_CASE("resident convolution: random images on random machines") {
  int ran = 0, gathered = 0, packed = 0, written = 0;
  for (unsigned seed = 1; seed <= 120; ++seed) {
    Dice dice(4400 + seed);
    const VitModel model = random_images(dice);
    std::vector<std::string> overrides = random_machine(dice);
    overrides.insert(overrides.end(), {"mapping.residency=chip", "matrix_engine.dataflow=input_stationary"});
    INFO("seed " << seed << ": " << joined(overrides));
    const HardwareConfig config = machine(overrides);
    Schedule schedule;
    try {
      schedule = map_model(model, config);
    } catch (const InfeasibleError&) {
      continue;
    }
    const Gathers found = count_gathers(schedule);
    ++ran, gathered += found.all > 0, packed += found.packed > 0, written += found.written > 0;
    CHECK(OrderCheck(schedule, config.matrix_engine.count).run() == "");
    CHECK(in_child([&]() -> std::string {
            SimulationOptions options;
            options.numerics = options.check = true;
            std::string text;
            options.observe = [&](const FinishedRun& run) { text = find_races(run.schedule, run.times); };
            return simulate(config, model, options).numerics.passed ? text : text + "values differ";
          }) == "");
  }
  INFO(ran << " ran, " << gathered << " gathered in place, " << packed << " several groups, " << written
           << " grouped results stay");
  CHECK(ran > 80);
  CHECK(gathered > 50);
  CHECK(packed > 10);
  CHECK(written > 15);
}
