// The search for the best way to run a GEMM output stationary (output_stationary_estimate.h): tiles, segments, the
// order of both loops, whether the outer operand is kept, and the result tiles in flight. Internal to the mapping room.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "mapping/forward/output_stationary_estimate.h"

namespace vitality {

struct OutputStationaryChoice {
  std::optional<OutputStationaryPlan> plan;  // empty if nothing fits
  Bytes smallest = 0;                        // bytes of the plan that needs the fewest, if nothing fits
};

// Finds the best plan by mapping.objective. Tiles that cannot be better than what is known
// (OutputStationaryEstimator::least_score) are left out.
class OutputStationaryPlanner {
 public:
  OutputStationaryPlanner(const GemmProblem& problem, const HardwareConfig& config, const EnergyModel& prices,
                          Bytes capacity, double dram_bytes_per_cycle);
  // limit: plans with a score that is not below it are not wanted.
  OutputStationaryChoice choose(double limit = std::numeric_limits<double>::infinity());

 private:
  struct RankedForm {
    OutputStationaryMapping form;  // without segments and result buffers
    double least_score;
  };
  std::vector<RankedForm> forms(int smallest) const;
  void search(const RankedForm& form);
  bool is_short(int segment) const;
  double consider(OutputStationaryPlan plan);  // its score

  const GemmProblem& problem_;
  OutputStationaryEstimator estimator_;
  int rows_, cols_;  // of the array
  Bytes capacity_;
  OutputStationaryChoice best_;
  double best_score_ = 0;  // what a plan has to be below
};

// Whether an input stationary array can also hold results: the sums of a G-stationary array stay in its PEs.
bool holds_results_too(const MatrixEngineConfig& engine);

}  // namespace vitality
