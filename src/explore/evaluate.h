// The interface between a sweep and the simulator: one machine and one model in, the totals of docs/interface.md out.
//
// The function runs in a child process of its own. It throws InfeasibleError for a workload that does not fit the
// machine; any other exception, a crash or a fatal report costs that point alone.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>

#include "base/json.h"
#include "config/energy_range.h"
#include "config/hardware_config.h"
#include "workload/model.h"

namespace vitality {

enum class Total {
  kCycles,
  kLatencyMs,
  kEnergyMj,
  kAveragePowerW,
  kOnChipPowerW,  // without the memory
  kAreaMm2,
  kMacs,
  kGops,
  kGopsPerW,
  kUtilization,
  kDramReadBytes,
  kDramWriteBytes,
  kSramReadBytes,
  kSramWriteBytes,
  kNocByteHops,
  kOperationsMul,
  kOperationsAdd,
  kOperationsDiv,
  kOperationsExp,
  kOperationsCmp,
  kAttentionCycles,
  kAttentionLatencyMs,
  kAttentionEnergyMj,
  kAttentionOnChipPowerW,
  kAttentionMacs,
  kAttentionUtilization,
  // Shares of the attention maps' entries: executed, and kept by the predictor; unknown where nothing is masked.
  kDensity,
  kKeptDensity,
  // Known only when the sweep's numerics are "check". Errors are of the machine's values against the reference's;
  // approximation: of Taylor against softmax attention on the same inputs.
  kMaxAbsError,
  kMaxRelError,
  kCosineSimilarity,
  kWithinTolerance,  // 1 or 0
  kApproximationMaxRelError,
  kApproximationCosineSimilarity,
  kCount
};
constexpr std::size_t kTotalCount = static_cast<std::size_t>(Total::kCount);

struct TotalInfo {
  const char* name;    // in expressions, objectives and columns
  bool from_numerics;  // only known when values are computed
};
const std::array<TotalInfo, kTotalCount>& total_infos();
int find_total(const std::string& name);  // -1: no such total

// Integers are exact up to 2^53; NaN = not measured.
struct PointTotals {
  std::array<double, kTotalCount> value;
  EnergyClasses energy;  // of a simulated run just made; zero of others, and of points that a store has kept
  PointTotals() { value.fill(std::numeric_limits<double>::quiet_NaN()); }
  double& operator[](Total t) { return value[static_cast<std::size_t>(t)]; }
  double operator[](Total t) const { return value[static_cast<std::size_t>(t)]; }
};

enum class PointStatus { kOk, kInfeasible, kFailed, kTimeout };
const char* to_string(PointStatus);
bool parse_point_status(const std::string& name, PointStatus& out);

struct PointResult {
  PointStatus status = PointStatus::kFailed;
  std::string reason;  // "" when ok
  PointTotals totals;
};

// Thrown when a shortcut (which should give the same totals) turned out not to hold. The point is then run without
// shortcuts, in a process of its own.
struct ShortcutFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
enum class Shortcuts { kOff, kAllowed };

struct PointTask {
  const HardwareConfig& config;
  const VitModel& model;  // with all images of its batch
  bool training = false;  // one step
  Shortcuts shortcuts = Shortcuts::kAllowed;
  const JsonDocument* mapping = nullptr;  // of layers (docs/mapping.md); null: the search maps all
};
using EvaluatePoint = std::function<PointTotals(const PointTask&)>;

}  // namespace vitality
