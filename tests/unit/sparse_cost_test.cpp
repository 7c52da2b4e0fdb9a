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
  tile.kept = kept_entries(mask), tile.used_rows = mask.rows() - empty_rows(mask);
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
