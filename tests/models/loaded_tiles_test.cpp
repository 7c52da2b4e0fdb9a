// Tiles that are copied only when their values are needed: the first reader sees what an eager copy would have put
// there.
#include "sim/values/loaded_tiles.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/random.h"

using namespace vitality;

namespace {

MatrixD random_codes(Random& random, int rows, int cols, int most) {
  MatrixD x(rows, cols);
  for (std::size_t i = 0; i < x.size(); ++i)
    x.data()[i] = static_cast<double>(random.below(2 * static_cast<std::uint64_t>(most) + 1)) - most;
  return x;
}

}  // namespace

TEST_CASE("loaded tiles: any order of loads, writes, reads and leaving tensors gives the values of eager copies") {
  const Arithmetic arithmetic(Precision::kInt16);
  Random random(1);
  const auto pick = [&](int below) { return static_cast<int>(random.below(static_cast<std::uint64_t>(below))); };
  std::vector<MatrixD> tensors;
  for (int i = 0; i < 3; ++i) tensors.push_back(random_codes(random, 12, 12, 1000));
  constexpr int kSize = 200;
  std::vector<double> lazy(kSize), eager(kSize);
  LoadedTiles loaded(arithmetic);
  int compared = 0;
  for (int step = 0; step < 20000; ++step) {
    const int first = pick(kSize - 60), count = 1 + pick(60);
    switch (pick(4)) {
      case 0: {
        const int tensor = pick(3), rows = 1 + pick(6), cols = 1 + pick(6), stride = cols + pick(4), row = pick(6),
                  col = pick(6);
        const double factor = tensor == 2 ? 0.37 : 0;
        const MatrixD& values = tensors[static_cast<std::size_t>(tensor)];
        loaded.load({{tensor}, {values.row(row) + col, values.cols()}, rows, cols, factor}, {&lazy[first], stride});
        for (int r = 0; r < rows; ++r)
          for (int c = 0; c < cols; ++c) {
            const double value = values(row + r, col + c);
            eager[static_cast<std::size_t>(first + r * stride + c)] =
                factor > 0 ? arithmetic.store(value * factor) : value;
          }
        break;
      }
      case 1:
        loaded.write(&lazy[first], count);
        for (int i = first; i < first + count; ++i) lazy[i] = eager[i] = step;
        break;
      case 2:
        loaded.read(&lazy[first], count);
        for (int i = first; i < first + count; ++i) compared += lazy[i] == eager[i] ? 1 : -1000000;
        break;
      default: {
        const int tensor = pick(3);
        loaded.leave(TensorId{tensor});
        tensors[static_cast<std::size_t>(tensor)] = random_codes(random, 12, 12, 1000);
        break;
      }
    }
  }
  CHECK(compared > 10000);
  loaded.leave();
  CHECK(lazy == eager);
}

TEST_CASE("loaded tiles: codes are those of the values there now, once loaded, rounded or written over") {
  const Arithmetic arithmetic(Precision::kInt16);
  MatrixD tensor(3, 4);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = 1000.0 * static_cast<double>(i) - 5000;
  std::vector<double> scratchpad(32);
  LoadedTiles loaded(arithmetic);
  const auto streamed = [&](int r, int c) {
    const SplitOperand a = loaded.streamed_codes(scratchpad.data(), 5, 3, 4)->operand();
    return 256 * a.high[r * a.stride + c] + a.low[r * a.stride + c];
  };
  CHECK(loaded.streamed_codes(scratchpad.data(), 5, 3, 4) == nullptr);
  loaded.load({{0}, {tensor.data(), 4}, 3, 4, 0}, {scratchpad.data(), 5});
  CHECK(streamed(0, 0) == -5000);
  CHECK(streamed(2, 3) == 6000);
  CHECK(loaded.streamed_codes(scratchpad.data(), 5, 3, 3) == nullptr);
  CHECK(scratchpad[0] == 0);  // nobody has looked
  CHECK(loaded.stationary_codes(scratchpad.data(), 5, 3, 4)[11] == 6000);
  CHECK(scratchpad[0] == -5000);

  loaded.leave(TensorId{0});
  tensor(0, 0) = 4000;
  CHECK(loaded.streamed_codes(scratchpad.data(), 5, 3, 4) == nullptr);
  loaded.load({{0}, {tensor.data(), 4}, 3, 4, 0}, {scratchpad.data(), 5});
  CHECK(streamed(0, 0) == 4000);

  loaded.load({{1}, {tensor.data(), 4}, 3, 4, 0.0101}, {scratchpad.data(), 5});
  CHECK(loaded.streamed_codes(scratchpad.data(), 5, 3, 4) == nullptr);
  CHECK(loaded.stationary_codes(scratchpad.data(), 5, 3, 4)[0] == 40);
  loaded.write(scratchpad.data(), 1);
  scratchpad[0] = 7;
  CHECK(loaded.stationary_codes(scratchpad.data(), 5, 3, 4)[0] == 7);
  CHECK(loaded.stationary_codes(scratchpad.data(), 5, 3, 4)[11] == 61);
  scratchpad[0] = 0.5;
  CHECK(loaded.stationary_codes(scratchpad.data(), 5, 3, 4) == nullptr);
}
