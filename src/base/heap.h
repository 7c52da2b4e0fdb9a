// The heap of a process that runs one simulation and ends.
#pragma once

#include <cstddef>

namespace vitality {

// A timing-only run fills 10 to 20 MiB of heap, page by page, and frees all of it at the end. If the heap is grown in
// one piece and backed by huge pages, a handful of page faults replaces thousands: a fifth of a short run's time. A
// checked run or a large batch fills hundreds of MiB that stay until its end; with a growth of 1 GiB, blocks of any
// size come from the heap, not from the system and page by page. growth: addresses reserved at a time, at most 1 GiB.
// This is only a hint: what the system refuses is left out. Works once per process; further calls do nothing.
void grow_heap_by_huge_pages(std::size_t growth = 64 << 20);

}  // namespace vitality
