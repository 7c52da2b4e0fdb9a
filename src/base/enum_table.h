// Tables over our own enums; a new enumerator cannot be forgotten in them.
//
// Each enum has one table: a constexpr function of its namespace, `to_string(Enum)` or `traits(Enum)`. It is a switch
// without `default:`, followed by a return of nullptr (or of a row without a name). So the compiler (-Wswitch) names
// every place that lacks a new enumerator, and the number of enumerators is counted, not written down. Enumerators are
// 0, 1, 2, ...; their order has no meaning.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace vitality {

template <class Enum>
constexpr std::size_t enum_count() {
  std::size_t count = 0;
  while (to_string(static_cast<Enum>(count)) != nullptr) ++count;
  return count;
}

// All enumerators, for loops.
template <class Enum>
constexpr std::array<Enum, enum_count<Enum>()> all_of_enum() {
  std::array<Enum, enum_count<Enum>()> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Enum>(i);
  return all;
}

// Their names in JSON and on command lines.
template <class Enum>
const std::vector<std::string>& enum_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Enum value : all_of_enum<Enum>()) list.emplace_back(to_string(value));
    return list;
  }();
  return names;
}

// An array with one element for each enumerator.
template <class Enum, class T>
class EnumArray : public std::array<T, enum_count<Enum>()> {
  using Base = std::array<T, enum_count<Enum>()>;

 public:
  constexpr T& operator[](Enum at) { return Base::operator[](static_cast<std::size_t>(at)); }
  constexpr const T& operator[](Enum at) const { return Base::operator[](static_cast<std::size_t>(at)); }
};

}  // namespace vitality
