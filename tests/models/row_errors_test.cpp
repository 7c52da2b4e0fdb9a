// What the machine's rows of ReLU-linear attention may be off by.
#include "sim/values/row_errors.h"

#include <catch2/catch.hpp>
#include <limits>
#include <stdexcept>

using namespace vitality;

TEST_CASE("row errors: unusual rows are taken as the machine has them, up to their limit") {
  // Rows of 1 + 1 each: the median is 2, more than 50 is unusual.
  const std::vector<RowError> rows{{1, 100, 1},   {1, 100, 1}, {49, 100, 1}, {99, 100, 1},
                                   {1000, 60, 1}, {1, 100, 1}, {1, 100, 1}};
  const RowErrors quiet = expected_row_errors(rows, {0, 0, 0, 3, 0, 0, 0});
  CHECK(quiet.mean == Approx((2 + 2 + 50 + 3 + 0 + 2 + 2) / 7.0));
  CHECK(quiet.largest == 50);
  const RowErrors jumped = expected_row_errors(rows, {9, 9, 9, 3, 1e6, 9, 9});
  CHECK(jumped.mean == Approx((2 + 2 + 50 + 3 + 61 + 2 + 2) / 7.0));
  CHECK(jumped.largest == 61);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(expected_row_errors(rows, {0, 0, 0, 0, nan, 0, 0}).largest == 61);
  CHECK(expected_row_errors({}, {}).mean == 0);
  CHECK_THROWS_AS(expected_row_errors(rows, {}), std::logic_error);
}

TEST_CASE("row errors: seen by instance, head and row") {
  Attention a;
  a.instances = 2, a.heads = 2, a.n_q = 1, a.d_v = 2;
  MatrixD got(2, 4), want(2, 4);
  for (int c = 0; c < 4; ++c) got(0, c) = c, got(1, c) = 10 * c;
  CHECK(seen_row_errors(a, got, 2, want) == std::vector<double>{2, 26, 200, 2600});
}
