// results.csv, pareto.csv, convergence.csv and results.json of a store: the same bytes for the same rows, however they
// were computed.
//
// One row per design and workload, in the spec's order. Columns: the axes, workload, status, reason, totals (doubles in
// their shortest exact form; empty if not measured), objectives that are expressions. pareto.csv: the ok rows that no
// ok row of the same workload dominates. convergence.csv: explore/convergence.h. Rows that have not been simulated yet
// are left out.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "explore/store.h"
#include "explore/sweep_spec.h"

namespace vitality {

struct ExportSummary {
  std::int64_t ok = 0, infeasible = 0, failed = 0, timeout = 0, missing = 0, pareto = 0;
  std::map<std::string, std::int64_t> reasons;  // of everything that is not ok, with the number of rows
  std::int64_t rows() const { return ok + infeasible + failed + timeout; }
  std::string most_frequent_reason() const;
};

// Writes the four files into `directory`. Throws InputError when one can't be written; old files stay whole.
ExportSummary export_results(const ResultStore& store, const SweepSpec& spec, const std::string& directory);

// results.json of what the store contains now.
std::string results_json(const ResultStore& store, const SweepSpec& spec);

}  // namespace vitality
