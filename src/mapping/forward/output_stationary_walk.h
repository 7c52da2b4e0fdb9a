// The cycles of a GEMM's plan on an output stationary array: a walk through the schedule that
// output_stationary_mapper.cpp makes, pass by pass. Tiles in the middle of a loop, which repeat each other, are counted
// and not walked. Internal to the mapping room.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "mapping/forward/gemm_estimate.h"

namespace vitality {

// Elements of the image strip that output pixels [first, first + count) are computed from, as they are fetched.
Bytes strip_elements(const Conv2d& conv, int first, int count);

// The cycles that a pass over a tile of `rows` x `width` results streams `depth` contraction indices. Ports and bank
// conflicts slow down a long pass as they do its beginning.
class OutputStationaryPasses {
 public:
  OutputStationaryPasses(const GemmProblem& problem, const HardwareConfig& config)
      : problem_(problem), config_(config) {}
  double stream(int rows, int width, int depth);

 private:
  double price(int rows, int width, int depth) const;

  const GemmProblem& problem_;
  const HardwareConfig& config_;
  std::map<std::array<int, 3>, double> known_;
};

// What is walked. Keeps references.
struct OutputStationaryRun {
  const GemmProblem& problem;
  const OutputStationaryMapping& plan;
  Count column_tiles;                  // of results
  std::vector<int> depths;             // contraction indices of the segments
  bool rows_in_step, columns_in_step;  // operands that come in steps
  bool keeps_outer;                    // the outer one is fetched once for each of its tiles
  double bytes_per_cycle, latency;     // of the memory; cycles of a request in addition to its bytes
};
// From the first load to the last result.
double output_stationary_cycles(const OutputStationaryRun& run, const HardwareConfig& config,
                                OutputStationaryPasses& passes);

}  // namespace vitality
