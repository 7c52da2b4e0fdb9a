// What SpAtten, ELSA and DOTA cost, by hand.
#include "cost/dot_product_engine.h"

#include <catch2/catch.hpp>

#include "tensor/mask.h"

using namespace vitality;

namespace {

Mask mask_of(int rows, int cols, const std::vector<int>& bits) {
  Mask mask(rows, cols);
  std::copy(bits.begin(), bits.end(), mask.data());
  return mask;
}

// A tile as the mapper hands it to the machine: entries and used rows are counted.
MaskTile tile_of(const Mask& mask) {
  MaskTile tile{0, 0, 0, mask.rows(), mask.cols()};
  tile.kept = kept_entries(mask);
  tile.used_rows = mask.rows() - empty_rows(mask);
  return tile;
}

HardwareConfig machine(MachineKind kind, int rows, int cols) {
  HardwareConfig config;
  config.machine = kind, config.precision = Precision::kInt16;
  config.matrix_engine.rows = rows, config.matrix_engine.cols = cols;
  return config;
}

Job product(JobKind kind, int m, int k, int n, int flags = 0) {
  Job job{};
  job.unit = UnitKind::kMatrixEngine, job.kind = kind;
  job.m = m, job.k = k, job.n = n, job.flags = static_cast<std::uint16_t>(flags);
  return job;
}

}  // namespace

TEST_CASE("modules: a query ends with the module that has most of its keys") {
  // Two modules (four trees). Query 0 keeps keys 0, 1, 3: one even, two odd; query 1 keeps key 3; query 2 nothing.
  const Mask mask = mask_of(3, 4, {1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0});
  for (const MachineKind kind : {MachineKind::kSpatten, MachineKind::kElsa}) {
    const HardwareConfig config = machine(kind, 4, 4);
    MaskTile tile = tile_of(mask);
    modules_describe(config, mask, tile);
    CHECK(tile.passes == 3);
    CHECK(tile.capacity == 6);
    CHECK(tile.sub_rows == 4);  // every entry reads its key
    // Eight features pass a tree of four in two steps; the pair of trees takes half the cycles for each product.
    const JobCost scores = dot_product_cost(product(JobKind::kSddmm, 3, 8, 4), tile, config);
    CHECK(scores.stream == 3);
    CHECK(scores.drain == 11);
    CHECK(scores.macs == 32);
    CHECK(scores.operations.add == 28);
    CHECK(scores.scratchpad_read == 2 + 2 * (4 + 2) * 8);  // mask bits, keys and queries
    // Two features: SpAtten's tree takes two keys at a time, ELSA's one.
    CHECK(dot_product_cost(product(JobKind::kSddmm, 3, 2, 4), tile, config).stream ==
          (kind == MachineKind::kSpatten ? 1 : 2));
    const JobCost values = dot_product_cost(product(JobKind::kSpmm, 3, 4, 8, kFirst | kLast), tile, config);
    CHECK(values.stream == 3);
    CHECK(values.drain == 3);
    CHECK(values.scratchpad_read == 2 + 2 * (4 + 4 * 8));
    CHECK(values.scratchpad_write == 2 * 3 * 8);
  }
}

TEST_CASE("lanes: queries side by side share keys and end with the longest row") {
  const HardwareConfig config = machine(MachineKind::kDota, 4, 2);
  const Mask mask = mask_of(3, 4, {1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0});
  MaskTile tile = tile_of(mask);
  lanes_describe(config, mask, tile);
  CHECK(tile.passes == 3 + 1);    // queries 0 and 1, then query 2
  CHECK(tile.sub_rows == 4 + 1);  // keys 0 to 3, then key 0
  CHECK(tile.capacity == 8);
  const JobCost scores = dot_product_cost(product(JobKind::kSddmm, 3, 8, 4), tile, config);
  CHECK(scores.stream == 8);  // two steps an entry
  CHECK(scores.macs == 48);
  CHECK(scores.scratchpad_read == 2 + 2 * (5 + 3) * 8);
  CHECK(dot_product_cost(product(JobKind::kSddmm, 3, 2, 4), tile, config).stream == 2);
}

TEST_CASE("a block without entries costs a cycle and no work") {
  for (const MachineKind kind : {MachineKind::kSpatten, MachineKind::kElsa, MachineKind::kDota}) {
    const HardwareConfig config = machine(kind, 4, 4);
    const Mask mask(3, 4);
    MaskTile tile = tile_of(mask);
    (kind == MachineKind::kDota ? lanes_describe : modules_describe)(config, mask, tile);
    const JobCost cost = dot_product_cost(product(JobKind::kSddmm, 3, 8, 4), tile, config);
    CHECK(cost.stream == 1);
    CHECK(cost.macs == 0);
    CHECK(cost.operations.add == 0);
  }
}

TEST_CASE("SpAtten: quick select by hand") {
  // 9 tokens, 4 a cycle: passes over 9, 6, 4 and 2 of them (3 + 2 + 1 + 1 cycles and 3 each), and the dropping one (3).
  CHECK(quick_select_cycles(9, 4) == 7 + 12 + 3);
  CHECK(quick_select_cycles(1, 4) == 1);
  HardwareConfig config = machine(MachineKind::kSpatten, 64, 2);
  config.sparse_unit.predictor_cols = 4;
  const JobCost cost = spatten_predict(product(JobKind::kPredict, 100, 64, 9), config);
  CHECK(cost.stream == 22);
  CHECK(cost.actions[Action::kCompare] == 36);
}

TEST_CASE("ELSA: hashes, then selection beside the hashes of the next queries") {
  HardwareConfig config = machine(MachineKind::kElsa, 64, 8);
  config.sparse_unit.predictor_rows = 4, config.sparse_unit.predictor_cols = 2;
  // 16 features: two factors of 4, 128 products a hash; a key's norm takes 16 more. Eight multipliers.
  const JobCost cost = elsa_predict(product(JobKind::kPredict, 3, 16, 5), config);
  CHECK(cost.stream == 5 * (128 + 16) / 8 + 3 * 128 / 8);  // the selection of 15 pairs, two a cycle, hides
  CHECK(cost.actions[Action::kLowPrecisionMac] == 5 * 144 + 3 * 128);
  CHECK(cost.actions[Action::kMultiply] == 15);
  CHECK(cost.actions[Action::kCompare] == 15);
  CHECK(cost.actions[Action::kAdd] == 15);
  config.sparse_unit.predictor_rows = 64;  // 128 multipliers: 5.6 and 3 cycles, now the selection shows
  CHECK(elsa_predict(product(JobKind::kPredict, 3, 16, 5), config).stream == 6 + 8);
}

TEST_CASE("DOTA: projections, then low-rank scores and selection") {
  HardwareConfig config = machine(MachineKind::kDota, 64, 32);
  config.sparsity.detector_rank = 0.25;
  config.sparse_unit.predictor_rows = 4, config.sparse_unit.predictor_cols = 2;
  // Rank 4 of 16. Projections: 8 vectors in 2 rows of tiles, 2 columns of tiles, 16 deep. Scores: 1 x 3 tiles, 4 deep.
  const JobCost cost = dota_predict(product(JobKind::kPredict, 3, 16, 5), config);
  CHECK(cost.stream == 2 * 2 * 16 + 23);  // 45 comparisons, two a cycle, outlast the 12 cycles of scores
  CHECK(cost.actions[Action::kLowPrecisionMac] == 8 * 16 * 4 + 15 * 4);
  CHECK(cost.actions[Action::kCompare] == 45);
}
