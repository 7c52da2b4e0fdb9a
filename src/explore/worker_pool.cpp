#include "explore/worker_pool.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/signals.h"

namespace vitality {
namespace {

// A worker with short points gets its next point before it has sent the last result, so that it never waits for the
// parent.
constexpr double kShortPointSeconds = 0.05;
constexpr std::size_t kMaxRequestWords = 1 << 12;

struct Reply {
  PointStatus status;
  char reason[ChildPool::kMaxReason];
  PointTotals totals;
  double seconds;
  std::int64_t peak_kib;
  ChildPool::End end;
};

[[noreturn]] void run_worker(pid_t parent, int socket, ChildPool::Limits limits, const WorkerPool::Serve& serve) {
  follow_parent(parent);
  limits.jobs = 1;
  WorkerPool::Request buffer(kMaxRequestWords), request;
  for (;;) {
    const ssize_t got = recv(socket, buffer.data(), buffer.size() * sizeof buffer[0], 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) _exit(0);
    request.assign(buffer.begin(), buffer.begin() + got / static_cast<ssize_t>(sizeof buffer[0]));
    Reply reply{};
    try {
      const ChildPool::Finished done =
          run_point(limits, [&](Shortcuts shortcuts) { return serve(request, shortcuts); });
      reply.status = done.result.status;
      reply.totals = done.result.totals;
      reply.seconds = done.seconds;
      reply.peak_kib = done.peak_kib;
      reply.end = done.end;
      std::strncpy(reply.reason, done.result.reason.c_str(), sizeof reply.reason - 1);
    } catch (const std::exception& error) {  // no process or no pipe available
      reply.status = PointStatus::kFailed;
      reply.end = ChildPool::End::kEnvironment;
      std::strncpy(reply.reason, error.what(), sizeof reply.reason - 1);
    }
    if (send(socket, &reply, sizeof reply, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof reply)) _exit(1);
  }
}

}  // namespace

WorkerPool::WorkerPool(const ChildPool::Limits& limits, Serve serve)
    : limits_(limits), serve_(std::move(serve)), workers_(static_cast<std::size_t>(limits.jobs)) {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    try {
      spawn(workers_[i]);
    } catch (const std::runtime_error&) {
      if (i == 0) throw;
      workers_.resize(i);  // fewer workers: slower, but with the same results
    }
  }
}

WorkerPool::~WorkerPool() {
  for (const Worker& worker : workers_)
    if (worker.pid > 0) kill(worker.pid, SIGKILL);
  for (const Worker& worker : workers_) {
    if (worker.pid <= 0) continue;
    close(worker.socket);
    while (waitpid(worker.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void WorkerPool::spawn(Worker& worker) {
  worker = Worker();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::runtime_error(std::string("no socket for a worker: ") + std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t pid = patient_fork();
  if (pid == 0) {
    // If this worker kept the sockets of the others, they would wait for a parent that is gone.
    for (const Worker& other : workers_)
      if (other.socket >= 0) close(other.socket);
    close(ends[0]);
    run_worker(parent, ends[1], limits_, serve_);
  }
  const int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    throw std::runtime_error(std::string("no process for a worker: ") + std::strerror(error));
  }
  worker.pid = pid;
  worker.socket = ends[0];
}

std::size_t WorkerPool::depth() const {
  return last_seconds_ < kShortPointSeconds ? 2 : 1;
}

WorkerPool::Worker* WorkerPool::least_loaded() {
  return &*std::min_element(workers_.begin(), workers_.end(), [](const Worker& a, const Worker& b) {
    return std::make_pair(a.pid < 0, a.given.size()) < std::make_pair(b.pid < 0, b.given.size());
  });
}

bool WorkerPool::has_free_slot() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [&](const Worker& worker) { return worker.pid > 0 && worker.given.size() < depth(); });
}

bool WorkerPool::empty() const {
  return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.given.empty(); });
}

void WorkerPool::start(std::size_t id, const Request& request) {
  if (request.size() > kMaxRequestWords) throw std::runtime_error("a point of too many axes");
  Worker* worker = least_loaded();
  worker->given.push_back({id, request});
  send_request(*worker, request);
}

void WorkerPool::send_request(const Worker& worker, const Request& request) {
  // If the worker has died, collect() notices it.
  const ssize_t sent = send(worker.socket, request.data(), request.size() * sizeof request[0], MSG_NOSIGNAL);
  static_cast<void>(sent);
}

void WorkerPool::receive(Worker& worker, std::vector<ChildPool::Finished>& out) {
  Reply reply;
  ssize_t got;
  do got = recv(worker.socket, &reply, sizeof reply, 0);
  while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof reply)) {
    PointResult result;
    result.status = reply.status;
    result.reason = reply.reason;
    result.totals = reply.totals;
    last_seconds_ = reply.seconds;
    out.push_back({worker.given.front().id, result, reply.seconds, reply.peak_kib, false, reply.end});
    worker.given.pop_front();
    return;
  }
  int status = 0;
  kill(worker.pid, SIGKILL);
  while (waitpid(worker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  close(worker.socket);
  worker.socket = -1;
  if (!worker.given.empty()) {
    PointResult result;
    result.reason = "its worker process was killed";
    out.push_back({worker.given.front().id, result, 0, 0, false, ChildPool::End::kEnvironment});
    worker.given.pop_front();
  }
  std::deque<Worker::Given> waiting = std::move(worker.given);
  try {
    spawn(worker);
  } catch (const std::runtime_error& error) {
    for (const Worker::Given& next : waiting) {
      PointResult result;
      result.reason = error.what();
      out.push_back({next.id, result, 0, 0, false, ChildPool::End::kEnvironment});
    }
    if (std::all_of(workers_.begin(), workers_.end(), [](const Worker& other) { return other.pid < 0; })) throw;
    return;  // the others go on
  }
  for (const Worker::Given& next : waiting) send_request(worker, next.request);
  worker.given = std::move(waiting);
}

void WorkerPool::collect(int wait_ms, const sigset_t* signals_while_waiting, std::vector<ChildPool::Finished>& out) {
  if (empty()) return;
  std::vector<pollfd> polled;
  for (const Worker& worker : workers_) polled.push_back({worker.socket, POLLIN, 0});
  timespec timeout{};
  timeout.tv_sec = wait_ms / 1000;
  timeout.tv_nsec = wait_ms % 1000 * 1000000L;
  if (ppoll(polled.data(), polled.size(), wait_ms < 0 ? nullptr : &timeout, signals_while_waiting) <= 0) return;
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (polled[i].revents != 0) receive(workers_[i], out);
}

}  // namespace vitality
