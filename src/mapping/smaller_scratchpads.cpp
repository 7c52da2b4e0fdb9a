#include "mapping/smaller_scratchpads.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "mapping/mapper.h"

namespace vitality {
namespace {

// Sizes (KiB) that are the same for all scratchpads: of these, those below `capacity_kib`, the largest first. Each is
// about 2^(step / 16) times the one before, with a step of 4 below an eighth of the capacity, 2 below a half and 1
// above it, but of at least `least_step`.
std::vector<int> smaller_sizes(int capacity_kib, int least_step) {
  constexpr std::array kThirtySeconds{32, 33, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 61};
  std::vector<int> sizes;
  for (int scale = 16; scale < capacity_kib; scale *= 2)
    for (std::size_t i = 0; i < kThirtySeconds.size(); ++i) {
      const int size = kThirtySeconds[i] * scale / 32;
      const int step = std::max(least_step, 8 * size < capacity_kib ? 4 : 2 * size < capacity_kib ? 2 : 1);
      if (size < capacity_kib && static_cast<int>(i) % step == 0) sizes.push_back(size);
    }
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());  // 33 / 2 is 16 too
  return {sizes.rbegin(), sizes.rend()};
}

}  // namespace

std::vector<MappingChoice> choices_that_may_be_faster(const VitModel& model, const HardwareConfig& config,
                                                      const MappingOptions& options) {
  constexpr double kAsFast = 1.03;  // estimates are not exact
  constexpr double kShort = 1e5;    // cycles
  const auto estimate_of = [&](const MappingChoice& choice) {
    MappingOptions with = options;
    with.scratchpad_kib = choice.scratchpad_kib, with.heads_in_turn = choice.heads_in_turn;
    HardwareConfig machine = config;
    machine.mapping = choice.config;
    return PlannedModel(model, machine, with).estimate();
  };
  const MappingConfig& mapping = config.mapping;
  const std::optional<ModelEstimate> own = estimate_of({mapping});
  // The same estimate is that of the same mapping, but for attention on masks, which the estimate does not know. Of a
  // short run, where the buffers lie still matters.
  const bool masked = any_mask(model, config.attention), all_differ = !own || masked || own->cycles < kShort;
  std::vector<MappingChoice> choices;
  std::optional<ModelEstimate> before = own;
  const auto consider = [&](const MappingChoice& choice) {
    const std::optional<ModelEstimate> estimate = estimate_of(choice);
    if (own && (!estimate || estimate->cycles > kAsFast * own->cycles)) return false;
    if (all_differ || !(*estimate == *before)) choices.push_back(choice);
    before = estimate;
    return true;
  };
  std::vector<int> parts = smaller_sizes(config.scratchpad.capacity_kib, masked ? 4 : 1);
  for (const int part : parts)
    if (!consider({mapping, part})) break;
  if (mapping.objective != MappingObjective::kLatency) return choices;
  parts.insert(parts.begin(), 0);  // the whole scratchpad
  before = own;
  MappingConfig edp = mapping;
  edp.objective = MappingObjective::kEdp;
  for (const int part : parts)
    if ((!masked && part > 0 && 2 * part < config.scratchpad.capacity_kib) || !consider({edp, part})) break;
  if (!masked) return choices;  // the estimate knows what heads in turn are worth
  for (const int part : parts)
    if (!consider({mapping, part, true})) break;
  return choices;
}

double choose_byte_share(const VitModel& model, const HardwareConfig& config, const MappingOptions& options) {
  constexpr double kMostBytes = 1.02, kMostEnergy = 1.03;
  HardwareConfig machine = config;
  double fewest = std::numeric_limits<double>::infinity(), share = config.mapping.byte_share;
  std::vector<int> sizes = smaller_sizes(config.scratchpad.capacity_kib, 2);
  sizes.insert(sizes.begin(), config.scratchpad.capacity_kib);
  for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
    machine.scratchpad.capacity_kib = *size;
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
