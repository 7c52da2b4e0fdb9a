// Two layers in turn ("results": "scratchpad_in_parts"): what lies between them does not move. Cycles and bytes by
// hand; values against the reference in every run.
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/support/hand_schedule.h"
#include "tests/support/machine_run.h"

using namespace vitality;
using namespace vitality::test;

namespace {

struct Run {
  Cycles cycles;
  Bytes read, written;
  std::string places;  // "results" of every layer's mapping that has them, in the order of the layers
};

// Throws what the run throws, as text.
Run run(const HardwareConfig& config, const VitModel& model, const GivenMapping* given = nullptr) {
  const std::string text = in_child([&]() -> std::string {
    SimulationOptions options;
    options.numerics = options.check = true, options.mapping = given;
    try {
      const SimulationResult r = simulate(config, model, options);
      if (!r.numerics.passed) return "values differ";
      std::string found = std::to_string(r.totals.cycles) + " " + std::to_string(r.totals.dram_read_bytes) + " " +
                          std::to_string(r.totals.dram_write_bytes) + " ";
      for (const LayerResult& layer : r.layers) {
        const std::size_t at = layer.mapping.find("\"results\": \"");
        if (at != std::string::npos)
          found += layer.mapping.substr(at + 12, layer.mapping.find('"', at + 12) - at - 12) + ",";
      }
      return found;
    } catch (const std::exception& error) {
      return error.what();
    }
  });
  std::istringstream in(text);
  Run got{};
  if (!(in >> got.cycles >> got.read >> got.written >> got.places)) throw std::runtime_error(text);
  return got;
}

// rows x columns values, and layers.
VitModel model_of(int rows, int columns, const std::string& layers) {
  return parse_workload(R"({"name":"m","image":{"height":1,"width":)" + std::to_string(rows) + R"(,"channels":)" +
                            std::to_string(columns) + R"(},"layers":[)" + layers + "]}",
                        "m.json");
}
std::string linear(const std::string& name, int columns) {
  return R"({"name":")" + name + R"(","kind":"linear","bias":false,"out_features":)" + std::to_string(columns) + "}";
}
const char* const kGelu = R"({"name":"gelu","kind":"activation","function":"gelu"})";

constexpr GemmOrder kRowsOutermost{GemmLoop::kRows, GemmLoop::kColumns, GemmLoop::kContraction},
    kColumnsOutermost{GemmLoop::kColumns, GemmLoop::kRows, GemmLoop::kContraction};

// Of a 4 x 4 array.
InputStationaryMapping tiles(int row_tile, GemmOrder order, OperandBuffers streamed, OperandBuffers stationary,
                             int results, ResultPlace place) {
  InputStationaryMapping m;
  m.tile_rows = m.tile_cols = 4, m.m_tile = row_tile, m.order = order;
  m.streamed = streamed, m.stationary = stationary, m.out_sets = results, m.results = place;
  return m;
}

GivenMapping two(const InputStationaryMapping& first, const LayerMapping& second) {
  return {"m.json", {{"fc1", first}, {"fc2", second}}};
}

}  // namespace

TEST_CASE("fused layers: cycles of two GEMMs in turn by hand") {
  // 8 x 4 times 4 x 4 times 4 x 4, 4 rows at a time, on hand_schedule.h's plain machine. A pass loads 4 rows of its
  // tile, streams 4 and drains 6: 14. Both layers' tiles and the first rows, a burst each, share the memory from 1 to 4
  // and are there at 13. Passes: fc1 13 to 27, fc2 27 to 41, fc1 41 to 55, fc2 55 to 69; the second rows have come
  // meanwhile. The last store, one burst: 1 + 1 + 9.
  const VitModel model = model_of(8, 4, linear("fc1", 4) + "," + linear("fc2", 4));
  for (const int in_flight : {1, 2}) {
    const GivenMapping given = two(tiles(4, kRowsOutermost, {0, 2}, {0, 1}, in_flight, ResultPlace::kParts),
                                   tiles(4, kRowsOutermost, {0, 0}, {0, 1}, 2, ResultPlace::kMemory));
    const Run got = run(plain_machine(4, 4, 9), model, &given);
    CHECK(got.cycles == 80);
    CHECK(got.read == 64 + 32 + 32);
    CHECK(got.written == 64);
  }
}

TEST_CASE("fused layers: DRAM bytes of two GEMMs in turn by hand") {
  // 16 x 4 times 4 x 12 (GELU) times 12 x 4, 4 rows at a time: 128 bytes in and out, 96 of each layer's weights, which
  // are three tiles. 384 bytes lie between.
  const VitModel model = model_of(16, 4, linear("fc1", 12) + "," + kGelu + "," + linear("fc2", 4));
  const auto read = [&](OperandBuffers first, OperandBuffers second) {
    GivenMapping given = two(tiles(4, kRowsOutermost, {0, 1}, first, 1, ResultPlace::kParts),
                             tiles(4, kRowsOutermost, {0, 0}, second, 1, ResultPlace::kMemory));
    const Run got = run(plain_machine(4, 4, 9), model, &given);
    CHECK(got.written == 128);
    return got.read;
  };
  CHECK(read({3, 0}, {3, 0}) == 128 + 96 + 96);               // all weights stay
  CHECK(read({0, 1}, {3, 0}) == 128 + 4 * 96 + 96);           // fc1's are fetched for each of four parts
  CHECK(read({0, 1}, {1, 1}) == 128 + 4 * 96 + 32 + 4 * 64);  // and two tiles of fc2's
}

TEST_CASE("fused layers: DRAM bytes of a layer in turn with attention by hand") {
  // 8 tokens of 4 values; two heads of 4 columns of Q, K and V: 24 columns. 64 bytes in, 192 of weights, 128 of Z.
  const VitModel model =
      model_of(8, 4, linear("fc1", 24) + R"(,{"name":"fc2","kind":"attention","heads":2,"d_qk":4,"layout":"qkv"})");
  AttentionMapping attention;
  attention.token_chunk = attention.query_chunk = 8, attention.sets = {0, 0, 0, 1};
  for (const AttentionKind kind : {AttentionKind::kTaylor, AttentionKind::kSoftmax, AttentionKind::kReluLinear}) {
    for (const int in_flight : {1, 2}) {
      INFO(to_string(kind) << ", " << in_flight << " in flight");
      HardwareConfig config = plain_machine(4, 4, 9);
      config.attention = kind;
      const GivenMapping given =
          two(tiles(8, kColumnsOutermost, {0, 1}, {0, 1}, in_flight, ResultPlace::kParts), attention);
      const Run got = run(config, model, &given);
      CHECK(got.read == 64 + 192);
      CHECK(got.written == 128);
    }
  }
}

TEST_CASE("fused layers: the search keeps in parts what does not fit as a whole") {
  // 256 rows: 4096 bytes in and out, 16 KiB between, 512 of each layer's weights.
  const std::vector<std::string> small{"matrix_engine.rows=8", "matrix_engine.cols=8", "mapping.objective=energy"};
  const auto with_capacity = [&](const std::string& kib) {
    std::vector<std::string> all = small;
    all.push_back("scratchpad.capacity_kib=" + kib);
    return machine(all);
  };
  const VitModel mlp = model_of(256, 8, linear("fc1", 32) + "," + kGelu + "," + linear("fc2", 8));
  const Run fused = run(with_capacity("8"), mlp);
  CHECK(fused.places == "scratchpad_in_parts,memory,");
  CHECK(fused.read == 4096 + 512 + 512);
  CHECK(fused.written == 4096);
  CHECK(run(with_capacity("64"), mlp).read == 4096 + 512 + 512);  // as much as with room for all of it
  // 64 tokens of 32 values, 4 heads of 8: 4096 bytes in, 6144 of weights, 4096 of Z; Q, K and V are 12 KiB, and 3 KiB
  // of a head.
  const VitModel heads =
      model_of(64, 32, linear("fc1", 96) + R"(,{"name":"attn","kind":"attention","heads":4,"d_qk":8,"layout":"qkv"})");
  const Run in_turn = run(with_capacity("16"), heads);
  CHECK(in_turn.places == "scratchpad_in_parts,memory,");
  CHECK(in_turn.read == 4096 + 6144);
  CHECK(in_turn.written == 4096);
}

TEST_CASE("fused layers: a mapping from a file is run where the search would not choose it") {
  // 16 x 16 times 16 x 16 twice, 4 rows at a time: 512 bytes in, out and between, 512 of each layer's weights, which
  // are fetched for each of four parts, and fc1's rows for each of four column tiles. There is room for all of it.
  const VitModel model = model_of(16, 16, linear("fc1", 16) + "," + linear("fc2", 16));
  const InputStationaryMapping first = tiles(4, kRowsOutermost, {0, 1}, {0, 1}, 1, ResultPlace::kParts),
                               second = tiles(4, kRowsOutermost, {0, 0}, {0, 1}, 1, ResultPlace::kMemory);
  const GivenMapping both = two(first, second), only_first{"m.json", {{"fc1", first}}},
                     only_second{"m.json", {{"fc2", second}}};
  const Run given = run(plain_machine(4, 4, 9), model, &both);
  CHECK(given.places == "scratchpad_in_parts,memory,");
  CHECK(given.read == 4 * 512 + 2 * 4 * 512);
  CHECK(run(plain_machine(4, 4, 9), model, &only_first).places == "scratchpad_in_parts,memory,");
  CHECK_NOTHROW(run(plain_machine(4, 4, 9), model, &only_second));
}

TEST_CASE("fused layers: attention takes chunks that leave the room of a given layer before it") {
  // 64 tokens, 4 heads of 8. fc1 has two tiles of 64 x 8 rows and one of weights, 2,176 bytes, with one head of Q, K
  // and V, 3,072, between: 5,248 of 10,240. Attention on whole keys and queries would need more than what is left.
  const VitModel model =
      model_of(64, 32, linear("fc1", 96) + R"(,{"name":"attn","kind":"attention","heads":4,"d_qk":8,"layout":"qkv"})");
  InputStationaryMapping first = tiles(64, kColumnsOutermost, {0, 2}, {0, 1}, 1, ResultPlace::kParts);
  first.tile_rows = first.tile_cols = 8;
  const GivenMapping given{"m.json", {{"fc1", first}}};
  const auto with_room = [](const std::string& kib) {
    return machine({"matrix_engine.rows=8", "matrix_engine.cols=8", "scratchpad.capacity_kib=" + kib});
  };
  CHECK(run(with_room("10"), model, &given).places == "scratchpad_in_parts,memory,");
  CHECK_THROWS_WITH(run(with_room("6"), model, &given), Catch::Contains("do in turn needs"));
}

TEST_CASE("fused layers: a file that names no layer changes nothing, and any number of rows can be a part") {
  const GivenMapping nothing{"m.json", {}};
  const VitModel mlp = model_of(1000, 8, linear("fc1", 32) + "," + kGelu + "," + linear("fc2", 8));
  for (const std::string kib : {"10", "16", "24", "100", "200"}) {
    INFO(kib << " KiB");
    const HardwareConfig config =
        machine({"matrix_engine.rows=8", "matrix_engine.cols=8", "scratchpad.capacity_kib=" + kib});
    const Run without = run(config, mlp), with = run(config, mlp, &nothing);
    CHECK(without.cycles == with.cycles);
    CHECK(without.read == with.read);
    CHECK(without.places == with.places);
  }
  // 59 and 35 rows are no thousand cut into equal parts.
  InputStationaryMapping first = tiles(59, kRowsOutermost, {0, 1}, {0, 1}, 1, ResultPlace::kParts);
  first.tile_rows = first.tile_cols = 8;
  for (const int rows : {59, 35}) {
    first.m_tile = rows;
    const GivenMapping given{"m.json", {{"fc1", first}}};
    CHECK(run(machine({"matrix_engine.rows=8", "matrix_engine.cols=8", "scratchpad.capacity_kib=16"}), mlp, &given)
              .places == "scratchpad_in_parts,memory,");
  }
}

TEST_CASE("fused layers: a mapping that breaks their laws is refused by file and pointer") {
  const VitModel model = model_of(16, 4, linear("fc1", 12) + "," + kGelu + "," + linear("fc2", 4));
  const InputStationaryMapping first = tiles(4, kRowsOutermost, {0, 1}, {0, 1}, 1, ResultPlace::kParts),
                               second = tiles(4, kRowsOutermost, {0, 0}, {0, 1}, 1, ResultPlace::kMemory);
  const auto refusal = [&](InputStationaryMapping a, InputStationaryMapping b) {
    const GivenMapping given = two(a, b);
    try {
      run(plain_machine(4, 4, 9), model, &given);
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string("ran");
  };
  CHECK(refusal(first, second) == "ran");
  const auto with = [](InputStationaryMapping m, auto edit) {
    edit(m);
    return m;
  };
  CHECK_THAT(refusal(with(first, [](auto& m) { m.order = kColumnsOutermost; }), second),
             Catch::Contains("/layers/fc1/loop_order") && Catch::Contains("\"rows\" as the outermost loop"));
  CHECK_THAT(refusal(first, with(second, [](auto& m) { m.order = kColumnsOutermost; })),
             Catch::Contains("/layers/fc2/loop_order"));
  CHECK_THAT(refusal(first, with(second, [](auto& m) { m.m_tile = 8; })),
             Catch::Contains("/layers/fc2/row_tile") && Catch::Contains("expected 4"));
  CHECK_THAT(refusal(with(first, [](auto& m) { m.out_sets = 3; }), second),
             Catch::Contains("/layers/fc1/result_buffers"));
  CHECK_THAT(refusal(with(first, [](auto& m) { m.m_tile = 5000; }), with(second, [](auto& m) { m.m_tile = 5000; })),
             Catch::Contains("/layers/fc1/row_tile") && Catch::Contains("at most 16"));
  CHECK_THAT(refusal(first, with(second, [](auto& m) { m.streamed.sets = 1; })),
             Catch::Contains("/layers/fc2/streamed"));
  CHECK_THAT(refusal(first, with(second, [](auto& m) { m.results = ResultPlace::kParts; })),
             Catch::Contains("/layers/fc2/results"));
}
