// A small generator that gives the same numbers on every machine (std::distributions do not): SplitMix64 (Steele, Lea,
// Flood, OOPSLA 2014), 64 bits of state, passes BigCrush.
#pragma once

#include <cstdint>

namespace vitality {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound), bound > 0, without bias: draws below 2^64 mod bound are drawn again.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t rejected = (0 - bound) % bound;
    std::uint64_t draw;
    do draw = next();
    while (draw < rejected);
    return draw % bound;
  }
  // Uniform in [0, 1), 53 bits.
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace vitality
