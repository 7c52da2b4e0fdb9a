#include "explore/store.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <new>

#include "base/environment_error.h"
#include "base/json.h"
#include "base/output_file.h"
#include "base/sha256.h"

namespace vitality {
namespace {

constexpr int kApplicationId = 0x56495453;  // "VITS": marks the database as one of this program
constexpr int kSchemaVersion = 2;

void bind_text(sqlite3_stmt* statement, int index, const std::string& text) {
  sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}
std::string column_text(sqlite3_stmt* statement, int column) {
  const unsigned char* text = sqlite3_column_text(statement, column);
  const int bytes = sqlite3_column_bytes(statement, column);
  return text ? std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes)) : std::string();
}

// Joins values so that two different rows never make the same text.
class RowText {
 public:
  RowText& add(const std::string& text) {
    text_ += std::to_string(text.size()) + ":" + text;
    return *this;
  }
  RowText& add(double value) {
    std::uint64_t bits = 0;
    const double stored = value == 0 ? 0 : value;  // SQLite keeps no negative zero
    if (!std::isnan(value)) std::memcpy(&bits, &stored, sizeof bits);
    text_ += std::isnan(value) ? std::string("-") : std::to_string(bits);
    text_ += ",";
    return *this;
  }
  std::string checksum() const { return sha256_hex(text_).substr(0, 16); }

 private:
  std::string text_;
};

std::string checksum_of(const std::string& key, const PointResult& result) {
  RowText text;
  text.add(key).add(std::string(to_string(result.status))).add(result.reason);
  for (const double total : result.totals.value) text.add(total);
  return text.checksum();
}
std::string checksum_of(const PlannedRow& row) {
  RowText text;
  text.add(std::to_string(row.position)).add(row.key).add(row.workload).add(row.axes).add(row.variables);
  return text.add(row.refusal).checksum();
}
std::string checksum_of_meta(const std::string& name, const std::string& value) {
  return RowText().add(name).add(value).checksum();
}

std::string total_columns(const std::string& suffix) {
  std::string text;
  for (const TotalInfo& total : total_infos()) text += std::string(", \"") + total.name + "\"" + suffix;
  return text;
}

constexpr const char* kRowColumns = "position, rows.key, workload, axes, variables, refusal, rows.checksum";
std::string select_point() {
  return "SELECT key, checksum, status, reason" + total_columns("");
}

// Opens a file that no process changes, without a lock and without further files beside it.
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
  for (const char* ending : {"", "-wal", "-shm"}) note_input(file_ + ending);
  try {
    open(mode);
  } catch (...) {
    sqlite3_close(database_);
    throw;
  }
}

ResultStore::~ResultStore() {
  // The open transaction contains only rows that the next run writes again.
  for (Statement* statement : {&find_, &begin_, &commit_, &put_row_, &put_result_}) statement->reset();
  if (in_transaction_) sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_close(database_);
}

void ResultStore::lock(const std::string& directory) {
  const std::optional<pid_t> holder = lock_.take(directory + "/results.lock");
  if (!holder) return;  // where nobody can write, open() reports it if it matters
  throw InputError(directory, "",
                   "another sweep or merge" + (*holder > 0 ? " (process " + std::to_string(*holder) + ")" : "") +
                       " is using this folder; wait for it or choose another --out");
}

void ResultStore::open(Mode mode) {
  const bool writable = access(std::filesystem::path(file_).parent_path().c_str(), W_OK) == 0 &&
                        (access(file_.c_str(), F_OK) != 0 || access(file_.c_str(), W_OK) == 0);
  if (mode == Mode::kWrite && !writable)
    throw InputError(file_, "", "can't be written: the folder or the file is read-only");
  const int flags =
      writable ? SQLITE_OPEN_READWRITE | (mode == Mode::kWrite ? SQLITE_OPEN_CREATE : 0) : SQLITE_OPEN_READONLY;
  // On a read-only medium SQLite cannot make the files beside a WAL database; a store that was closed properly needs
  // none.
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

  find_ = prepare(select_point() + " FROM points WHERE key = ?");
  if (mode == Mode::kRead) return;
  if (!fresh) check_all();
  begin_ = prepare("BEGIN IMMEDIATE");
  commit_ = prepare("COMMIT");
  put_row_ = prepare("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)");
  std::string slots = "?, ?, ?, ?";
  for (std::size_t i = 0; i < kTotalCount; ++i) slots += ", ?";
  put_result_ = prepare("INSERT OR REPLACE INTO points VALUES (" + slots + ")");
}

void ResultStore::create_tables() {
  execute("BEGIN IMMEDIATE");
  execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  execute("PRAGMA user_version = " + std::to_string(kSchemaVersion));
  execute("CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum TEXT NOT NULL) WITHOUT ROWID");
  execute("CREATE TABLE points(key TEXT PRIMARY KEY, status TEXT NOT NULL, reason TEXT NOT NULL" +
          total_columns(" REAL") + ", checksum TEXT NOT NULL)");
  execute(
      "CREATE TABLE rows(position INTEGER PRIMARY KEY, key TEXT NOT NULL, workload TEXT NOT NULL, axes TEXT NOT NULL, "
      "variables TEXT NOT NULL, refusal TEXT NOT NULL, checksum TEXT NOT NULL)");
  execute("COMMIT");
}

// Whether commits wait to be moved into the database: a sweep is running, or was killed.
bool ResultStore::has_wal() const {
  return access((file_ + "-wal").c_str(), F_OK) == 0;
}

void ResultStore::fail(int code) const {
  const int primary = code & 0xFF;
  if (primary == SQLITE_NOMEM) throw std::bad_alloc();
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
  if (primary == SQLITE_FULL || primary == SQLITE_IOERR) throw EnvironmentError(file_ + ": " + what);
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
  const Statement statement = prepare("SELECT value, checksum FROM meta WHERE name = ?");
  bind_text(statement.get(), 1, name);
  if (!step(statement.get())) return "";
  std::string value = text_at(statement.get(), 0);
  if (text_at(statement.get(), 1) != checksum_of_meta(name, value))
    damaged("the checksum of its " + name + " is wrong");
  return value;
}

void ResultStore::set_meta(const std::string& name, const std::string& value) {
  begin();
  const Statement statement = prepare("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)");
  bind_text(statement.get(), 1, name);
  bind_text(statement.get(), 2, value);
  bind_text(statement.get(), 3, checksum_of_meta(name, value));
  run(statement.get());
}

void ResultStore::begin_spec(const std::string& new_identity, const std::string& new_spec) {
  if (identity() == new_identity) return;
  begin();
  execute("DELETE FROM rows");
  execute("DELETE FROM meta WHERE name = 'rows'");
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
  std::optional<PointResult> result;
  if (step(find_.get())) result = read_point(find_.get(), 0);
  sqlite3_reset(find_.get());
  return result;
}

void ResultStore::damaged(const std::string& what) const {
  throw InputError(file_, "", "damaged (" + what + "); move it away, sweep again, or restore a copy");
}

std::string ResultStore::text_at(sqlite3_stmt* statement, int column) const {
  if (sqlite3_column_type(statement, column) != SQLITE_TEXT)
    damaged("no text in the column " + std::string(sqlite3_column_name(statement, column)));
  return column_text(statement, column);
}

// Reads the columns of select_point from `column` on.
PointResult ResultStore::read_point(sqlite3_stmt* statement, int column) const {
  PointResult result;
  const std::string key = text_at(statement, column), status = text_at(statement, column + 2);
  if (!parse_point_status(status, result.status)) damaged("unknown status " + quoted(status) + " of a point");
  result.reason = text_at(statement, column + 3);
  for (std::size_t i = 0; i < kTotalCount; ++i) {
    const int at = column + 4 + static_cast<int>(i), type = sqlite3_column_type(statement, at);
    if (type == SQLITE_FLOAT)
      result.totals.value[i] = sqlite3_column_double(statement, at);
    else if (type != SQLITE_NULL)
      damaged(std::string("no number in the column ") + total_infos()[i].name);
  }
  if (text_at(statement, column + 1) != checksum_of(key, result))
    damaged("the checksum of the point " + quoted(key) + " is wrong");
  return result;
}

// Reads the columns of kRowColumns.
PlannedRow ResultStore::read_planned(sqlite3_stmt* statement) const {
  PlannedRow row;
  row.position = sqlite3_column_int64(statement, 0);
  row.key = text_at(statement, 1);
  row.workload = text_at(statement, 2);
  row.axes = text_at(statement, 3);
  row.variables = text_at(statement, 4);
  row.refusal = text_at(statement, 5);
  if (text_at(statement, 6) != checksum_of(row))
    damaged("the checksum of row " + std::to_string(row.position) + " is wrong");
  return row;
}

void ResultStore::check_all() const {
  const Statement points = prepare(select_point() + " FROM points");
  while (step(points.get())) read_point(points.get(), 0);
  const Statement rows = prepare(std::string("SELECT ") + kRowColumns + " FROM rows");
  while (step(rows.get())) read_planned(rows.get());
  for (const char* name : {"identity", "spec", "rows"}) meta(name);
}

std::int64_t ResultStore::row_count(std::int64_t shard, std::int64_t shards) const {
  const Statement statement = prepare("SELECT count(*) FROM rows WHERE position % ? = ?");
  sqlite3_bind_int64(statement.get(), 1, shards);
  sqlite3_bind_int64(statement.get(), 2, shard);
  return step(statement.get()) ? sqlite3_column_int64(statement.get(), 0) : 0;
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
  bind_text(put_row_.get(), 7, checksum_of(row));
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
  bind_text(put_result_.get(), 4 + static_cast<int>(kTotalCount), checksum_of(key, result));
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
      std::string("SELECT ") + kRowColumns + ", points.key, points.checksum, status, reason" + total_columns("") +
      " FROM rows LEFT JOIN points ON rows.key = points.key WHERE position >= ? AND position < ? ORDER BY position");
  sqlite3_bind_int64(statement.get(), 1, first);
  sqlite3_bind_int64(statement.get(), 2, end);
  while (step(statement.get())) {
    StoredRow row;
    row.planned = read_planned(statement.get());
    if (sqlite3_column_type(statement.get(), 7) != SQLITE_NULL) row.result = read_point(statement.get(), 7);
    visit(row);
  }
}

}  // namespace vitality
