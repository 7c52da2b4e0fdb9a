// Integer expressions over named dimensions: "4*dim", "(image/patch)*(image/patch) + 1".
//
// + - * / and parentheses over non-negative integers and names. A division must leave no remainder; every intermediate
// value stays within +-2^53. Throws std::invalid_argument with what is wrong (the caller knows file and pointer).
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace vitality {

// Names and their values.
struct Dimensions {
  std::map<std::string, std::int64_t> values;
};

std::int64_t evaluate(const std::string& expression, const Dimensions& dimensions);
// Letters, digits and _, starting with a letter, at most 40 characters.
bool is_dimension_name(const std::string& name);

}  // namespace vitality
