// Visits the entries in a part of a mask's row: the bytes are 0 or 1, and are read eight at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/units.h"

namespace vitality {

inline Count entries_between(const std::uint8_t* from, const std::uint8_t* to) {
  Count entries = 0;
  for (; to - from >= 8; from += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, from, sizeof eight);
    entries += static_cast<Count>(eight * 0x0101010101010101ULL >> 56);
  }
  for (; from < to; ++from) entries += *from;
  return entries;
}

// Calls visit(offset) for every entry; eight bytes without an entry are skipped at once.
template <class Visit>
void for_each_entry(const std::uint8_t* const begin, const std::uint8_t* const end, Visit visit) {
  for (const std::uint8_t* at = begin; at < end; ++at) {
    for (std::uint64_t eight = 0; end - at >= 8; at += 8) {
      std::memcpy(&eight, at, sizeof eight);
      if (eight != 0) break;
    }
    if (at < end && *at != 0) visit(at - begin);
  }
}

}  // namespace vitality
