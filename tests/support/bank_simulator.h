// The scratchpad cycle by cycle, for comparison with the formulas of cost/scratchpad_lanes.h: lanes with one read port,
// operands that fetch lane words in the order of their steps through a FIFO of one window, an array that takes one step
// a cycle once all its words are there. Shares no code with the formulas: addresses are spread by its own arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

namespace vitality::test {

// Byte addresses that an operand needs, step by step.
using OperandSteps = std::vector<std::vector<std::int64_t>>;

struct SimulatedScratchpad {
  std::int64_t lane_bytes, lanes;
  bool skewed;

  // Which of the lanes holds a byte: stripe after stripe, each turned by one lane against the one before.
  std::int64_t lane(std::int64_t address) const {
    const std::int64_t stripe = address / (lane_bytes * lanes), within = address % (lane_bytes * lanes) / lane_bytes;
    return (within + (skewed ? stripe : 0)) % lanes;
  }

  // Cycles from the first fetch to the last step.
  std::int64_t run(const std::vector<OperandSteps>& operands, std::int64_t window) const {
    const auto steps = static_cast<std::int64_t>(operands[0].size());
    // words_left[o][s]: lane words that step s of operand o still waits for; a word that the edge register holds from
    // the steps of the same window is not fetched again.
    std::vector<std::vector<std::set<std::int64_t>>> wanted(operands.size());
    for (std::size_t o = 0; o < operands.size(); ++o) {
      wanted[o].resize(static_cast<std::size_t>(steps));
      std::set<std::int64_t> held;
      for (std::int64_t s = 0; s < steps; ++s) {
        if (s % window == 0) held.clear();
        for (const std::int64_t address : operands[o][static_cast<std::size_t>(s)]) {
          const std::int64_t word = address / lane_bytes;
          if (held.insert(word).second) wanted[o][static_cast<std::size_t>(s)].insert(word);
        }
      }
    }
    std::int64_t cycle = 0, taken = 0;
    while (taken < steps) {
      ++cycle;
      std::set<std::int64_t> busy;
      // Oldest step first.
      for (std::int64_t s = taken; s < std::min(steps, taken + window); ++s) {
        for (auto& operand : wanted) {
          auto& words = operand[static_cast<std::size_t>(s)];
          for (auto word = words.begin(); word != words.end();) {
            if (busy.insert(lane(*word * lane_bytes)).second) {
              word = words.erase(word);
            } else {
              ++word;
            }
          }
        }
      }
      bool there = true;
      for (const auto& operand : wanted) there = there && operand[static_cast<std::size_t>(taken)].empty();
      taken += there ? 1 : 0;
    }
    return cycle;
  }
};

// rows x cols elements from `base` on, one row (or column) a step.
inline OperandSteps rows_of(std::int64_t base, int rows, int cols, std::int64_t stride, int element) {
  OperandSteps steps(static_cast<std::size_t>(rows));
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) {
      for (int b = 0; b < element; ++b)
        steps[static_cast<std::size_t>(r)].push_back(base + r * stride + std::int64_t{c} * element + b);
    }
  }
  return steps;
}
inline OperandSteps columns_of(std::int64_t base, int rows, int cols, std::int64_t stride, int element) {
  OperandSteps steps(static_cast<std::size_t>(cols));
  for (int c = 0; c < cols; ++c) {
    for (int r = 0; r < rows; ++r) {
      for (int b = 0; b < element; ++b)
        steps[static_cast<std::size_t>(c)].push_back(base + r * stride + std::int64_t{c} * element + b);
    }
  }
  return steps;
}

}  // namespace vitality::test
