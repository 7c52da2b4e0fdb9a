#include "report/significant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace vitality {

std::string significant(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  if (value == 0) return "0";
  const double size = std::fabs(value);
  const std::string scientific = fmt::format("{:.{}e}", value, digits - 1);
  if (size < 1e-4 || size >= 1e15) return scientific;
  // The exponent after rounding: 9.9996 becomes 10.00, with two digits before the point.
  const int exponent = std::stoi(scientific.substr(scientific.find('e') + 1));
  return fmt::format("{:.{}f}", value, std::max(0, digits - 1 - exponent));
}

}  // namespace vitality
