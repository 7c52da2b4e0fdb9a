// Shortens the simulation of a model with equal encoder blocks: if a machine runs them in a steady state, the times of
// a few blocks give those of all.
//
// A shortened model is simulated: of the equal blocks the first kept - 1 and the last one. Each block that is left out
// is then counted as a copy of the last block but one, each copy one period later than the one before it. This is done
// only if the run proves all of the following; otherwise the whole model is simulated. (1) A, B and C are the last
// three simulated blocks (A may be the model's first). The period P is the time from the
//     end of A to the end of B.
// (2) B and C have the same jobs, dependencies, costs and transfers. A and B have too, except for some first jobs of
//     each, at most half of them. Every remaining job of B ran exactly P after its counterpart in A, in all of its
//     times.
// (3) T_B is the earlier of: the end of B; the last cycle in which no job behind C was ready. Here the jobs behind C
//     that depend on no job from B on do not count: they ran ahead, into buffers that were free. T_A = T_B - P.
// (4) By T_A, everything before the equal part of A was done, and so were the jobs that ran ahead.
// (5) The jobs of B were at T_A where the jobs of C were at T_B: each thing that had happened to them had happened P
//     earlier, on the same unit. No job of C was ready by T_A.
// Then the machine is in the same state at T_A and at T_B, except for the clock, and the same work lies ahead of it, so
// it repeats. This holds because the modules of the machine do not know the absolute time (dram.model banked does,
// because of refresh; such a machine is not shortened), and because the mapper treats equal blocks alike once its ring
// of buffers repeats (tests compare with whole runs).
#pragma once

#include <optional>
#include <vector>

#include "cost/dram_model.h"
#include "cost/job_cost.h"
#include "mapping/mapper.h"
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

// Whether such a run can be shortened at all: not on a banked memory, with masks or in training.
bool may_be_shortened(const HardwareConfig& config, const MappingOptions& options);
// Nothing if the model has too few equal blocks or their schedules differ. Blocks at the ends whose results stay in the
// scratchpad in another way than those of the others do not count as equal.
std::optional<ShortenedRun> shorten(const VitModel& model, const HardwareConfig& config, PlannedModel& planned);

// The blocks that are missing: copies of the block that begins with `layer` (of the shortened model), `times` of them,
// one every `period`.
struct BlockRepetition {
  int layer, layers, times;
  Cycles period;
  Cycles begin;         // jobs that ended by then ended before the first of the equal blocks, so their times do not
                        // move
  std::int64_t jobs;    // of all missing blocks
  DramStatistics dram;  // of all missing blocks: bytes and bursts
};

// Nothing if the run did not prove it.
std::optional<BlockRepetition> find_steady_state(const KeptBlocks& blocks, const Schedule& schedule,
                                                 const HardwareConfig& config, const CostTable& costs,
                                                 const IdVector<JobId, JobTimes>& times);

}  // namespace vitality
