// What the units compute on tiles. A tile is a pointer and a leading dimension (elements between rows); values as in
// arithmetic.h.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/arithmetic.h"
#include "tensor/matrix.h"
#include "workload/model.h"

namespace vitality {

struct ConstTile {
  const double* data;
  int stride;
  const double* row(int r) const { return data + static_cast<std::ptrdiff_t>(r) * stride; }
};
struct Tile {
  double* data;
  int stride;
  double* row(int r) const { return data + static_cast<std::ptrdiff_t>(r) * stride; }
};

// How the sums of a pass are combined with what is in `sums`: they replace it (kFirst), are added to it outside the
// array (kAddOutside), or continue from it inside the PEs (kContinue).
enum class PassStart { kFirst, kAddOutside, kContinue };
// Sums of one pass: m x n sums of k products. Fixed formats: exact. fp64: in the array's order. Formats that compute in
// fp32: products and sums are rounded to fp32 down the column, then there is one fp32 addition outside.
void pass_sums(const Arithmetic& arithmetic, int m, int k, int n, ConstTile streamed, ConstTile stationary, Tile sums,
               PassStart start);
// Whether pass_sums() uses the integer kernels, provided that the operands are codes.
bool takes_codes(const Arithmetic& arithmetic, int m, int k, int n);
class CodeTile;  // code_tiles.h
// The same for tiles that are already codes; the stationary one has no gaps.
void code_sums(int m, int k, int n, const CodeTile& streamed, const std::int16_t* stationary, Tile sums,
               PassStart start);
// The same for `groups` independent blocks (block-diagonal packing): block g multiplies columns [g k/groups, ...) of
// `streamed` with the g-th n/groups columns of the (k/groups) x n stationary tile.
void grouped_pass_sums(const Arithmetic& arithmetic, int m, int k, int n, int groups, ConstTile streamed,
                       ConstTile stationary, Tile sums, PassStart start);
void add_bias(const Arithmetic& arithmetic, int m, int n, const double* bias, Tile sums);
// result = store or wide (sums * factor); result may be sums.
void requantise(const Arithmetic& arithmetic, int m, int n, ConstTile sums, double factor, bool wide, Tile result);

void transpose(int rows, int cols, ConstTile from, Tile to);  // to: cols x rows
// Rows first_output.. of the im2col matrix, columns [first_k, first_k + depth) of `groups` groups from first_group,
// from an image strip whose first row is first_input_row.
void gather_patches(const Conv2d& conv, int first_output, int m, int first_input_row, int first_k, int depth,
                    int first_group, int groups, const double* strip, Tile patches);

void column_sums(const Arithmetic& arithmetic, int m, int n, ConstTile x, bool first, double* sums);
void divide_by_constant(const Arithmetic& arithmetic, int n, const double* x, double divisor, double factor, bool wide,
                        double* result);
// 0 over any divisor is 0.
void divide_rows(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* divisors, double factor,
                 bool wide, Tile result);
void subtract_row(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* row, Tile result);
// result = wide(x + row), or store((x + row) * factor) when `last`.
void add_row(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* row, bool last, double factor,
             Tile result);
// result = max(0, x), of any format's numbers.
void rectify(int m, int n, ConstTile x, Tile result);
void dot_products(const Arithmetic& arithmetic, int m, int k, ConstTile x, const double* y, double* result);
// result = store(a fa + b fb).
// result = a .* b * factor, stored.
void multiply_scaled(const Arithmetic& arithmetic, int m, int n, ConstTile a, ConstTile b, double factor, Tile result);
void add_scaled(const Arithmetic& arithmetic, int m, int n, ConstTile a, double fa, ConstTile b, double fb,
                Tile result);
// result[i] = results[x[i]] of integers x.
void look_up(int n, const double* x, const double* results, double* result);
// Row softmax of scores x * scale, stored as p * unit.
void softmax_rows(const Arithmetic& arithmetic, int m, int n, ConstTile x, double scale, double unit, Tile result);

// Online softmax. numbers: three a row, its maximum so far, the sum of exponentials below that maximum, and the factor
// exp(old maximum - new maximum) of what was summed before this tile; `first`: nothing was. result = exponentials of
// (x - maximum) * scale, stored as e * unit; sums are of the exponentials before they are rounded.
void online_softmax(const Arithmetic& arithmetic, int m, int n, ConstTile x, double scale, double unit, bool first,
                    double* numbers, Tile result);
// result = wide(x * the row's factor).
void rescale_rows(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* numbers, Tile result);
// result = store(x * factor / the row's sum).
void divide_by_sums(const Arithmetic& arithmetic, int m, int n, ConstTile x, const double* numbers, double factor,
                    Tile result);

}  // namespace vitality
