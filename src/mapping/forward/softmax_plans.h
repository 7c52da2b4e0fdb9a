// How softmax attention runs: with whole rows of scores in the scratchpad, or tile of keys after tile of keys (online
// softmax: running maximum and sum, what was summed before is rescaled). What a plan needs, moves and takes, and the
// search for the best one. Knows sizes, no tensors and no buffers; docs/mapping.md has the estimate. Internal to the
// mapping room.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <vector>

#include "config/hardware_config.h"
#include "cost/energy.h"
#include "schedule/layer_mapping.h"
#include "workload/model.h"

namespace vitality {

// Which operands of attention lie in the scratchpad and need no buffers.
struct OperandsInPlace {
  bool k = false, v = false, q = false;
  static OperandsInPlace every() { return {true, true, true}; }
  int number() const { return (k ? 1 : 0) + (v ? 2 : 0) + (q ? 4 : 0); }  // another one for each
  // These sets of buffers (AttentionMapping), without any of what lies there.
  std::array<int, 4> without(std::array<int, 4> sets) const {
    if (k) sets[0] = 0;
    if (v) sets[1] = 0;
    if (q) sets[2] = 0;
    return sets;
  }
};

// Buffers in the order K, V, Q, T (scores, then P), Z, row numbers (online), score bias.
std::vector<Bytes> softmax_buffers(const Attention& attention, const HardwareConfig& config,
                                   const AttentionMapping& plan);

class SoftmaxPlanner {
 public:
  SoftmaxPlanner(const Attention& attention, const HardwareConfig& config, const EnergyModel& prices, Bytes capacity,
                 double dram_bytes_per_cycle, const OperandsInPlace& in_place = {});

  // `whole_rows` or the best online plan by mapping.objective, of those that fit; none: nothing fits.
  std::optional<AttentionMapping> choose(const std::optional<AttentionMapping>& whole_rows);

  struct Estimate {  // of all heads
    double cycles = 0, energy_pj = 0;
    Bytes dram_bytes = 0;  // what the schedule moves
  };
  Estimate estimate(const AttentionMapping& plan);

 private:
  struct Work {
    double passes = 0, functions = 0;  // cycles of the array and of the special functions
    double scores = 0, sums = 0;       // from scores to the last use of their place; from sums to sums (online)
    double tile = 0;                   // softmax and rescaling alone
    double energy = 0;
    Bytes dram = 0;
    Work& operator+=(const Work& other);
  };
  struct JobWork {
    double cycles, tail, energy;  // tail: from the unit's being free again to the result
  };
  struct Step {  // keys of a tile against a chunk of queries
    int queries, keys;
    bool first, loads;  // of the queries' tiles; K and V are fetched, unless they lie in the scratchpad
  };

  JobWork work_of(const Job& job);
  JobWork lanes(UnitKind unit, JobKind kind, const std::array<int, 2>& tile, int flags);
  JobWork product(int m, int k, int n, Job job);
  Work step(const AttentionMapping& plan, const Step& step);
  Work chunk(const AttentionMapping& plan, int queries, bool loads);
  double cycles_of(const AttentionMapping& plan, const Work& chunk, int tiles) const;
  void consider(const AttentionMapping& plan);
  Bytes bytes_of(const AttentionMapping& plan) const;

  const Attention& a_;
  const HardwareConfig& config_;
  const EnergyModel& prices_;
  Bytes capacity_;
  double bandwidth_;  // bytes a cycle
  OperandsInPlace in_place_;
  std::map<std::array<int, 6>, JobWork> known_;
  std::optional<AttentionMapping> best_;
  double best_score_ = 0;
};

}  // namespace vitality
