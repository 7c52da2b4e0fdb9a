// Work on numbered items by several threads; what becomes of an item does not depend on their number.
#pragma once

#include <cstddef>
#include <functional>

namespace vitality {

// Calls work(i) for every i below `count`, each once, from at most `threads` threads. What a call throws ends the rest
// and is thrown here.
void for_each_index(int threads, std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace vitality
