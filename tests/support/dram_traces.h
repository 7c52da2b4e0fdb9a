// Memory traffic for comparisons with other DRAM simulators: 64-byte requests, as fast as the memory takes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vitality::test {

struct TraceRequest {
  bool write;
  std::int64_t address;
};

// A 64-bit linear congruential generator's upper bits.
class TraceRandom {
 public:
  explicit TraceRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return state_ >> 33;
  }

 private:
  std::uint64_t state_;
};

// kinds: seq_read, seq_write, seq_50_50 and seq_67_33 (one ascending stream, each request a read with this
// probability), alternate (one ascending stream, reads and writes in turn), two_streams (a read stream and a write
// stream 64 MiB apart, in turn), copy_4k (4 KiB read, then 4 KiB written elsewhere), stride_8k (reads), random_read,
// random_50_50 and random_67_33 (addresses uniform in the first 256 MiB, which every device has).
inline std::vector<TraceRequest> dram_trace(const std::string& kind, int requests) {
  std::vector<TraceRequest> trace;
  TraceRandom random(1);
  constexpr std::int64_t kFar = std::int64_t{64} << 20;
  const bool scattered = kind.rfind("random", 0) == 0;
  const bool half = kind.find("50_50") != std::string::npos, third = kind.find("67_33") != std::string::npos;
  for (std::int64_t i = 0; i < requests; ++i) {
    bool write = kind == "seq_write" || (kind == "alternate" && i % 2 == 1);
    if (half) write = random.next() % 2 == 0;
    if (third) write = random.next() % 3 == 0;
    std::int64_t address = 64 * i;
    if (scattered) address = 64 * static_cast<std::int64_t>(random.next() % (1 << 22));
    if (kind == "stride_8k") address = 8192 * i;
    if (kind == "two_streams") write = i % 2 == 1, address = 64 * (i / 2) + (write ? kFar : 0);
    if (kind == "copy_4k") write = i / 64 % 2 == 1, address = 64 * (i / 128 * 64 + i % 64) + (write ? kFar : 0);
    trace.push_back({write, address});
  }
  return trace;
}

}  // namespace vitality::test
