#include "cost/scratchpad_lanes.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace vitality {
namespace {

constexpr Bytes kLaneBytes = 8;

// The accesses of one window, gathered run by run.
class Window {
 public:
  explicit Window(const ScratchpadLanes& lanes) : lanes_(lanes), load_(static_cast<std::size_t>(lanes.lanes)) {}

  void touch(Bytes address, Bytes bytes) {
    for (Bytes word = address / lanes_.lane_bytes; word <= (address + bytes - 1) / lanes_.lane_bytes; ++word)
      if (words_.empty() || words_.back() != word) words_.push_back(word);
  }

  void close(LaneLoad& total) {
    if (!std::is_sorted(words_.begin(), words_.end())) std::sort(words_.begin(), words_.end());
    words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
    Cycles busiest = 0;
    for (const Bytes word : words_)
      busiest = std::max(busiest, ++load_[static_cast<std::size_t>(lanes_.lane_of(word))]);
    for (const Bytes word : words_) load_[static_cast<std::size_t>(lanes_.lane_of(word))] = 0;
    const auto accesses = static_cast<Count>(words_.size());
    total.accesses += accesses, total.busiest += busiest;
    total.conflicts += busiest - ceil_div(accesses, lanes_.lanes);
    words_.clear();
  }

 private:
  const ScratchpadLanes& lanes_;
  std::vector<Bytes> words_;
  std::vector<Cycles> load_;
};

}  // namespace

ScratchpadLanes scratchpad_lanes(const ScratchpadConfig& config) {
  const Bytes lane = std::gcd(Bytes{config.port_bytes}, kLaneBytes);
  return {lane, static_cast<int>(config.banks * (config.port_bytes / lane)),
          config.layout == ScratchpadLayout::kSkewed};
}

LaneLoad lane_load(const ScratchpadLanes& lanes, const AccessPattern& pattern, Count window) {
  LaneLoad total;
  Window open(lanes);
  for (Count first = 0; first < pattern.steps; first += window) {
    const Count last = std::min(pattern.steps, first + window);
    for (Count run = 0; run < pattern.runs; ++run)  // run by run: mostly in order, with repeats next to each other
      for (Count step = first; step < last; ++step)
        open.touch(pattern.phase + step * pattern.step_stride + run * pattern.run_stride, pattern.run_bytes);
    open.close(total);
  }
  return total;
}

LaneLoad lane_load(const ScratchpadLanes& lanes, const GatherPattern& p, Bytes element_bytes, Count window) {
  const Conv2d& conv = p.conv;
  const int in_group = conv.in_channels / conv.groups;
  const int first_row = std::max(0, conv.out_height / 2 * conv.stride - conv.pad);
  LaneLoad total;
  Window open(lanes);
  for (int ox = 0; ox < conv.out_width; ++ox) {
    for (int g = p.first_group; g < p.first_group + p.groups; ++g) {
      for (int k = p.first_k; k < p.first_k + p.depth;) {
        const int tap = k / in_group, channel = k % in_group;
        const int run = std::min(in_group - channel, p.first_k + p.depth - k);
        const int y = tap / conv.kernel, x = ox * conv.stride - conv.pad + tap % conv.kernel;
        if (first_row + y < conv.in_height && x >= 0 && x < conv.in_width) {
          const Bytes pixel = Bytes{y} * conv.in_width + x;
          open.touch(element_bytes * (pixel * conv.in_channels + g * in_group + channel), element_bytes * run);
        }
        k += run;
      }
    }
    if ((ox + 1) % window == 0 || ox + 1 == conv.out_width) open.close(total);
  }
  return total;
}

}  // namespace vitality
