// What a machine's engine makes of a block of a mask, and what its jobs then cost: by hand on small masks.
#include <catch2/catch.hpp>

#include "cost/machine_units.h"
#include "cost/sparse_machine.h"

using namespace vitality;

namespace {

HardwareConfig machine(MachineKind kind, int rows, int cols) {
  HardwareConfig config;
  config.machine = kind, config.attention = AttentionKind::kSparse;
  config.matrix_engine.rows = rows, config.matrix_engine.cols = cols;
  config.diagonal_engine.enabled = false;
  return config;
}

// The tile of a whole mask, as the mapper makes it.
MaskTile tile_of(const HardwareConfig& config, const Mask& mask) {
  MaskTile tile{0, 0, 0, mask.rows(), mask.cols()};
  tile.kept = kept_entries(mask), tile.used_rows = tile.fresh_rows = mask.rows() - empty_rows(mask);
  sparse_machine(config).describe(config, mask, tile);
  return tile;
}

Job job_of(JobKind kind, int m, int k, int n, int flags = 0) {
  Job job{};
  job.kind = kind, job.m = m, job.k = k, job.n = n;
  job.flags = static_cast<std::uint16_t>(flags);
  return job;
}

}  // namespace

TEST_CASE("Sanger: pack and split into passes, SDDMM, softmax and SpMM of one block") {
  const HardwareConfig config = machine(MachineKind::kSanger, 2, 2);
  Mask mask(3, 70);  // a vector of 64 columns and one of 6
  for (const int c : {0, 1, 2, 64}) mask(0, c) = 1;
  mask(1, 5) = 1;
  const MaskTile tile = tile_of(config, mask);
  // First vector: 3 entries in 2 sub-rows, 1 in 1; 3 sub-rows in 2 passes. Second: 1 sub-row, 1 pass.
  CHECK(tile.sub_rows == 4);
  CHECK(tile.passes == 3);
  CHECK(tile.slots == 8);
  CHECK(tile.capacity == 12);

  const SparseMachine& sanger = sparse_machine(config);
  const JobCost scores = sanger.products(job_of(JobKind::kSddmm, 3, 4, 70), tile, config);
  CHECK(scores.stream == 3 * 4);
  CHECK(scores.drain == 2 + 2 - 2);
  CHECK(scores.macs == 5 * 4);
  CHECK(scores.operations.add == 5 * 3);
  // 27 bytes of mask; 4 sub-rows' queries and 3 passes' 64 keys of 4 features; 5 wide scores.
  CHECK(scores.scratchpad_read == 27 + 2 * (4 + 3 * 64) * 4);
  CHECK(scores.scratchpad_write == 4 * 5);

  const JobCost sums = sanger.products(job_of(JobKind::kSpmm, 3, 70, 6, kFirst | kLast), tile, config);
  CHECK(sums.stream == 3 * 6);
  CHECK(sums.macs == 5 * 6);
  CHECK(sums.operations.add == (5 - 2) * 6);
  CHECK(sums.actions[Action::kAccumulate] == (4 - 2) * 6);  // sub-rows beyond a row's first

  const JobCost softmax = sanger.probabilities(job_of(JobKind::kSparseSoftmax, 3, 0, 70), tile, config);
  CHECK(softmax.stream == 3);  // three sweeps of 5 entries on 64 lanes
  CHECK(softmax.operations.exp == 5);
  CHECK(softmax.operations.div == 5);
  CHECK(softmax.operations.cmp == 3);
  CHECK(softmax.operations.add == 5 + 3);

  const JobCost prediction = sanger.predict(job_of(JobKind::kPredict, 3, 4, 70), config);
  CHECK(prediction.stream == 2 * 4);  // two 64 x 64 tiles of depth 4; 210 scores at 64 a cycle are faster
  CHECK(prediction.macs == 0);
  CHECK(prediction.actions[Action::kLowPrecisionMac] == 210 * 4);
}

TEST_CASE("sparse baselines have one array for everything, the training unit one of its own") {
  HardwareConfig config = machine(MachineKind::kSanger, 64, 16);
  CHECK(processing_elements(config) == 1024);
  CHECK_FALSE(has_unit(config, UnitKind::kSparseEngine));
  CHECK(has_unit(config, UnitKind::kPredictor));
  CHECK(has_unit(config, UnitKind::kExpUnit));
  config = machine(MachineKind::kVitality, 64, 64);
  CHECK_FALSE(has_unit(config, UnitKind::kPredictor));
  config.sparse_unit.enabled = true;
  CHECK(has_unit(config, UnitKind::kSparseEngine));
  CHECK(processing_elements(config) == 4096 + 1024);
}

TEST_CASE("ViTCoD: whole columns on the denser engine, the rest on the sparser one, lines by their work") {
  const HardwareConfig config = machine(MachineKind::kVitcod, 4, 2);  // 4 lines of 2 MACs
  Mask mask(8, 6);
  for (int r = 0; r < 7; ++r) mask(r, 0) = 1;  // more than 50 in 197: a global token, though row 7 drops it
  for (const auto& [r, c] : {std::pair{0, 1}, {1, 1}, {2, 3}, {4, 5}, {5, 5}}) mask(r, c) = 1;
  const MaskTile tile = tile_of(config, mask);
  CHECK(tile.whole_columns == 1);
  CHECK(tile.used_columns == 3);
  CHECK(tile.slots == 8 + 5);
  // 8 and 5 entries: 4 * 8 / 13 = 2 lines each; 4 entries a line in the denser, 3 in the sparser.
  CHECK(tile.passes == 4);
  CHECK(tile.capacity == 4 * 4);

  const SparseMachine& vitcod = sparse_machine(config);
  const JobCost scores = vitcod.products(job_of(JobKind::kSddmm, 8, 5, 6), tile, config);
  CHECK(scores.stream == 4 * 3);  // 5 features on 2 MACs
  CHECK(scores.macs == 12 * 5);
  CHECK(scores.actions[Action::kMac] == 13 * 5);  // the dropped entry is formed too
  CHECK(scores.scratchpad_read == 6 + 2 * (4 * 5 + 13 * 5));
  CHECK(scores.scratchpad_write == 4 * 12);
  const JobCost sums = vitcod.products(job_of(JobKind::kSpmm, 8, 6, 3, kFirst | kLast), tile, config);
  CHECK(sums.stream == 6);  // 8 * 3 products on 2 lines of 2; the sparser engine needs 4 cycles for 5 * 3
  CHECK(sums.actions[Action::kAccumulate] == 8 * 3);
  CHECK(sums.scratchpad_read == 6 + 2 * (12 + 4 * 3 + 5 * 3));
  CHECK(sums.scratchpad_write == 2 * 24);

  CHECK(vitcod_lines(64, 0, 10).sparser == 64);
  CHECK(vitcod_lines(64, 10, 0).denser == 64);
  CHECK(vitcod_lines(64, 1, 1000).denser == 1);
  CHECK(vitcod_lines(64, 1000, 1).sparser == 1);
  CHECK(tile_of(machine(MachineKind::kVitcod, 1, 2), mask).passes == 8 + 5);  // one line: in turn
}

TEST_CASE("ViTCoD: encoding three heads as two is two products an element and no work of the model's") {
  const HardwareConfig config = machine(MachineKind::kVitcod, 4, 2);
  Job job = job_of(JobKind::kCode, 8, 2, 4, kFirst);
  job.detail = CodedHeads{3};
  const JobCost encode = vitcod_code(job, config);
  CHECK(encode.stream == 8 * 4 * 2 / 8);
  CHECK(encode.actions[Action::kMac] == 64);
  CHECK(encode.macs == 0);
  CHECK(encode.scratchpad_read == 2 * 32);
  CHECK(encode.scratchpad_write == 2 * 22);
  job.flags = 0;
  CHECK(vitcod_code(job, config).scratchpad_read == 2 * 22);
  CHECK(vitcod_code(job, config).scratchpad_write == 2 * 32);
}

TEST_CASE("SALO: passes of the window over the array, softmax in the PEs") {
  HardwareConfig config = machine(MachineKind::kSalo, 2, 2);
  config.sparsity.window = 3, config.sparsity.dilation = 1, config.sparsity.global_tokens = 0;
  const MaskTile tile = tile_of(config, window_mask(5, 5, {3, 1, 0}));
  // Places -1, 0 | +1 of the window: two passes for queries 0 and 1, two for 2 and 3, one for 4, whose +1 is no key.
  CHECK(tile.passes == 5);
  CHECK(tile.sub_rows == 4 + 4 + 1);
  CHECK(tile.slots == 9 * 2);
  CHECK(tile.capacity == 5 * (4 + 2 + 2));
  const SparseMachine& salo = sparse_machine(config);
  CHECK(salo.products(job_of(JobKind::kSddmm, 5, 4, 5), tile, config).stream == 5 * 4);
  CHECK(salo.probabilities(job_of(JobKind::kSparseSoftmax, 5, 0, 5), tile, config).stream == 5 * (1 + 1 + 2 + 1));
  const JobCost sums = salo.products(job_of(JobKind::kSpmm, 5, 5, 4, kFirst | kLast), tile, config);
  CHECK(sums.stream == 5 * (4 + 1));
  CHECK(sums.drain == 2);
  CHECK(sums.macs == 13 * 4);
  CHECK(sums.actions[Action::kAccumulate] == (9 - 5) * 4);

  // A global token: its column beside the passes, its row on the global PEs, two keys a pass.
  config.sparsity.window = 1, config.sparsity.global_tokens = 1;
  const MaskTile global = tile_of(config, window_mask(4, 4, {1, 1, 1}));
  CHECK(global.passes == 2);
  CHECK(global.sub_rows == 3);
  CHECK(global.slots == 3 * 2 + (4 + 3));
  // Three global tokens: the column takes them one after the other.
  config.sparsity.global_tokens = 3;
  CHECK(tile_of(config, window_mask(5, 5, {1, 1, 3})).passes == 3 * 3);  // three queries, three passes of two keys each

  // Dilation: queries 0 2 | 4 1 | 3 5, every window in one pass of an array three wide.
  config = machine(MachineKind::kSalo, 2, 3);
  config.sparsity.window = 3, config.sparsity.dilation = 2, config.sparsity.global_tokens = 0;
  CHECK(tile_of(config, window_mask(6, 6, {3, 2, 0})).passes == 3);
  CHECK(processing_elements(config) == 2 * 3 + 2 + 3);
}
