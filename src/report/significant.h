// Numbers in tables, as people read them.
#pragma once

#include <string>

namespace vitality {

// `value` with `digits` significant digits, whatever its size: 0.01235, 12.35, 12346 (digits before the point are never
// dropped). Uses an exponent below 1e-4 and from 1e15 on. "-" if the value is not finite.
std::string significant(double value, int digits = 4);

}  // namespace vitality
