// Runs points at a high rate: one small worker process per job; it forks one child per point (ChildPool).
//
// A fork copies (on the next write) each page that the forking process has written since its last fork. The sweep's
// parent writes a lot (rows, store, configs), the workers almost nothing: 0.2 ms per point instead of 0.9. If a worker
// dies, the point that it works on is lost and counts as a failure of the environment; the worker is replaced, and its
// waiting points go to its successor.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "explore/child_pool.h"

namespace vitality {

class WorkerPool {
 public:
  using Request = std::vector<std::uint32_t>;
  using Serve = std::function<PointTotals(const Request&, Shortcuts)>;  // called in a process of its own

  // Forks the workers, so create it before anything large. The rules of ChildPool for the calling process apply.
  WorkerPool(const ChildPool::Limits& limits, Serve serve);
  ~WorkerPool();  // kills the workers and what they run
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  bool has_free_slot() const;
  bool empty() const;
  void start(std::size_t id, const Request& request);  // needs a free slot
  // The same as ChildPool::collect.
  void collect(int wait_ms, const sigset_t* signals_while_waiting, std::vector<ChildPool::Finished>& out);

 private:
  struct Worker {
    pid_t pid = -1;
    int socket = -1;
    struct Given {
      std::size_t id;
      Request request;
    };
    std::deque<Given> given;  // in order; the worker runs the first
  };

  Worker* least_loaded();
  std::size_t depth() const;
  void spawn(Worker& worker);
  static void send_request(const Worker& worker, const Request& request);
  void receive(Worker& worker, std::vector<ChildPool::Finished>& out);

  ChildPool::Limits limits_;
  Serve serve_;
  std::vector<Worker> workers_;
  double last_seconds_ = 1;
};

}  // namespace vitality
