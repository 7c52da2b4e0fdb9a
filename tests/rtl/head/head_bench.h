// Drives attention_head.sv and softmax_head.sv, verilated: the host's
// registers, the operands through the DMA's port, and the trace.
#pragma once

#include <cmath>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "tests/rtl/head/simulated_head.h"
#include "verilated.h"

namespace vitality::test {

struct HeadMachine {
  int rows, cols, diagonal,
      lanes;                           // as verilated; lanes: of each of the three arrays, at most
  int accumulators, dividers, adders;  // lanes in use; softmax: those of the
                                       // special functions are `adders`
  int limit;                           // the largest code
  bool pipelined;
  int port_bits = 0;  // that the scratchpad gives to the units in a cycle; 0: no limit
};

// Lanes that a division of rows x columns quotients uses: its last quotient
// leaves first; of several the largest number.
inline int divide_lanes(int lanes, int rows, int columns) {
  int best = 0;
  Cycles best_end = 0;
  for (int used = std::min(lanes, columns); used > 0; --used) {
    Cycles end = 0;
    for (int column = 0; column < columns; ++column)
      end = std::max<Cycles>(end, Cycles{column / used + 1} * rows - 1 + column % used);
    if (best == 0 || end < best_end) best = used, best_end = end;
  }
  return best;
}

struct RtlHead {
  std::vector<StepTimes> steps[kSteps];  // in the order in which a step's jobs start
  std::vector<double> z;                 // queries x (heads x value_depth)
  Cycles cycles = 0;
};

// units: whose jobs the model's trace shows.
template <class Model, int units>
class HeadBench {
 public:
  HeadBench(const HeadMachine& machine, const HeadShape& shape, const AttentionMapping& mapping) : shape_(shape) {
    Model& m = *model_;
    m.heads = static_cast<std::uint8_t>(shape.heads);
    m.keys = static_cast<std::uint16_t>(shape.keys), m.queries = static_cast<std::uint16_t>(shape.queries);
    m.depth = static_cast<std::uint16_t>(shape.depth), m.value_depth = static_cast<std::uint16_t>(shape.value_depth);
    m.query_chunk = static_cast<std::uint16_t>(mapping.query_chunk);
    m.key_sets = static_cast<std::uint8_t>(mapping.sets[0]), m.value_sets = static_cast<std::uint8_t>(mapping.sets[1]);
    m.query_sets = static_cast<std::uint8_t>(mapping.sets[2]), m.tile_sets = static_cast<std::uint8_t>(mapping.sets[3]);
    m.serial = machine.pipelined ? 0 : 1;
    m.limit = static_cast<std::uint16_t>(machine.limit);
    m.reset = 1;
    tick();
  }
  Model& model() { return *model_; }

  void load(const HeadValues& values) {
    write(kKeys, values.k, shape_.keys, shape_.depth);
    write(kValues, values.v, shape_.keys, shape_.value_depth);
    write(kQueries, values.q, shape_.queries, shape_.depth);
  }
  void factor(int which, double value) {
    int exponent = 0;
    const double mantissa = std::frexp(value, &exponent);  // in [1/2, 1)
    const int shift = 53 - exponent;
    if (shift < 0 || shift > 100) throw std::runtime_error("a factor that the registers cannot hold");
    model_->mantissa[which] = static_cast<std::uint64_t>(std::ldexp(mantissa, 53));
    model_->shift[which] = static_cast<std::uint8_t>(shift);
  }

  RtlHead run() {
    RtlHead out;
    Model& m = *model_;
    m.reset = 0;
    m.clk = 0;
    m.eval();
    while (m.finished == 0 && out.cycles < kMostCycles) {
      sample(out);
      tick();
      ++out.cycles;
    }
    for (int row = 0; row < shape_.queries; ++row)
      for (int h = 0; h < shape_.heads; ++h) read(kResults, h * shape_.queries + row, out.z);
    m.final();
    return out;
  }

 private:
  // head_pkg.sv's map: matrices of 640 rows of 64.
  static constexpr int kWidth = 64, kKeys = 0, kValues = 640 * kWidth, kQueries = 2 * kValues, kResults = 3 * kValues;
  static constexpr Cycles kMostCycles = 1000000;

  void tick() {
    model_->clk = 1;
    model_->eval();
    model_->clk = 0;
    model_->eval();
  }

  // rows x (heads x cols) codes; head h begins at row h * rows.
  void write(int base, const std::vector<double>& codes, int rows, int cols) {
    model_->dma_write = 1;
    for (int h = 0; h < shape_.heads; ++h) {
      for (int row = 0; row < rows; ++row) {
        for (int from = 0; from < cols; from += 16) {
          model_->dma_address = static_cast<std::uint32_t>(base + (h * rows + row) * kWidth + from);
          for (int i = 0; i < 16; ++i) {
            const int col = from + i;
            const double code = col < cols ? codes[static_cast<std::size_t>((row * shape_.heads + h) * cols + col)] : 0;
            model_->dma_data[i] = static_cast<std::uint32_t>(static_cast<std::int32_t>(code)) & 0x1ffffU;
          }
          tick();
        }
      }
    }
    model_->dma_write = 0;
  }
  void read(int base, int row, std::vector<double>& to) {
    for (int from = 0; from < shape_.value_depth; from += 16) {
      model_->dma_address = static_cast<std::uint32_t>(base + row * kWidth + from);
      model_->eval();
      for (int i = 0; i < 16 && from + i < shape_.value_depth; ++i)
        to.push_back(static_cast<std::int32_t>(model_->dma_result[i] << 15) >> 15);
    }
  }

  void sample(RtlHead& out) {
    const Cycles now = out.cycles;
    for (int u = 0; u < units; ++u) {
      if (model_->trace_start[u]) {
        const int step = model_->trace_op[u];
        out.steps[step].emplace_back();
        out.steps[step].back().start = now;
        on_unit_[u] = {step, out.steps[step].size() - 1};
        ending_[step].push_back(out.steps[step].size() - 1);
      }
      if (model_->trace_released[u]) out.steps[on_unit_[u].step][on_unit_[u].job].released = now + 1;
      if (model_->trace_leaves[u]) out.steps[on_unit_[u].step][on_unit_[u].job].free = now + 1;
      if (model_->trace_done[u]) {
        const int step = model_->trace_done_op[u];
        if (ending_[step].empty()) throw std::runtime_error("the RTL ends a job that it has not begun");
        out.steps[step][ending_[step].front()].done = now + 1;
        ending_[step].pop_front();
      }
    }
  }

  struct OnUnit {
    int step;
    std::size_t job;
  };
  const HeadShape shape_;
  std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
  std::unique_ptr<Model> model_ = std::make_unique<Model>(context_.get());
  OnUnit on_unit_[units] = {};
  std::deque<std::size_t> ending_[kSteps];
};

// The factors of the datapath are those of docs/algorithm.md, 2.3.
template <class Model>
RtlHead run_taylor(const HeadMachine& machine, const HeadShape& shape, const AttentionMapping& mapping,
                   const HeadValues& values) {
  HeadBench<Model, 5> bench(machine, shape, mapping);
  Model& m = bench.model();
  m.key_chunk = static_cast<std::uint16_t>(mapping.token_chunk);
  m.code_bits = machine.limit == 127 ? 8 : 16, m.sum_bits = machine.limit == 127 ? 32 : 48;
  m.port_bits = static_cast<std::uint16_t>(machine.port_bits);
  m.accumulator_lanes = static_cast<std::uint8_t>(machine.accumulators);
  m.adder_lanes = static_cast<std::uint8_t>(machine.adders);
  m.divider_lanes = static_cast<std::uint8_t>(machine.dividers);
  const int last_chunk = (shape.queries - 1) % mapping.query_chunk + 1;
  m.divide_lanes = static_cast<std::uint8_t>(divide_lanes(machine.dividers, mapping.query_chunk, shape.value_depth));
  m.divide_lanes_of_last = static_cast<std::uint8_t>(divide_lanes(machine.dividers, last_chunk, shape.value_depth));
  bench.load(values);
  const AttentionScales& s = values.scales;
  const double root = std::sqrt(static_cast<double>(shape.depth));
  bench.factor(0, s.k * s.v / s.context);
  bench.factor(1, s.q * s.context / s.numerator);
  bench.factor(2, root * (s.v / s.numerator));
  bench.factor(3, s.numerator / (s.q * s.k * s.result));
  m.constant = static_cast<std::uint64_t>(std::llrint(shape.keys * root / (s.q * s.k))) & ((1ULL << 48) - 1);
  return bench.run();
}

template <class Model>
RtlHead run_softmax(const HeadMachine& machine, const HeadShape& shape, const AttentionMapping& mapping,
                    const HeadValues& values) {
  HeadBench<Model, 2> bench(machine, shape, mapping);
  bench.model().special_lanes = static_cast<std::uint8_t>(machine.adders);
  bench.load(values);
  const AttentionScales& s = values.scales;
  bench.factor(0, s.probability * s.v / s.result);
  bench.factor(1, s.q * s.k / std::sqrt(static_cast<double>(shape.depth)) / s.scores);
  bench.model().score_scale = s.scores, bench.model().probability_unit = 1 / s.probability;
  return bench.run();
}

}  // namespace vitality::test
