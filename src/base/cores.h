// The cores that this process may use.
#pragma once

#include <sched.h>

namespace vitality {

// At least 1.
inline int available_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace vitality
