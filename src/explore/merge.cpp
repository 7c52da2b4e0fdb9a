#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "explore/store.h"
#include "explore/sweep.h"

namespace vitality {
namespace {

// Two shards may have the same point: the results must be equal, unless one of them ran out of time or memory.
bool agree(const PointResult& a, const PointResult& b) {
  if (a.status != b.status)
    return a.status == PointStatus::kFailed || a.status == PointStatus::kTimeout || b.status == PointStatus::kFailed ||
           b.status == PointStatus::kTimeout;
  for (std::size_t i = 0; i < kTotalCount; ++i) {
    const double x = a.totals.value[i], y = b.totals.value[i];
    if (x != y && (x == x || y == y)) return false;
  }
  return true;
}

bool better(const PointResult& a, const PointResult& b) {  // a computed result before one that was not computed
  return static_cast<int>(a.status) < static_cast<int>(b.status);
}

}  // namespace

ExportSummary merge_shards(const std::string& directory, const std::vector<std::string>& shards, bool partial) {
  namespace fs = std::filesystem;
  for (const std::string& shard : shards) {
    std::error_code ignored;
    if (fs::equivalent(shard, directory, ignored))
      throw InputError(shard, "", "is the folder to write to; expected another one for --out");
  }
  // All shards are checked before anything is written.
  std::string identity, spec_text, files, rows;
  for (const std::string& shard : shards) {
    const ResultStore store(shard, ResultStore::Mode::kRead);
    if (store.identity().empty()) throw InputError(store.file(), "", "no sweep has run here yet");
    if (!identity.empty() && store.identity() != identity)
      throw InputError(store.file(), "",
                       "from another spec, base config, workload or version of the program than " + shards.front());
    identity = store.identity();
    spec_text = store.spec();
    if (files.empty()) files = store.meta("files");
    if (!store.meta("rows").empty()) rows = store.meta("rows");
  }
  const SweepSpec spec = parse_stored_spec(spec_text, shards.front() + "/results.sqlite");

  ResultStore merged(directory, ResultStore::Mode::kWrite);
  merged.begin_spec(identity, spec_text);
  if (!files.empty()) merged.set_meta("files", files);
  if (!rows.empty()) merged.set_meta("rows", rows);
  for (const std::string& shard : shards) {
    const ResultStore store(shard, ResultStore::Mode::kRead);
    store.for_each_row([&](const StoredRow& row) {
      merged.put_row(row.planned);
      if (!row.result) return;
      const auto known = merged.find(row.planned.key);
      if (known && !agree(*known, *row.result))
        throw InputError(
            store.file(), "",
            "row " + std::to_string(row.planned.position) + " differs from the same point in another shard");
      if (!known || better(*row.result, *known)) merged.put_result(row.planned.key, *row.result);
    });
  }
  merged.commit();
  std::int64_t present = 0;
  merged.for_each_row([&](const StoredRow& row) { present += !row.planned.refusal.empty() || row.result; });
  if (!partial && (rows.empty() || std::to_string(present) != rows))
    throw InputError(directory, "",
                     "only " + std::to_string(present) + " of " +
                         (rows.empty() ? std::string("an unknown number of") : rows) +
                         " rows are there: a shard is missing or not finished (--partial exports what there is)");
  return export_results(merged, spec, directory);
}

}  // namespace vitality
