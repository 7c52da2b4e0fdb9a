// The result store of a sweep: DIR/results.sqlite (SQLite, WAL). One process at a time writes it (the lock belongs to
// the process, so a process must open a folder only once); any number of processes may read meanwhile, also from a
// read-only medium.
//
//   points  one row per simulated point; its key is the SHA-256 of everything that decides the outcome, so that no
//           point is simulated twice
//   rows    the current spec's rows in the spec's order; each names its point
//   meta    the current spec and its identity
//
// Every row carries a checksum over its values. A writer checks all rows when it opens the store, a reader those it
// reads. A store with a wrong kind of value, an unknown status or a wrong checksum is damaged and is not changed.
//
// Each result is committed on its own, without a sync: a killed process loses only the points that were running, and a
// power cut may lose the last results but not the store. Errors (damaged, read-only, locked by another sweep, disk
// full) are InputErrors that name the file.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_lock.h"
#include "explore/evaluate.h"

namespace vitality {

// A line of the sweep's table before its result is known.
struct PlannedRow {
  std::int64_t position = 0;  // in the spec's order over all shards
  std::string key;            // of the point; "" if there is nothing to simulate
  std::string workload;
  std::string axes;       // JSON array: the axes' values
  std::string variables;  // JSON object: config values that constraints and objectives read
  std::string refusal;    // why there is nothing to simulate; "" otherwise
};

struct StoredRow {
  PlannedRow planned;
  std::optional<PointResult> result;  // absent: not simulated yet
};

class ResultStore {
 public:
  enum class Mode { kWrite, kRead };  // kWrite creates DIR and the store where they are missing
  ResultStore(const std::string& directory, Mode mode);
  ~ResultStore();
  ResultStore(const ResultStore&) = delete;
  ResultStore& operator=(const ResultStore&) = delete;

  const std::string& file() const { return file_; }

  // The spec whose rows the store holds ("" = none yet). When the identity differs from the stored one, the stored rows
  // are dropped; the points stay.
  std::string spec() const { return meta("spec"); }
  std::string identity() const { return meta("identity"); }
  void begin_spec(const std::string& identity, const std::string& spec);
  void set_meta(const std::string& name, const std::string& value);
  std::string meta(const std::string& name) const;

  std::optional<PointResult> find(const std::string& key) const;
  std::size_t point_count() const;
  // Counts the rows at the positions shard, shard + shards, ...
  std::int64_t row_count(std::int64_t shard, std::int64_t shards) const;
  // Both go into the open transaction; without a commit() (or the destructor's) they are lost.
  void put_row(const PlannedRow& row);
  void put_result(const std::string& key, const PointResult& result);
  void commit();
  // Deletes the points with this outcome, so that the next sweep simulates them again.
  void forget(PointStatus status);

  // Limits the database to this many pages, as a disk quota would.
  void limit_pages(int pages);

  // Rows in order of position, with their results: all, or those from `first` to before `end`.
  void for_each_row(std::int64_t first, std::int64_t end, const std::function<void(const StoredRow&)>& visit) const;
  void for_each_row(const std::function<void(const StoredRow&)>& visit) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;

  void lock(const std::string& directory);
  void open(Mode mode);
  void create_tables();
  void begin();
  void execute(const std::string& sql) const;
  Statement prepare(const std::string& sql) const;
  bool step(sqlite3_stmt* statement) const;  // true: there is a row
  void run(sqlite3_stmt* statement) const;   // runs it to the end, and resets it
  void check_all() const;
  PlannedRow read_planned(sqlite3_stmt* statement) const;
  PointResult read_point(sqlite3_stmt* statement, int column) const;
  std::string text_at(sqlite3_stmt* statement, int column) const;
  [[noreturn]] void damaged(const std::string& what) const;
  bool has_wal() const;
  [[noreturn]] void fail(int code) const;

  std::string file_;
  FileLock lock_;
  sqlite3* database_ = nullptr;
  bool in_transaction_ = false;
  Statement find_, begin_, commit_, put_row_, put_result_;
};

}  // namespace vitality
