// The array in SystemVerilog, simulated with Verilator, against the cycle formula (exactly) and the tile arithmetic.
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <vector>

#include "Varray_1x1.h"
#include "Varray_3x5.h"
#include "Varray_4x4.h"
#include "Varray_8x4.h"
#include "cost/array_cost.h"
#include "tensor/gemm.h"

using namespace vitality;

double sc_time_stamp() {
  return 0;
}  // verilated.cpp asks for it

namespace {

struct GemmSize {
  int m, k, n;
};
const std::vector<GemmSize> kShapes = {{1, 1, 1},    {2, 3, 2},   {4, 4, 4},    {5, 8, 4},  {17, 4, 4},
                                       {3, 9, 11},   {7, 5, 1},   {1, 12, 9},   {12, 3, 5}, {20, 17, 6},
                                       {33, 10, 13}, {50, 16, 8}, {197, 24, 10}};

std::vector<std::int16_t> codes(int size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::int16_t> values(static_cast<std::size_t>(size));
  for (auto& value : values) {
    const int kind = static_cast<int>(random() % 8);
    value = static_cast<std::int16_t>(kind == 0   ? 32767
                                      : kind == 1 ? -32768
                                                  : static_cast<int>(random() % 65536) - 32768);
  }
  return values;
}

// Feeds the array what its sequencer asks for and adds the partial sums of the folds over k outside it.
template <class Model>
class Bench {
 public:
  Bench(int rows, int cols, GemmSize size, const std::int16_t* a, const std::int16_t* b)
      : rows_(rows),
        cols_(cols),
        s_(size),
        a_(a),
        b_(b),
        c_(static_cast<std::size_t>(s_.m) * s_.n),
        arrived_(static_cast<std::size_t>(cols)) {
    k_tiles_ = (s_.k + rows - 1) / rows;
    folds_ = k_tiles_ * ((s_.n + cols - 1) / cols);
  }

  void run() {
    model_->stream_rows = static_cast<std::uint16_t>(s_.m);
    model_->reset = 1;
    for (int i = 0; i < rows_ + cols_; ++i) tick();  // long enough to flush the valid bits through the array
    model_->reset = 0;
    model_->start = 1;
    tick();  // idle -> load: the sequencer's edge, not the array's
    for (int edge = 0; model_->busy && edge < 100000; ++edge) {
      feed();
      tick();
      collect();
    }
    model_->final();
  }
  std::int64_t cycles() const { return model_->cycles; }
  const std::vector<std::int64_t>& values() const { return c_; }

 private:
  void tick() {
    model_->clk = 0;
    model_->eval();
    model_->clk = 1;
    model_->eval();
  }

  void feed() {
    if (model_->loading && model_->load_row == rows_ - 1) ++fold_;  // a fold's first cycle
    model_->start = fold_ + 1 < folds_;
    const int depth = fold_ % k_tiles_ * rows_, column = fold_ / k_tiles_ * cols_;
    for (int c = 0; c < cols_; ++c) {
      const int k = depth + model_->load_row, n = column + c;
      const bool inside = model_->loading && k < s_.k && n < s_.n;
      model_->stationary[c] = static_cast<std::uint16_t>(inside ? b_[k * s_.n + n] : 0);
    }
    for (int r = 0; r < rows_; ++r) {
      const bool inside = model_->streaming && depth + r < s_.k;
      model_->moving[r] = static_cast<std::uint16_t>(inside ? a_[model_->stream_row * s_.k + depth + r] : 0);
    }
  }

  void collect() {
    for (int c = 0; c < cols_; ++c) {
      if (!model_->sum_valid[c]) continue;
      const int index = arrived_[static_cast<std::size_t>(c)]++;
      const int row = index % s_.m, column = index / s_.m / k_tiles_ * cols_ + c;
      const auto sum =
          static_cast<std::int64_t>(static_cast<std::uint64_t>(model_->sum[c]) << 16) >> 16;  // 48 bits, signed
      if (column < s_.n) c_[static_cast<std::size_t>(row) * s_.n + column] += sum;
    }
  }

  std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
  std::unique_ptr<Model> model_ = std::make_unique<Model>(context_.get());
  int rows_, cols_;
  GemmSize s_;
  const std::int16_t *a_, *b_;
  std::vector<std::int64_t> c_;
  std::vector<int> arrived_;  // per column: partial sums so far
  int k_tiles_ = 0, folds_ = 0, fold_ = -1;
};

template <class Model>
void check(int rows, int cols) {
  for (const GemmSize& s : kShapes) {
    INFO("array " << rows << "x" << cols << ", m k n " << s.m << " " << s.k << " " << s.n);
    const auto a = codes(s.m * s.k, 1), b = codes(s.k * s.n, 2);
    Bench<Model> bench(rows, cols, s, a.data(), b.data());
    bench.run();
    CHECK(bench.cycles() == gemm_timing(Dataflow::kInputStationary, rows, cols, false, s.m, s.k, s.n).cycles);
    std::vector<std::int64_t> expected(static_cast<std::size_t>(s.m) * s.n);
    gemm_i16(s.m, s.n, s.k, a.data(), s.k, b.data(), s.n, expected.data(), s.n, GemmStart::kZero);
    CHECK(bench.values() == expected);
  }
}

}  // namespace

TEST_CASE("rtl: 4 x 4 PEs, 13 GEMMs: cycles and values") {
  check<Varray_4x4>(4, 4);
}
TEST_CASE("rtl: 3 x 5 PEs, 13 GEMMs: cycles and values") {
  check<Varray_3x5>(3, 5);
}
TEST_CASE("rtl: 8 x 4 PEs, 13 GEMMs: cycles and values") {
  check<Varray_8x4>(8, 4);
}
TEST_CASE("rtl: one PE, 13 GEMMs: cycles and values") {
  check<Varray_1x1>(1, 1);
}
