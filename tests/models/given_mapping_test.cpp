// Mappings that the search did not choose: what they cost is worked out by hand, and any that the laws let pass
// computes the reference's values.
#include <catch2/catch.hpp>

#include "mapping/mapping_json.h"
#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"
#include "tests/support/random_machine.h"

using namespace vitality;
using namespace vitality::test;

namespace {

// A linear layer without bias, and its mapping.
struct OneLayer {
  int m, k, n;
  InputStationaryMapping mapping;
};
VitModel model_of(const OneLayer& layer) {
  return parse_workload(R"({"name":"one","image":{"height":1,"width":)" + std::to_string(layer.m) + R"(,"channels":)" +
                            std::to_string(layer.k) +
                            R"(},"layers":[{"name":"fc","kind":"linear","bias":false,"out_features":)" +
                            std::to_string(layer.n) + "}]}",
                        "one.json");
}
struct Cost {
  Cycles cycles;
  Bytes read, written;
};
// Of the layer on hand_schedule.h's plain machine, 4 x 4: 64-byte bursts, one a cycle; a transfer alone takes 1 +
// bursts
// + 9 cycles.
Cost cost_of(const OneLayer& layer) {
  const Simulated<Bytes> got = fork_simulation<Bytes>([&] {
    const GivenMapping given{"m.json", {{"fc", layer.mapping}}};
    SimulationOptions options;
    options.check = true, options.mapping = &given;
    const SimulationResult r = simulate(plain_machine(4, 4, 9), model_of(layer), options);
    return Simulated<Bytes>{r.totals.cycles, {r.totals.dram_read_bytes, r.totals.dram_write_bytes}};
  });
  return {got.cycles, got.values[0], got.values[1]};
}

constexpr GemmOrder kRowsOutermost{GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction},
    kColumnsOutermost{GemmLoop::kColumns, GemmLoop::kRows, GemmLoop::kContraction};

InputStationaryMapping tiles(int row_tile, GemmOrder order, OperandBuffers streamed, OperandBuffers stationary,
                             int results) {
  InputStationaryMapping m;
  m.tile_rows = m.tile_cols = 4, m.m_tile = row_tile, m.order = order;
  m.streamed = streamed, m.stationary = stationary, m.out_sets = results;
  return m;
}

// Halves, doubles and shifts numbers of a mapping at random.
struct Editor {
  Dice& dice;
  int other(int value) { return dice.one_of<int>({std::max(1, value / 2), value * 2, value + 1, 1, 2, 3}); }
  void operator()(NoMapping&) {}
  void operator()(EpilogueMapping& m) { m.in_place = !m.in_place; }
  void operator()(UnchargedMapping& m) { m.results_stay = !m.results_stay; }
  void operator()(FoldedMapping&) {}
  void operator()(RowTileMapping& m) { m.rows = other(m.rows); }
  void operator()(OutputStationaryMapping& m) {
    int& value = *dice.one_of<int*>({&m.tile_rows, &m.tile_cols, &m.segment, &m.out_sets});
    value = other(value);
    m.columns_outer = dice.coin(), m.outer_resident = dice.coin();
    if (dice.between(0, 4) == 0) m.results = dice.any<ResultPlace>();
    if (dice.between(0, 4) == 0) m.rows_on_chip = !m.rows_on_chip;
  }
  void operator()(AttentionMapping& m) {
    int& value = *dice.one_of<int*>({&m.token_chunk, &m.query_chunk, &m.sets[0], &m.sets[1], &m.sets[2], &m.sets[3]});
    value = other(value);
    if (dice.between(0, 4) == 0) m.results = dice.any<ResultPlace>();
  }
  void operator()(InputStationaryMapping& m) {
    int& value = *dice.one_of<int*>({&m.tile_rows, &m.tile_cols, &m.m_tile, &m.n_group, &m.k_group, &m.streamed.sets,
                                     &m.stationary.sets, &m.streamed.kept, &m.stationary.kept, &m.out_sets});
    value = other(value);
    if (dice.coin()) std::swap(m.order[static_cast<std::size_t>(dice.between(0, 1))], m.order[2]);
    if (dice.between(0, 4) == 0) m.results = dice.any<ResultPlace>();
  }
};

// "ran", "refused" (wrong, or too large), or what went wrong.
std::string outcome(const VitModel& model, const HardwareConfig& config, const GivenMapping& given) {
  return in_child([&]() -> std::string {
    SimulationOptions options;
    options.numerics = options.check = true, options.mapping = &given;
    try {
      const SimulationResult result = simulate(config, model, options);
      for (const LayerResult& layer : result.layers) {
        const auto found = given.layers.find(layer.name);
        if (found != given.layers.end() && write_json(found->second) != layer.mapping)
          return layer.name + " ran as " + layer.mapping + " instead of " + write_json(found->second);
      }
      return result.numerics.passed ? "ran" : "values differ";
    } catch (const InputError& error) {
      return error.file() == "m.json" && error.pointer().rfind("/layers/", 0) == 0 ? "refused" : error.what();
    } catch (const InfeasibleError&) {
      return "refused";
    }
  });
}

}  // namespace

TEST_CASE("given mapping: cycles of one layer by hand") {
  // 16 x 4 times 4 x 4: one stationary tile.
  const auto cycles = [](const InputStationaryMapping& m) { return cost_of({16, 4, 4, m}).cycles; };
  // One pass. Both loads begin at 1: the tile (32 bytes, 1 burst) ends at 3, the rows (128 bytes, 2 bursts) at 4, there
  // at 13. The pass: 4 to load, 16 rows, skew 6: 39. The store, 2 bursts: 1 + 2 + 9.
  CHECK(cycles(tiles(16, kRowsOutermost, {0, 1}, {0, 1}, 1)) == 51);
  // Half the row tile: two loads of one burst end at 3, there at 12. First pass: streams from 16, has had its rows at
  // 24, is out at 30, stored at 41. One buffer of rows: the second rows are loaded from 24 to 35. One buffer of
  // results: the second pass waits for the first store, 41; it is out at 59, stored at 70.
  CHECK(cycles(tiles(8, kRowsOutermost, {0, 1}, {0, 1}, 1)) == 70);
  // Two buffers of results: the second pass waits for its rows alone, 35; out at 53, stored at 64.
  CHECK(cycles(tiles(8, kRowsOutermost, {0, 1}, {0, 1}, 2)) == 64);
  // Two buffers of rows as well: the second rows are loaded behind the first, from 12 to 23; the second pass waits for
  // the array, 30; out at 48, stored at 59.
  CHECK(cycles(tiles(8, kRowsOutermost, {0, 2}, {0, 1}, 2)) == 59);
}

TEST_CASE("given mapping: DRAM bytes of one layer by hand") {
  // 16 x 4 times 4 x 12: 128 bytes of rows, 96 of weights in three tiles, 384 of results.
  const auto read = [](int row_tile, GemmOrder order, OperandBuffers streamed, OperandBuffers stationary) {
    const Cost cost = cost_of({16, 4, 12, tiles(row_tile, order, streamed, stationary, 1)});
    CHECK(cost.written == 384);
    return cost.read;
  };
  CHECK(read(8, kRowsOutermost, {0, 1}, {0, 1}) == 128 + 2 * 96);     // weights for each of two row tiles
  CHECK(read(8, kRowsOutermost, {0, 1}, {1, 1}) == 128 + 96 + 64);    // one of three weight tiles stays
  CHECK(read(8, kRowsOutermost, {0, 1}, {3, 0}) == 128 + 96);         // all stay
  CHECK(read(8, kColumnsOutermost, {0, 1}, {0, 1}) == 3 * 128 + 96);  // rows for each of three column tiles
  // One of four row tiles, of 32 bytes, stays; the others are fetched in each of three sweeps.
  CHECK(read(4, kColumnsOutermost, {1, 1}, {0, 1}) == 32 + 3 * 96 + 96);
}

TEST_CASE("given mapping: random edits run with the reference's values or are refused by file and pointer") {
  int ran = 0, refused = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Dice dice(9100 + seed);
    const VitModel model = random_workload(dice);
    std::vector<std::string> overrides = random_machine(dice);
    if (dice.coin()) overrides.push_back("mapping.residency=layer");
    const HardwareConfig config = machine(overrides);
    if (traits(config.attention).uses_mask || config.attention == AttentionKind::kAuto) continue;
    GivenMapping given{"m.json", {}};
    try {
      const Schedule schedule = map_model(model, config);
      for (std::size_t i = 0; i < model.layers.size(); ++i) given.layers[model.layers[i].name] = schedule.mappings[i];
    } catch (const InfeasibleError&) {
      continue;
    }
    INFO("seed " << seed << ": " << joined(overrides));
    if (seed % 8 == 0) CHECK(outcome(model, config, given) == "ran");
    Editor editor{dice};
    for (int edits = dice.between(1, 2); edits > 0; --edits)
      std::visit(editor, given.layers[dice.one_of(model.layers).name]);
    const std::string found = outcome(model, config, given);
    ran += found == "ran", refused += found == "refused";
    CHECK((found == "ran" || found == "refused"));
  }
  CHECK(ran >= 15);
  CHECK(refused >= 8);
}
