// A schedule with a fault put in.
#pragma once

#include <cstddef>

#include "schedule/schedule.h"

namespace vitality {

// Without dependencies[index]: its job no longer waits.
inline Schedule without_dependency(const Schedule& schedule, std::size_t index) {
  Schedule changed = schedule;
  changed.dependencies.erase(changed.dependencies.begin() + static_cast<std::ptrdiff_t>(index));
  for (Job& job : changed.jobs) {
    const auto first = static_cast<std::size_t>(job.first_dependency);
    if (first > index) {
      --job.first_dependency;
    } else if (index < first + static_cast<std::size_t>(job.dependency_count)) {
      --job.dependency_count;
    }
  }
  return changed;
}

}  // namespace vitality
