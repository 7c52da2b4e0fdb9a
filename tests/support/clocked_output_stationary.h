// A clocked model of the output-stationary array, PE by PE: both operands move (one to the right, row r late by r; one
// down, column c late by c), the sum stays in the PE's accumulator. When the last PE has its last product, all
// accumulators are copied into a shadow chain at the next edge, the edge of the next fold's first product; the chain
// leaves downwards, a row an edge.
#pragma once

#include "tests/support/clocked_input_stationary.h"

namespace vitality::test {

enum OutputToken { kIdle = 0, kProduct = 1, kFirstProduct = 2 };

template <class T>
struct AccumulatingPe : sc_core::sc_module {
  sc_core::sc_in<bool> clock, transfer, shift;
  sc_core::sc_in<T> right_in, down_in, shadow_in;
  sc_core::sc_in<int> token_in;
  sc_core::sc_signal<T> right, down, sum, shadow;
  sc_core::sc_signal<int> token;

  SC_HAS_PROCESS(AccumulatingPe);
  explicit AccumulatingPe(const sc_core::sc_module_name& name) : sc_module(name) {
    SC_METHOD(edge);
    sensitive << clock.pos();
    dont_initialize();
  }

 private:
  void edge() {
    right.write(right_in.read());
    down.write(down_in.read());
    token.write(token_in.read());
    if (token_in.read() != kIdle) {
      const T product = right_in.read() * down_in.read();
      sum.write((token_in.read() == kFirstProduct ? T{} : sum.read()) + product);
    }
    if (transfer.read()) {
      shadow.write(sum.read());
    } else if (shift.read()) {
      shadow.write(shadow_in.read());
    }
  }
};

template <class T>
struct AccumulatingBench : sc_core::sc_module {
  SC_HAS_PROCESS(AccumulatingBench);
  AccumulatingBench(const sc_core::sc_module_name& name, const ClockedGemm<T>& problem)
      : sc_module(name), p_(problem), clock_("clock", 1, sc_core::SC_NS) {
    n_tiles_ = (p_.n + p_.cols - 1) / p_.cols;
    folds_ = (p_.m + p_.rows - 1) / p_.rows * n_tiles_;
    right_.init(static_cast<std::size_t>(p_.rows));
    token_.init(static_cast<std::size_t>(p_.rows));
    down_.init(static_cast<std::size_t>(p_.cols));
    values_.resize(static_cast<std::size_t>(p_.m) * p_.n);
    build();
    SC_METHOD(edge);
    sensitive << clock_.posedge_event();
    dont_initialize();
  }

  // Edge of the last product, and C.
  Simulated<T> result() const { return {last_edge_, values_}; }
  // Edges from the last product to the last result in the bottom row of the shadow chain.
  int drain() const { return last_shadow_edge_ - last_edge_; }

 private:
  using Pe = AccumulatingPe<T>;
  Pe& pe(int r, int c) { return *pes_[static_cast<std::size_t>(r) * p_.cols + c]; }

  void build() {
    for (int r = 0; r < p_.rows; ++r) {
      for (int c = 0; c < p_.cols; ++c) {
        pes_.push_back(std::make_unique<Pe>(("pe_" + std::to_string(r) + "_" + std::to_string(c)).c_str()));
        Pe& x = *pes_.back();
        x.clock(clock_);
        x.transfer(transfer_);
        x.shift(shift_);
        x.right_in(c == 0 ? right_[static_cast<std::size_t>(r)] : pe(r, c - 1).right);
        x.token_in(c == 0 ? token_[static_cast<std::size_t>(r)] : pe(r, c - 1).token);
        x.down_in(r == 0 ? down_[static_cast<std::size_t>(c)] : pe(r - 1, c).down);
        x.shadow_in(r == 0 ? zero_ : pe(r - 1, c).shadow);
      }
    }
  }

  void edge() {
    collect();
    const bool product = pe(p_.rows - 1, p_.cols - 1).token_in.read() != kIdle;
    if (product) last_edge_ = edge_;
    const bool complete = product && ++products_ % p_.k == 0;  // the last PE completes a fold at this edge
    if (complete || edge_ == 0) {
      if (complete && draining_ > 1) throw std::runtime_error("the shadow chain is overrun");
      if (started_ < folds_) starts_.push_back(edge_ + 1), ++started_;
    }
    transfer_.write(complete);
    shift_.write(!complete);
    if (complete) next_drain_ = true;
    drive(edge_ + 1);
    if (++edge_ > 1000000) throw std::runtime_error("the clocked array does not end");
  }

  // Reads the bottom row of the shadow chain, row by row from the array's last one.
  void collect() {
    if (draining_ > 0) {
      const int fold = drained_folds_, r = draining_ - 1;
      const int row = fold / n_tiles_ * p_.rows + r, col = fold % n_tiles_ * p_.cols;
      for (int c = 0; c < p_.cols; ++c) {
        if (row < p_.m && col + c < p_.n)
          values_[static_cast<std::size_t>(row) * p_.n + col + c] = pe(p_.rows - 1, c).shadow.read();
      }
      last_shadow_edge_ = edge_ - 1;
      if (--draining_ == 0 && ++drained_folds_ == folds_) sc_core::sc_stop();
    }
    if (next_drain_) draining_ = p_.rows;  // the transfer happens at this edge
    next_drain_ = false;
  }

  void drive(int next) {
    for (int r = 0; r < p_.rows; ++r) {
      int token = kIdle;
      for (int f = 0; f < started_; ++f) {
        const int k = next - starts_[static_cast<std::size_t>(f)] - r, row = f / n_tiles_ * p_.rows + r;
        if (k < 0 || k >= p_.k) continue;
        token = k == 0 ? kFirstProduct : kProduct;
        right_[static_cast<std::size_t>(r)].write(row < p_.m ? p_.a[static_cast<std::size_t>(row) * p_.k + k] : T{});
      }
      token_[static_cast<std::size_t>(r)].write(token);
    }
    for (int c = 0; c < p_.cols; ++c) {
      for (int f = 0; f < started_; ++f) {
        const int k = next - starts_[static_cast<std::size_t>(f)] - c, col = f % n_tiles_ * p_.cols + c;
        if (k < 0 || k >= p_.k) continue;
        down_[static_cast<std::size_t>(c)].write(col < p_.n ? p_.b[static_cast<std::size_t>(k) * p_.n + col] : T{});
      }
    }
  }

  ClockedGemm<T> p_;
  sc_core::sc_clock clock_;
  sc_core::sc_vector<sc_core::sc_signal<T>> right_, down_;
  sc_core::sc_vector<sc_core::sc_signal<int>> token_;
  sc_core::sc_signal<bool> transfer_, shift_;
  sc_core::sc_signal<T> zero_;
  std::vector<std::unique_ptr<Pe>> pes_;
  std::vector<int> starts_;  // edge of each fold's first product at PE (0, 0)
  std::vector<T> values_;
  bool next_drain_ = false;
  int n_tiles_ = 0, folds_ = 0, edge_ = 0, started_ = 0, products_ = 0, draining_ = 0, drained_folds_ = 0;
  int last_edge_ = 0, last_shadow_edge_ = 0;
};

// Cycles and C; the drain of the last fold, in cycles, is appended to the values.
template <class T>
Simulated<T> simulate_output_stationary(const ClockedGemm<T>& problem) {
  return fork_simulation<T>([&] {
    AccumulatingBench<T> bench("bench", problem);
    sc_core::sc_start();
    Simulated<T> result = bench.result();
    result.values.push_back(static_cast<T>(bench.drain()));
    return result;
  });
}

}  // namespace vitality::test
