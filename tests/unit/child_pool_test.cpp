#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <map>
#include <new>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "explore/worker_pool.h"

using namespace vitality;

namespace {

// Runs every point and returns the results by id.
std::map<std::size_t, PointResult> run_all(const ChildPool::Limits& limits,
                                           const std::vector<std::function<PointTotals()>>& points) {
  ChildPool pool(limits);
  std::map<std::size_t, PointResult> results;
  std::size_t next = 0;
  while (next < points.size() || !pool.empty()) {
    while (next < points.size() && pool.has_free_slot()) {
      pool.start(next, points[next]);
      ++next;
    }
    std::vector<ChildPool::Finished> finished;
    pool.collect(-1, nullptr, finished);
    for (const auto& f : finished) CHECK(results.emplace(f.id, f.result).second);
  }
  return results;
}

std::function<PointTotals()> returns(double cycles) {
  return [cycles] {
    PointTotals totals;
    totals[Total::kCycles] = cycles;
    return totals;
  };
}

bool sanitized() {
#ifdef __SANITIZE_ADDRESS__
  return true;
#else
  return false;
#endif
}

}  // namespace

TEST_CASE("children return their totals, however many run at once") {
  std::vector<std::function<PointTotals()>> points;
  for (int i = 0; i < 40; ++i) points.push_back(returns(i * 1.5));
  for (const int jobs : {1, 3}) {
    const auto results = run_all({jobs, 0, 0}, points);
    REQUIRE(results.size() == 40);
    for (const auto& [id, result] : results) {
      CHECK(result.status == PointStatus::kOk);
      CHECK(result.totals[Total::kCycles] == id * 1.5);
      CHECK(std::isnan(result.totals[Total::kCosineSimilarity]));
    }
  }
}

TEST_CASE("a point that throws, crashes, exits or hangs costs itself alone") {
  const auto results =
      run_all({2, 0.3, 0}, {returns(1), []() -> PointTotals { throw InfeasibleError("needs 3 KiB,\nhas 2"); },
                            []() -> PointTotals { throw InputError("f.json", "/a", "bad"); },
                            []() -> PointTotals {
                              // The default action, also under the sanitizers, which catch SIGSEGV.
                              std::signal(SIGSEGV, SIG_DFL);
                              raise(SIGSEGV);
                              return {};
                            },
                            []() -> PointTotals { std::abort(); }, []() -> PointTotals { _exit(7); },
                            []() -> PointTotals {
                              for (;;) pause();
                            },
                            []() -> PointTotals { throw 1; },
                            []() -> PointTotals { throw std::runtime_error(std::string(5000, 'x')); }, returns(2)});
  REQUIRE(results.size() == 10);
  CHECK(results.at(0).status == PointStatus::kOk);
  CHECK(results.at(9).totals[Total::kCycles] == 2);
  CHECK(results.at(1).status == PointStatus::kInfeasible);
  CHECK(results.at(1).reason == "needs 3 KiB, has 2");
  CHECK(results.at(2).reason == "f.json: /a: bad");
  CHECK(results.at(3).reason == "killed by signal 11 (SIGSEGV)");
  CHECK(results.at(4).reason == "killed by signal 6 (SIGABRT)");
  CHECK(results.at(5).reason == "ended with exit code 7 and no result");
  CHECK(results.at(6).status == PointStatus::kTimeout);
  CHECK(results.at(6).reason == "not done within 0.3 s");
  CHECK(results.at(7).reason == "unknown exception");
  CHECK(results.at(8).reason == std::string(599, 'x'));
  for (const std::size_t id : {2U, 3U, 4U, 5U, 7U, 8U}) CHECK(results.at(id).status == PointStatus::kFailed);
}

TEST_CASE("a point that asks for too much memory fails alone") {
  if (sanitized()) return;  // the sanitizer reserves terabytes of address space
  const auto results = run_all({2, 0, 600}, {returns(1), []() -> PointTotals {
                                               std::vector<char> much(std::size_t{1} << 30, 1);
                                               return PointTotals();
                                             }});
  CHECK(results.at(0).status == PointStatus::kOk);
  CHECK(results.at(1).status == PointStatus::kFailed);
  CHECK(results.at(1).reason == "out of memory");
}

TEST_CASE("a pool that is dropped kills what still runs") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  {
    ChildPool pool({1, 0, 0});
    pool.start(0, []() -> PointTotals {
      for (;;) pause();
    });
  }
  close(ends[1]);
  char byte;
  CHECK(read(ends[0], &byte, 1) == 0);  // end of file: the child, which held the other end, is gone
  close(ends[0]);
}

TEST_CASE("what the machine did to a point is told from what the point did") {
  ChildPool pool({10, 0, 0});
  pool.start(0, returns(1));
  pool.start(1, []() -> PointTotals {
    std::signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    return {};
  });
  pool.start(2, []() -> PointTotals {
    raise(SIGKILL);
    return {};
  });
  pool.start(3, []() -> PointTotals { throw std::bad_alloc(); });
  pool.start(4, []() -> PointTotals { throw std::system_error(ENOSPC, std::generic_category()); });
  pool.start(5, []() -> PointTotals { throw std::system_error(EINVAL, std::generic_category()); });
  pool.start(6, []() -> PointTotals { throw std::runtime_error("E-1"); });
  std::vector<ChildPool::Finished> finished;
  while (!pool.empty()) pool.collect(-1, nullptr, finished);
  using End = ChildPool::End;
  const End expected[] = {End::kResult,      End::kCrash,  End::kEnvironment, End::kEnvironment,
                          End::kEnvironment, End::kResult, End::kResult};
  REQUIRE(finished.size() == 7);
  for (const auto& done : finished) {
    INFO(done.id);
    CHECK(done.end == expected[done.id]);
  }
}

TEST_CASE("a crash runs twice, what the environment spoils five times, each point for itself") {
  using Verdict = Retries::Verdict;
  const auto ended = [](std::size_t id, ChildPool::End end) { return ChildPool::Finished{id, {}, 0, 0, false, end}; };
  Retries retries;
  CHECK(retries.judge(ended(1, ChildPool::End::kCrash)) == Verdict::kRunAgain);
  CHECK(retries.judge(ended(2, ChildPool::End::kCrash)) == Verdict::kRunAgain);
  CHECK(retries.judge(ended(1, ChildPool::End::kCrash)) == Verdict::kKeep);
  CHECK(retries.judge(ended(2, ChildPool::End::kResult)) == Verdict::kKeep);
  for (int i = 0; i < 4; ++i) CHECK(retries.judge(ended(3, ChildPool::End::kEnvironment)) == Verdict::kRunAgain);
  CHECK(retries.judge(ended(3, ChildPool::End::kEnvironment)) == Verdict::kGiveUp);
}

TEST_CASE("workers: every request comes back once, whatever its point does, a killed worker is replaced") {
  std::map<std::size_t, PointResult> results;
  WorkerPool pool({3, 0.3, 0}, [](const WorkerPool::Request& request, Shortcuts shortcuts) {
    if (request[0] == 9 && shortcuts == Shortcuts::kAllowed) throw ShortcutFailed("nine");
    if (request[0] == 5) std::abort();
    if (request[0] == 6)
      for (;;) pause();
    if (request[0] == 7) kill(getppid(), SIGKILL);
    if (request[0] == 8) throw InfeasibleError("eight");
    PointTotals totals;
    totals[Total::kCycles] = request[0] * 10.0 + request[1];
    return totals;
  });
  std::size_t next = 0;
  while (next < 60 || !pool.empty()) {
    while (next < 60 && pool.has_free_slot()) {
      pool.start(next, {static_cast<std::uint32_t>(next), 3});
      ++next;
    }
    std::vector<ChildPool::Finished> finished;
    pool.collect(-1, nullptr, finished);
    for (const auto& f : finished) {
      CHECK(results.emplace(f.id, f.result).second);
      CHECK((f.end == ChildPool::End::kEnvironment) == (f.id == 7));
      CHECK((f.end == ChildPool::End::kCrash) == (f.id == 5));
    }
  }
  REQUIRE(results.size() == 60);
  CHECK(results.at(5).reason == "killed by signal 6 (SIGABRT)");
  CHECK(results.at(6).status == PointStatus::kTimeout);
  CHECK(results.at(7).reason == "its worker process was killed");
  CHECK(results.at(8).status == PointStatus::kInfeasible);
  // Also the one whose shortcut did not hold and those that waited for the worker that was killed.
  for (std::size_t id = 9; id < 60; ++id) {
    CHECK(results.at(id).status == PointStatus::kOk);
    CHECK(results.at(id).totals[Total::kCycles] == id * 10.0 + 3);
  }
}
