// Clocked models of the pre- and post-processors, lane by lane: pipelined elementwise lanes (dividers, adders) whose
// second operand comes from one register for all lanes (single divisor), from the lane's own border (adders), or from
// the chain of divisor registers (multiple divisors); and accumulator lanes.
//
// Operands stand in border registers; edge 1 is the first edge at which a lane takes an operand into its first pipeline
// register; a result counts at the edge at which it is in the last pipeline register (accumulator: in the sum
// register). The bench offers the next operands as soon as the first lane can take them; it knows no formula. One
// process method a module, all on the rising edge, talking through signals only: what a method reads is what was there
// before the edge.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "tests/support/fork_simulation.h"

namespace vitality::test {

enum class LaneKind { kDivideShared, kDivideChain, kAdd, kAccumulate };

template <class T>
struct ClockedLanes {
  LaneKind kind;
  int lanes, latency, interval;
  int rows, cols;   // of the tile
  const T* first;   // rows x cols: dividends, addends
  const T* second;  // kDivideShared: one divisor; kDivideChain: one a row; kAdd: rows x cols; kAccumulate: unused
};

// `latency` pipeline registers; takes an operand at most every `interval` edges. An accumulating lane feeds the sum
// back and so can take an element only when the sum before it has left the pipeline.
template <class T>
struct ClockedLane : sc_core::sc_module {
  sc_core::sc_in<bool> clock, valid_in, first_row_in, last_row_in;
  sc_core::sc_in<T> first_in, second_in;
  // Registers: the last pipeline stage, the divisor chain's register of this lane, edges until the lane is free.
  sc_core::sc_signal<bool> valid;
  sc_core::sc_signal<T> result, second;
  sc_core::sc_signal<int> busy, in_flight;

  SC_HAS_PROCESS(ClockedLane);
  ClockedLane(const sc_core::sc_module_name& name, const ClockedLanes<T>& problem)
      : sc_module(name), p_(problem), stages_(static_cast<std::size_t>(problem.latency)) {
    SC_METHOD(edge);
    sensitive << clock.pos();
    dont_initialize();
  }
  // Before an edge: can the lane take an operand at the edge after it?
  bool free_after_this_edge() const {
    const bool sums = p_.kind == LaneKind::kAccumulate;
    if (valid_in.read()) return p_.interval == 1 && (!sums || p_.latency == 1);
    return busy.read() <= 1 && (!sums || in_flight.read() <= 1);
  }

 private:
  struct Stage {
    bool taken = false, complete = false;  // complete: a result, not a running sum
    T value{};
  };

  T operate() const {
    switch (p_.kind) {
      case LaneKind::kAdd:
        return first_in.read() + second_in.read();
      case LaneKind::kAccumulate:
        return (first_row_in.read() ? T{} : result.read()) + first_in.read();
      default:
        return first_in.read() / second_in.read();
    }
  }

  void edge() {
    for (std::size_t i = stages_.size() - 1; i > 0; --i) stages_[i] = stages_[i - 1];
    stages_[0] = {};
    if (valid_in.read()) {
      if (busy.read() > 0) throw std::runtime_error("operand offered to a busy lane");
      stages_[0] = {true, p_.kind != LaneKind::kAccumulate || last_row_in.read(), operate()};
    }
    busy.write(valid_in.read() ? p_.interval - 1 : std::max(0, busy.read() - 1));
    in_flight.write(valid_in.read() ? p_.latency - 1 : std::max(0, in_flight.read() - 1));
    valid.write(stages_.back().complete);
    if (stages_.back().taken) result.write(stages_.back().value);
    second.write(second_in.read());
  }

  ClockedLanes<T> p_;
  std::vector<Stage> stages_;
};

template <class T>
struct LaneBench : sc_core::sc_module {
  SC_HAS_PROCESS(LaneBench);
  LaneBench(const sc_core::sc_module_name& name, const ClockedLanes<T>& problem)
      : sc_module(name),
        p_(problem),
        clock_("clock", 1, sc_core::SC_NS),
        taken_(static_cast<std::size_t>(problem.lanes)) {
    const int passes = (p_.cols + p_.lanes - 1) / p_.lanes;
    const bool pass_by_pass = p_.kind == LaneKind::kDivideChain || p_.kind == LaneKind::kAccumulate;
    for (int i = 0; i < passes * p_.rows; ++i) {
      slots_.push_back(pass_by_pass ? Slot{i % p_.rows, i / p_.rows, -1} : Slot{i / passes, i % passes, -1});
    }
    const auto count = static_cast<std::size_t>(p_.lanes);
    for (auto* border : {&valid_, &first_row_, &last_row_}) border->init(count);
    first_.init(count);
    second_.init(count);
    values_.resize(static_cast<std::size_t>(expected_results()));
    build();
    SC_METHOD(edge);
    sensitive << clock_.posedge_event();
    dont_initialize();
  }

  // Edge of the last result; the results, then the edges from the first operand until the first lane is free again.
  Simulated<T> result() const {
    Simulated<T> out{last_edge_, values_};
    out.values.push_back(static_cast<T>(free_edge_ - 1));
    return out;
  }

 private:
  struct Slot {
    int row, pass, edge;  // edge: when the first lane takes it, -1 before
  };
  int expected_results() const { return p_.kind == LaneKind::kAccumulate ? p_.cols : p_.rows * p_.cols; }

  void build() {
    for (std::size_t j = 0; j < static_cast<std::size_t>(p_.lanes); ++j) {
      lanes_.push_back(std::make_unique<ClockedLane<T>>(("lane_" + std::to_string(j)).c_str(), p_));
      ClockedLane<T>& lane = *lanes_.back();
      lane.clock(clock_);
      lane.valid_in(valid_[j]);
      lane.first_row_in(first_row_[j]);
      lane.last_row_in(last_row_[j]);
      lane.first_in(first_[j]);
      if (p_.kind == LaneKind::kDivideShared) {
        lane.second_in(second_[0]);
      } else if (p_.kind == LaneKind::kDivideChain && j > 0) {
        lane.second_in(lanes_[j - 1]->second);
      } else {
        lane.second_in(second_[j]);
      }
    }
  }

  void edge() {
    collect();
    if (lanes_[0]->free_after_this_edge()) {
      if (issued_ < slots_.size()) {
        slots_[issued_++].edge = edge_ + 1;
      } else if (free_edge_ == 0) {
        free_edge_ = edge_ + 1;
      }
    }
    drive(edge_ + 1);
    if (++edge_ > 1000000) throw std::runtime_error("the clocked lanes do not end");
  }

  void collect() {
    for (int j = 0; j < p_.lanes; ++j) {
      if (!lanes_[static_cast<std::size_t>(j)]->valid.read()) continue;
      // A lane's results come in the order of its operands; an accumulator has one result a pass.
      std::size_t& next = taken_[static_cast<std::size_t>(j)];
      while (column(slots_[next], j) >= p_.cols) ++next;
      const bool sums = p_.kind == LaneKind::kAccumulate;
      const Slot& slot = slots_[next];
      next += sums ? static_cast<std::size_t>(p_.rows) : 1;
      values_[static_cast<std::size_t>((sums ? 0 : slot.row) * p_.cols + column(slot, j))] =
          lanes_[static_cast<std::size_t>(j)]->result.read();
      last_edge_ = edge_ - 1;
      ++results_;
    }
    if (results_ == expected_results() && free_edge_ > 0) sc_core::sc_stop();
  }

  int column(const Slot& slot, int lane) const { return slot.pass * p_.lanes + lane; }

  void drive(int next) {
    for (int j = 0; j < p_.lanes; ++j) {
      const auto lane = static_cast<std::size_t>(j);
      valid_[lane].write(false);
      const int lag = p_.kind == LaneKind::kDivideChain ? j : 0;
      for (std::size_t s = 0; s < issued_; ++s) {
        if (slots_[s].edge + lag == next) offer(slots_[s], j);
      }
    }
  }

  void offer(const Slot& slot, int j) {
    const auto lane = static_cast<std::size_t>(j);
    const int element = slot.row * p_.cols + column(slot, j);
    if (column(slot, j) >= p_.cols) return;
    valid_[lane].write(true);
    first_row_[lane].write(slot.row == 0);
    last_row_[lane].write(slot.row == p_.rows - 1);
    first_[lane].write(p_.first[element]);
    if (p_.kind == LaneKind::kAdd) second_[lane].write(p_.second[element]);
    if (p_.kind == LaneKind::kDivideShared && j == 0) second_[0].write(p_.second[0]);
    if (p_.kind == LaneKind::kDivideChain && j == 0) second_[0].write(p_.second[slot.row]);
  }

  ClockedLanes<T> p_;
  sc_core::sc_clock clock_;
  sc_core::sc_vector<sc_core::sc_signal<bool>> valid_, first_row_, last_row_;
  sc_core::sc_vector<sc_core::sc_signal<T>> first_, second_;
  std::vector<std::unique_ptr<ClockedLane<T>>> lanes_;
  std::vector<Slot> slots_;
  std::vector<std::size_t> taken_;  // per lane: its next slot
  std::vector<T> values_;
  std::size_t issued_ = 0;
  int edge_ = 0, last_edge_ = 0, free_edge_ = 0, results_ = 0;
};

// Cycles and results of one tile, the interval appended to the values.
template <class T>
Simulated<T> simulate_lanes(const ClockedLanes<T>& problem) {
  return fork_simulation<T>([&] {
    LaneBench<T> bench("bench", problem);
    sc_core::sc_start();
    return bench.result();
  });
}

}  // namespace vitality::test
