// Numbers as people read them in tables.
#pragma once

#include <string>

namespace vitality {

// `value` with so many significant digits, whatever its size: 0.01235, 12.35, 12346 (whole digits are never dropped).
// With an exponent below 1e-4 and from 1e15 on. "-" where it is not finite.
std::string significant(double value, int digits = 4);

}  // namespace vitality
