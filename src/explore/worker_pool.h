// Runs points at a high rate: one small worker process per job; it forks one child per point (ChildPool).
//
// A fork costs what the forking process has written to since its last one (each such page is copied on its next write).
// The sweep's parent writes a lot (rows, store, configs), the workers nearly nothing: 0.2 ms a point instead of 0.9. A
// worker that dies loses the point that it works on, which ends as the environment's failure, and is replaced; what
// waited for it goes to its successor.
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

  // Forks the workers: make it before anything large. Same rules for the calling process as ChildPool.
  WorkerPool(const ChildPool::Limits& limits, Serve serve);
  ~WorkerPool();  // kills the workers and what they run
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  bool has_free_slot() const;
  bool empty() const;
  void start(std::size_t id, const Request& request);  // needs a free slot
  // As ChildPool::collect.
  void collect(int wait_ms, const sigset_t* signals_while_waiting, std::vector<ChildPool::Finished>& out);

 private:
  struct Worker {
    pid_t pid = -1;
    int socket = -1;
    struct Given {
      std::size_t id;
      Request request;
    };
    std::deque<Given> given;  // in order; it works on the first
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
