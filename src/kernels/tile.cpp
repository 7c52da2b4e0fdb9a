// More than 6 parameters: sizes, operands and results of a tile, as the fields of a job give them.
#include "kernels/tile.h"

#include <cmath>

#include "base/vectorised.h"
#include "kernels/code_tiles.h"
#include "tensor/functions.h"
#include "tensor/gemm.h"

namespace vitality {
namespace {

std::vector<float>& scratch(int which) {
  static thread_local std::vector<float> buffers[3];
  return buffers[which];
}

void round_to_codes(const double* x, std::size_t count, double factor, double limit, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = round_half_even(std::min(limit, std::max(-limit, x[i] * factor)));
  });
}

void round_to_integers(const double* x, std::size_t count, double factor, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = round_half_even(x[i] * factor);
  });
}

void round_to_singles(const double* x, std::size_t count, double factor, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i) y[i] = static_cast<double>(static_cast<float>(x[i] * factor));
  });
}

void round_to_halves(const double* x, std::size_t count, double factor, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (std::size_t i = 0; i < count; ++i)
      y[i] = static_cast<double>(round_to_half(static_cast<float>(x[i] * factor)));
  });
}

void to_floats(const double* x, int count, float* y) {
  vectorised([=]() VITALITY_LOOP {
    for (int i = 0; i < count; ++i) y[i] = static_cast<float>(x[i]);
  });
}

void from_floats(const float* x, int count, double* y) {
  vectorised([=]() VITALITY_LOOP {
    for (int i = 0; i < count; ++i) y[i] = static_cast<double>(x[i]);
  });
}

void add_floats(const float* x, int count, double* y) {
  vectorised([=]() VITALITY_LOOP {
    for (int i = 0; i < count; ++i) y[i] = static_cast<double>(static_cast<float>(y[i]) + x[i]);
  });
}

const float* to_float(int which, int rows, int cols, ConstTile tile) {
  std::vector<float>& buffer = scratch(which);
  buffer.resize(std::max(buffer.size(), static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols)));
  for (int r = 0; r < rows; ++r) to_floats(tile.row(r), cols, buffer.data() + static_cast<std::ptrdiff_t>(r) * cols);
  return buffer.data();
}

}  // namespace

void Arithmetic::note_saturated(const double* x, std::size_t count, double factor) const {
  const double beyond = saturates_beyond(precision_);
  if (beyond == 0) return;
  *saturated_ += vectorised([=]() VITALITY_LOOP {
    Count found = 0;
    for (std::size_t i = 0; i < count; ++i) found += std::fabs(x[i] * factor) > beyond ? 1 : 0;
    return found;
  });
}

void Arithmetic::store(const double* x, std::size_t count, double factor, double* y) const {
  if (saturated_ != nullptr) note_saturated(x, count, factor);
  if (integer() && unit_ == 0) return round_to_codes(x, count, factor, limit_, y);
  if (precision_ == Precision::kFp32) return round_to_singles(x, count, factor, y);
  if (precision_ == Precision::kFp16) return round_to_halves(x, count, factor, y);
  Arithmetic uncounted = *this;
  uncounted.saturated_ = nullptr;
  for (std::size_t i = 0; i < count; ++i) y[i] = uncounted.store(x[i] * factor);
}

void Arithmetic::wide(const double* x, std::size_t count, double factor, double* y) const {
  if (integer() && unit_ == 0) return round_to_integers(x, count, factor, y);
  if (single()) return round_to_singles(x, count, factor, y);
  for (std::size_t i = 0; i < count; ++i) y[i] = x[i] * factor;
}

bool takes_codes(const Arithmetic& arithmetic, int m, int k, int n) {
  // Sums of products of codes are exact in any order, so the integer kernels give the same bits as the double ones in
  // less time. For a product with a small side the conversions would cost more than they save.
  return arithmetic.integer() && m >= 16 && n >= 16 && k >= 16;
}

void code_sums(int m, int k, int n, const CodeTile& streamed, const std::int16_t* stationary, Tile sums,
               PassStart start) {
  gemm_i16(m, n, k, streamed.operand(), stationary, n, sums.data, sums.stride,
           start == PassStart::kFirst ? GemmStart::kZero : GemmStart::kContinue);
}

void pass_sums(const Arithmetic& arithmetic, int m, int k, int n, ConstTile streamed, ConstTile stationary, Tile sums,
               PassStart start) {
  if (takes_codes(arithmetic, m, k, n)) {
    static thread_local CodeTile a;
    static thread_local std::vector<std::int16_t> b;
    b.resize(std::max(b.size(), static_cast<std::size_t>(k) * static_cast<std::size_t>(n)));
    if (a.convert(m, k, streamed) && to_codes(k, n, stationary, b.data()) >= 0)
      return code_sums(m, k, n, a, b.data(), sums, start);
  }
  if (!arithmetic.single()) {
    gemm(m, n, k, streamed.data, streamed.stride, stationary.data, stationary.stride, sums.data, sums.stride,
         start == PassStart::kFirst        ? GemmStart::kZero
         : start == PassStart::kAddOutside ? GemmStart::kAdd
                                           : GemmStart::kContinue);
    return;
  }
  const float* a = to_float(0, m, k, streamed);
  const float* b = to_float(1, k, n, stationary);
  std::vector<float>& c = scratch(2);
  c.resize(std::max(c.size(), static_cast<std::size_t>(m) * static_cast<std::size_t>(n)));
  const bool continued = start == PassStart::kContinue;
  for (int r = 0; r < m && continued; ++r) to_floats(sums.row(r), n, c.data() + static_cast<std::ptrdiff_t>(r) * n);
  gemm(m, n, k, a, k, b, n, c.data(), n, continued ? GemmStart::kContinue : GemmStart::kZero);
  for (int r = 0; r < m; ++r) {
    const float* const sum = c.data() + static_cast<std::ptrdiff_t>(r) * n;
    start == PassStart::kAddOutside ? add_floats(sum, n, sums.row(r)) : from_floats(sum, n, sums.row(r));
  }
}

void grouped_pass_sums(const Arithmetic& arithmetic, int m, int k, int n, int groups, ConstTile streamed,
                       ConstTile stationary, Tile sums, PassStart start) {
  const int depth = k / groups, width = n / groups;
  for (int g = 0; g < groups; ++g) {
    pass_sums(arithmetic, m, depth, width, {streamed.data + g * depth, streamed.stride},
              {stationary.data + g * width, stationary.stride}, {sums.data + g * width, sums.stride}, start);
  }
}

namespace {

void add(int count, const double* x, double* y) {
  vectorised([=]() VITALITY_LOOP {
#pragma GCC ivdep
    for (int i = 0; i < count; ++i) y[i] += x[i];
  });
}

}  // namespace

void add_bias(const Arithmetic& arithmetic, int m, int n, const double* bias, Tile sums) {
  for (int r = 0; r < m; ++r) {
    double* const row = sums.row(r);
    add(n, bias, row);
    if (arithmetic.single()) arithmetic.wide(row, static_cast<std::size_t>(n), 1, row);
  }
}

void requantise(const Arithmetic& arithmetic, int m, int n, ConstTile sums, double factor, bool wide, Tile result) {
  const auto count = static_cast<std::size_t>(n);
  for (int r = 0; r < m; ++r) {
    if (wide) {
      arithmetic.wide(sums.row(r), count, factor, result.row(r));
    } else {
      arithmetic.store(sums.row(r), count, factor, result.row(r));
    }
  }
}

void transpose(int rows, int cols, ConstTile from, Tile to) {
  for (int r = 0; r < rows; ++r) {
    const double* source = from.row(r);
    for (int c = 0; c < cols; ++c) to.row(c)[r] = source[c];
  }
}

void gather_patches(const Conv2d& conv, int first_output, int m, int first_input_row, int first_k, int depth,
                    int first_group, int groups, const double* strip, Tile patches) {
  const int in_group = conv.in_channels / conv.groups;
  for (int i = 0; i < m; ++i) {
    const int oy = (first_output + i) / conv.out_width, ox = (first_output + i) % conv.out_width;
    double* out = patches.row(i);
    for (int g = first_group; g < first_group + groups; ++g) {
      for (int k = first_k; k < first_k + depth;) {
        const int tap = k / in_group, channel = k % in_group;
        const int run = std::min(in_group - channel, first_k + depth - k);
        const int y = oy * conv.stride - conv.pad + tap / conv.kernel,
                  x = ox * conv.stride - conv.pad + tap % conv.kernel;
        if (y < 0 || y >= conv.in_height || x < 0 || x >= conv.in_width) {
          std::fill(out, out + run, 0.0);
        } else {
          const double* pixel =
              strip + (static_cast<std::ptrdiff_t>(y - first_input_row) * conv.in_width + x) * conv.in_channels +
              g * in_group + channel;
          std::copy(pixel, pixel + run, out);
        }
        out += run;
        k += run;
      }
    }
  }
}

void column_sums(const Arithmetic& arithmetic, int m, int n, ConstTile x, bool first, double* sums) {
  if (first) std::fill(sums, sums + n, 0.0);
  for (int r = 0; r < m; ++r) {
    const double* row = x.row(r);
    if (!arithmetic.single()) {
      add(n, row, sums);
      continue;
    }
    for (int c = 0; c < n; ++c) sums[c] = static_cast<double>(static_cast<float>(sums[c]) + static_cast<float>(row[c]));
  }
}

void divide_by_constant(const Arithmetic& arithmetic, int n, const double* x, double divisor, double factor, bool wide,
                        double* result) {
  for (int c = 0; c < n; ++c) {
    const double quotient = x[c] * factor / divisor;
    result[c] = wide ? arithmetic.wide(quotient) : arithmetic.store(quotient);
  }
}

void divide_rows(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* divisors, double factor,
                 bool wide, Tile result) {
  for (int r = 0; r < m; ++r) {
    const double* from = x.row(r);
    double* to = result.row(r);
    for (int c = 0; c < n; ++c) to[c] = from[c] == 0 ? 0 : from[c] * factor / divisors[r];
  }
  requantise(arithmetic, m, n, {result.data, result.stride}, 1, wide, result);
}

void subtract_row(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* row, Tile result) {
  for (int r = 0; r < m; ++r) {
    const double* from = x.row(r);
    double* to = result.row(r);
    // Fixed formats: the difference of two codes has one bit more than a code and is kept whole
    // (docs/algorithm.md 2.3).
    for (int c = 0; c < n; ++c) to[c] = from[c] - row[c];
    if (!arithmetic.integer()) arithmetic.store(to, static_cast<std::size_t>(n), 1, to);
  }
}

void add_row(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* row, bool last, double factor,
             Tile result) {
  for (int r = 0; r < m; ++r) {
    const double* from = x.row(r);
    double* to = result.row(r);
    for (int c = 0; c < n; ++c) to[c] = from[c] + row[c];
    arithmetic.wide(to, static_cast<std::size_t>(n), 1, to);
    if (last) arithmetic.store(to, static_cast<std::size_t>(n), factor, to);
  }
}

void rectify(int m, int n, ConstTile x, Tile result) {
  for (int r = 0; r < m; ++r)
    for (int c = 0; c < n; ++c) result.row(r)[c] = x.row(r)[c] > 0 ? x.row(r)[c] : 0;
}

void dot_products(const Arithmetic& arithmetic, int m, int k, ConstTile x, const double* y, double* result) {
  for (int r = 0; r < m; ++r) {
    const double* row = x.row(r);
    double sum = 0;
    for (int i = 0; i < k; ++i) {
      const double product = row[i] * y[i];
      sum = arithmetic.single() ? static_cast<double>(static_cast<float>(sum) + static_cast<float>(product))
                                : sum + product;
    }
    result[r] = sum;
  }
}

void add_scaled(const Arithmetic& arithmetic, int m, int n, ConstTile a, double fa, ConstTile b, double fb,
                Tile result) {
  for (int r = 0; r < m; ++r) {
    const double* x = a.row(r);
    const double* y = b.row(r);
    double* to = result.row(r);
    for (int c = 0; c < n; ++c) to[c] = x[c] * fa + y[c] * fb;
    arithmetic.store(to, static_cast<std::size_t>(n), 1, to);
  }
}

void multiply_scaled(const Arithmetic& arithmetic, int m, int n, ConstTile a, ConstTile b, double factor, Tile result) {
  for (int r = 0; r < m; ++r) {
    const double* x = a.row(r);
    const double* y = b.row(r);
    double* to = result.row(r);
    for (int c = 0; c < n; ++c) to[c] = x[c] * y[c];
    arithmetic.store(to, static_cast<std::size_t>(n), factor, to);
  }
}

void look_up(int n, const double* x, const double* results, double* result) {
  for (int i = 0; i < n; ++i) result[i] = results[static_cast<int>(x[i])];
}

void softmax_rows(const Arithmetic& arithmetic, int m, int n, ConstTile x, double scale, double unit, Tile result) {
  for (int r = 0; r < m; ++r) {
    const double* from = x.row(r);
    double* to = result.row(r);
    double largest = from[0], sum = 0;
    for (int c = 1; c < n; ++c) largest = std::max(largest, from[c]);
    for (int c = 0; c < n; ++c) to[c] = (from[c] - largest) * scale;
    exponentials(to, static_cast<std::size_t>(n), to);
    for (int c = 0; c < n; ++c) sum += to[c];
    arithmetic.store(to, static_cast<std::size_t>(n), unit / sum, to);
  }
}

void online_softmax(const Arithmetic& arithmetic, int m, int n, ConstTile x, double scale, double unit, bool first,
                    double* numbers, Tile result) {
  // What lies in memory between two tiles has the accumulation format where that is fp32.
  const auto kept = [&arithmetic](double y) { return arithmetic.single() ? arithmetic.wide(y) : y; };
  for (int r = 0; r < m; ++r) {
    const double* from = x.row(r);
    double* to = result.row(r);
    double* const row = numbers + std::ptrdiff_t{3} * r;
    double largest = first ? from[0] : row[0], sum = 0;
    for (int c = 0; c < n; ++c) largest = std::max(largest, from[c]);
    for (int c = 0; c < n; ++c) to[c] = (from[c] - largest) * scale;
    exponentials(to, static_cast<std::size_t>(n), to);
    for (int c = 0; c < n; ++c) sum += to[c];
    const double factor = first ? 0 : kept(exponential((row[0] - largest) * scale));
    row[1] = kept(first ? sum : row[1] * factor + sum);
    row[0] = largest, row[2] = factor;
    arithmetic.store(to, static_cast<std::size_t>(n), unit, to);
  }
}

void rescale_rows(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* numbers, Tile result) {
  for (int r = 0; r < m; ++r)
    arithmetic.wide(x.row(r), static_cast<std::size_t>(n), numbers[std::ptrdiff_t{3} * r + 2], result.row(r));
}

void divide_by_sums(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* numbers, double factor,
                    Tile result) {
  for (int r = 0; r < m; ++r)
    arithmetic.store(x.row(r), static_cast<std::size_t>(n), factor / numbers[std::ptrdiff_t{3} * r + 1], result.row(r));
}

}  // namespace vitality
