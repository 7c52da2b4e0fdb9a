#include "tensor/difference.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace vitality;

namespace {

MatrixD row(int size, double first, double step) {
  MatrixD x(1, size);
  for (int i = 0; i < size; ++i) x(0, i) = first + step * i;
  return x;
}

}  // namespace

TEST_CASE("difference: the largest error, over the largest value, and the angle", "[difference]") {
  for (const int size : {1, 15, 16, 37}) {
    const MatrixD want = row(size, -1, 0.25);
    MatrixD got = row(size, -2, 0.5);
    Difference same;
    same.add(got, 0.5, want);
    CHECK(same.absolute() == 0);
    CHECK(same.cosine() == Approx(1));
    got(0, size - 1) += 3;
    Difference d;
    d.add(got, 0.5, want);
    CHECK(d.absolute() == 1.5);
    CHECK(d.relative() == 1.5 / std::max(1.0, -1 + 0.25 * (size - 1)));
  }
  Difference parts;
  parts.add(row(2, 1, -1), 1, row(2, 0, 1));  // (1, 0 | 2, 2) against (0, 1 | 2, 2)
  parts.add(row(2, 2, 0), 1, row(2, 2, 0));
  CHECK(parts.absolute() == 1);
  CHECK(parts.relative() == 0.5);
  CHECK(parts.cosine() == Approx(8.0 / 9));
}

TEST_CASE("difference: values that are no numbers are an error wherever they stand", "[difference]") {
  for (const int place : {0, 5, 18}) {
    MatrixD got = row(19, 0, 1);
    got(0, place) = std::numeric_limits<double>::quiet_NaN();
    Difference d;
    d.add(got, 1, row(19, 0, 1));
    CHECK(std::isnan(d.absolute()));
    CHECK(std::isnan(d.relative()));
  }
  Difference none;
  none.add(MatrixD(1, 3), 1, MatrixD(1, 3));
  CHECK(none.relative() == 0);
  CHECK(none.cosine() == 1);
}
