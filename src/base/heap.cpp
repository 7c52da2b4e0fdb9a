#include "base/heap.h"

#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace vitality {

void grow_heap_by_huge_pages(std::size_t growth) {
  static bool done = false;
  if (std::exchange(done, true)) return;
  // Reserved addresses count against a limit (ulimit -v) even if they are not used. Reserving too much of it would end
  // a run that needs only a part of the limit.
  constexpr rlim_t kShare = 16;
  rlimit addresses{};
  if (getrlimit(RLIMIT_AS, &addresses) != 0 ||
      (addresses.rlim_cur != RLIM_INFINITY && addresses.rlim_cur / kShare < growth))
    return;
  constexpr std::uintptr_t kHugePage = 2 << 20, kTop = 256 << 10;
  constexpr std::size_t kAllSizes = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the largest that the allocator takes
  if (growth >= kAllSizes) mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, static_cast<int>(growth));
  // Extends the heap by a block that is never used and ends just below the limit of a huge page. Without it, a page
  // that was touched before the advice (the allocator writes behind a block) would spoil the huge page around it.
  char* const top = static_cast<char*>(sbrk(0));
  const auto before = reinterpret_cast<std::uintptr_t>(top);
  const std::uintptr_t begin = (before + kTop + kHugePage - 1) / kHugePage * kHugePage;
  [[maybe_unused]] static void* volatile gap;  // volatile: else the compiler drops it
  gap = std::malloc(begin - before - 64);
  const auto after = reinterpret_cast<std::uintptr_t>(sbrk(0));
  if (after > begin) madvise(top + (begin - before), after - begin, MADV_HUGEPAGE);
}

}  // namespace vitality
