#include "explore/child_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/environment_error.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/signals.h"

namespace vitality {
namespace {

// The message that a child sends. It is smaller than PIPE_BUF: written completely or not at all, and it never blocks on
// an empty pipe.
struct Message {
  PointStatus status;
  bool shortcut_failed;
  ChildPool::End end;
  char reason[ChildPool::kMaxReason];
  PointTotals totals;
};
static_assert(sizeof(Message) < 4096, "must fit into one atomic pipe write");

// If the machine runs out of memory, the kernel should kill a point and not the sweep. This is only a hint.
void offer_to_oom_killer() {
  const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t written = write(file, "1000", 4);
  static_cast<void>(written);
  close(file);
}

// A reason must fit one CSV cell: one line of printable text.
void set_reason(Message& message, PointStatus status, const std::string& reason) {
  message.status = status;
  std::size_t length = std::min(reason.size(), sizeof message.reason - 1);
  while (length < reason.size() && length > 0 && (static_cast<unsigned char>(reason[length]) & 0xC0) == 0x80) --length;
  for (std::size_t i = 0; i < length; ++i)
    message.reason[i] = static_cast<unsigned char>(reason[i]) < ' ' ? ' ' : reason[i];
  message.reason[length] = 0;
}

// Whether the error describes the state of the computer at this moment, and not the point.
bool is_of_the_environment(const std::error_code& code) {
  return (code.category() == std::generic_category() || code.category() == std::system_category()) &&
         vitality::is_of_the_environment(code.value());
}

// `memory_limited`: the sweep itself has set a limit, so a point that needs more memory has failed by itself.
void evaluate_into(const std::function<PointTotals()>& evaluate, bool memory_limited, Message& message) {
  try {
    message.totals = evaluate();
    set_reason(message, PointStatus::kOk, "");
  } catch (const ShortcutFailed&) {
    message.shortcut_failed = true;
  } catch (const InfeasibleError& error) {
    set_reason(message, PointStatus::kInfeasible, error.what());
  } catch (const std::bad_alloc&) {
    if (!memory_limited) message.end = ChildPool::End::kEnvironment;
    set_reason(message, PointStatus::kFailed, "out of memory");
  } catch (const EnvironmentError& error) {
    message.end = ChildPool::End::kEnvironment;
    set_reason(message, PointStatus::kFailed, error.what());
  } catch (const std::system_error& error) {
    if (is_of_the_environment(error.code())) message.end = ChildPool::End::kEnvironment;
    set_reason(message, PointStatus::kFailed, error.what());
  } catch (const std::exception& error) {
    // SystemC turns an exception of a process into a report of its own, and keeps only its text.
    if (!memory_limited && std::strstr(error.what(), "bad_alloc") != nullptr)
      message.end = ChildPool::End::kEnvironment;
    set_reason(message, PointStatus::kFailed, error.what());
  } catch (...) {
    set_reason(message, PointStatus::kFailed, "unknown exception");
  }
}

[[noreturn]] void run_child(pid_t parent, int pipe, std::int64_t memory_mib,
                            const std::function<PointTotals()>& evaluate) {
  follow_parent(parent);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  bool memory_limited = false;
  if (memory_mib > 0) {
    const auto bytes = static_cast<rlim_t>(memory_mib) << 20;
    const rlimit memory{bytes, bytes};
    memory_limited = setrlimit(RLIMIT_AS, &memory) == 0;  // refused if the machine allows less than that
  }
  const int null = open("/dev/null", O_RDWR);
  if (null >= 0) {
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  offer_to_oom_killer();
  grow_heap_by_huge_pages();
  Message message{};
  evaluate_into(evaluate, memory_limited, message);
  ssize_t written;
  do written = write(pipe, &message, sizeof message);
  while (written < 0 && errno == EINTR);
  _exit(written == static_cast<ssize_t>(sizeof message) ? 0 : 1);
}

// Whether a process gets this signal for what it did itself; all other signals come from outside.
bool is_own_signal(int number) {
  static constexpr int kOwn[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
  return std::find(std::begin(kOwn), std::end(kOwn), number) != std::end(kOwn);
}

std::string signal_text(int number) {
  const char* name = sigabbrev_np(number);
  std::string text =
      "killed by signal " + std::to_string(number) + " (" + (name ? std::string("SIG") + name : "?") + ")";
  if (number == SIGKILL) text += ", as the kernel does when memory runs out";
  return text;
}

std::string seconds_text(double seconds) {
  std::string text = std::to_string(seconds);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

ChildPool::~ChildPool() {
  for (const Child& child : children_) kill(child.pid, SIGKILL);
  for (const Child& child : children_) {
    close(child.pipe);
    while (waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void ChildPool::start(std::size_t id, const std::function<PointTotals()>& evaluate) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error(std::string("no pipe for a point: ") + std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t pid = patient_fork();
  if (pid == 0) run_child(parent, ends[1], limits_.memory_mib, evaluate);
  const int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    throw std::runtime_error(std::string("no process for a point: ") + std::strerror(error));
  }
  children_.push_back({id, pid, ends[0], Clock::now()});
}

bool ChildPool::overdue(const Child& child, Clock::time_point now) const {
  return limits_.time_s > 0 && std::chrono::duration<double>(now - child.started).count() >= limits_.time_s;
}

ChildPool::Finished ChildPool::reap(const Child& child, bool timed_out) const {
  Message message{};
  ssize_t got = 0;
  if (timed_out)
    kill(child.pid, SIGKILL);
  else
    do got = read(child.pipe, &message, sizeof message);
    while (got < 0 && errno == EINTR);
  close(child.pipe);
  int status = 0;
  rusage usage{};
  while (wait4(child.pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  Finished finished{
      child.id, {}, std::chrono::duration<double>(Clock::now() - child.started).count(), usage.ru_maxrss, false};
  PointResult& result = finished.result;
  if (timed_out) {
    result.status = PointStatus::kTimeout;
    result.reason = "not done within " + seconds_text(limits_.time_s) + " s";
  } else if (got == static_cast<ssize_t>(sizeof message)) {
    finished.shortcut_failed = message.shortcut_failed;
    result.status = message.status;
    result.reason = message.reason;
    result.totals = message.totals;
    finished.end = message.end;
  } else if (WIFSIGNALED(status)) {
    finished.end = is_own_signal(WTERMSIG(status)) ? End::kCrash : End::kEnvironment;
    result.reason = signal_text(WTERMSIG(status));
  } else {
    finished.end = End::kCrash;
    result.reason = "ended with exit code " + std::to_string(WEXITSTATUS(status)) + " and no result";
  }
  return finished;
}

void ChildPool::collect(int wait_ms, const sigset_t* signals_while_waiting, std::vector<Finished>& out) {
  if (children_.empty()) return;
  double wait_s = wait_ms < 0 ? INFINITY : wait_ms / 1000.0;
  std::vector<pollfd> polled;
  for (const Child& child : children_) {
    polled.push_back({child.pipe, POLLIN, 0});
    if (limits_.time_s > 0) {
      const double spent = std::chrono::duration<double>(Clock::now() - child.started).count();
      wait_s = std::min(wait_s, std::max(0.0, limits_.time_s - spent));
    }
  }
  timespec timeout{};
  if (std::isfinite(wait_s)) {
    timeout.tv_sec = static_cast<time_t>(wait_s);
    timeout.tv_nsec = static_cast<long>((wait_s - static_cast<double>(timeout.tv_sec)) * 1e9);
  }
  if (ppoll(polled.data(), polled.size(), std::isfinite(wait_s) ? &timeout : nullptr, signals_while_waiting) < 0)
    return;  // interrupted by a signal: the caller handles it
  const auto now = Clock::now();
  std::vector<Child> running;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    const bool ended = polled[i].revents != 0;
    if (ended || overdue(children_[i], now))
      out.push_back(reap(children_[i], !ended));
    else
      running.push_back(children_[i]);
  }
  children_ = std::move(running);
}

pid_t patient_fork() {
  for (int milliseconds = 20;; milliseconds *= 2) {
    const pid_t pid = fork();
    if (pid >= 0 || (errno != EAGAIN && errno != ENOMEM) || milliseconds > 80) return pid;
    const timespec pause{0, milliseconds * 1000000L};
    nanosleep(&pause, nullptr);
  }
}

Retries::Verdict Retries::judge(const ChildPool::Finished& finished) {
  Verdict verdict = Verdict::kKeep;
  switch (finished.end) {
    case ChildPool::End::kResult:
      break;
    case ChildPool::End::kCrash:
      if (++counts_[finished.id].crashes < 2) verdict = Verdict::kRunAgain;
      break;
    case ChildPool::End::kEnvironment:
      verdict = ++counts_[finished.id].environment < kMaxEnvironment ? Verdict::kRunAgain : Verdict::kGiveUp;
      break;
  }
  if (verdict != Verdict::kRunAgain) counts_.erase(finished.id);
  return verdict;
}

ChildPool::Finished run_point(const ChildPool::Limits& limits, const std::function<PointTotals(Shortcuts)>& evaluate) {
  std::vector<ChildPool::Finished> finished;
  for (const Shortcuts shortcuts : {Shortcuts::kAllowed, Shortcuts::kOff}) {
    ChildPool pool(limits);
    finished.clear();
    pool.start(0, [&] { return evaluate(shortcuts); });
    while (finished.empty()) pool.collect(-1, nullptr, finished);
    if (!finished.front().shortcut_failed) break;
  }
  return finished.front();
}

}  // namespace vitality
