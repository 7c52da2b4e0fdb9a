// Work on numbered items by several threads; the result of an item does not depend on the number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace vitality {

// Calls work(i) exactly once for every i below `count`, from at most `threads` threads. An exception of a call ends the
// rest of the work and is thrown from here.
void for_each_index(int threads, std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace vitality
