// Units and strong ids. Simulated time is an integer number of cycles of the machine's one clock.
#pragma once

#include <cstdint>
#include <functional>

namespace vitality {

using Cycles = std::int64_t;
using Bytes = std::int64_t;
using Count = std::int64_t;  // operations, elements, parameters
using Picojoules = double;
using SquareMicrons = double;

// An index that cannot be mixed up with an index of another kind.
template <class Tag>
struct Id {
  std::int32_t value = -1;
  explicit operator bool() const { return value >= 0; }
  friend bool operator==(Id a, Id b) { return a.value == b.value; }
  friend bool operator!=(Id a, Id b) { return a.value != b.value; }
  friend bool operator<(Id a, Id b) { return a.value < b.value; }
};

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace vitality
