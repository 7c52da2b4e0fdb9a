// Units and strong ids. Simulated time is an integer number of cycles of the machine's one clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

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
  friend bool operator>(Id a, Id b) { return b.value < a.value; }
};

// A list whose elements are named by ids of one kind; a loop over all elements may use a plain number as index.
template <class Key, class T>
class IdVector : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  using std::vector<T>::operator[];
  T& operator[](Key at) { return (*this)[static_cast<std::size_t>(at.value)]; }
  const T& operator[](Key at) const { return (*this)[static_cast<std::size_t>(at.value)]; }
  // The id of the element that the next push_back() adds.
  Key next() const { return {static_cast<std::int32_t>(this->size())}; }
};

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace vitality
