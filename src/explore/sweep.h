// Sweeps: runs the points of a spec that a store does not have yet, in child processes, and exports the table; joins
// shards.
//
// The table depends only on the spec, not on jobs, shards or interruptions. The calling process must have one thread,
// and no elaborated model.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "explore/evaluate.h"
#include "explore/export.h"
#include "explore/sweep_spec.h"

namespace vitality {

struct SweepOptions {
  std::string directory;
  int jobs = 1;
  std::int64_t shard = 0,
               shards = 1;    // the rows shard, shard + shards, shard + 2 shards, ...; searches know one shard only
  bool export_only = false;   // runs nothing
  bool retry_failed = false;  // simulates again what failed or ran out of time
};

struct SweepProgress {
  double total = 0;  // rows; for searches at most
  std::int64_t done = 0, simulated = 0, failed = 0, infeasible = 0;
  std::int64_t lost = 0;  // points that the environment stopped again and again: they have no result and are not stored
  double seconds = 0;
};
using ReportProgress = std::function<void(const SweepProgress&)>;

struct SweepOutcome {
  bool interrupted = false;  // by SIGINT or SIGTERM: finished points are stored, no table is written
  SweepProgress progress;
  ExportSummary summary;
  std::string lost_reason;  // of the last point that was lost
};

SweepOutcome run_sweep(const SweepSpec& spec, const SweepOptions& options, const EvaluatePoint& evaluate,
                       const ReportProgress& report);

// Joins the stores of shard folders into `directory` and exports the tables. All shards must come from the same spec,
// base and workloads and, unless `partial`, together have a result for every row. Throws InputError.
ExportSummary merge_shards(const std::string& directory, const std::vector<std::string>& shards, bool partial);

struct DryRun {
  double rows = 0;          // of the spec (for searches at most), before sharding
  std::int64_t listed = 0;  // rows of this shard; for searches the first generation
  std::int64_t stored = 0, refused = 0;
  double seconds_a_point = 0;  // mean over the few points that ran as a probe; 0 if there was nothing to run
  std::int64_t peak_kib = 0;
};
// Lists each row (also those stored or refused), runs up to three of them to measure time and memory, stores nothing.
DryRun dry_run(const SweepSpec& spec, const SweepOptions& options, const EvaluatePoint& evaluate,
               const std::function<void(const PlannedRow&)>& show);

}  // namespace vitality
