#include "explore/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/error.h"

namespace vitality {
namespace {

constexpr int kApplicationId = 0x56495453;  // "VITS": which program's database this is
constexpr int kSchemaVersion = 1;

void bind_text(sqlite3_stmt* statement, int index, const std::string& text) {
  sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
std::string column_text(sqlite3_stmt* statement, int column) {
  const unsigned char* text = sqlite3_column_text(statement, column);
  const int bytes = sqlite3_column_bytes(statement, column);
  return text ? std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes)) : std::string();
}

// Of "status, reason, totals..." from `column` on; false where the left join found no point.
bool read_result(sqlite3_stmt* statement, int column, PointResult& result) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return false;
  parse_point_status(column_text(statement, column), result.status);
  result.reason = column_text(statement, column + 1);
  for (std::size_t i = 0; i < kTotalCount; ++i) {
    const int at = column + 2 + static_cast<int>(i);
    if (sqlite3_column_type(statement, at) != SQLITE_NULL)
      result.totals.value[i] = sqlite3_column_double(statement, at);
  }
  return true;
}

std::string total_columns(const std::string& suffix) {
  std::string text;
  for (const TotalInfo& total : total_infos()) text += std::string(", \"") + total.name + "\"" + suffix;
  return text;
}

// Opens a file that nobody changes, without a lock and without files beside it.
std::string immutable_uri(const std::string& file) {
  std::string uri = "file:";
  for (const char c : file) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char kHex[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      uri += {'%', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

ResultStore::ResultStore(const std::string& directory, Mode mode) : file_(directory + "/results.sqlite") {
  if (mode == Mode::kWrite) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw InputError(directory, "", "can't make this folder: " + error.message());
  } else if (!std::filesystem::exists(file_)) {
    throw InputError(file_, "", "no result store here; expected a folder written by sweep or merge");
  }
  if (mode == Mode::kWrite) lock(directory);
  try {
    open(mode);
  } catch (...) {
    sqlite3_close(database_);
    if (lock_ >= 0) close(lock_);
    throw;
  }
}

ResultStore::~ResultStore() {
  // What is left in the open transaction are rows that the next run writes again.
  for (Statement* statement : {&find_, &begin_, &commit_, &put_row_, &put_result_}) statement->reset();
  if (in_transaction_) sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_close(database_);
  if (lock_ >= 0) close(lock_);
}

void ResultStore::lock(const std::string& directory) {
  const std::string path = directory + "/results.lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) {
    if (errno == EROFS || errno == EACCES) return;  // nobody can write here: open() says so where it matters
    throw InputError(path, "", std::string("can't open: ") + std::strerror(errno));
  }
  // A POSIX lock belongs to this process alone: children in flight do not hold it when this process is killed.
  struct flock wanted {};
  wanted.l_type = F_WRLCK;
  wanted.l_whence = SEEK_SET;
  if (fcntl(lock_, F_SETLK, &wanted) == 0) return;
  const int error = errno;
  struct flock holder = wanted;
  const bool known = fcntl(lock_, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0;
  close(lock_);
  if (error != EACCES && error != EAGAIN)
    throw InputError(path, "", std::string("can't lock: ") + std::strerror(error));
  throw InputError(directory, "",
                   "another sweep or merge" +
                       (known ? " (process " + std::to_string(holder.l_pid) + ")" : std::string()) +
                       " is using this folder; wait for it or choose another --out");
}

void ResultStore::open(Mode mode) {
  const bool writable = access(std::filesystem::path(file_).parent_path().c_str(), W_OK) == 0 &&
                        (access(file_.c_str(), F_OK) != 0 || access(file_.c_str(), W_OK) == 0);
  if (mode == Mode::kWrite && !writable)
    throw InputError(file_, "", "can't be written: the folder or the file is read-only");
  const int flags =
      writable ? SQLITE_OPEN_READWRITE | (mode == Mode::kWrite ? SQLITE_OPEN_CREATE : 0) : SQLITE_OPEN_READONLY;
  // On a read-only medium SQLite can't make the files beside a WAL database; a store that was closed needs none.
  const bool at_rest = !writable && !has_wal();
  const std::string name = at_rest ? immutable_uri(file_) : file_;
  const int opened = sqlite3_open_v2(name.c_str(), &database_, flags | (at_rest ? SQLITE_OPEN_URI : 0), nullptr);
  if (opened != SQLITE_OK) fail(opened);
  sqlite3_extended_result_codes(database_, 1);
  sqlite3_busy_timeout(database_, 5000);

  const auto pragma = [&](const char* key) {
    const Statement statement = prepare(std::string("PRAGMA ") + key);
    return step(statement.get()) ? column_text(statement.get(), 0) : std::string();
  };
  const std::string application = pragma("application_id"), version = pragma("user_version");
  const bool fresh = mode == Mode::kWrite && application == "0" && version == "0" && pragma("schema_version") == "0";
  if (!fresh && (application != std::to_string(kApplicationId) || version != std::to_string(kSchemaVersion)))
    throw InputError(file_, "",
                     "not a result store of this version of the program; move it away or choose another --out");
  std::string check = pragma("quick_check(1)");
  std::replace(check.begin(), check.end(), '\n', ' ');
  if (check != "ok")
    throw InputError(file_, "", "damaged (" + check + "); move it away, sweep again, or restore a copy");
  if (mode == Mode::kWrite) {
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = NORMAL");  // survives a killed process; syncs at checkpoints only
  }
  if (fresh) create_tables();

  find_ = prepare("SELECT status, reason" + total_columns("") + " FROM points WHERE key = ?");
  if (mode == Mode::kRead) return;
  begin_ = prepare("BEGIN IMMEDIATE");
  commit_ = prepare("COMMIT");
  put_row_ = prepare("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)");
  std::string slots = "?, ?, ?";
  for (std::size_t i = 0; i < kTotalCount; ++i) slots += ", ?";
  put_result_ = prepare("INSERT OR REPLACE INTO points VALUES (" + slots + ")");
}

void ResultStore::create_tables() {
  execute("BEGIN IMMEDIATE");
  execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  execute("CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  execute("CREATE TABLE points(key TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL" +
          total_columns(" REAL") + ")");
  execute(
      "CREATE TABLE rows(position INTEGER PRIMARY KEY, key TEXT NOT NULL, workload TEXT NOT NULL, axes TEXT NOT NULL, "
      "variables TEXT NOT NULL, refusal TEXT NOT NULL)");
  execute("COMMIT");
}

// Commits that wait to be moved into the database: a sweep runs, or was killed.
bool ResultStore::has_wal() const {
  return access((file_ + "-wal").c_str(), F_OK) == 0;
}

void ResultStore::fail(int code) const {
  const int primary = code & 0xFF;
  std::string what = database_ ? sqlite3_errmsg(database_) : sqlite3_errstr(code);
  if (primary == SQLITE_FULL) what = "the disk is full; what was finished before is kept, run the same command again";
  if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT)
    what = "damaged or not a result store (" + what + "); move it away, sweep again, or restore a copy";
  if (primary == SQLITE_READONLY) what = "can't be written: " + what;
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) what = "another program holds this database: " + what;
  if (primary == SQLITE_CANTOPEN && has_wal())
    throw InputError(
        file_, "",
        "left by a sweep that was killed, which can only be read where its folder can be written: copy the "
        "folder");
  if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)
    what += " (" + std::string(std::strerror(sqlite3_system_errno(database_))) + ")";
  throw InputError(file_, "", what);
}

void ResultStore::execute(const std::string& sql) const {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

ResultStore::Statement ResultStore::prepare(const std::string& sql) const {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) fail(code);
  return Statement(statement);
}

bool ResultStore::step(sqlite3_stmt* statement) const {
  const int code = sqlite3_step(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    sqlite3_reset(statement);
    fail(code);
  }
  return code == SQLITE_ROW;
}

void ResultStore::run(sqlite3_stmt* statement) const {
  while (step(statement)) {
  }
  sqlite3_reset(statement);
}

std::string ResultStore::meta(const std::string& name) const {
  const Statement statement = prepare("SELECT value FROM meta WHERE name = ?");
  bind_text(statement.get(), 1, name);
  return step(statement.get()) ? column_text(statement.get(), 0) : std::string();
}

void ResultStore::set_meta(const std::string& name, const std::string& value) {
  begin();
  const Statement statement = prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
  bind_text(statement.get(), 1, name);
  bind_text(statement.get(), 2, value);
  run(statement.get());
}

void ResultStore::begin_spec(const std::string& new_identity, const std::string& new_spec) {
  if (identity() == new_identity) return;
  begin();
  execute("DELETE FROM rows");
  set_meta("identity", new_identity);
  set_meta("spec", new_spec);
  commit();
}

void ResultStore::begin() {
  if (in_transaction_) return;
  run(begin_.get());
  in_transaction_ = true;
}

void ResultStore::commit() {
  if (!in_transaction_) return;
  run(commit_.get());
  in_transaction_ = false;
}

std::optional<PointResult> ResultStore::find(const std::string& key) const {
  bind_text(find_.get(), 1, key);
  PointResult result;
  const bool found = step(find_.get()) && read_result(find_.get(), 0, result);
  sqlite3_reset(find_.get());
  if (!found) return std::nullopt;
  return result;
}

std::size_t ResultStore::point_count() const {
  const Statement statement = prepare("SELECT count(*) FROM points");
  return step(statement.get()) ? static_cast<std::size_t>(sqlite3_column_int64(statement.get(), 0)) : 0;
}

void ResultStore::put_row(const PlannedRow& row) {
  begin();
  sqlite3_bind_int64(put_row_.get(), 1, row.position);
  bind_text(put_row_.get(), 2, row.key);
  bind_text(put_row_.get(), 3, row.workload);
  bind_text(put_row_.get(), 4, row.axes);
  bind_text(put_row_.get(), 5, row.variables);
  bind_text(put_row_.get(), 6, row.refusal);
  run(put_row_.get());
}

void ResultStore::put_result(const std::string& key, const PointResult& result) {
  begin();
  bind_text(put_result_.get(), 1, key);
  bind_text(put_result_.get(), 2, to_string(result.status));
  bind_text(put_result_.get(), 3, result.reason);
  for (std::size_t i = 0; i < kTotalCount; ++i) {
    const int slot = 4 + static_cast<int>(i);
    if (std::isnan(result.totals.value[i]))
      sqlite3_bind_null(put_result_.get(), slot);
    else
      sqlite3_bind_double(put_result_.get(), slot, result.totals.value[i]);
  }
  run(put_result_.get());
}

void ResultStore::forget(PointStatus status) {
  begin();
  const Statement statement = prepare("DELETE FROM points WHERE status = ?");
  bind_text(statement.get(), 1, to_string(status));
  run(statement.get());
  commit();
}

void ResultStore::limit_pages(int pages) {
  execute("PRAGMA max_page_count = " + std::to_string(pages));
}

void ResultStore::for_each_row(const std::function<void(const StoredRow&)>& visit) const {
  for_each_row(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), visit);
}

void ResultStore::for_each_row(std::int64_t first, std::int64_t end,
                               const std::function<void(const StoredRow&)>& visit) const {
  const Statement statement = prepare(
      "SELECT position, rows.key, workload, axes, variables, refusal, status, reason" + total_columns("") +
      " FROM rows LEFT JOIN points ON rows.key = points.key WHERE position >= ? AND position < ? ORDER BY position");
  sqlite3_bind_int64(statement.get(), 1, first);
  sqlite3_bind_int64(statement.get(), 2, end);
  while (step(statement.get())) {
    StoredRow row;
    row.planned.position = sqlite3_column_int64(statement.get(), 0);
    row.planned.key = column_text(statement.get(), 1);
    row.planned.workload = column_text(statement.get(), 2);
    row.planned.axes = column_text(statement.get(), 3);
    row.planned.variables = column_text(statement.get(), 4);
    row.planned.refusal = column_text(statement.get(), 5);
    PointResult result;
    if (read_result(statement.get(), 6, result)) row.result = result;
    visit(row);
  }
}

}  // namespace vitality
