// SA-General, adders and dividers behind each other with FIFOs between them, clocked and coupled, register by register:
// what the flow of rows (cost/row_flow.h, models/interconnect/row_fifos.h) is held against. Registers take their next
// values at the rising edge of the clock; valid and ready are combinational signals between the modules.
//
// Array: R x C PEs with a stationary register, a moving register and one for the partial sum each; registers in front
// of the rows (element r enters r cycles later) and behind the columns (column c leaves C - 1 - c cycles later), so
// that it takes and gives whole rows. The stationary tile is shifted in from the top, a row a cycle, before the first
// row. Lanes: a pipeline of `latency` registers each, which takes a row every `interval` cycles. Divisors move along
// the lanes, one lane a cycle, with registers in front and behind as in the array. A row that is due and has no place
// holds all registers of its stage. FIFO: `depth` rows; a row can pass an empty FIFO, and a place is free in the cycle
// in which its row leaves.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <systemc>
#include <vector>

#include "base/units.h"
#include "tests/support/fork_simulation.h"

namespace vitality::test {

using Row = std::vector<double>;

struct RowSlot {
  bool valid = false;
  Row values;
  bool operator==(const RowSlot& other) const { return valid == other.valid && values == other.values; }
};
inline std::ostream& operator<<(std::ostream& out, const RowSlot& slot) {
  return out << slot.valid;
}
inline void sc_trace(sc_core::sc_trace_file*, const RowSlot&, const std::string&) {}

struct RowFifo : sc_core::sc_module {
  sc_core::sc_in<bool> clock, taken;  // taken: the stage behind takes a row in this cycle if there is one
  sc_core::sc_in<RowSlot> in;
  sc_core::sc_out<RowSlot> out;
  sc_core::sc_out<bool> ready;

  SC_HAS_PROCESS(RowFifo);
  RowFifo(const sc_core::sc_module_name& name, int depth) : sc_module(name), depth_(static_cast<std::size_t>(depth)) {
    SC_METHOD(offer);
    sensitive << in << taken << edges_;
    SC_METHOD(edge);
    sensitive << clock.pos();
    dont_initialize();
  }

 private:
  void offer() {
    out.write(rows_.empty() ? in.read() : rows_.front());
    ready.write(rows_.size() < depth_ || taken.read());
  }
  void edge() {
    if (in.read().valid && ready.read()) rows_.push_back(in.read());
    if (!rows_.empty() && taken.read()) rows_.erase(rows_.begin());
    edges_.write(edges_.read() + 1);  // offer() sees the new rows
  }
  std::size_t depth_;
  std::vector<RowSlot> rows_;
  sc_core::sc_signal<int> edges_;
};

// Registers behind each other; 0 of them are a wire.
class Delay {
 public:
  explicit Delay(int registers = 0) : values_(static_cast<std::size_t>(registers)) {}
  double out(double in) const { return values_.empty() ? in : values_.back(); }
  void shift(double in) {
    values_.insert(values_.begin(), in);
    values_.pop_back();
  }

 private:
  std::vector<double> values_;
};

// Takes a row now and then and gives it later: the handshake that array and lanes have in common.
struct ClockedStage : sc_core::sc_module {
  sc_core::sc_in<bool> clock, ready;  // ready: there is a place behind
  sc_core::sc_in<RowSlot> in;
  sc_core::sc_out<RowSlot> out;
  sc_core::sc_out<bool> takes;
  Cycles begun = -1, ended = -1;  // first row taken; last row given so far
  int taken_rows = 0;
  std::vector<Row> given;

  SC_HAS_PROCESS(ClockedStage);
  // Takes rows from cycle `start` on, one every `interval` cycles; each is due `registers` cycles later.
  ClockedStage(const sc_core::sc_module_name& name, Cycles start, int interval, int registers)
      : sc_module(name),
        start_(start),
        interval_(interval),
        since_(interval),
        valid_(static_cast<std::size_t>(registers)) {
    SC_METHOD(decide);
    sensitive << ready << edges_;
    SC_METHOD(edge);
    sensitive << clock.pos();
    dont_initialize();
  }

 protected:
  virtual Row last() const = 0;                 // what leaves the last registers
  virtual void shift(const Row& entering) = 0;  // `entering` is empty where no row enters
  virtual void load(Cycles) {}                  // before the first row

 private:
  bool held() const { return valid_.back() && !ready.read(); }
  void decide() {
    takes.write(!held() && cycle_ >= start_ && since_ >= interval_);
    out.write(valid_.back() ? RowSlot{true, last()} : RowSlot());
  }
  void edge() {
    if (valid_.back() && ready.read()) given.push_back(last()), ended = cycle_;
    if (!held()) {
      const bool enters = takes.read() && in.read().valid;
      if (enters && begun < 0) begun = cycle_;
      taken_rows += enters;
      since_ = enters ? 1 : since_ + 1;
      shift(enters ? in.read().values : Row());
      valid_.insert(valid_.begin(), enters);
      valid_.pop_back();
    }
    if (cycle_ < start_) load(cycle_);
    ++cycle_;
    edges_.write(static_cast<int>(cycle_));
  }
  Cycles start_, cycle_ = 0;
  int interval_, since_;
  std::vector<bool> valid_;
  sc_core::sc_signal<int> edges_;
};

struct ClockedArray : ClockedStage {
  ClockedArray(const sc_core::sc_module_name& name, const std::vector<Row>& tile)
      : ClockedStage(name, static_cast<Cycles>(tile.size()), 1, static_cast<int>(tile.size() + tile[0].size()) - 1),
        tile_(tile),
        pes_(tile.size(), std::vector<Pe>(tile[0].size())) {
    for (std::size_t r = 0; r < tile.size(); ++r) rows_.emplace_back(static_cast<int>(r));
    for (std::size_t c = 0; c < tile[0].size(); ++c) columns_.emplace_back(static_cast<int>(tile[0].size() - 1 - c));
  }

 private:
  struct Pe {
    double stationary = 0, moving = 0, sum = 0;
  };
  void load(Cycles cycle) override {
    for (std::size_t r = pes_.size(); r-- > 0;)
      for (std::size_t c = 0; c < pes_[r].size(); ++c)
        pes_[r][c].stationary =
            r > 0 ? pes_[r - 1][c].stationary : tile_[tile_.size() - 1 - static_cast<std::size_t>(cycle)][c];
  }
  void shift(const Row& entering) override {
    for (std::size_t c = 0; c < columns_.size(); ++c) columns_[c].shift(pes_.back()[c].sum);
    const std::vector<std::vector<Pe>> old = pes_;
    for (std::size_t r = 0; r < pes_.size(); ++r) {
      const double element = entering.empty() ? 0 : entering[r], fed = rows_[r].out(element);
      rows_[r].shift(element);
      for (std::size_t c = 0; c < pes_[r].size(); ++c) {
        pes_[r][c].moving = c == 0 ? fed : old[r][c - 1].moving;
        pes_[r][c].sum = (r == 0 ? 0 : old[r - 1][c].sum) + pes_[r][c].moving * pes_[r][c].stationary;
      }
    }
  }
  Row last() const override {
    Row row;
    for (std::size_t c = 0; c < columns_.size(); ++c) row.push_back(columns_[c].out(pes_.back()[c].sum));
    return row;
  }
  std::vector<Row> tile_;
  std::vector<std::vector<Pe>> pes_;
  std::vector<Delay> rows_, columns_;
};

struct ClockedAdders : ClockedStage {
  ClockedAdders(const sc_core::sc_module_name& name, Cycles start, int interval, int latency, Row second)
      : ClockedStage(name, start, interval, latency),
        second_(std::move(second)),
        lanes_(second_.size(), Delay(latency)) {}

 private:
  void shift(const Row& entering) override {
    for (std::size_t j = 0; j < lanes_.size(); ++j) lanes_[j].shift(entering.empty() ? 0 : entering[j] + second_[j]);
  }
  Row last() const override {
    Row row;
    for (const Delay& lane : lanes_) row.push_back(lane.out(0));
    return row;
  }
  Row second_;
  std::vector<Delay> lanes_;
};

struct ClockedDividers : ClockedStage {
  ClockedDividers(const sc_core::sc_module_name& name, int interval, int latency, int lanes, Row divisors)
      : ClockedStage(name, 0, interval, latency + lanes - 1),
        divisors_(std::move(divisors)),
        chain_(static_cast<std::size_t>(lanes)),
        lanes_(static_cast<std::size_t>(lanes), Delay(latency)) {
    for (int j = 0; j < lanes; ++j) front_.emplace_back(j), behind_.emplace_back(lanes - 1 - j);
  }

 private:
  void shift(const Row& entering) override {
    const Row chain = chain_;
    for (std::size_t j = 0; j < lanes_.size(); ++j) {
      const double element = entering.empty() ? 0 : entering[j], numerator = front_[j].out(element);
      front_[j].shift(element);
      chain_[j] = j > 0 ? chain[j - 1] : entering.empty() ? 1 : divisors_[static_cast<std::size_t>(taken_rows) - 1];
      behind_[j].shift(lanes_[j].out(0));
      lanes_[j].shift(numerator / chain_[j]);
    }
  }
  Row last() const override {
    Row row;
    for (std::size_t j = 0; j < lanes_.size(); ++j) row.push_back(behind_[j].out(lanes_[j].out(0)));
    return row;
  }
  Row divisors_, chain_;  // of all rows; in the lanes' registers
  std::vector<Delay> lanes_, front_, behind_;
};

struct ChainProblem {
  std::vector<Row> rows, tile;  // m x R, R x C
  Row second, divisors;         // C; m
  int depth, add_interval, add_latency, divide_interval, divide_latency;
  Cycles adders_free;  // the adders have other work until then
};

// The array's, the adders' and the dividers' first row taken and last row given.
struct ClockedChain : sc_core::sc_module {
  sc_core::sc_clock clock;
  ClockedArray array;
  ClockedAdders adders;
  ClockedDividers dividers;
  RowFifo first, second;

  SC_HAS_PROCESS(ClockedChain);
  ClockedChain(const sc_core::sc_module_name& name, const ChainProblem& problem)
      : sc_module(name),
        clock("clock", 2, sc_core::SC_NS, 0.5, 1, sc_core::SC_NS),
        array("array", problem.tile),
        adders("adders", problem.adders_free, problem.add_interval, problem.add_latency, problem.second),
        dividers("dividers", problem.divide_interval, problem.divide_latency, static_cast<int>(problem.second.size()),
                 problem.divisors),
        first("first", problem.depth),
        second("second", problem.depth),
        rows_(problem.rows),
        ready_("ready", 3),
        takes_("takes", 3),
        wires_("wires", 6) {
    ClockedStage* const stages[] = {&array, &adders, &dividers};
    RowFifo* const fifos[] = {&first, &second};
    for (std::size_t s = 0; s < 3; ++s) {
      stages[s]->clock(clock);
      stages[s]->ready(ready_[s]);
      stages[s]->takes(takes_[s]);
      stages[s]->in(wires_[2 * s]);
      stages[s]->out(wires_[2 * s + 1]);
      if (s == 2) break;
      fifos[s]->clock(clock);
      fifos[s]->in(wires_[2 * s + 1]);
      fifos[s]->ready(ready_[s]);
      fifos[s]->out(wires_[2 * s + 2]);
      fifos[s]->taken(takes_[s + 1]);
    }
    SC_METHOD(feed);
    sensitive << clock.negedge_event();
  }

 private:
  // The operand's rows are always there; behind the dividers there is always a place.
  void feed() {
    const auto next = static_cast<std::size_t>(array.taken_rows);
    wires_[0].write(next < rows_.size() ? RowSlot{true, rows_[next]} : RowSlot());
    ready_[2].write(true);
    if (dividers.given.size() == rows_.size()) sc_core::sc_stop();
    if (sc_core::sc_time_stamp() > sc_core::sc_time(1, sc_core::SC_MS))
      throw std::runtime_error("the clocked chain does not end");
  }
  std::vector<Row> rows_;
  sc_core::sc_vector<sc_core::sc_signal<bool>> ready_, takes_;
  sc_core::sc_vector<sc_core::sc_signal<RowSlot>> wires_;
};

struct ClockedChainResult {
  std::vector<Cycles> moments;  // array: last row given; adders and dividers: first row taken, last row given
  std::vector<Row> rows;
};

inline ClockedChainResult simulate_clocked_chain(const ChainProblem& problem) {
  const auto out = fork_simulation<double>([&] {
    ClockedChain chain("chain", problem);
    sc_core::sc_start();
    Simulated<double> result;
    for (const Cycles moment :
         {chain.array.ended, chain.adders.begun, chain.adders.ended, chain.dividers.begun, chain.dividers.ended})
      result.values.push_back(static_cast<double>(moment));
    for (const Row& row : chain.dividers.given) result.values.insert(result.values.end(), row.begin(), row.end());
    return result;
  });
  ClockedChainResult result;
  for (std::size_t i = 0; i < 5; ++i) result.moments.push_back(static_cast<Cycles>(out.values[i]));
  const std::size_t columns = problem.second.size();
  for (std::size_t i = 5; i < out.values.size(); i += columns)
    result.rows.emplace_back(out.values.begin() + static_cast<std::ptrdiff_t>(i),
                             out.values.begin() + static_cast<std::ptrdiff_t>(i + columns));
  return result;
}

}  // namespace vitality::test
