// A clocked controller and its units as state machines over registers: what the issue timing of ChunkController is held
// against. Units work at the rising edge of the clock, the controller decides at the falling edge, so what a unit ends
// in a cycle can start something in the same cycle, as in a machine whose controller answers combinationally.
//
// Unit: takes a job when its start signal names one; is free after `busy` cycles and has the result `latency` later.
// Controller: per job a counter of unmet dependencies. Without a decoder, every idle unit is given the smallest ready
// job of its own. With one, the smallest ready job whose unit is idle goes into the decoder, which is a counter, and to
// its unit when the counter has run out.
#pragma once

#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "base/units.h"
#include "tests/support/fork_simulation.h"

namespace vitality::test {

struct ClockedJob {  // at most 64
  int unit;
  int busy, latency;            // cycles
  std::vector<int> after_done;  // jobs whose results it needs
  std::vector<int> after_free;  // jobs that must have left their units
};

constexpr int kNoJob = -1;

struct ClockedUnit : sc_core::sc_module {
  sc_core::sc_in<bool> clock;
  sc_core::sc_in<int> start;                         // a job, in the cycle in which it starts
  sc_core::sc_signal<std::uint64_t> left, finished;  // a bit a job: has left the unit; has its result
  sc_core::sc_signal<bool> idle;
  const std::vector<ClockedJob>& jobs;

  SC_HAS_PROCESS(ClockedUnit);
  ClockedUnit(const sc_core::sc_module_name& name, const std::vector<ClockedJob>& all)
      : sc_module(name), left("left"), finished("finished"), idle("idle", true), jobs(all) {
    SC_METHOD(edge);
    sensitive << clock.pos();
    dont_initialize();
  }

 private:
  void edge() {
    if (start.read() != kNoJob) {
      job_ = start.read();
      cycles_ = 0;
    }
    std::uint64_t out = 0, ended = 0;
    for (auto& [job, cycles] : pipeline_)
      if (--cycles == 0) ended |= bit(job);
    if (job_ != kNoJob && ++cycles_ == jobs[static_cast<std::size_t>(job_)].busy) {
      out = bit(job_);
      const int latency = jobs[static_cast<std::size_t>(job_)].latency;
      if (latency == 0)
        ended |= bit(job_);
      else
        pipeline_.emplace_back(job_, latency);
      job_ = kNoJob;
    }
    left.write(out), finished.write(ended), idle.write(job_ == kNoJob);
  }
  static std::uint64_t bit(int job) { return std::uint64_t{1} << job; }
  int job_ = kNoJob, cycles_ = 0;
  std::vector<std::pair<int, int>> pipeline_;  // results under way, and the cycles that each still takes
};

struct ClockedController : sc_core::sc_module {
  sc_core::sc_clock clock;
  sc_core::sc_vector<sc_core::sc_signal<int>> start;
  std::vector<std::unique_ptr<ClockedUnit>> units;
  const std::vector<ClockedJob>& jobs;
  std::vector<Cycles> started;

  SC_HAS_PROCESS(ClockedController);
  ClockedController(const sc_core::sc_module_name& name, const std::vector<ClockedJob>& all, int unit_count, int decode)
      : sc_module(name),
        clock("clock", 2, sc_core::SC_NS, 0.5, 1, sc_core::SC_NS),
        start("start", static_cast<std::size_t>(unit_count)),
        jobs(all),
        started(all.size(), -1),
        decode_(decode) {
    for (int u = 0; u < unit_count; ++u) {
      units.push_back(std::make_unique<ClockedUnit>(("unit" + std::to_string(u)).c_str(), jobs));
      units.back()->clock(clock);
      units.back()->start(start[static_cast<std::size_t>(u)]);
      start[static_cast<std::size_t>(u)].write(kNoJob);
    }
    for (const ClockedJob& job : jobs) unmet_.push_back(job.after_done.size() + job.after_free.size());
    SC_METHOD(edge);
    sensitive << clock.negedge_event();
    dont_initialize();
  }

 private:
  void edge() {
    for (std::size_t u = 0; u < units.size(); ++u) {
      start[u].write(kNoJob);
      for (std::size_t j = 0; j < jobs.size(); ++j) {
        for (const int before : jobs[j].after_free) unmet_[j] -= units[u]->left.read() >> before & 1;
        for (const int before : jobs[j].after_done) unmet_[j] -= units[u]->finished.read() >> before & 1;
      }
    }
    std::vector<bool> idle;
    for (const auto& unit : units) idle.push_back(unit->idle.read());
    if (decode_ == 0) {
      for (std::size_t j = 0; j < jobs.size(); ++j)
        if (can_start(j, idle)) give(j, idle);
    } else {
      if (decoding_ != kNoJob && ++decoded_ == decode_) {
        give(static_cast<std::size_t>(decoding_), idle);
        decoding_ = kNoJob;
      }
      for (std::size_t j = 0; j < jobs.size() && decoding_ == kNoJob; ++j)
        if (can_start(j, idle)) decoding_ = static_cast<int>(j), decoded_ = 0;
    }
    ++cycle_;
    if (left_ == 0) sc_core::sc_stop();
    if (cycle_ > 1000000) throw std::runtime_error("the clocked controller does not end");
  }
  bool can_start(std::size_t job, const std::vector<bool>& idle) const {
    return unmet_[job] == 0 && started[job] < 0 && idle[static_cast<std::size_t>(jobs[job].unit)];
  }
  void give(std::size_t job, std::vector<bool>& idle) {
    const auto unit = static_cast<std::size_t>(jobs[job].unit);
    start[unit].write(static_cast<int>(job));
    idle[unit] = false;
    started[job] = cycle_;
    --left_;
  }

  int decode_, decoding_ = kNoJob, decoded_ = 0;
  Cycles cycle_ = 0;
  std::size_t left_ = jobs.size();
  std::vector<std::uint64_t> unmet_;
};

// When each job was started.
inline std::vector<Cycles> simulate_clocked_controller(const std::vector<ClockedJob>& jobs, int units, int decode) {
  return fork_simulation<Cycles>([&] {
           ClockedController controller("controller", jobs, units, decode);
           sc_core::sc_start();
           return Simulated<Cycles>{0, controller.started};
         })
      .values;
}

}  // namespace vitality::test
