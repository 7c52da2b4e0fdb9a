// Runs points in child processes, one fork per point, because a SystemC process can elaborate only once and because a
// crash must not cost more than one point. The calling process must have a single thread, little memory (a fork copies
// its page tables), and no elaborated model.
//
// A child ignores SIGINT, SIGTERM and SIGHUP, which belong to the parent, dies with the parent, prints nothing, and
// sends its result as one plain struct over a pipe.
//
// A result must depend only on the point. If the environment ended the child (a kill from outside, no memory, no
// process), there is no result: `Retries` says when to run such a point again and when to give up.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "base/units.h"
#include "explore/evaluate.h"

namespace vitality {

class ChildPool {
 public:
  static constexpr std::size_t kMaxReason = 600;  // bytes, with the final 0; longer reasons are cut
  struct Limits {
    int jobs = 1;
    double time_s = 0;            // wall-clock time of a point, 0 = no limit; a point that takes longer is killed:
                                  // timeout
    std::int64_t memory_mib = 0;  // address space of a point, 0 = no limit; more gives std::bad_alloc: failed
  };
  enum class End {
    kResult,       // the point's own: totals, infeasible, an exception, over its time or over Limits::memory_mib
    kCrash,        // a signal that the process caused itself (SIGSEGV, SIGABRT, ...), or an exit without a result
    kEnvironment,  // a signal from outside, no memory, no process
  };
  struct Finished {
    std::size_t id;
    PointResult result;
    double seconds;         // from fork to end
    std::int64_t peak_kib;  // resident memory
    bool shortcut_failed;   // no result
    End end = End::kResult;
  };

  explicit ChildPool(const Limits& limits) : limits_(limits) {}
  ~ChildPool();  // kills the processes that still run, and waits for their end
  ChildPool(const ChildPool&) = delete;
  ChildPool& operator=(const ChildPool&) = delete;

  bool has_free_slot() const { return static_cast<int>(children_.size()) < limits_.jobs; }
  bool empty() const { return children_.empty(); }

  // Forks a child that calls `evaluate`. Needs a free slot. Throws std::runtime_error when the system gives no process
  // for a while (patient_fork).
  void start(std::size_t id, const std::function<PointTotals()>& evaluate);
  // Appends the points that have finished by now. If there are none, waits for the first one, but not longer than
  // `wait_ms` (-1 = no limit), and only until a signal arrives. `signals_while_waiting` are unblocked only during the
  // wait (ppoll), so that none is missed.
  void collect(int wait_ms, const sigset_t* signals_while_waiting, std::vector<Finished>& out);

 private:
  using Clock = std::chrono::steady_clock;
  struct Child {
    std::size_t id;
    pid_t pid;
    int pipe;
    Clock::time_point started;
  };

  bool overdue(const Child& child, Clock::time_point now) const;
  Finished reap(const Child& child, bool timed_out) const;

  Limits limits_;
  std::vector<Child> children_;
};

// fork() that retries for 0.14 s in all, in case the system has no process or no memory to spare at this moment.
pid_t patient_fork();

// Decides what to do with a point that ended. A crash counts as the point's own when it repeats.
class Retries {
 public:
  static constexpr int kMaxEnvironment = 5;  // runs of one point that the environment may spoil
  enum class Verdict { kKeep, kRunAgain, kGiveUp };
  Verdict judge(const ChildPool::Finished& finished);

 private:
  struct Count {
    int crashes = 0, environment = 0;
  };
  std::map<std::size_t, Count> counts_;  // for points without a result so far, by id
};

// Runs one point completely: with shortcuts, and again without them if they do not hold.
ChildPool::Finished run_point(const ChildPool::Limits& limits, const std::function<PointTotals(Shortcuts)>& evaluate);

}  // namespace vitality
