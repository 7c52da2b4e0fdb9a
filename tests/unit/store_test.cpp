#include "explore/store.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/error.h"

using namespace vitality;
namespace fs = std::filesystem;
using Catch::Contains;

namespace {

struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "store_XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path); }
};

PointResult ok_result(double cycles) {
  PointResult result;
  result.status = PointStatus::kOk;
  result.totals[Total::kCycles] = cycles;
  result.totals[Total::kLatencyMs] = 0.1 + cycles;
  return result;
}

}  // namespace

TEST_CASE("the store gives back what it was given, after closing too") {
  TemporaryFolder folder;
  {
    ResultStore store(folder.path + "/new/deep", ResultStore::Mode::kWrite);
    CHECK(store.identity().empty());
    store.begin_spec("id", "{spec}");
    store.put_row({3, "b", "deit", "[64]", "{}", ""});
    store.put_row({1, "a", "deit", "[32,\"x\"]", "{\"k\":1}", ""});
    store.put_row({2, "", "deit", "[0]", "{}", "refused"});
    store.put_result("a", ok_result(9007199254740992.0));
    PointResult failed;
    failed.reason = "killed by signal 11 (SIGSEGV)";
    store.put_result("z", failed);
  }
  ResultStore store(folder.path + "/new/deep", ResultStore::Mode::kRead);
  CHECK(store.spec() == "{spec}");
  CHECK(store.point_count() == 2);
  const auto a = store.find("a");
  REQUIRE(a);
  CHECK(a->status == PointStatus::kOk);
  CHECK(a->totals[Total::kCycles] == 9007199254740992.0);
  CHECK(a->totals[Total::kLatencyMs] == 0.1 + 9007199254740992.0);
  CHECK(std::isnan(a->totals[Total::kCosineSimilarity]));
  CHECK(store.find("z")->reason == "killed by signal 11 (SIGSEGV)");
  CHECK_FALSE(store.find("b"));
  std::vector<StoredRow> rows;
  store.for_each_row([&](const StoredRow& row) { rows.push_back(row); });
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].planned.position == 1);
  CHECK(rows[0].planned.variables == "{\"k\":1}");
  CHECK(rows[0].result->totals[Total::kCycles] == 9007199254740992.0);
  CHECK(rows[1].planned.refusal == "refused");
  CHECK_FALSE(rows[1].result);
  CHECK_FALSE(rows[2].result);
}

TEST_CASE("another spec drops the rows and keeps the points, forgetting drops outcomes") {
  TemporaryFolder folder;
  ResultStore store(folder.path, ResultStore::Mode::kWrite);
  store.begin_spec("one", "1");
  store.put_row({0, "a", "w", "[]", "{}", ""});
  store.put_result("a", ok_result(1));
  store.put_result("f", PointResult());
  store.commit();
  store.begin_spec("one", "1");
  int rows = 0;
  store.for_each_row([&](const StoredRow&) { ++rows; });
  CHECK(rows == 1);
  store.begin_spec("two", "2");
  store.for_each_row([&](const StoredRow&) { ++rows; });
  CHECK(rows == 1);
  CHECK(store.find("a"));
  store.forget(PointStatus::kFailed);
  CHECK_FALSE(store.find("f"));
  CHECK(store.find("a"));
}

TEST_CASE("a writer that is killed loses nothing that it stored") {
  TemporaryFolder folder;
  const pid_t writer = fork();
  if (writer == 0) {
    ResultStore store(folder.path, ResultStore::Mode::kWrite);
    store.begin_spec("id", "s");
    for (int i = 0; i < 200; ++i) store.put_result(std::to_string(i), ok_result(i)), store.commit();
    kill(getpid(), SIGKILL);
  }
  waitpid(writer, nullptr, 0);
  ResultStore store(folder.path, ResultStore::Mode::kWrite);
  CHECK(store.point_count() == 200);
  CHECK(store.find("199")->totals[Total::kCycles] == 199);
}

TEST_CASE("a second sweep on the same folder is refused while the first runs, readers are not") {
  TemporaryFolder folder;
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t first = fork();
  if (first == 0) {
    ResultStore store(folder.path, ResultStore::Mode::kWrite);
    store.put_result("a", ok_result(1));
    store.commit();
    // A child in flight does not keep the folder locked once its parent is gone.
    if (fork() == 0) {
      sleep(1);
      _exit(0);
    }
    CHECK(write(ready[1], "x", 1) == 1);
    for (;;) pause();
  }
  char byte;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK_THROWS_WITH(ResultStore(folder.path, ResultStore::Mode::kWrite),
                    Contains("process " + std::to_string(first)) && Contains("--out"));
  {
    const ResultStore reader(folder.path, ResultStore::Mode::kRead);
    REQUIRE(reader.find("a"));
    CHECK(reader.find("a")->totals[Total::kCycles] == 1);
  }
  kill(first, SIGKILL);
  waitpid(first, nullptr, 0);
  CHECK(ResultStore(folder.path, ResultStore::Mode::kWrite).find("a"));
}

TEST_CASE("files that are no store, damaged stores and missing ones are refused and left alone") {
  TemporaryFolder folder;
  const std::string file = folder.path + "/results.sqlite";
  CHECK_THROWS_WITH(ResultStore(folder.path, ResultStore::Mode::kRead), Contains("no result store"));
  CHECK_FALSE(fs::exists(file));

  std::ofstream(file) << "not a database, but a text that somebody wanted to keep";
  CHECK_THROWS_WITH(ResultStore(folder.path, ResultStore::Mode::kWrite),
                    Contains("results.sqlite") && Contains("damaged or not"));
  CHECK(fs::file_size(file) == 55);

  fs::remove(file);
  sqlite3* other = nullptr;
  sqlite3_open(file.c_str(), &other);
  sqlite3_exec(other, "CREATE TABLE mine(x)", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  CHECK_THROWS_WITH(ResultStore(folder.path, ResultStore::Mode::kWrite),
                    Contains("not a result store of this version"));

  fs::remove(file);
  {
    ResultStore store(folder.path, ResultStore::Mode::kWrite);
    for (int i = 0; i < 2000; ++i) store.put_row({i, "k", "w", std::string(100, 'x'), "{}", ""});
    store.commit();
  }
  {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    for (std::uint64_t at = 5 * 4096; at + 4096 < fs::file_size(file); at += 4096) {
      damage.seekp(static_cast<std::streamoff>(at));
      damage << std::string(512, '\xff');
    }
  }
  CHECK_THROWS_WITH(ResultStore(folder.path, ResultStore::Mode::kWrite), Contains("damaged"));

  std::ofstream(folder.path + "/file") << "x";
  CHECK_THROWS_WITH(ResultStore(folder.path + "/file/out", ResultStore::Mode::kWrite),
                    Contains("can't make this folder"));
}

TEST_CASE("a value that was changed behind the store's back is damage, and nothing is deleted") {
  for (const char* change :
       {"UPDATE points SET status = 'fine' WHERE key = 'a'", "UPDATE points SET cycles = 'many' WHERE key = 'a'",
        "UPDATE points SET cycles = 8 WHERE key = 'a'", "UPDATE points SET density = 0 WHERE key = 'a'",
        "UPDATE points SET status = 'failed' WHERE key = 'a'", "UPDATE points SET reason = 'x' WHERE key = 'b'",
        "UPDATE points SET key = 'c' WHERE key = 'a'", "UPDATE points SET reason = x'00' WHERE key = 'b'",
        "UPDATE rows SET axes = '[65]'", "UPDATE rows SET position = 4", "UPDATE meta SET value = 'other'",
        "UPDATE rows SET checksum = ''"}) {
    INFO(change);
    TemporaryFolder folder;
    {
      ResultStore store(folder.path, ResultStore::Mode::kWrite);
      store.begin_spec("id", "{spec}");
      store.put_row({3, "a", "deit", "[64]", "{}", ""});
      store.put_result("a", ok_result(7));
      store.put_result("b", PointResult());
    }
    CHECK(ResultStore(folder.path, ResultStore::Mode::kWrite).find("a")->totals[Total::kCycles] == 7);
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((folder.path + "/results.sqlite").c_str(), &database) == SQLITE_OK);
    REQUIRE(sqlite3_exec(database, change, nullptr, nullptr, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_changes(database) > 0);
    CHECK_THROWS_WITH(ResultStore(folder.path, ResultStore::Mode::kWrite),
                      Contains("results.sqlite") && Contains("damaged"));
    sqlite3_stmt* count = nullptr;
    sqlite3_prepare_v2(database, "SELECT (SELECT count(*) FROM points) + (SELECT count(*) FROM rows)", -1, &count,
                       nullptr);
    REQUIRE(sqlite3_step(count) == SQLITE_ROW);
    CHECK(sqlite3_column_int(count, 0) == 3);
    sqlite3_finalize(count);
    sqlite3_close(database);
  }
}

TEST_CASE("a full disk is said to be full and costs only what came after") {
  TemporaryFolder folder;
  // A limit on the database's own size stands for the disk's.
  ResultStore store(folder.path, ResultStore::Mode::kWrite);
  int stored = 0;
  const auto fill = [&] {
    for (;; ++stored) {
      PointResult result = ok_result(stored);
      result.reason = std::string(3000, 'r');
      store.put_result(std::to_string(stored), result);
      store.commit();
    }
  };
  store.limit_pages(60);
  CHECK_THROWS_WITH(fill(), Contains("disk is full"));
  CHECK(stored > 10);
  CHECK(store.point_count() == static_cast<std::size_t>(stored));
}
