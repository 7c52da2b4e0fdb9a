// The heap of a process that runs one simulation and ends.
#pragma once

#include <cstddef>

namespace vitality {

// A timing-only run fills some 10 to 20 MiB of heap, page by page, and drops them at once. Grown in one piece and
// backed by huge pages, that is a handful of page faults in place of thousands: a fifth of a short run's time. A
// checked run fills hundreds of MiB that live to its end (growth: addresses taken at a time, at most 1 GiB). Only a
// hint: what the system refuses is done without. Once a process; further calls do nothing.
void grow_heap_by_huge_pages(std::size_t growth = 64 << 20);

}  // namespace vitality
