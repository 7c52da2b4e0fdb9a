// A clocked model of the input-stationary array, PE by PE and register by register: what the cycle formulas are derived
// from.
//
// A PE multiplies the moving operand that arrives from its left neighbour with its stationary register, adds the
// partial sum from above and takes the result into its partial-sum register; the moving operand goes into the register
// that feeds the right neighbour (paper, Fig. of the PE: down-forward accumulation; the top row adds 0). The stationary
// registers of a column form a shift chain from the top. The registers at the array's border belong to the feeder. Edge
// 1 is the first edge at which a register of the array takes a value.
//
// Without prefetch: one stationary register a PE, one shift enable for all PEs; a fold starts when the last partial sum
// of the fold before it is in its register.
//
// With prefetch: two stationary registers a PE in two chains, used by turns; each operand carries which one it meets.
// The next tile's first shift in row r is the edge at which row r meets the first operand of the running fold: the
// chain refills the registers right behind the last operand of the fold before. Column c lags by c.
//
// No controller knows a formula: each rule looks at what has arrived.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <systemc>
#include <vector>

#include "tests/support/fork_simulation.h"

namespace vitality::test {

constexpr int kNoOperand = -1;

template <class T>
struct StationaryPe : sc_core::sc_module {
  sc_core::sc_in<bool> clock, shift_in0, shift_in1;
  sc_core::sc_in<T> moving_in, psum_in, stationary_in0, stationary_in1;
  sc_core::sc_in<int> token_in;  // kNoOperand, or which stationary register the operand meets
  // The PE's registers.
  sc_core::sc_signal<T> moving, psum, stationary0, stationary1;
  sc_core::sc_signal<int> token;
  sc_core::sc_signal<bool> shift0, shift1;

  SC_HAS_PROCESS(StationaryPe);
  StationaryPe(const sc_core::sc_module_name& name, T loaded)
      : sc_module(name), stationary0("stationary0", loaded), token("token", kNoOperand) {
    SC_METHOD(edge);
    sensitive << clock.pos();
    dont_initialize();
  }

 private:
  void edge() {
    moving.write(moving_in.read());
    token.write(token_in.read());
    if (token_in.read() != kNoOperand) {
      const T product = moving_in.read() * (token_in.read() == 0 ? stationary0.read() : stationary1.read());
      psum.write(psum_in.read() + product);
    }
    if (shift_in0.read()) stationary0.write(stationary_in0.read());
    if (shift_in1.read()) stationary1.write(stationary_in1.read());
    shift0.write(shift_in0.read());
    shift1.write(shift_in1.read());
  }
};

// The problem: streamed a (m x k), stationary b (k x n), row-major.
template <class T>
struct ClockedGemm {
  int rows, cols;  // of the array
  int m, k, n;
  const T* a;
  const T* b;
  bool prefetch = false;
  bool loaded = false;  // one fold whose stationary tile is in the registers already (G-stationary)
  int early = 0;        // edges by which each load without prefetch is started too early (to see that values break)
};

template <class T>
struct StationaryBench : sc_core::sc_module {
  SC_HAS_PROCESS(StationaryBench);
  StationaryBench(const sc_core::sc_module_name& name, const ClockedGemm<T>& problem)
      : sc_module(name),
        p_(problem),
        clock_("clock", 1, sc_core::SC_NS),
        results_(static_cast<std::size_t>(problem.cols)) {
    k_tiles_ = (p_.k + p_.rows - 1) / p_.rows;
    folds_ = k_tiles_ * ((p_.n + p_.cols - 1) / p_.cols);
    moving_.init(static_cast<std::size_t>(p_.rows));
    token_.init(static_cast<std::size_t>(p_.rows));
    for (int bank = 0; bank < 2; ++bank) {
      top_[bank].init(static_cast<std::size_t>(p_.cols));
      shift_[bank].init(static_cast<std::size_t>(p_.rows));
    }
    for (int r = 0; r < p_.rows; ++r) token_[static_cast<std::size_t>(r)].write(kNoOperand);
    build();
    SC_METHOD(edge);
    sensitive << clock_.posedge_event();
    dont_initialize();
  }

  // After the simulation: the edge of the last partial sum, and C with the folds over k added outside the array in
  // ascending order.
  Simulated<T> result() const {
    Simulated<T> out{last_edge_, std::vector<T>(static_cast<std::size_t>(p_.m) * p_.n)};
    for (int f = 0; f < folds_; ++f) {
      for (int m = 0; m < p_.m; ++m) {
        for (int c = 0; c < p_.cols && column(f) + c < p_.n; ++c) {
          T& sum = out.values[static_cast<std::size_t>(m) * p_.n + column(f) + c];
          sum = sum + results_[static_cast<std::size_t>(c)].at(static_cast<std::size_t>(f) * p_.m + m);
        }
      }
    }
    return out;
  }

 private:
  using Pe = StationaryPe<T>;
  struct Fold {
    int load, stream;  // edges of the first shift and of the first product at PE (0, 0)
  };

  Pe& pe(int r, int c) { return *pes_[static_cast<std::size_t>(r) * p_.cols + c]; }
  int column(int fold) const { return fold / k_tiles_ * p_.cols; }
  int depth(int fold) const { return fold % k_tiles_ * p_.rows; }
  int bank(int fold) const { return p_.prefetch ? fold % 2 : 0; }
  T moving(int fold, int m, int r) const {
    const int k = depth(fold) + r;
    return k < p_.k ? p_.a[static_cast<std::size_t>(m) * p_.k + k] : T{};
  }
  T stationary(int fold, int r, int c) const {
    const int k = depth(fold) + r, n = column(fold) + c;
    return k < p_.k && n < p_.n ? p_.b[static_cast<std::size_t>(k) * p_.n + n] : T{};
  }

  void build() {
    for (int r = 0; r < p_.rows; ++r) {
      for (int c = 0; c < p_.cols; ++c) {
        pes_.push_back(std::make_unique<Pe>(("pe_" + std::to_string(r) + "_" + std::to_string(c)).c_str(),
                                            p_.loaded ? stationary(0, r, c) : T{}));
        Pe& x = *pes_.back();
        const auto row = static_cast<std::size_t>(r), col = static_cast<std::size_t>(c);
        x.clock(clock_);
        x.moving_in(c == 0 ? moving_[row] : pe(r, c - 1).moving);
        x.token_in(c == 0 ? token_[row] : pe(r, c - 1).token);
        x.psum_in(r == 0 ? zero_ : pe(r - 1, c).psum);
        x.stationary_in0(r == 0 ? top_[0][col] : pe(r - 1, c).stationary0);
        x.stationary_in1(r == 0 ? top_[1][col] : pe(r - 1, c).stationary1);
        const bool from_left =
            p_.prefetch && c > 0;  // else: one wire for the whole row (without prefetch, all rows alike)
        x.shift_in0(from_left ? pe(r, c - 1).shift0 : shift_[0][row]);
        x.shift_in1(from_left ? pe(r, c - 1).shift1 : shift_[1][row]);
      }
    }
  }

  // At edge e the bench sees what the registers took at edge e - 1 and sets the border for edge e + 1.
  void edge() {
    collect();
    start_phases(edge_ + 1);
    drive(edge_ + 1);
    if (++edge_ > 1000000) throw std::runtime_error("the clocked array does not end");
  }

  void collect() {
    std::size_t complete = 0;
    for (int c = 0; c < p_.cols; ++c) {
      auto& column = results_[static_cast<std::size_t>(c)];
      if (pe(p_.rows - 1, c).token.read() != kNoOperand) {
        column.push_back(pe(p_.rows - 1, c).psum.read());
        last_edge_ = edge_ - 1;
      }
      complete += column.size() == static_cast<std::size_t>(folds_) * p_.m;
    }
    if (complete == static_cast<std::size_t>(p_.cols)) sc_core::sc_stop();
    // The last PE takes its partial sum at this very edge.
    if (pe(p_.rows - 1, p_.cols - 1).token_in.read() != kNoOperand) ++last_pe_results_;
  }

  // Which phases have their first edge at `next`, the edge to come.
  void start_phases(int next) {
    const int started = static_cast<int>(starts_.size());
    if (started > 0 && starts_.back().stream < 0) {
      const bool loaded = p_.loaded || starts_.back().load + p_.rows - 1 < next;
      const bool free = started == 1 || starts_[starts_.size() - 2].stream + p_.m - 1 < next;
      if (loaded && free) starts_.back().stream = next;
    }
    if (started == folds_) return;
    bool start = started == 0;
    if (started > 0 && p_.prefetch) start = starts_.back().stream == next;
    if (started > 0 && !p_.prefetch) start = last_pe_results_ + p_.early >= started * p_.m;
    if (start) starts_.push_back({next, p_.loaded ? next : -1});
  }

  void drive(int next) {
    for (int r = 0; r < p_.rows; ++r) {
      const auto row = static_cast<std::size_t>(r);
      int token = kNoOperand;
      bool shift[2] = {false, false};
      for (int f = 0; f < static_cast<int>(starts_.size()); ++f) {
        const Fold& fold = starts_[static_cast<std::size_t>(f)];
        const int m = next - fold.stream - r;
        if (fold.stream >= 0 && m >= 0 && m < p_.m) {
          token = bank(f);
          moving_[row].write(moving(f, m, r));
        }
        const int open = fold.load + (p_.prefetch ? r : 0);
        if (!p_.loaded && next >= open && next < fold.load + p_.rows) shift[bank(f)] = true;
      }
      token_[row].write(token);
      for (int b = 0; b < 2; ++b) shift_[b][row].write(shift[b]);
    }
    for (int c = 0; c < p_.cols; ++c) {
      for (int f = 0; f < static_cast<int>(starts_.size()); ++f) {
        const int i =
            next - starts_[static_cast<std::size_t>(f)].load - (p_.prefetch ? c : 0);  // the bottom row enters first
        if (i >= 0 && i < p_.rows) top_[bank(f)][static_cast<std::size_t>(c)].write(stationary(f, p_.rows - 1 - i, c));
      }
    }
  }

  ClockedGemm<T> p_;
  sc_core::sc_clock clock_;
  sc_core::sc_vector<sc_core::sc_signal<T>> moving_, top_[2];
  sc_core::sc_vector<sc_core::sc_signal<int>> token_;
  sc_core::sc_vector<sc_core::sc_signal<bool>> shift_[2];
  sc_core::sc_signal<T> zero_;
  std::vector<std::unique_ptr<Pe>> pes_;
  std::vector<Fold> starts_;
  std::vector<std::vector<T>> results_;  // per column, in order of arrival
  int k_tiles_ = 0, folds_ = 0, edge_ = 0, last_edge_ = 0, last_pe_results_ = 0;
};

// Cycles and C of one GEMM on the clocked array, simulated in a child process.
template <class T>
Simulated<T> simulate_input_stationary(const ClockedGemm<T>& problem) {
  return fork_simulation<T>([&] {
    StationaryBench<T> bench("bench", problem);
    sc_core::sc_start();
    return bench.result();
  });
}

}  // namespace vitality::test
