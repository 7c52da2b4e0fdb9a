#include "import/constants.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace vitality::importing {
namespace {

// Half a unit in the last place, relative to the value.
double half_unit(double value, Rounded type) {
  int exponent = 0;
  std::frexp(value, &exponent);
  switch (type) {
    case Rounded::kFloat16:
      return std::ldexp(1.0, std::max(exponent, -13) - 12);
    case Rounded::kBfloat16:
      return std::ldexp(1.0, exponent - 9);
    case Rounded::kFloat32:
      return std::ldexp(1.0, exponent - 25);
  }
  return 0;
}

bool decimal_near(double value, double tolerance, int digits, double& out) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  out = std::strtod(text, nullptr);
  return std::fabs(out - value) <= tolerance;
}

}  // namespace

double known_constant(double value, Rounded type) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double magnitude = std::fabs(value), tolerance = half_unit(magnitude, type);
  const auto signed_result = [value](double found) { return value < 0 ? -found : found; };
  double found = 0;
  if (decimal_near(magnitude, tolerance, 2, found)) return signed_result(found);
  const double known[] = {0.044715, std::sqrt(0.5), std::sqrt(2.0), 0.79788456080286536,
                          1.702,    1.0 / 3,        1.0 / 6,        2.0 / 3};
  for (const double one : known)
    if (std::fabs(one - magnitude) <= tolerance) return signed_result(one);
  for (int k = 2; k <= 1024; ++k) {
    const double root = std::sqrt(static_cast<double>(k)), fourth = std::sqrt(root);
    for (const double one : {root, 1 / root, fourth, 1 / fourth, 1.0 / k})
      if (std::fabs(one - magnitude) <= tolerance) return signed_result(one);
    if (type != Rounded::kFloat32 && k == 256) break;  // the type has few bits: further roots would match by chance
  }
  if (decimal_near(magnitude, tolerance, type == Rounded::kFloat32 ? 5 : 3, found)) return signed_result(found);
  return value;
}

double half_value(unsigned short bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = 0;
  if (exponent == 31) {
    value = fraction == 0 ? HUGE_VAL : std::nan("");
  } else if (exponent == 0) {
    value = std::ldexp(fraction, -24);
  } else {
    value = std::ldexp(1024 + fraction, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

}  // namespace vitality::importing
