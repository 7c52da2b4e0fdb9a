#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "tensor/precision.h"

using namespace vitality;

TEST_CASE("a misspelt name is answered with the nearest one") {
  CHECK(nearest_name("precison", {"name", "precision"}) == "precision");
  CHECK(nearest_name("zzzzzz", {"name", "precision"}).empty());
}

TEST_CASE("a name is suggested within two letters of what was written, and for no other word") {
  const std::vector<std::string> names{"matrix_engine.rows", "dram", "sgd"};
  CHECK(nearest_name("matrix_engine.row", names) == "matrix_engine.rows");
  CHECK(nearest_name("matrixengine.rowz", names) == "matrix_engine.rows");  // one letter missing, one wrong
  CHECK(nearest_name("matrixengine.rozz", names).empty());                  // three
  CHECK(nearest_name("ab", names).empty());                                 // two letters, both wrong
  CHECK(nearest_name("drm", names) == "dram");
  CHECK(suggestion("latency", {"latency_ms", "energy_mj"}) == " (did you mean \"latency_ms\"?)");
  CHECK(suggestion("gops", {"gops_per_w", "gops_per_mm2"}).empty());  // two begin so
  CHECK(suggestion("la", {"latency_ms"}).empty());                    // too short to say
  CHECK(nearest_name(std::string(100000, 'x'), names).empty());
}

TEST_CASE("fp16 rounding: ties to even, subnormals, overflow") {
  CHECK(round_to_half(1.0F) == 1.0F);
  CHECK(round_to_half(1.0F + 1.0F / 2048) == 1.0F);                // tie: even
  CHECK(round_to_half(1.0F + 3.0F / 2048) == 1.0F + 2.0F / 1024);  // tie: even is above
  CHECK(round_to_half(65504.0F) == 65504.0F);
  CHECK(std::isinf(round_to_half(65520.0F)));
  CHECK(round_to_half(5.9604645e-8F) == 5.9604645e-8F);  // smallest subnormal, 2^-24
  CHECK(round_to_half(2.0e-8F) == 0.0F);
  CHECK(round_to_half(-0x1.8p-24F) == -0x1p-23F);  // subnormal tie: even
  CHECK(round_to_half(0x1.FFFp-15F) == 0x1p-14F);  // subnormal that becomes normal
  CHECK(std::signbit(round_to_half(-0.0F)));
  CHECK(round_to_half(-HUGE_VALF) == -HUGE_VALF);
  CHECK(std::isnan(round_to_half(std::numeric_limits<float>::quiet_NaN())));
}
