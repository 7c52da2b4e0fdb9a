#include "mapping/smaller_scratchpads.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "mapping/mapper.h"

namespace vitality {
namespace {

using Steps = std::vector<int>;  // from one power of two to the next: 16 * 2^(i / 4), 16 * 2^(i / 8)
const Steps kFour{16, 19, 23, 27}, kEight{16, 17, 19, 21, 23, 25, 27, 29};

// Of the sizes with these steps (KiB), which are the same for all scratchpads, those below `capacity_kib` and down to
// an eighth of it, the smallest first.
std::vector<int> smaller_sizes(int capacity_kib, const Steps& steps) {
  std::vector<int> sizes;
  for (int scale = 1; 16 * scale < capacity_kib; scale *= 2)
    for (const int step : steps)
      if (const int size = step * scale; size < capacity_kib && 8 * size >= capacity_kib) sizes.push_back(size);
  return sizes;
}

}  // namespace

std::vector<int> parts_that_may_be_faster(const VitModel& model, const HardwareConfig& config,
                                          const MappingOptions& options) {
  constexpr double kAsFast = 1.03;  // estimates are not exact
  const auto estimate_for = [&](int part) {
    MappingOptions with = options;
    with.scratchpad_kib = part;
    return PlannedModel(model, config, with).estimate();
  };
  std::vector<int> parts = smaller_sizes(config.scratchpad.capacity_kib, kFour);
  std::reverse(parts.begin(), parts.end());
  const std::optional<ModelEstimate> whole = estimate_for(0);
  if (!whole) return parts;
  std::vector<int> promising;
  double before = whole->score;
  for (const int part : parts) {
    const std::optional<ModelEstimate> estimate = estimate_for(part);
    if (!estimate || estimate->score > kAsFast * whole->score) break;
    // The estimate does not know attention on masks. Without it, the same estimate is that of the same mapping.
    if (estimate->score != before || any_mask(model, config.attention)) promising.push_back(part);
    before = estimate->score;
  }
  return promising;
}

double choose_byte_share(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  constexpr double kMostBytes = 1.02, kMostEnergy = 1.03;
  HardwareConfig machine = config;
  double fewest = std::numeric_limits<double>::infinity(), share = config.mapping.byte_share;
  std::vector<int> sizes = smaller_sizes(config.scratchpad.capacity_kib, kEight);
  sizes.push_back(config.scratchpad.capacity_kib);
  for (const int size : sizes) {
    machine.scratchpad.capacity_kib = size;
    std::optional<ModelEstimate> best, chosen;
    for (const double tried : {config.mapping.byte_share, 0.25, 0.5, 1.0, 2.0, 4.0}) {
      machine.mapping.byte_share = tried;
      const std::optional<ModelEstimate> estimate = PlannedModel(model, machine, options).estimate();
      if (!estimate) break;
      if (!best) best = estimate;
      if (estimate->energy_pj > kMostEnergy * best->energy_pj) break;
      if (!chosen || estimate->dram_bytes < chosen->dram_bytes) chosen = estimate, share = tried;
      if (chosen->dram_bytes <= kMostBytes * fewest) break;
    }
    if (chosen) fewest = std::min(fewest, chosen->dram_bytes);
  }
  return share;
}

}  // namespace vitality
