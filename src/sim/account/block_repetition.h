// Encoder blocks repeat: where a machine runs them in a steady state, a few tell the time of all.
//
// A shortened model is simulated: the first kept - 1 blocks and the last. What is left out counts as often as it is
// missing, each time one period later, and only if this run proves that it would have. With A, B, C the last three
// blocks (A may be the model's first), T_B the end of B or, if that is earlier, the moment before anything behind C is
// ready (but what ran ahead of all of them into a place that they leave free), and T_A one period before:
//   - the jobs of B and C are the same, and so are what they depend on, their costs and their transfers; so are the
//     later jobs of A, at least half, and those of B run one period after them, field by field;
//   - at T_A all before those is done, the jobs of B are where the jobs of C are at T_B, on the same units, and none of
//     C is ready.
// Then the machine is in the same state at T_A and at T_B, apart from the clock, and what lies ahead is the same: it
// repeats. The machine's modules know no absolute time (dram.model banked does: refresh; it is not shortened), and the
// mapper treats equal blocks alike once its buffers come round (tests compare with whole runs).
#pragma once

#include <optional>
#include <vector>

#include "cost/dram_model.h"
#include "cost/job_cost.h"
#include "mapping/forward/mapping_options.h"
#include "schedule/job_times.h"
#include "workload/repeated_blocks.h"

namespace vitality {

struct KeptBlocks {
  RepeatedBlocks all;  // of the whole model
  int kept;
  int omitted() const { return all.count - kept; }
};
struct ShortenedRun {
  KeptBlocks blocks;
  VitModel model;
  Schedule schedule;
};

// None where the model has too few equal blocks, the machine keeps time or masks, or the schedules of blocks differ.
std::optional<ShortenedRun> shorten(const VitModel& model, const HardwareConfig& config, const MappingOptions& options);

// What is missing: the block that begins with `layer` (of the shortened model), `times` times, one every `period`.
struct BlockRepetition {
  int layer, layers, times;
  Cycles period;
  Cycles begin;         // what ended by then ended before the first of the equal blocks: nothing of it moves
  std::int64_t jobs;    // in all
  DramStatistics dram;  // in all: bytes and bursts
};

// None where the run did not prove it.
std::optional<BlockRepetition> find_steady_state(const KeptBlocks& blocks, const Schedule& schedule,
                                                 const HardwareConfig& config, const CostTable& costs,
                                                 const IdVector<JobId, JobTimes>& times);

}  // namespace vitality
